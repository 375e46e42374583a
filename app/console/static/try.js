// "Try it": one prediction, its answer, and the same as a command.

import { ROOT, path, sample } from "./api.js";
import { bytes, element, find, milliseconds } from "./dom.js";
import { makeLoad } from "./load.js";

const SHOWN_CHARACTERS = 20000;
let models = [];
let filled = null;
let warmUp = null;

export function showChoices({ models: served }) {
  const names = served.map((model) => model.name);
  if (names.join() !== models.map((model) => model.name).join()) {
    find("#model-names").replaceChildren(...names.map((name) => element("option", { value: name })));
    if (!find("#try-model").value && names.length) find("#try-model").value = names[0];
    models = served;
    showVersions();
    fillSample();
  }
  models = served;
}

// The model's own warm-up request becomes the body, unless something else was typed.
async function fillSample() {
  const chosen = `${find("#try-model").value.trim()}/${find("#try-version").value.trim()}`;
  if (chosen === filled || !models.some((each) => each.name === find("#try-model").value.trim())) return showCommand();
  filled = chosen;
  const found = await sample(...chosen.split("/").filter(Boolean)), type = found && found.type.split(";")[0];
  const content = ["application/json", "text/plain"].includes(type) ? await found.text() : null;
  if (filled !== chosen) return;
  const kind = find("#try-kind"), text = find("#try-text"), isTyped = text.value !== text.defaultValue || kind.value === "file";
  find("#try-kind option[value=sample]").hidden = !found;
  if (kind.value === "sample") kind.value = "application/json";
  warmUp = found;
  if (found && !isTyped) {
    if (content === null) kind.value = "sample";
    else [kind.value, text.value, text.defaultValue] = [type, content, content];
  }
  showFields();
}

function showVersions() {
  const model = models.find((each) => each.name === find("#try-model").value);
  find("#version-names").replaceChildren(...(model ? model.versions : []).map((each) => element("option", { value: each.version })));
}

function target() {
  const version = find("#try-version").value.trim();
  return path("predictions", find("#try-model").value.trim(), ...(version ? [version] : []));
}

// The same prediction, with the times of its phases in a header.
function timedTarget() {
  const version = find("#try-version").value.trim();
  return path("console", "predictions", find("#try-model").value.trim(), ...(version ? [version] : []));
}

