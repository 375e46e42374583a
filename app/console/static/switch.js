// A switch to another version: its smoke request first, then the default, then maybe the end of the old one.

import { manage, path, sample } from "./api.js";
import { element } from "./dom.js";

const isText = (type) => /^(text\/|application\/json)/.test(type);

export function switchForm(model, report) {
  const others = model.versions.map((each) => each.version).filter((version) => version !== model.default);
  const to = element("select", { name: "to" }, others.map((version) => element("option", { value: version }, version)));
  const smoke = element("textarea", { rows: 2, name: "smoke", placeholder: "no smoke request", spellcheck: "false" });
  const ends = element("input", { type: "checkbox", name: "ends" });
  let given = null;

  async function fill() {
    given = await sample(model.name, to.value);
    smoke.disabled = Boolean(given) && !isText(given.type);
    smoke.value = given && isText(given.type) ? await given.text() : "";
    smoke.placeholder = smoke.disabled ? `the warm-up request, ${given.type}` : "no smoke request";
  }

  function smokeBody() {
    if (smoke.disabled) return given;
    const text = smoke.value.trim();
    return text ? new Blob([text], { type: given ? given.type : /^[[{]/.test(text) ? "application/json" : "text/plain" }) : null;
  }

  async function run(event) {
    event.preventDefault();
    const body = smokeBody(), version = to.value, old = model.default, title = `${model.name} ${version}`;
    const steps = [
      body && [`Smoke request to ${title}`, "POST", path("predictions", model.name, version), body, { "content-type": body.type }],
      [`Making ${title} the default`, "PUT", path("models", model.name, version, "set-default")],
      ends.checked && [`Unregistering ${model.name} ${old}`, "DELETE", path("models", model.name, old)],
    ].filter(Boolean);
    const done = [];
    for (const [about, ...call] of steps) {
      report(null, [...done, `${about} …`]);
      const { ok, status, text } = await manage(...call);
      if (!ok) return report(false, [...done, `${about} failed (${status}): ${text}`, done.length > 1 || (done.length && !body) ? "" : "Nothing has changed."].filter(Boolean));
      done.push(about.startsWith("Smoke") ? `${about}: answered, ${text.length} characters` : text);
    }
    report(true, done);
  }

  to.addEventListener("change", fill);
  fill();
  return element("form.row", { onsubmit: run, "aria-label": `Switch of ${model.name}` },
    element("strong", {}, "Switch", element("small", {}, " the new version answers the smoke request, or nothing changes")),
    element("label", {}, "To version", to), element("label.wide", {}, "Smoke request", smoke),
    element("label.check", {}, ends, " Unregister the old one"), element("button.quiet", {}, "Switch"));
}
