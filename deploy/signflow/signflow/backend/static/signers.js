// Simulated signers, each with a session of its own at 30 frames a second: with the server and without it, in turn.
import { FRAMES_PER_SECOND, Session, fetchJson, fetchPerformance } from "./session.js";
import { duration } from "./view.js";

const SIGNERS = 20, LANE_SECONDS = 8, RESTS = 12, REST_FRAMES = 6, GRACE_MS = 3000;
const LANES = [{ row: "with-server", translate: "server" }, { row: "without-server", translate: "local" }];

export class Signers {
  constructor(signs, table, batches) {
    Object.assign(this, { signs, table, batches, isRunning: false });
  }

  async run(areTogether) {
    this.isRunning = true;
    const performances = await Promise.all(this.signs.map((sign, seed) => fetchPerformance(sign, seed)));
    this.frames = performances.map((frames) => frames.map((frame) => JSON.stringify(frame)));
    this.areTogether = areTogether;
    const results = LANES.map(() => ({ latencies: [], lost: 0, seconds: 0 }));
    this.before = (await fetchJson("status")).batches;
    for (let lane = 0; this.isRunning; lane = 1 - lane) await this.runLane(LANES[lane], results[lane]);
  }

  stop() {
    this.isRunning = false;
  }

  // So many signers for some seconds; their results are shown as they come.
  async runLane({ row, translate }, result) {
    const line = this.table.querySelector(`#${row}`), began = performance.now(), before = result.seconds;
    line.classList.add("running");
    const signers = Array.from({ length: SIGNERS }, (_, number) => new Signer(number, translate, this, result));
    const ticking = setInterval(() => { for (const signer of signers) signer.tick(); }, 1000 / FRAMES_PER_SECOND);
    while (this.isRunning && performance.now() - began < 1000 * LANE_SECONDS) {
      await pause(500);
      result.seconds = before + (performance.now() - began) / 1000;
      show(line, result);
      await this.showBatches(translate);
    }
    clearInterval(ticking);
    await Promise.race([Promise.all(signers.map((signer) => signer.finished())), pause(GRACE_MS)]);
    for (const signer of signers) signer.close();
    show(line, result);
    line.classList.remove("running");
  }

  async showBatches(translate) {
    const { batches } = await fetchJson("status");
    if (translate !== "server" || !batches || !this.before) return;
    const formed = Object.entries(batches).map(([size, count]) => [size, count - (this.before[size] ?? 0)]);
    const most = Math.max(1, ...formed.map(([, count]) => count));
    this.batches.replaceChildren(...formed.filter(([, count]) => count > 0).map(([size, count]) => {
      const bar = document.createElement("div");
      bar.className = "batch";
      bar.style.setProperty("--part", `${100 * count / most}%`);
      bar.innerHTML = `<span>${size}</span><i></i><b>${count}</b>`;
      return bar;
    }));
  }
}

// One simulated user; all of a class perform the same signs at the same time.
class Signer {
  constructor(number, translate, { frames, areTogether }, result) {
    Object.assign(this, { number, frames, areTogether, result, pending: 0, sentAt: [], queue: [], sign: 0 });
    if (!areTogether) this.queue = Array(3 * number).fill(null);
    const listeners = {
      prediction: (message) => {
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

const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });
