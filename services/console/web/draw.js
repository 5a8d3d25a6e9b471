// Draws one analysed frame: the picture, its zones and its boxes, all of the same instant.

import { drawHeat } from "./heat.js";

const ZONE_COLOURS = {
  lane: "#5fb4e8", shoulder: "#93a4b3", runway: "#b79cf2", taxiway: "#8f9cf0", stand: "#4fc7ae", crossing: "#e3d06a",
  restricted: "#f0a35e",
};
const ALERT_COLOURS = { critical: "#ff4d4d", warning: "#f2b73c", info: "#8db7dc" };
const ALERT_PAPER = { critical: "#b3161b", warning: "#6b4a00", info: "#24435e" };
// Below this width (CSS pixels) names of zones would cover the picture.
const ZONE_NAMES_FROM = 400;
const BOX = "#eaf2f8";

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
  // Objects of an alert last, so that no other label covers theirs.
  const objects = [...frame.objects].sort((a, b) => hot.tracks.has(a.track_id) - hot.tracks.has(b.track_id));
  for (const object of objects) drawObject(ctx, object, hot.tracks.get(object.track_id), unit, scale);
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
  label(ctx, zone.id, x * width, y * height, { ink: colour, size: 11, unit, scale, weight: 500 });
}

function drawObject(ctx, object, severity, unit, scale) {
  const { width, height } = ctx.canvas;
  const [x1, y1, x2, y2] = [object.box[0] * width, object.box[1] * height, object.box[2] * width, object.box[3] * height];
  const stroke = (colour, line) => {
    ctx.strokeStyle = colour;
    ctx.lineWidth = line;
    ctx.strokeRect(x1, y1, x2 - x1, y2 - y1);
  };
  stroke("rgba(0, 0, 0, 0.6)", (severity ? 5 : 3.5) * unit); // a dark rim: visible on snow and at night alike
  stroke(severity ? ALERT_COLOURS[severity] : BOX, (severity ? 3 : 1.6) * unit);
  const speed = object.speed_kmh === null || object.speed_kmh === undefined ? "" : ` ${Math.round(object.speed_kmh)} km/h`;
  const style = severity ? { ink: "#fff", paper: ALERT_PAPER[severity] } : { ink: BOX };
  label(ctx, `${object.label} ${object.track_id}${speed}`, x1, y1, { ...style, size: 12.5, unit, scale, weight: 600 });
}

function label(ctx, text, x, y, { ink, paper = "rgba(6, 10, 14, 0.78)", size, unit, scale, weight }) {
  const px = Math.max(size * unit, 11 * scale);
  ctx.font = `${weight} ${px}px system-ui, sans-serif`;
  ctx.textBaseline = "bottom";
  const pad = px * 0.3;
  const boxWidth = ctx.measureText(text).width + 2 * pad;
  const boxHeight = px * 1.3;
  const left = Math.min(Math.max(0, x), ctx.canvas.width - boxWidth);
  const bottom = Math.min(Math.max(boxHeight, y), ctx.canvas.height);
  ctx.fillStyle = paper;
  ctx.fillRect(left, bottom - boxHeight, boxWidth, boxHeight);
  ctx.fillStyle = ink;
  ctx.fillText(text, left + pad, bottom - px * 0.1);
}
