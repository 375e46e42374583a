// The page: plays signs, sends them to the backend, and shows what comes back.
import { Figure } from "./figure.js";
import { FRAMES_PER_SECOND, Session, fetchJson, fetchPerformance } from "./session.js";
import { Signers } from "./signers.js";
import { NOBODY, Webcam } from "./webcam.js";
import { StateDisplay, describeServer, duration, element, isFailureOfServer, percent, reasonOf, renderPrediction, sourceChip, tag } from "./view.js";

const HISTORY_LENGTH = 12, RESTS = 12, PAUSE_FRAMES = 24, STATUS_TIMEOUT_MS = 2000;
const START_WEBCAM = "Use the webcam", START_SIGNERS = "20 signers";
const query = new URLSearchParams(location.search);
const figure = new Figure(element("figure")), stateDisplay = new StateDisplay(element("state"));
const queue = [];  // frames to be sent, each with its sign
const sentence = [];
let signs = [], seed = Number(query.get("seed") || 1), isPlayingOn = !query.has("play");
let session, webcam, signers, live, playing = "", performed = "", failure = "", correct = 0, known = 0, sent = [];

const listeners = {
  open: () => showTrouble(""),
  close: () => { showTrouble("The connection to the backend is lost; trying again."); stateDisplay.show("IDLE"); },
  error: ({ message }) => showTrouble(message),
  state: ({ state }) => {
    stateDisplay.show(state);
    if (state === "RECORDING") performed = playing;
  },
  prediction: (message) => {
    showTrouble("");
    showPrediction({ ...message, performed });
    performed = "";
    rememberFailure(message);
    showStatus();
  },
};

function rememberFailure(message) {
  failure = isFailureOfServer(message) ? reasonOf(message) : "";
}

function showTrouble(text) {
  element("trouble").textContent = text;
}

function showPrediction(message) {
  const { prediction, confidence, performed, source, reason, milliseconds } = message;
  const isCorrect = performed === prediction;
  known += Boolean(performed);
  correct += Boolean(performed) && isCorrect;
  element("score").textContent = known ? `${correct} of ${known} as performed` : "";
  renderPrediction(element("prediction"), message);
  const mark = performed ? tag("span", isCorrect ? "✓" : "✗", isCorrect ? "right" : "wrong") : tag("span", "·");
  mark.title = performed ? `performed: ${performed}` : "";
  const item = tag("li", "");
  item.append(mark, tag("span", prediction), tag("span", percent(confidence)), tag("span", duration(milliseconds)), sourceChip(message, true));
  Object.assign(item.dataset, { prediction, source, reason, performed });
  element("predictions").prepend(item);
  while (element("predictions").children.length > HISTORY_LENGTH) element("predictions").lastChild.remove();
  sentence.push(prediction);
  showSentence();
}

function showSentence() {
  element("tokens").replaceChildren(...sentence.map((token) => tag("span", token)));
  element("tokens").scrollTop = element("tokens").scrollHeight;  // the latest sign is in sight
  element("undo").disabled = element("clear").disabled = !sentence.length;
}

async function perform(sign) {
  const frames = await fetchPerformance(sign, seed++);
  queue.push(...frames.map((frame) => ({ frame, sign })));
}

function tick() {
  const now = performance.now();
  sent = sent.filter((moment) => now - moment < 1000);
  element("rate").textContent = sent.length ? `${sent.length} frames/s` : "";
  if (!session.isOpen) return;
  const next = queue.shift() ?? live;
  live = undefined;
  if (playing !== (next?.sign ?? "")) turnTo(next?.sign ?? "");
  if (!next) {
    playOn();
    return;
  }
  if (!next.frame) return;
  session.send(next.frame);
  sent.push(now);
  element("figure").classList.toggle("faded", next.frame === NOBODY && webcam.isRunning);
  if (next.frame !== NOBODY) figure.draw(next.frame);
}

// While nobody chooses a sign, the page performs them by itself.
function playOn() {
  if (!isPlayingOn || webcam?.isRunning || playOn.isLoading || document.hidden) return;
  playOn.isLoading = true;
  const sign = signs[(seed * 7) % signs.length];
  perform(sign)
    .then(() => queue.push(...Array(PAUSE_FRAMES).fill({ frame: null, sign: "" })))
    .catch((reason) => showTrouble(reason.message))
    .finally(() => { playOn.isLoading = false; });
}

