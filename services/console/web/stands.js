// The stands: of each the last stay as a timeline, the aircraft above the vehicles that served it.

import { el, setData } from "./dom.js";
import { clockTime, duration, isRecorded, now, utc } from "./time.js";

// More vehicles than this at one stand would push the next one off the page; the API has them all.
const MOST_ROWS = 12;
const section = document.querySelector("#stands");
const boxes = new Map();

export function showStands(stands) {
  section.hidden = stands.length === 0;
  for (const { camera, zone, latest } of stands) {
    const key = `${camera}/${zone}`;
    if (!boxes.has(key)) {
      boxes.set(key, el("article", { class: "stand", "data-stand": key }));
      section.append(boxes.get(key));
    }
    fill(boxes.get(key), `${camera} · ${zone}`, latest);
  }
}

function fill(box, title, stay) {
  setData(box, "status", stay ? stay.status : "none");
  const begin = stay ? startOf(stay) : 0;
  const end = stay ? endOf(stay) : 0;
  const shown = stay ? `${stay.turnaround_id}.${stay.revision}.${Math.round(end / 1000)}` : "none";
  if (box.dataset.shown === shown) return;
  box.dataset.shown = shown;
  box.replaceChildren(head(title, stay, end));
  if (stay) box.append(times(stay), chart(stay, begin, end));
}

function head(title, stay, end) {
  const lengths = [];
  if (stay && stay.turn_round_s !== null) lengths.push(named("ATTT", "Actual Turn-round Time", stay.turn_round_s));
  if (stay && stay.ground_handling_s !== null) {
    lengths.push(named("AGHT", "Actual Ground Handling Time", stay.ground_handling_s));
  }
  return el("header", {}, el("h3", {}, title), el("span", { class: "state" }, state(stay, end)),
    el("span", { class: "lengths" }, ...lengths));
}

function named(name, title, seconds) {
  return el("span", { "data-length": name }, el("abbr", { title }, name), ` ${duration(seconds)} `);
}

function state(stay, end) {
  if (!stay) return "no aircraft seen yet";
  if (stay.status === "occupied") {
    const known = stay.milestones.some((item) => item.name === "AIBT");
    const length = duration((end - Date.parse(stay.first_seen)) / 1000);
    return known ? `occupied for ${length}` : `occupied for ${length} at least, in-block not seen`;
  }
  return stay.status === "vacated" ? `vacated ${utc(stay.last_seen)}` : `lost from sight ${utc(stay.last_seen)}`;
}

function times(stay) {
  const list = el("dl", { class: "times" });
  for (const { name, title, at } of stay.milestones) {
    list.append(el("div", { "data-milestone": name }, el("dt", {}, el("abbr", { title }, name)), el("dd", {}, utc(at))));
  }
  return list;
}

function chart(stay, begin, end) {
  const place = (time) => (100 * (time - begin)) / Math.max(end - begin, 1000);
  const node = el("div", { class: "chart", role: "img", "aria-label": inWords(stay) });
  const lines = stay.milestones.map(({ name, title, at }, i) => [place(Date.parse(at)), name, title, i]);
  const marks = el("div", { class: "span marks" }, ...lines.map(([left, name, title, i]) => {
    const label = el("abbr", { title, class: i % 2 ? "second" : null }, name);
    label.style.left = `${left}%`;
    return label;
  }));
  if (lines.length) node.append(el("span", {}), marks, el("span", {}));

  function row(label, kind, from, to, known) {
    const bar = el("div", { class: `bar ${kind}`, "data-begin": known.begin, "data-end": known.end });
    bar.style.left = `${place(from)}%`;
    bar.style.width = `${place(to) - place(from)}%`;
    bar.title = `${clockTime(from)} to ${known.end === "open" ? "now" : clockTime(to)}`;
    const ticks = lines.map(([left]) => {
      const tick = el("div", { class: "mark" });
      tick.style.left = `${left}%`;
      return tick;
    });
    const least = known.begin === "unknown" || known.end === "unknown" ? "over " : "";
    node.append(el("span", { class: "name" }, label), el("div", { class: "span" }, bar, ...ticks),
      el("span", { class: "length" }, `${least}${duration((to - from) / 1000)}`));
  }

  const aibt = stay.milestones.some((item) => item.name === "AIBT");
  row(stay.label, "aircraft", Date.parse(stay.first_seen), stay.last_seen ? Date.parse(stay.last_seen) : end, {
    begin: aibt ? "seen" : "unknown",
    end: stay.status === "occupied" ? "open" : stay.status === "vacated" ? "seen" : "unknown",
  });
  for (const visit of stay.vehicles.slice(-MOST_ROWS)) {
    row(visit.label, "vehicle", Date.parse(visit.first_seen), visit.left ? Date.parse(visit.left) : end, {
      begin: visit.arrived ? "seen" : "unknown",
      end: visit.left ? "seen" : "open",
    });
  }
  const hidden = stay.vehicle_count - Math.min(stay.vehicles.length, MOST_ROWS);
  if (hidden > 0) node.append(el("span", { class: "name" }, `${hidden} more`));
  return node;
}

function inWords(stay) {
  const moments = stay.milestones.map(({ title, at }) => `${title} ${utc(at)}`);
  return [`${stay.label} at the stand`, ...moments, `${stay.vehicle_count} service vehicles`].join(", ");
}

function startOf(stay) {
  return Math.min(...[stay, ...stay.vehicles].map((item) => Date.parse(item.first_seen)));
}

// While the stay lasts the end is now; in a recording, whose clock is another, the last that is known. A vehicle that
// stays when the aircraft has gone does not stretch the picture.
function endOf(stay) {
  if (stay.status === "occupied" && !isRecorded(stay.changed_at)) return Math.max(now(), Date.parse(stay.changed_at));
  const lasts = stay.status === "occupied" || stay.vehicles.some((visit) => !visit.left);
  const ends = [stay.last_seen, lasts ? stay.changed_at : null, ...stay.vehicles.map((visit) => visit.left)];
  return Math.max(...ends.filter(Boolean).map((at) => Date.parse(at)));
}
