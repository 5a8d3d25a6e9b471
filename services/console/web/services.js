// The state line: one chip per service, and a banner for what makes the page untrue.

import { el, setData, setText } from "./dom.js";
import { ago } from "./time.js";

const list = document.querySelector("#services ul");
const banner = document.querySelector("#problems");
const chips = new Map();
const problems = new Map();

export function showServices(status) {
  setProblem("redis", status.redis ? null : "Redis does not answer: alerts and service states are not current.");
  setProblem("bus", status.bus ? null : "The message bus does not answer: no new pictures or alerts arrive.");
  if (!status.redis) {
    for (const chip of chips.values()) fill(chip, { state: "unknown", detail: "Redis does not answer", instances: 0 });
    return;
  }
  for (const service of status.services) {
    if (!chips.has(service.service)) addChip(service.service);
    fill(chips.get(service.service), service);
  }
}

function addChip(name) {
  const chip = el(
    "li", { "data-service": name },
    el("span", { class: "name" }, name), el("span", { class: "state" }), el("span", { class: "detail" }),
  );
  chips.set(name, chip);
  list.append(chip);
}

function fill(chip, service) {
  const [, state, detail] = chip.children;
  const several = service.instances > 1 ? ` ×${service.instances}` : "";
  const since = service.state === "down" && service.heard_at ? `, last heard ${ago(service.heard_at)}` : "";
  setData(chip, "state", service.state);
  setText(state, service.state + several);
  setText(detail, service.detail + since);
  chip.title = service.detail + since;
}

export function setProblem(name, text) {
  if (text) problems.set(name, text);
  else problems.delete(name);
  const lines = [...problems.values()];
  if (banner.dataset.lines === lines.join("\n")) return;
  banner.dataset.lines = lines.join("\n");
  banner.replaceChildren(...lines.map((line) => el("p", {}, line)));
  banner.hidden = lines.length === 0;
}
