// The log: lines of models and of the server as they come, the newest of them.

import { element, find } from "./dom.js";

const MAX_LINES = 1000;
const lines = [];
const names = new Set();

const nameOf = (line) => line.model ? `${line.model} ${line.version}` : "server";
const isBad = (line) => ["WARNING", "WARN", "ERROR", "CRITICAL"].includes(line.level);

function isChosen(line) {
  const name = find("#log-model").value, text = find("#log-filter").value.toLowerCase();
  return (!name || nameOf(line) === name) && (!find("#log-bad").checked || isBad(line)) && line.text.toLowerCase().includes(text);
}

const placeOf = (line) => `${Math.floor(line.time)} ${line.worker}`;

// The time and the source stand before the first of the lines that were written together.
function row(line, index, shown) {
  const isContinued = index > 0 && placeOf(shown[index - 1]) === placeOf(line);
  return element(isContinued ? "li.continued" : "li", { "data-state": isBad(line) ? (/^WARN/.test(line.level) ? "warn" : "bad") : null },
    element("time", {}, new Date(line.time * 1000).toLocaleTimeString([], { hour12: false })),
    element("span.source", { title: line.worker }, nameOf(line)), element("span.text", {}, line.text));
}

function follow() {
  const list = find("#log-lines");
  if (find("#log-follow").checked) list.scrollTop = list.scrollHeight;
}

function showAll() {
  find("#log-lines").replaceChildren(...lines.filter(isChosen).map(row));
  find("#log-empty").hidden = lines.some(isChosen);
  follow();
}

function offerNames(added) {
  for (const name of added.map(nameOf)) {
    if (names.has(name)) continue;
    names.add(name);
    find("#log-model").append(element("option", { value: name }, name));
  }
}

export function addLines({ lines: added, missed }) {
  if (missed) added.unshift({ ...added[0], level: "WARNING", text: `${missed} lines came too fast to be shown; the log of the server has them.` });
  lines.push(...added);
  offerNames(added);
  const list = find("#log-lines");
  list.append(...added.filter(isChosen).map(row));
  while (lines.length > MAX_LINES) lines.shift();
  while (list.childElementCount > MAX_LINES) list.firstElementChild.remove();
  find("#log-empty").hidden = list.childElementCount > 0;
  follow();
}

export function start() {
  for (const id of ["#log-model", "#log-filter", "#log-bad", "#log-follow"]) find(id).addEventListener("input", showAll);
  find("#log-clear").addEventListener("click", () => {
    lines.length = 0;
    showAll();
  });
}
