// Draws one analysed frame: the picture, its zones and its boxes, all of the same instant.

import { drawHeat } from "./heat.js";
import { placed } from "./labels.js";

const ZONE_COLOURS = {
  lane: "#5fb4e8", shoulder: "#93a4b3", runway: "#b79cf2", taxiway: "#8f9cf0", stand: "#4fc7ae", crossing: "#e3d06a",
  restricted: "#f0a35e",
};
const ALERT_COLOURS = { critical: "#ff4d4d", warning: "#f2b73c", info: "#8db7dc" };
const ALERT_PAPER = { critical: "#b3161b", warning: "#6b4a00", info: "#24435e" };
// Below this width (CSS pixels) names of zones would cover the picture.
const ZONE_NAMES_FROM = 400;
const BOX = "#eaf2f8";
const HEAD_BOX = "#ffb65c";

// hot: { zones, tracks }, each a Map from id to severity, of the camera's open alerts; heat: a grid of probabilities, or
// nothing
export function draw(canvas, bitmap, frame, zones, hot, heat) {
  const scale = window.devicePixelRatio || 1;
  const width = Math.max(1, Math.round(canvas.clientWidth * scale));
  const height = Math.max(1, Math.round((width * bitmap.height) / bitmap.width));
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const ctx = canvas.getContext("2d");
  ctx.drawImage(bitmap, 0, 0, width, height);
  if (heat) drawHeat(ctx, heat);
  const unit = Math.max(1, width / 640); // line widths and text grow with the picture
  const named = canvas.clientWidth >= ZONE_NAMES_FROM;
  for (const zone of zones) drawZone(ctx, zone, hot.zones.get(zone.id), named, unit, scale);
  // Objects of an alert last and named first, then nearer ones first: no other box or name covers theirs.
  const objects = frame.objects.map((object) => sized(object, hot.tracks.get(object.track_id), width, height));
  objects.sort((a, b) => Boolean(a.severity) - Boolean(b.severity) || a.box[3] - b.box[3] || a.id - b.id);
  const found = headBoxes(frame).map((item) => ofHead(item, width, height));
  for (const object of [...found, ...objects]) drawBox(ctx, object, unit);
  nameAll(ctx, [...objects.reverse(), ...found], { unit, scale });
}

// What heads have found: { label, score, box }.
export function headBoxes(frame) {
  return frame.heads.flatMap((head) => head.boxes ?? []);
}

function ofHead({ box: [x1, y1, x2, y2], label, score }, width, height) {
  const box = [x1 * width, y1 * height, x2 * width, y2 * height];
  return { box, text: `${label} ${Math.round(score * 100)}%`, ink: HEAD_BOX };
}

function sized({ box: [x1, y1, x2, y2], label, track_id, speed_kmh }, severity, width, height) {
  const speed = speed_kmh === null || speed_kmh === undefined ? "" : ` ${Math.round(speed_kmh)} km/h`;
  return {
    box: [x1 * width, y1 * height, x2 * width, y2 * height],
    text: `${label} ${track_id}${speed}`,
    id: track_id,
    severity,
  };
}

function drawZone(ctx, zone, severity, named, unit, scale) {
  const { width, height } = ctx.canvas;
  ctx.beginPath();
  zone.polygon.forEach(([x, y], i) => ctx[i ? "lineTo" : "moveTo"](x * width, y * height));
  ctx.closePath();
  const colour = severity ? ALERT_COLOURS[severity] : ZONE_COLOURS[zone.kind];
  ctx.globalAlpha = severity ? 0.24 : 0.1;
  ctx.fillStyle = colour;
  ctx.fill();
  ctx.globalAlpha = severity ? 1 : 0.7;
  ctx.lineWidth = (severity ? 2.5 : 1.2) * unit;
  ctx.strokeStyle = colour;
  ctx.stroke();
  ctx.globalAlpha = 1;
  if (!named && !severity) return;
  const [x, y] = zone.polygon.reduce((low, point) => (point[1] > low[1] ? point : low));
  const style = lettering(ctx, { size: 11, unit, scale, weight: 500 });
  const [left, bottom] = [Math.min(x * width, width - style.width(zone.id)), Math.min(y * height, height)];
  write(ctx, zone.id, left, bottom - style.height, style, { ink: colour });
}

// Dashed where a head says it: it is asked once a second, and the box may be of an earlier frame.
function drawBox(ctx, { box: [x1, y1, x2, y2], severity, ink = BOX }, unit) {
  const stroke = (colour, line) => {
    ctx.strokeStyle = colour;
    ctx.lineWidth = line;
    ctx.strokeRect(x1, y1, x2 - x1, y2 - y1);
  };
  stroke("rgba(0, 0, 0, 0.6)", (severity ? 5 : 3.5) * unit); // a dark rim: visible on snow and at night alike
  if (ink !== BOX) ctx.setLineDash([6 * unit, 3 * unit]);
  stroke(severity ? ALERT_COLOURS[severity] : ink, (severity ? 3 : 1.6) * unit);
  ctx.setLineDash([]);
}

// objects: the most important first.
function nameAll(ctx, objects, { unit, scale }) {
  const style = lettering(ctx, { size: 12.5, unit, scale, weight: 600 });
  const wanted = objects.map(({ box, text, severity }) => ({
    box, width: style.width(text), height: style.height, hot: Boolean(severity),
  }));
  placed(wanted, ctx.canvas.width, ctx.canvas.height).forEach((spot, i) => {
    if (!spot) return;
    const { text, severity, ink = BOX } = objects[i];
    const colours = severity ? { ink: "#fff", paper: ALERT_PAPER[severity] } : { ink };
    write(ctx, text, spot.left, spot.top, style, colours);
  });
}

// The font of names: as large as they grow with the picture, and never smaller than can be read.
function lettering(ctx, { size, unit, scale, weight }) {
  const px = Math.max(size * unit, 11 * scale);
  const font = `${weight} ${px}px system-ui, sans-serif`;
  ctx.font = font;
  const pad = px * 0.3;
  return { font, px, pad, height: px * 1.3, width: (text) => ctx.measureText(text).width + 2 * pad };
}

function write(ctx, text, left, top, style, { ink, paper = "rgba(6, 10, 14, 0.78)" }) {
  ctx.font = style.font;
  ctx.textBaseline = "bottom";
  ctx.fillStyle = paper;
  ctx.fillRect(left, top, style.width(text), style.height);
  ctx.fillStyle = ink;
  ctx.fillText(text, left + style.pad, top + style.height - style.px * 0.1);
}
