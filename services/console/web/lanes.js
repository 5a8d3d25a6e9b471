// The table of lanes: what passed each in its last interval, and the flow of the last hour as a small line.

import { el, setData, setText } from "./dom.js";
import { ago, ageOf, isRecorded, utc } from "./time.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 100;
const HEIGHT = 24;
// A lane that says nothing for three intervals (and the time that a message travels) is not watched any more.
const OLD_AFTER = 3;
const section = document.querySelector("#lanes");
const body = section.querySelector("tbody");
const rows = new Map();

export function showLanes(lanes) {
  section.hidden = lanes.length === 0;
  for (const lane of lanes) {
    const key = `${lane.camera}/${lane.zone}`;
    if (!rows.has(key)) {
      rows.set(key, build(lane));
      body.append(rows.get(key));
    }
    fill(rows.get(key), lane);
  }
}

function build(lane) {
  const cells = ["count", "flow", "speed", "occupancy", "flows"].map((name) => el("td", { class: name }, "–"));
  return el("tr", { "data-lane": `${lane.camera}/${lane.zone}` },
    el("th", { scope: "row" }, `${lane.camera} · ${lane.zone}`), ...cells);
}

function fill(row, { latest, flows }) {
  const [, count, flow, speed, occupancy, line] = row.children;
  setData(row, "old", isOld(latest));
  if (!latest) return;
  const covered = latest.observed_s < 0.9 * seconds(latest) ? ` in ${Math.round(latest.observed_s)} s` : "";
  setText(count, `${latest.count}${covered}`);
  count.title = latest.classes.map((item) => `${item.label} ${item.count}`).join(", ");
  setText(flow, whole(latest.flow_per_h));
  setText(speed, latest.mean_speed_kmh === null ? "–" : `${whole(latest.mean_speed_kmh)} km/h`);
  speed.title = latest.p85_speed_kmh === null ? "" : `85 in 100 up to ${whole(latest.p85_speed_kmh)} km/h`;
  setText(occupancy, latest.occupancy === null ? "–" : `${(100 * latest.occupancy).toFixed(1)} %`);
  row.title = `${utc(latest.start)} to ${utc(latest.end)}`;
  const shown = isOld(latest) ? `last ${ago(latest.end)}` : latest.end;
  if (line.dataset.shown !== shown) {
    line.dataset.shown = shown;
    line.replaceChildren(isOld(latest) ? shown : sparkline(flows));
  }
}

function isOld(latest) {
  return latest !== null && !isRecorded(latest.end) && ageOf(latest.end) > OLD_AFTER * seconds(latest);
}

function seconds(interval) {
  return (Date.parse(interval.end) - Date.parse(interval.start)) / 1000;
}

function whole(number) {
  return number === null ? "–" : String(Math.round(number));
}

// From 0 at the bottom to the highest of the shown values; where nothing is known the line has a gap.
function sparkline(flows) {
  const most = Math.max(1, ...flows.map((flow) => flow ?? 0));
  const x = (i) => (i / Math.max(1, flows.length - 1)) * (WIDTH - 4) + 2;
  const y = (flow) => HEIGHT - 3 - (flow / most) * (HEIGHT - 6);
  let path = "";
  flows.forEach((flow, i) => {
    if (flow !== null) path += `${i && flows[i - 1] !== null ? "L" : "M"}${x(i).toFixed(1)} ${y(flow).toFixed(1)}`;
  });
  const last = flows.at(-1);
  const picture = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, role: "img" });
  picture.setAttribute("aria-label", `flow up to ${Math.round(most)} vehicles per hour`);
  picture.append(shape("path", { d: path }));
  if (last !== null && last !== undefined) picture.append(shape("circle", { cx: x(flows.length - 1), cy: y(last), r: 2 }));
  return picture;
}

function shape(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}
