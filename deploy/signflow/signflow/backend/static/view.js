// How values are shown.
const SHOWN_MS = 450;  // each state of the session at least
const REASONS = {
  flag_off: "the flag is off",
  rollout: "this user is not in the rollout",
  timeout: "the server did not answer in time",
  connect: "the connection was refused",
  slow: "the server was slower than the local model",
  protocol: "the connection broke",
  answer: "the server's answer could not be read",
};

export const element = (id) => document.getElementById(id);
export const percent = (part) => `${Math.round(100 * part)} %`;
export const duration = (milliseconds) => milliseconds < 999.5 ? `${milliseconds.toFixed(1)} ms` : `${(milliseconds / 1000).toFixed(2)} s`;

export function tag(name, text, kind = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

export function reasonOf({ reason, seconds_until_probe: wait }) {
  if (reason === "circuit_open") {
    const until = new Date(Date.now() + 1000 * wait).toLocaleTimeString();
    return wait ? `the circuit is open until ${until}` : "the circuit is open, a probe is under way";
  }
  return REASONS[reason] ?? (reason ? `the server answered ${reason.replace("status_", "")}` : "");
}

// Without a message, an outline of what is to come.
export function renderPrediction(place, message) {
  const { prediction = "Watching …", confidence = 0, alternatives = [{}, {}, {}], source, performed } = message ?? {};
  const sign = tag("div", prediction, message ? "sign" : "sign empty");
  if (message) {
    const chip = tag("span", source === "local" ? "local" : `server ${message.version}`.trim(), "source");
    chip.dataset.source = source;
    sign.append(chip);
  }
  const facts = message && [performed && `performed: ${performed}`, `${message.frames} frames`, duration(message.milliseconds), message.device && `on ${message.device}`];
  const why = tag("div", message && source === "local" ? `Local: ${reasonOf(message)}` : "", "why");
  const bars = [{ sign: message ? prediction : "", confidence }, ...alternatives].map(renderBar);
  place.replaceChildren(sign, tag("div", facts ? facts.filter(Boolean).join(" · ") : "the first sign is being performed", "facts"), why, ...bars);
}

function renderBar({ sign = "", confidence = 0 }) {
  const row = tag("div", "", "bar"), length = tag("i", "");
  length.style.setProperty("--part", `${100 * confidence}%`);
  row.append(tag("span", sign), length, tag("b", sign ? percent(confidence) : ""));
  return row;
}

// States follow each other within milliseconds; each is shown long enough to be seen.
export class StateDisplay {
  constructor(list) {
    Object.assign(this, { list, waiting: [], isShowing: false });
  }

  show(state) {
    this.waiting.push(state);
    if (!this.isShowing) this.showNext();
  }

  showNext() {
    const state = this.waiting.shift();
    this.isShowing = Boolean(state);
    if (!state) return;
    this.list.dataset.state = state;
    setTimeout(() => this.showNext(), SHOWN_MS);
  }
}
