// The live section: totals, and a card for each model.

import { bars, bytes, count, element, find, milliseconds, sparkline } from "./dom.js";

const SAMPLES = 60;
const BATCH_SAMPLES = 15;
const histories = new Map();
const batches = new Map();

function remember(key, value) {
  const values = histories.get(key) || [];
  values.push(value);
  if (values.length > SAMPLES) values.shift();
  histories.set(key, values);
  return values;
}

const pick = (sample, read) => sample.models.flatMap((model) => model.versions.map(read));
const sum = (values) => values.reduce((total, value) => total + value, 0);

export function showSample(sample) {
  showTotals(sample);
  const cards = sample.models.map(modelCard);
  if (!cards.length) cards.push(element("p.notice", {}, "No model is registered. Register one under “Manage”."));
  if (sample.hasMore) cards.push(element("p.notice", {}, "There are more models than are shown here."));
  find("#models").replaceChildren(...cards);
}

function showTotals(sample) {
  const slowest = Math.max(0, ...pick(sample, (version) => version.latency ? version.latency.p95 : 0));
  const limit = sample.memory.limit;
  const tiles = [
    ["Requests", count(sum(pick(sample, (version) => version.requests))), "/s", sum(pick(sample, (version) => version.requests))],
    ["Errors", count(sum(pick(sample, (version) => version.errors))), "/s", sum(pick(sample, (version) => version.errors))],
    ["Slowest p95", slowest ? milliseconds(slowest) : "–", "", slowest],
    ["In queue", count(sum(pick(sample, (version) => version.queue.waiting))), "", sum(pick(sample, (version) => version.queue.waiting))],
    ["Memory", bytes(sample.memory.resident), limit ? ` of ${bytes(limit)}` : "", sample.memory.resident || 0],
  ];
  if ("CPUUtilization" in sample.host) tiles.push(["Host CPU", count(sample.host.CPUUtilization), " %", sample.host.CPUUtilization]);
  for (const name of Object.keys(sample.host).filter((each) => /^GPUUtilization/.test(each))) {
    const gpu = name.slice("GPUUtilization".length);
    tiles.push([`GPU ${gpu}`, count(sample.host[name]), ` %, ${bytes(1048576 * (sample.host[`GPUMemoryUsed${gpu}`] || 0))}`, sample.host[name]]);
  }
  find("#totals").replaceChildren(...tiles.map(([name, value, unit, number]) => element("div.tile", {},
    element("dt", {}, name),
    element("dd", {}, value, element("small", {}, unit)),
    element("dd.chart", {}, sparkline(remember(`total ${name}`, number), SAMPLES)))));
}

function modelCard(model) {
  const tags = [];
  if (model.role !== "model") tags.push(element("span.tag", {}, model.role));
  if (model.rules && model.rules.weights) {
    const weights = Object.entries(model.rules.weights), total = sum(weights.map(([, weight]) => weight));
    for (const [version, weight] of weights) tags.push(element("span.tag", {}, `${version} gets ${count(100 * weight / total)} %`));
  }
  if (model.rules && (model.rules.conditions || []).length) tags.push(element("span.tag", {}, `${model.rules.conditions.length} conditions`));
  if (model.rules && model.rules.key) tags.push(element("span.tag", {}, "A/B test"));
  if (model.rules && model.rules.shadow) tags.push(element("span.tag", {}, `${model.rules.shadow.version} is shadowed`));
  return element("article.card", { "data-model": model.name },
    element("div.head", {}, element("h3", {}, model.name), tags),
    model.rollout ? rolloutPanel(model.rollout) : null,
    model.shadow ? shadowPanel(model.shadow) : null,
    model.versions.map((version) => versionPanel(model, version)));
}

function meter(share, label) {
  const bar = element("i");
  bar.style.width = `${Math.min(100, 100 * share)}%`;
  return element("div.meter", { role: "img", "aria-label": label }, bar);
}

