wrk.method, wrk.body = "POST", "x"
