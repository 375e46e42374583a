// Simulated signers, each with a session of its own at 30 frames a second: with the server and without it, in turn.
import { FRAMES_PER_SECOND, Session, fetchJson, fetchPerformance } from "./session.js";
import { duration, element, reasonOf, tag } from "./view.js";

const SIGNERS = 20, LANE_SECONDS = 8, RESTS = 12, REST_FRAMES = 6, GRACE_MS = 3000;
const LANES = [{ row: "with-server", translate: "server" }, { row: "without-server", translate: "local" }];

export class Signers {
  // `onTranslation(message)` gets the translations for which the server was asked.
  constructor(signs, card, onTranslation) {
    Object.assign(this, { signs, card, onTranslation, isRunning: false });
  }

  async run(areTogether) {
    this.isRunning = true;
    try {
      await this.runLanes(areTogether);
    } finally {
      this.isRunning = false;
    }
  }

  async runLanes(areTogether) {
    const performances = await Promise.all(this.signs.map((sign, seed) => fetchPerformance(sign, seed)));
    this.frames = performances.map((frames) => frames.map((frame) => JSON.stringify(frame)));
    this.areTogether = areTogether;
    const results = LANES.map(() => ({ latencies: [], lost: 0, seconds: 0, locally: 0, reason: "" }));
    this.before = (await fetchJson("status")).batches;
    showLocally(results[0]);
    for (let lane = 0; this.isRunning; lane = 1 - lane) await this.runLane(LANES[lane], results[lane]);
  }

  stop() {
    this.isRunning = false;
  }

  // So many signers for some seconds; their results are shown as they come.
  async runLane({ row, translate }, result) {
    const line = this.card.querySelector(`#${row}`), began = performance.now(), before = result.seconds;
    line.classList.add("running");
    const signers = Array.from({ length: SIGNERS }, (_, number) => new Signer(number, translate, this, result));
    const ticking = setInterval(() => { for (const signer of signers) signer.tick(); }, 1000 / FRAMES_PER_SECOND);
    while (this.isRunning && performance.now() - began < 1000 * LANE_SECONDS) {
      await pause(500);
      result.seconds = before + (performance.now() - began) / 1000;
      show(line, result);
      if (translate === "server") {
        showLocally(result);
        await this.showBatches();
      }
    }
    for (const signer of signers) signer.isEnding = true;
    await Promise.race([Promise.all(signers.map((signer) => signer.finished())), pause(GRACE_MS)]);
    clearInterval(ticking);
    result.seconds = before + (performance.now() - began) / 1000;
    for (const signer of signers) signer.close();
    show(line, result);
    line.classList.remove("running");
  }

  async showBatches() {
    const { batches } = await fetchJson("status").catch(() => ({}));
    element("batches").dataset.empty = batches ? "None has formed yet." : "The server does not tell them.";
    if (!batches) return;
    this.before ??= batches;
    const isRestarted = Object.entries(this.before).some(([size, count]) => batches[size] < count);
    if (isRestarted) this.before = {};
    const formed = Object.entries(batches).map(([size, count]) => [size, count - (this.before[size] ?? 0)]);
    const most = Math.max(1, ...formed.map(([, count]) => count));
    element("batches").replaceChildren(...formed.filter(([, count]) => count > 0).map(([size, count]) => {
      const bar = tag("div", "", "batch");
      bar.style.setProperty("--part", `${100 * count / most}%`);
      bar.append(tag("span", size), tag("i", ""), tag("b", count));
      return bar;
    }));
  }
}

// One simulated user; all of a class perform the same signs at the same time.
class Signer {
  constructor(number, translate, { frames, areTogether, onTranslation }, result) {
    Object.assign(this, { number, frames, areTogether, result, pending: 0, sentAt: [], queue: [], sign: 0, isEnding: false });
    if (!areTogether) this.queue = Array(3 * number).fill(null);
    const listeners = {
      prediction: (message) => {
        if (translate === "server") onTranslation(message);
        if (message.source === "local") Object.assign(result, { locally: result.locally + 1, reason: reasonOf(message) });
        result.latencies.push(performance.now() - this.sentAt[message.last_frame + REST_FRAMES - 1]);
        this.finish();
      },
      error: () => {
        result.lost++;
        this.finish();
      },
    };
    this.session = new Session({ user: `signer-${number}`, translate }, listeners);
  }

  tick() {
    if (!this.session.isOpen) return;
    // A sign whose hands rest is sent to its end: else it would count as lost.
    if (this.isEnding && (!this.queue.length || this.queue.length > RESTS)) return;
    if (!this.queue.length) this.queue.push(...this.frames[(this.sign++ + (this.areTogether ? 0 : 7 * this.number)) % this.frames.length]);
    const frame = this.queue.shift();
    if (!frame) return;
    if (this.queue.length === RESTS) this.pending++;
    this.sentAt.push(performance.now());
    this.session.send(frame);
  }

  finish() {
    if (!--this.pending) this.onFinished?.();
  }

  finished() {
    return this.pending ? new Promise((resolve) => { this.onFinished = resolve; }) : Promise.resolve();
  }

  close() {
    this.result.lost += this.pending;
    this.session.close();
  }
}

function show(line, { latencies, lost, seconds }) {
  const sorted = [...latencies].sort((one, other) => one - other);
  const at = (part) => sorted.length ? duration(sorted[Math.floor(part * (sorted.length - 1))]) : "–";
  const cells = [seconds ? (sorted.length / seconds).toFixed(1) : "–", at(.5), at(.95), sorted.length, lost];
  line.querySelectorAll("td").forEach((cell, i) => { cell.textContent = cells[i]; });
}

// Of the signs that were to be the server's.
function showLocally({ locally, latencies, reason }) {
  element("locally").textContent = locally ? `${locally} of these ${latencies.length} signs were translated locally, the last one because ${reason}.` : "";
}

const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });
