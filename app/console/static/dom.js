// Elements, and numbers as text.

export const find = (selector) => document.querySelector(selector);

// An element with attributes and children; strings become text, never markup.
export function element(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const made = document.createElement(name);
  if (classes.length) made.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

export function count(value) {
  if (value >= 10000) return `${(value / 1000).toFixed(1)}k`;
  return value >= 100 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(1);
}

export function milliseconds(value) {
  if (value === null || value === undefined) return "–";
  if (value >= 1000) return `${(value / 1000).toFixed(2)} s`;
  return `${value >= 100 ? Math.round(value) : value.toFixed(value >= 10 ? 1 : 2)} ms`;
}

export function bytes(value) {
  if (value === null || value === undefined) return "–";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let index = 0;
  for (; value >= 1000 && index < units.length - 1; index++) value /= 1000;
  return `${value >= 100 || index === 0 ? Math.round(value) : value.toFixed(1)} ${units[index]}`;
}

// Batches by size: a Map from sizes to numbers.
export function bars(counts) {
  if (!counts.size) return element("p.empty", {}, "No batch yet.");
  const largest = Math.max(...counts.values());
  return element("ol.bars", {}, [...counts.entries()].sort(([a], [b]) => a - b).map(([size, number]) => {
    const bar = element("i");
    bar.style.height = `${Math.round(70 * number / largest)}%`;
    return element("li", { title: `${number} batches of ${size}` }, element("b", {}, count(number)), bar, String(size));
  }));
}

const SVG = "http://www.w3.org/2000/svg";

// A line of the last values, from zero to the largest.
export function sparkline(values, length = 60) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "spark");
  svg.setAttribute("viewBox", `0 0 ${length - 1} 28`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const most = Math.max(...values, 1e-9), first = length - values.length;
  const points = values.map((value, index) => `${first + index} ${(26 - 24 * value / most).toFixed(1)}`);
  if (points.length > 1) {
    for (const [name, shape] of [["area", `M${first} 28L${points.join("L")}L${length - 1} 28Z`], ["line", `M${points.join("L")}`]]) {
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("class", name);
      path.setAttribute("d", shape);
      svg.append(path);
    }
  }
  return svg;
}
