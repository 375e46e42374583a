// "20 clients": one client and then twenty from within the server, and the batches that they make together.

import { manage, path } from "./api.js";
import { bars, count, element, find, milliseconds } from "./dom.js";

const STAGES = [{ clients: 1, seconds: 2 }, { clients: 20, seconds: 4 }];
let watched = null;
let seen = new Map();

function add(batches) {
  for (const [size, number] of Object.entries(batches)) seen.set(Number(size), (seen.get(Number(size)) || 0) + number);
}

// The batches of the model that is under load, as they form.
export function showLoad(sample) {
  if (!watched) return;
  const model = sample.models.find((each) => each.name === watched.name);
  for (const each of model ? model.versions : []) if (!watched.version || each.version === watched.version) add(each.batches);
  find("#load-bars").replaceChildren(bars(seen));
}

function meanBatch(batches) {
  const entries = Object.entries(batches), jobs = entries.reduce((total, [size, number]) => total + size * number, 0);
  const number = entries.reduce((total, [, each]) => total + each, 0);
  return number ? count(jobs / number) : "–";
}

function row({ clients, perSecond, latency, batches, failures }) {
  const failed = Object.values(failures).reduce((total, each) => total + each, 0);
  const cells = [clients, count(perSecond), milliseconds(latency && latency.p50), milliseconds(latency && latency.p95), meanBatch(batches), count(failed)];
  return element("tr", {}, cells.map((cell) => element("td", {}, String(cell))));
}

function table(rows) {
  const heads = ["Clients", "Answers/s", "p50", "p95", "Rows a batch", "Failed"];
  return element("div.scroll", { tabindex: "0", role: "region", "aria-label": "Figures of the load" }, element("table", { id: "load-table" },
    element("thead", {}, element("tr", {}, heads.map((head) => element("th", { scope: "col" }, head)))), element("tbody", {}, rows.map(row))));
}

function conclusion([alone, together]) {
  if (!alone.answers || !together.answers) return null;
  const gain = together.perSecond / alone.perSecond;
  return element("p", { id: "load-gain" }, `20 clients get ${gain.toFixed(1)} times the answers of one, in batches of ${meanBatch(together.batches)} rows.`);
}

export async function makeLoad(name, version, { body, type }) {
  const result = find("#try-result"), done = [], failures = new Set();
  watched = { name, version };
  result.hidden = false;
  for (const { clients, seconds } of STAGES) {
    seen = new Map();
    const title = `${clients} ${clients > 1 ? "clients" : "client"} for ${seconds} s`;
    result.replaceChildren(...[element("h3", {}, title), done.length ? table(done) : null,
      element("h4", {}, "Batches by size"), element("div", { id: "load-bars" }, bars(seen))].filter(Boolean));
    const url = path("console", "load", name, ...(version ? [version] : []));
    url.search = new URLSearchParams({ clients, seconds });
    const { ok, status, text } = await manage("POST", url, new Blob([body], { type }), { "content-type": type });
    if (!ok) {
      result.replaceChildren(element("h3", {}, `${title} failed`), element("p.error", {}, `${status}: ${text}`));
      break;
    }
    done.push(JSON.parse(text));
    Object.entries(done.at(-1).failures).forEach(([reason, number]) => failures.add(`${number} × ${reason}`));
  }
  watched = null;
  if (done.length < STAGES.length) return;
  result.replaceChildren(...[element("h3", {}, "What batching does"), conclusion(done), table(done),
    element("h4", {}, "Batches by size, with 20 clients"),
    element("div", { id: "load-bars" }, bars(new Map(Object.entries(done[1].batches).map(([size, number]) => [Number(size), number])))),
    ...[...failures].map((text) => element("p.error", {}, text))].filter(Boolean));
}