function rolloutPanel(rollout) {
  const state = rollout.state.replace("_", " "), bad = rollout.state === "rolled_back";
  const text = `Rollout ${rollout.from} → ${rollout.to}: ${state}, ${count(100 * rollout.share)} %`;
  return element("div.rollout", {},
    element("div.head", {}, element("span.tag", { "data-state": bad ? "bad" : "good" }, text),
      element("small", {}, `${rollout.answersInStep} of ${rollout.hold} answers in this step; steps ${rollout.steps.join(", ")} %`)),
    meter(rollout.share, text),
    rollout.reason ? element("p.error", {}, rollout.reason) : null);
}

function shadowPanel({ version, agreed, differed, dropped, agreement }) {
  const share = agreement === null ? "nothing is compared yet" : `${(100 * agreement).toFixed(1)} % of ${count(agreed + differed)} answers agree`;
  return element("div.head", {}, element("span.tag", { "data-state": differed ? "warn" : "good" }, `Shadow ${version}: ${share}`),
    dropped ? element("small", {}, `${count(dropped)} not compared`) : null);
}

function versionPanel(model, version) {
  const latency = version.latency || {}, key = `${model.name}/${version.version}`;
  const figures = [
    ["Requests", count(version.requests), "/s"], ["Errors", count(version.errors), "/s"],
    ["p50", milliseconds(latency.p50), ""], ["p95", milliseconds(latency.p95), ""], ["p99", milliseconds(latency.p99), ""],
    ["Wait, p95", milliseconds(version.wait && version.wait.p95), ""],
    ["Queue", count(version.queue.waiting), ` of ${count(version.queue.capacity)}`],
  ];
  const failures = Object.entries(version.failures).map(([reason, number]) => element("span.tag", { "data-state": "bad" }, `${reason} × ${number}`));
  return element("div.version", { "data-version": version.version },
    element("div.head", {}, element("strong", {}, `Version ${version.version}`),
      version.version === model.default ? element("span.tag", {}, "default") : null,
      element("span.tag", { "data-state": version.isHealthy ? "good" : "bad" }, version.isHealthy ? "healthy" : "unhealthy"),
      element("span.tag", {}, `batches of up to ${version.batchSize}, ${version.maxBatchDelay} ms`), failures),
    element("dl.figures", {}, figures.map(([name, value, unit]) =>
      element("div", {}, element("dt", {}, name), element("dd", {}, value, element("small", {}, unit))))),
    element("div.panels", {},
      element("div", {}, element("h4", {}, "Requests per second, last minute"), sparkline(remember(key, version.requests), SAMPLES)),
      element("div", {}, element("h4", {}, `Batches by size, last ${BATCH_SAMPLES} s`), batchBars(key, version)),
      element("div", {}, element("h4", {}, `Workers (${version.minWorkers} to ${version.maxWorkers})`), workerList(version)),
      version.drift ? driftPanel(version.drift) : null));
}

function batchBars(key, version) {
  const kept = batches.get(key) || [];
  kept.push(version.batches);
  if (kept.length > BATCH_SAMPLES) kept.shift();
  batches.set(key, kept);
  const counts = new Map();
  for (const sample of kept) for (const [size, number] of Object.entries(sample)) counts.set(Number(size), (counts.get(Number(size)) || 0) + number);
  return bars(counts);
}

const WORKER_STATES = { ready: "good", loading: "warn", stopping: "warn", ended: "bad" };

function workerList(version) {
  const workers = version.workers.map((worker) => {
    const state = worker.jobs ? `working on ${worker.jobs}` : worker.state;
    return element("li.tag", { "data-state": WORKER_STATES[worker.state], title: `${worker.isolation}, pid ${worker.pid}` },
      `${worker.id} ${worker.device} ${state}`);
  });
  if (version.abandoned) workers.push(element("li.tag", { "data-state": "bad" }, `${version.abandoned} abandoned`));
  return workers.length ? element("ul.workers", {}, workers) : element("p.empty", {}, "No worker: requests are refused.");
}

function driftPanel(drift) {
  const state = drift.isCollecting ? "collecting a profile" : `${drift.windows} windows compared`;
  return element("div", {}, element("h4", {}, `Drift: ${state}, ${drift.samples} of ${drift.window} samples`),
    element("ul.workers", {}, drift.features.map((score) =>
      element("li.tag", { "data-state": score.psi > 0.1 ? "bad" : "good" }, `${score.feature} psi ${score.psi.toFixed(3)}`))));
}
