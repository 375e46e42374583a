// The page: sections by the address's hash, and the feed that keeps them up to date.

import { listen, token } from "./api.js";
import { bytes, element, find } from "./dom.js";
import { showSample } from "./live.js";
import { showLoad } from "./load.js";
import { addLines, start as startLog } from "./log.js";
import { setAccess, setStore, showModels, start as startManage } from "./manage.js";
import { setLoad, showChoices, start as startTry } from "./try.js";

const SECTIONS = ["live", "try", "manage", "log", "configuration"];
const RETRY_MILLISECONDS = 2000;
let server = null;
let connection = null;
let generation = 0;

function showSection() {
  const chosen = SECTIONS.includes(location.hash.slice(1)) ? location.hash.slice(1) : "live";
  for (const name of SECTIONS) find(`main > #${name}`).hidden = name !== chosen;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${chosen}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  window.scrollTo(0, 0);
}

function setStatus(state, text) {
  const status = find("#status");
  if (status.dataset.state === state && status.textContent === text) return;
  status.dataset.state = state;
  status.textContent = text;
}

function showServer(described) {
  server = described;
  find("#version").textContent = described.version;
  setAccess(true, described.modelApi);
  setStore(described);
  setLoad(described.isLoadAllowed);
  find("#unlock").hidden = true;
  const devices = described.devices.map((each) => [each.device, each.name, each.memory && bytes(each.memory)].filter(Boolean).join(", "));
  find("#configuration-about").textContent =
    `marserve ${described.version}, as TorchServe ${described.torchserve}; devices: ${devices.join("; ") || "cpu"}; ` +
    `file: ${described.configFile || "none"}.`;
  showConfiguration();
}

function showConfiguration() {
  if (!server) return;
  const filter = find("#configuration-filter").value.toLowerCase(), all = find("#configuration-all").checked;
  const entries = server.configuration.filter(({ key, place }) => (all || filter || place) && key.includes(filter));
  find("#configuration-table tbody").replaceChildren(...entries.map(({ key, value, place }) =>
    element("tr", {}, element("td", {}, key), element("td", {}, value ?? "not set"), element("td", {}, place || "default"))));
}

function show(sample) {
  setStatus(sample.isReady ? "live" : "waiting", sample.isReady ? "Live" : "Models are loading");
  showSample(sample);
  showChoices(sample);
  showModels(sample);
  showLoad(sample);
}

function lock(status) {
  setStatus("locked", "Token needed");
  setAccess(false, true);
  setLoad(false);
  find("#unlock").hidden = false;
  find("#unlock-error").textContent = token.get() ? `The server does not accept this token (${status}).` : "";
  token.set("");
}

// Nothing is sampled for a hidden page: the feed is closed with it.
async function follow() {
  for (const own = ++generation; own === generation && !document.hidden;) {
    connection = new AbortController();
    try {
      const status = await listen({ server: showServer, sample: show, log: addLines }, connection.signal);
      if (status === 401 || status === 403) return lock(status);
      setStatus("lost", "The server ended the connection");
    } catch (error) {
      if (error.name === "AbortError") return;
      setStatus("lost", "Not connected");
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MILLISECONDS));
  }
}

function unlock(event) {
  event.preventDefault();
  token.set(find("#token").value.trim());
  find("#token").value = "";
  follow();
}

addEventListener("hashchange", showSection);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) connection?.abort();
  else if (find("#unlock").hidden) follow();
});
find("#unlock").addEventListener("submit", unlock);
find("#configuration-filter").addEventListener("input", showConfiguration);
find("#configuration-all").addEventListener("input", showConfiguration);
startTry();
startManage();
startLog();
setAccess(false, true);
showSection();
follow();