function turnTo(sign) {
  playing = sign;
  showCaption();
  if (sign) figure.clear();
  for (const button of element("signs").children) button.classList.toggle("playing", button.textContent === sign);
}

function showCaption() {
  const isBusy = isPlayingOn || webcam?.isRunning;
  element("caption").textContent = playing || (signers.isRunning ? "20 others are signing" : isBusy ? "" : "Choose a sign");
}

function setPlayingOn(wanted) {
  isPlayingOn = wanted;
  element("play").setAttribute("aria-pressed", wanted);
  if (wanted) return;
  queue.splice(0, queue.length, ...queue.filter(({ sign }) => sign && sign === playing).slice(-RESTS));
  showCaption();
}

async function useWebcam(library) {
  if (webcam?.isRunning) {
    webcam.stop();
    return;
  }
  if (element("webcam").textContent !== START_WEBCAM) return;  // it has not stopped yet
  setPlayingOn(false);
  const onProgress = (text, part) => {
    element("progress").hidden = !text;
    element("progress").style.setProperty("--part", `${100 * part}%`);
    element("progress").querySelector("span").textContent = text;
  };
  webcam = new Webcam(library, element("video"), onProgress, (frame, isSomebody) => {
    live = { frame, sign: "" };
    element("caption").textContent = isSomebody ? "" : "Nobody is seen";
  });
  element("webcam").textContent = "Stop the webcam";
  try {
    const ended = webcam.run();
    showCaption();
    await ended;
  } catch (reason) {
    showTrouble(`No webcam: ${reason.message ?? reason}`);
  }
  element("webcam").textContent = START_WEBCAM;
  showCaption();
  queue.push(...Array(RESTS).fill({ frame: NOBODY, sign: "" }));
}

async function setFlags(change) {
  const options = { method: "PUT", headers: { "Content-Type": "application/json" }, body: JSON.stringify(change) };
  await fetchJson("flags", options).catch((reason) => {
    element("flag").checked = !element("flag").checked;
    showTrouble(`The flag is as before: ${reason.message}`);
  });
  await showStatus();
}

async function showStatus() {
  const status = await fetchJson("status", { signal: AbortSignal.timeout(STATUS_TIMEOUT_MS) }).catch(() => null);
  element("flag").disabled = !status;
  if (status) element("flag").checked = status.use_torchserve;
  const [state, text] = describeServer(status, failure);
  element("server").dataset.state = state;
  element("server").textContent = `Model server: ${text}`;
}

async function toggleSigners() {
  if (signers.isRunning) {
    signers.stop();
    return;
  }
  if (element("start-load").textContent !== START_SIGNERS) return;  // they have not stopped yet
  element("start-load").textContent = "Stop the signers";
  const ended = signers.run(element("together").checked);
  setPlayingOn(false);
  await ended.catch((reason) => showTrouble(reason.message));
  element("start-load").textContent = START_SIGNERS;
  showCaption();
}

async function start() {
  figure.drawResting();
  renderPrediction(element("prediction"), null);
  signs = await fetchJson("signs");
  for (const sign of signs) {
    const onclick = () => { setPlayingOn(false); perform(sign); };
    element("signs").append(Object.assign(tag("button", sign), { onclick }));
  }
  signers = new Signers(signs, element("load"), rememberFailure);
  element("play").onclick = () => setPlayingOn(true);
  element("stop").onclick = () => { webcam?.stop(); setPlayingOn(false); };
  element("undo").onclick = () => { sentence.pop(); showSentence(); };
  element("clear").onclick = () => { sentence.length = 0; showSentence(); };
  element("flag").onchange = (event) => setFlags({ use_torchserve: event.target.checked });
  element("start-load").onclick = toggleSigners;
  const { library } = await fetchJson("camera");
  element("webcam").hidden = !library;
  element("webcam").onclick = () => useWebcam(library);
  const user = query.get("user") || (localStorage.user ||= Math.random().toString(36).slice(2));
  session = new Session({ user }, listeners);
  setPlayingOn(isPlayingOn);
  await showStatus();
  setInterval(tick, 1000 / FRAMES_PER_SECOND);
  setInterval(showStatus, 1000);
  for (const sign of (query.get("play") || "").split(",").filter(Boolean)) await perform(sign);
}

start().catch((reason) => showTrouble(reason.message));
