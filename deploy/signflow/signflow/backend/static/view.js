// How values are shown.
const SHOWN_MS = 450;  // each state of the session at least
const LONGEST_WAIT = 3;  // states
const REASONS = {  // in a word, and in a sentence
  flag_off: ["flag off", "the flag is off"],
  rollout: ["rollout", "this user is not in the rollout"],
  timeout: ["timeout", "the server did not answer in time"],
  connect: ["refused", "the connection was refused"],
  slow: ["slow", "the server was slower than the local model"],
  protocol: ["broken", "the connection broke"],
  answer: ["invalid", "the server's answer could not be read"],
  circuit_open: ["circuit", "the circuit is open, a probe is under way"],
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
  if (reason === "circuit_open" && wait) return `the circuit is open until ${new Date(Date.now() + 1000 * wait).toLocaleTimeString()}`;
  return REASONS[reason]?.[1] ?? (reason ? `the server answered ${reason.replace("status_", "")}` : "");
}

// Whether the server was asked for a translation, and did not give it.
export const isFailureOfServer = ({ source, reason }) => source === "local" && !["flag_off", "rollout"].includes(reason);

// A state and its words; `failure` is why the latest sign was translated locally, empty if the server was not at fault.
export function describeServer(status, failure) {
  if (!status) return ["off", "unknown, for the backend does not answer"];
  const { use_torchserve: isWanted, circuit, seconds_until_probe: wait } = status;
  if (!isWanted) return ["off", "flag off"];
  if (circuit !== "closed") return ["open", `circuit open, ${wait ? `next probe in ${Math.ceil(wait)} s` : "probing"}`];
  const isFailing = failure && !failure.startsWith("the circuit");
  return isFailing ? ["open", `in use, but the last time ${failure}`] : ["well", "in use"];
}

// Who translated, perhaps with the reason; the server names the version where a traffic rule chose it.
export function sourceChip(message, isReasonShown = false) {
  const { source, version, reason } = message;
  const why = isReasonShown ? `: ${REASONS[reason]?.[0] ?? reason.replace("status_", "")}` : "";
  const chip = tag("span", source === "local" ? `local${why}` : `server ${version}`.trim(), "source");
  chip.dataset.source = source;
  chip.title = reasonOf(message) || (version ? "" : "the default version");
  return chip;
}

// Without a message, an outline of what is to come.
export function renderPrediction(place, message) {
  const { prediction = "Watching …", confidence = 0, alternatives = [{}, {}, {}], source, performed } = message ?? {};
  const sign = tag("div", prediction, message ? "sign" : "sign empty");
  if (message) sign.append(sourceChip(message));
  const facts = message && [performed && `performed: ${performed}`, `${message.frames} frames`, duration(message.milliseconds), message.device && `on ${message.device}`];
  const why = tag("div", message && source === "local" ? `Local: ${reasonOf(message)}` : "", "why");
  const bars = [{ sign: message ? prediction : "", confidence }, ...alternatives].map(renderBar);
  place.replaceChildren(sign, tag("div", facts ? facts.filter(Boolean).join(" · ") : "a sign is translated when it ends", "facts"), why, ...bars);
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
    this.waiting.splice(0, this.waiting.length - LONGEST_WAIT);  // of quick signs, the latest
    const state = this.waiting.shift();
    this.isShowing = Boolean(state);
    if (!state) return;
    this.list.dataset.state = state;
    setTimeout(() => this.showNext(), SHOWN_MS);
  }
}
