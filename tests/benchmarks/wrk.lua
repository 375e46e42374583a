-- POSTs the bodies of a folder in turn, and prints what came of it as one JSON line.
-- wrk ... -s wrk.lua URL -- FOLDER COUNT PATH CONTENT_TYPE
local requests, turn = {}, 0

function init(arguments)
   local folder, path = arguments[1], arguments[3]
   for number = 0, tonumber(arguments[2]) - 1 do
      local file = assert(io.open(string.format("%s/%02d", folder, number), "rb"))
      requests[number] = wrk.format("POST", path, {["Content-Type"] = arguments[4]}, file:read("*a"))
      file:close()
   end
end

function request()
   turn = (turn + 1) % (#requests + 1)
   return requests[turn]
end

function done(summary, latency)
   local errors = summary.errors
   local failed = errors.connect + errors.read + errors.write + errors.timeout + errors.status
   io.write(string.format('{"answers":%d,"seconds":%.6f,"errors":%d,"p50":%.4f,"p99":%.4f}\n',
      summary.requests - errors.status, summary.duration / 1e6, failed,
      latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
