// The API's reference, drawn from /openapi.json.

import { ROOT } from "./api.js";
import { element, find } from "./dom.js";

let description = null;

const resolve = (schema) => schema && schema.$ref ? schema.$ref.split("/").slice(1).reduce((at, name) => at[name], description) : schema;

// A schema as one looks at it: an example's outline, with types in place of values.
function outline(schema, depth = 0) {
  schema = resolve(schema) || {};
  if (schema.enum) return schema.enum.join(" | ");
  if ("const" in schema) return schema.const;
  const choices = (schema.anyOf || schema.oneOf || []).filter((each) => each.type !== "null");
  if (choices.length) return choices.length > 1 && depth > 2 ? "…" : outline(choices[0], depth);
  if (schema.properties && depth < 6) return Object.fromEntries(Object.entries(schema.properties).map(([name, each]) => [name, outline(each, depth + 1)]));
  if (schema.type === "array") return [outline(schema.items, depth + 1)];
  if (schema.additionalProperties && schema.additionalProperties.type) return { "…": outline(schema.additionalProperties, depth + 1) };
  return [].concat(schema.type || "anything").filter((each) => each !== "null").join(" or ");
}

function contents(title, content) {
  return Object.entries(content || {}).slice(0, 1).flatMap(([type, { schema }]) => [
    element("h4", {}, `${title}, ${Object.keys(content).length > 1 ? "any type" : type}`),
    Object.keys(schema).length ? element("pre", { tabindex: "0" }, JSON.stringify(outline(schema), null, 2)) : null,
  ]);
}

function parameterRow({ name, in: place, description: about, required }) {
  return element("tr", {}, element("td", {}, name), element("td", {}, required ? `${place}, required` : place), element("td", {}, about || ""));
}

function command(path, method, operation) {
  const token = operation.security ? " -H 'authorization: Bearer TOKEN'" : "";
  const body = operation.requestBody ? " --json '…'" : "";
  return `curl -X ${method.toUpperCase()} '${ROOT.href.replace(/\/$/, "")}${path}'${token}${body}`;
}

function operationCard(path, method, operation) {
  const answers = Object.entries(operation.responses).filter(([status]) => status !== "default");
  return element("details.card", { "data-operation": `${method} ${path}` },
    element("summary", {}, element("strong", {}, `${method.toUpperCase()} ${path}`), " ", operation.summary,
      operation.security ? element("span.tag", {}, "token") : null),
    operation.parameters.length ? element("table", {}, element("tbody", {}, operation.parameters.map(parameterRow))) : null,
    operation.requestBody ? contents("Body", operation.requestBody.content) : null,
    answers.flatMap(([status, response]) => contents(`Answer ${status}`, response.content)),
    element("pre", { tabindex: "0" }, command(path, method, operation)));
}

function show() {
  const filter = find("#filter").value.toLowerCase(), groups = new Map();
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      if (!`${method} ${path} ${operation.summary}`.toLowerCase().includes(filter)) continue;
      const tag = operation.tags[0];
      groups.set(tag, [...(groups.get(tag) || []), operationCard(path, method, operation)]);
    }
  }
  find("#operations").replaceChildren(...[...groups].flatMap(([tag, cards]) => [element("h2", {}, tag[0].toUpperCase() + tag.slice(1)), ...cards]));
}

async function start() {
  description = await (await fetch(new URL("openapi.json", ROOT))).json();
  find("#version").textContent = description.info.version;
  find("#about").textContent = description.info.description;
  find("#filter").addEventListener("input", show);
  show();
}

start().catch((error) => { find("#about").textContent = `The description was not loaded: ${error.message}`; });
