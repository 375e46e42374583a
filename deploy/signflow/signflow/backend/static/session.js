// A WebSocket to the backend: frames go out, states, predictions and errors come in. It reconnects by itself.
export const FRAMES_PER_SECOND = 30;

export class Session {
  constructor(parameters, listeners) {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.url = `${scheme}://${location.host}/ws?${new URLSearchParams(parameters)}`;
    this.listeners = listeners;
    this.connect();
  }

  connect() {
    this.socket = new WebSocket(this.url);
    this.socket.onopen = () => this.listeners.open?.();
    this.socket.onmessage = (event) => {
      const message = JSON.parse(event.data);
      this.listeners[message.type]?.(message);
    };
    this.socket.onclose = () => {
      if (this.closed) return;
      this.listeners.close?.();
      setTimeout(() => this.connect(), 1000);
    };
  }

  get isOpen() {
    return this.socket.readyState === WebSocket.OPEN;
  }

  send(frame) {
    this.socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  close() {
    this.closed = true;
    this.socket.close();
  }
}

export async function fetchJson(path, options) {
  const response = await fetch(path, options);
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
  return response.json();
}

export const fetchPerformance = (sign, seed) => fetchJson(`performances/${encodeURIComponent(sign)}?seed=${seed}`);
