// "Manage": the management API's calls, each with its confirmation or its error in full.

import { manage, path } from "./api.js";
import { bytes, element, find } from "./dom.js";
import { switchForm } from "./switch.js";
import { upload } from "./upload.js";

let shown = "";
let server = null;

// The progress (null), the confirmation (true) or the error in full (false) of what was asked for last.
function report(state, lines) {
  const result = find("#manage-result");
  result.hidden = false;
  if (state === null) result.removeAttribute("data-state");
  else result.dataset.state = state ? "good" : "bad";
  result.textContent = lines.join("\n");
}

async function run(about, method, url, body) {
  const started = Date.now();
  report(null, [`${about} …`]);
  const clock = setInterval(() => report(null, [`${about} … ${Math.round((Date.now() - started) / 1000)} s`]), 1000);
  const { ok, status, text } = await manage(method, url, body);
  clearInterval(clock);
  report(ok, [ok ? text : `${about} failed (${status}): ${text}`]);
}

function withQuery(url, values) {
  for (const [name, value] of Object.entries(values)) if (value !== "") url.searchParams.set(name, value);
  return url;
}

function register(event) {
  event.preventDefault();
  const values = Object.fromEntries(new FormData(event.target));
  run(`Registering ${values.url}`, "POST", withQuery(path("models"), { ...values, synchronous: "true" }));
}

async function send(event) {
  event.preventDefault();
  const { file, replace, register: isRegistered } = event.target.elements, [archive] = file.files, button = find("#upload button");
  const progress = find("#upload progress"), about = `Uploading ${archive.name}, ${bytes(archive.size)}`;
  button.disabled = true;
  progress.hidden = false;
  progress.value = 0;
  report(null, [`${about} …`]);
  const { ok, status, text } = await upload(archive, server.pieceBytes, replace.checked, (share) => { progress.value = share; });
  button.disabled = false;
  progress.hidden = true;
  report(ok, [ok ? text : `${about} failed (${status}): ${text}`]);
  const query = { url: archive.name, initial_workers: "1", synchronous: "true" };
  if (ok && isRegistered.checked) run(`Registering ${archive.name}`, "POST", withQuery(path("models"), query));
}

export function setStore(described) {
  server = described;
  find("#upload-about").textContent = described.modelStore
    ? `Sends an archive to the model store, ${described.modelStore}, and registers it.`
    : "This server has no model store (--model-store FOLDER names one).";
}

// Drawn anew only when models, versions, defaults, worker numbers or rollouts change: fields in use keep their contents.
export function showModels(sample) {
  const key = JSON.stringify(sample.models.map((model) => [model.name, model.default, rolloutOf(model),
    model.versions.map((version) => [version.version, version.minWorkers, version.maxWorkers])]));
  if (key === shown) return;
  shown = key;
  find("#manage-models").replaceChildren(...sample.models.filter((model) => model.role === "model").map(modelCard));
}

const rolloutOf = (model) => model.rollout && ["shadowing", "stepping", "paused"].includes(model.rollout.state) ? model.rollout.state : null;

function modelCard(model) {
  return element("article.card", { "data-manage": model.name },
    element("h3", {}, model.name),
    model.versions.map((version) => versionRow(model, version)),
    model.versions.length > 1 && !rolloutOf(model) ? switchForm(model, report) : null,
    model.versions.length > 1 || rolloutOf(model) ? rolloutRow(model) : null);
}

function number(label, value, least) {
  return element("label", {}, label, element("input", { type: "number", min: least, value, required: true }));
}

function versionRow(model, { version, minWorkers, maxWorkers }) {
  const isDefault = version === model.default, url = () => path("models", model.name, version), title = `${model.name} ${version}`;
  const least = number("Workers", minWorkers, 0), most = number("At most", maxWorkers, 0);
  const scale = (event) => {
    event.preventDefault();
    const [min, max] = [least, most].map((label) => label.querySelector("input").value);
    run(`Scaling ${title} to ${min}`, "PUT", withQuery(url(), { min_worker: min, max_worker: String(Math.max(min, max)), synchronous: "true" }));
  };
  const unregister = () => {
    if (confirm(`Unregister ${title}? Accepted requests are answered first.`)) run(`Unregistering ${title}`, "DELETE", url());
  };
  return element("form.row", { onsubmit: scale, "aria-label": title },
    element("strong", {}, `Version ${version}${isDefault ? " (default)" : ""}`), least, most,
    element("button.quiet", {}, "Scale"),
    element("button.quiet", { type: "button", disabled: isDefault, onclick: () => run(`Making ${title} the default`, "PUT", path("models", model.name, version, "set-default")) }, "Set default"),
    element("button.danger", { type: "button", onclick: unregister, disabled: !server.modelApi || (isDefault && model.versions.length > 1) }, "Unregister"));
}

function rolloutRow(model) {
  const url = (...more) => path("models", model.name, "rollout", ...more), state = rolloutOf(model);
  if (state) {
    const [verb, action] = state === "paused" ? ["Resume", "resume"] : ["Pause", "pause"];
    return element("div.row", {}, element("strong", {}, "Rollout in progress"),
      element("button.quiet", { type: "button", onclick: () => run(`${verb} the rollout`, "PUT", url(action)) }, verb),
      element("button.danger", { type: "button", onclick: () => run("Aborting the rollout", "DELETE", url()) }, "Abort"));
  }
  const others = model.versions.filter((each) => each.version !== model.default);
  const to = element("select", {}, others.map((each) => element("option", { value: each.version }, each.version)));
  const steps = element("input", { value: "1, 5, 25, 100", required: true, pattern: "[0-9., ]+" });
  const hold = element("input", { type: "number", min: 1, value: 1000, required: true });
  const begin = (event) => {
    event.preventDefault();
    const plan = { to: to.value, steps: steps.value.split(",").map(Number), hold: Number(hold.value) };
    run(`Starting the rollout to ${to.value}`, "PUT", url(), plan);
  };
  return element("form.row", { onsubmit: begin, "aria-label": `Rollout of ${model.name}` }, element("strong", {}, "Rollout"),
    element("label", {}, "To version", to), element("label", {}, "Steps, %", steps), element("label", {}, "Answers each", hold),
    element("button.quiet", {}, "Start"));
}

// Read-only where a token is asked for and none is given, or where the model API is off.
export function setAccess(isOpen, modelApi) {
  find("#manage-controls").disabled = !isOpen;
  const locked = find("#manage-locked");
  locked.hidden = isOpen && modelApi;
  locked.textContent = isOpen
    ? "This server does not register or unregister models while it runs: enable_model_api=true (--enable-model-api) lets it."
    : "Read-only: the management token is needed to change anything.";
  for (const button of document.querySelectorAll("#register button, #upload button")) button.disabled = !modelApi;
}

export function start() {
  find("#register").addEventListener("submit", register);
  find("#upload").addEventListener("submit", send);
}