// The phases of the header server-timing: {name: {duration, description}}.
function phasesOf(header) {
  return Object.fromEntries([...(header || "").matchAll(/(\w+);dur=([\d.]+)(?:;desc="([^"]*)")?/g)]
    .map(([, name, duration, description]) => [name, { duration: Number(duration), description }]));
}

// Where the time went, as a waterfall: what the server does not know of is the way there and back.
function waterfall(header, whole) {
  const { queue, batch, handler, encoding } = phasesOf(header);
  if (!batch) return null;
  const rows = [], way = Math.max(0, whole - queue.duration - batch.duration), start = way / 2;
  rows.push(["way there and back, parsing", 0, way, true], ["queue", start, queue.duration]);
  const began = start + queue.duration;
  rows.push([`batch of ${batch.description}`, began, batch.duration]);
  if (handler) {
    const before = Math.max(0, batch.duration - handler.duration - encoding.duration) / 2;
    rows.push(["handler", began + before, handler.duration], ["encoding", began + before + handler.duration, encoding.duration]);
  }
  return element("dl.waterfall", { "aria-label": "Where the time went" }, rows.map(([name, from, duration, isAround]) => {
    const bar = element(isAround ? "i.around" : "i");
    bar.style.marginLeft = isAround ? "0" : `${Math.min(99, 100 * from / whole)}%`;
    bar.style.width = isAround ? "100%" : `${Math.max(.5, 100 * duration / whole)}%`;
    return element("div", {}, element("dt", {}, name), element("dd", {}, bar, element("span", {}, milliseconds(duration))));
  }));
}

function request() {
  const kind = find("#try-kind").value, file = find("#try-file").files[0];
  if (kind === "sample") return { body: warmUp, type: warmUp.type };
  if (kind === "file") return { body: file || new Blob(), type: (file && file.type) || "application/octet-stream" };
  return { body: find("#try-text").value, type: kind };
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function showCommand() {
  const { body, type } = request(), file = find("#try-file").files[0];
  const data = typeof body === "string" ? quoted(body) : `@${quoted(file ? file.name : "FILE")}`;
  find("#try-curl").value = `curl -i ${quoted(target().href)} -H ${quoted(`content-type: ${type}`)} --data-binary ${data}`;
}

async function send(event) {
  event.preventDefault();
  const { body, type } = request(), result = find("#try-result"), button = find("#try-send");
  button.disabled = true;
  result.hidden = false;
  result.replaceChildren(element("p", {}, "Waiting for the answer"));
  const started = performance.now();
  try {
    const response = await fetch(timedTarget(), { method: "POST", body, headers: { "content-type": type } });
    const head = performance.now() - started, answer = await response.blob();
    await showAnswer(response, answer, head, performance.now() - started);
  } catch (error) {
    result.replaceChildren(element("p.error", {}, `The server was not reached: ${error.message}`));
  } finally {
    button.disabled = false;
  }
}

async function showAnswer(response, answer, head, whole) {
  const timing = waterfall(response.headers.get("server-timing"), whole);
  const headers = [...response.headers].filter(([name]) => name !== "server-timing").map(([name, value]) => `${name}: ${value}`).join("\n");
  find("#try-result").replaceChildren(...[
    element("div.head", {},
      element("h3", {}, `${response.status} ${response.statusText}`.trim()),
      element("span.tag", { "data-state": response.ok ? "good" : "bad" }, response.ok ? "answered" : "failed"),
      element("span.tag", { id: "try-time" }, `${milliseconds(head)} to the answer, ${milliseconds(whole)} in all`),
      element("span.tag", {}, bytes(answer.size))),
    timing ? element("h4", {}, "Where the time went") : null, timing,
    element("h4", {}, "Answer"), await content(answer),
    element("h4", {}, "Headers"), element("pre", { tabindex: "0" }, headers)].filter(Boolean));
}

async function content(answer) {
  if (/^(image|audio|video)\//.test(answer.type)) return element("p", {}, `${answer.type}, ${bytes(answer.size)}; the command above saves it with -o FILE.`);
  let text = await answer.text();
  try {
    text = JSON.stringify(JSON.parse(text), null, 2);
  } catch { /* it is no JSON, and shown as it is */ }
  const more = text.length > SHOWN_CHARACTERS ? "\n…" : "";
  return element("pre", { id: "try-answer", tabindex: "0" }, text.slice(0, SHOWN_CHARACTERS) + more);
}

async function copy() {
  const field = find("#try-curl");
  field.select();
  if (navigator.clipboard) await navigator.clipboard.writeText(field.value);
  else document.execCommand("copy");
}

function showFields() {
  const kind = find("#try-kind").value;
  find("#try-text-label").hidden = kind === "file" || kind === "sample";
  find("#try-file-label").hidden = kind !== "file";
  showCommand();
}

async function load() {
  for (const button of [find("#try-load"), find("#try-send")]) button.disabled = true;
  await makeLoad(find("#try-model").value.trim(), find("#try-version").value.trim(), request());
  for (const button of [find("#try-load"), find("#try-send")]) button.disabled = false;
}

export function setLoad(isAllowed) {
  find("#try-load").hidden = !isAllowed;
}

export function start() {
  const form = find("#try-form");
  form.addEventListener("submit", send);
  form.addEventListener("input", () => {
    showVersions();
    showFields();
  });
  for (const id of ["#try-model", "#try-version"]) find(id).addEventListener("change", fillSample);
  find("#try-copy").addEventListener("click", copy);
  find("#try-load").addEventListener("click", load);
  showCommand();
}
