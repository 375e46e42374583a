// Calls to the server that the page comes from, and its stream of events.

export const ROOT = new URL("..", import.meta.url);
const TOKEN = "marserve-token";

export const token = {
  get: () => sessionStorage.getItem(TOKEN) || "",
  set: (value) => value ? sessionStorage.setItem(TOKEN, value) : sessionStorage.removeItem(TOKEN),
};

const authorization = () => token.get() ? { authorization: `Bearer ${token.get()}` } : {};

export function path(...segments) {
  return new URL(segments.map(encodeURIComponent).join("/"), ROOT);
}

// A management call: {ok, status, text}; the text is the server's sentence, or its error in full. A body that is no
// Blob becomes JSON.
export async function manage(method, url, body, more = {}) {
  const isJson = body && !(body instanceof Blob);
  const headers = { ...authorization(), ...(isJson ? { "content-type": "application/json" } : {}), ...more };
  try {
    const response = await fetch(url, { method, headers, body: isJson ? JSON.stringify(body) : body });
    return { ok: response.ok, status: response.status, text: sentence(await response.text()) };
  } catch (error) {
    return { ok: false, status: 0, text: `The server was not reached: ${error.message}` };
  }
}

function sentence(text) {
  try {
    const value = JSON.parse(text);
    return value.status || value.message || JSON.stringify(value, null, 2);
  } catch {
    return text;
  }
}

// The first warm-up request of a version, as a Blob with its type; null where it has none, or the token is missing.
export async function sample(...names) {
  try {
    const response = await fetch(path("console", "samples", ...names), { headers: authorization() });
    return response.status === 200 ? await response.blob() : null;
  } catch {
    return null;
  }
}

// Reads the feed until it ends; calls `on[event](data)`. Returns the HTTP status. A header carries the token, so it is no EventSource.
export async function listen(on, signal) {
  const response = await fetch(path("console", "events"), { headers: authorization(), signal });
  if (!response.ok) return response.status;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let pending = ""; ;) {
    const { value, done } = await reader.read();
    if (done) return response.status;
    const events = (pending + value).split("\n\n");
    pending = events.pop();
    for (const event of events) {
      const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(event);
      on[name](JSON.parse(data));
    }
  }
}
