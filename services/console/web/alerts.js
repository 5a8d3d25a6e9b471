// The alert lists: open ones first, of these what nobody has acknowledged, then earlier ones, each newest first.

import { openDetails, refreshDetails } from "./dialog.js";
import { el, picture, setData, setText } from "./dom.js";
import { ageOf, ago, duration, isRecorded, utc } from "./time.js";

const PAST_MAX = 1000;
const alerts = new Map();
const items = new Map();
const pushedAt = new Map();
const unseen = new Set(); // came while the page was open and nobody has looked yet
const openList = document.querySelector("#open ol");
const pastList = document.querySelector("#past ol");
const announcer = document.querySelector("#announce");

// Acknowledged ones are open too: somebody has seen them, and they last.
function isOpen(alert) {
  return alert.status === "open" || alert.status === "acknowledged";
}

export function openAlerts() {
  return [...alerts.values()].filter(isOpen);
}

// A list from the server. The whole list of open alerts also says which there are no more, apart from those
// that the stream has brought since it was asked for. `news`: an open one that is unknown is news.
export function showAlerts(found, { wholeSince = null, news = false } = {}) {
  if (wholeSince !== null) {
    const ids = new Set(found.map((alert) => alert.alert_id));
    for (const { alert_id: id } of openAlerts()) {
      if (!ids.has(id) && !(pushedAt.get(id) >= wholeSince)) remove(id);
    }
  }
  for (const alert of found) take(alert, news);
  arrange();
}

export function pushAlert(alert) {
  pushedAt.set(alert.alert_id, performance.now());
  take(alert, true);
  arrange();
  // A page stays open for weeks: let go of the oldest.
  for (const item of [...pastList.children].slice(PAST_MAX)) remove(item.dataset.alert);
}

// Messages may come twice or out of order; the revision says which is newer.
function take(alert, news) {
  const known = alerts.get(alert.alert_id);
  if (news && !known && alert.status === "open") {
    unseen.add(alert.alert_id);
    announcer.textContent = `New ${alert.severity} alert: ${alert.title}, camera ${alert.camera}, zone ${alert.zone}`;
  }
  if (known && known.revision > alert.revision) return;
  if (known && JSON.stringify(known) === JSON.stringify(alert)) return;
  alerts.set(alert.alert_id, alert);
  if (alert.status !== "open") unseen.delete(alert.alert_id);
  refreshDetails(alert);
  const old = items.get(alert.alert_id);
  if (old) fill(old, alert);
  else items.set(alert.alert_id, build(alert));
}

function remove(id) {
  alerts.delete(id);
  items.get(id)?.remove();
  items.delete(id);
  unseen.delete(id);
  pushedAt.delete(id);
}

function build(alert) {
  const button = el("button", { type: "button" },
    el("span", { class: "thumb" }),
    el("span", { class: "text" },
      el("span", { class: "title" }), el("span", { class: "where" }), el("span", { class: "what" }),
      el("span", { class: "lasted" }), el("span", { class: "judged" }), el("span", { class: "when" })));
  const item = el("li", { "data-alert": alert.alert_id }, button);
  button.addEventListener("click", () => {
    unseen.delete(alert.alert_id);
    arrange();
    openDetails(alerts.get(alert.alert_id));
  });
  fill(item, alert);
  return item;
}

function fill(item, alert) {
  const [thumb, text] = item.firstElementChild.children;
  setData(item, "severity", alert.severity);
  setData(item, "status", alert.status);
  if (item.dataset.picture !== String(alert.picture)) {
    setData(item, "picture", alert.picture);
    thumb.replaceChildren(picture(alert.picture, ""));
    zoom(thumb, alert.box);
  }
  setText(text.children[0], alert.title);
  setText(text.children[1], `${alert.camera} · ${alert.zone}`);
  text.children[2].replaceChildren(el("span", { class: "severity" }, alert.severity),
    ` · ${alert.label} ${Math.round(alert.score * 100)}%`);
  const last = alert.verdicts.at(-1);
  setText(item.querySelector(".judged"), last ? `${last.verdict} by ${last.by}` : "");
  age(item, alert);
}

// A thumbnail is too small for a whole road: bring the object closer, and keep some of its surroundings.
function zoom(thumb, [x1, y1, x2, y2]) {
  const scale = Math.min(3, Math.max(1, 0.4 / Math.max(x2 - x1, y2 - y1)));
  thumb.style.setProperty("--zoom", scale);
  thumb.style.setProperty("--centre", `${(x1 + x2) * 50}% ${(y1 + y2) * 50}%`);
}

function age(item, alert) {
  const past = alert.status === "dismissed" ? "" : "closed"; // that it was dismissed, the line below says
  const lasted = isOpen(alert)
    ? isRecorded(alert.started_at) ? "open" : `open for ${duration(ageOf(alert.started_at))}`
    : [past, alert.duration_s === null ? "" : `lasted ${duration(alert.duration_s)}`].filter(Boolean).join(", ");
  setText(item.querySelector(".lasted"), lasted);
  setText(item.querySelector(".when"), `detected ${utc(alert.detected_at)}, ${ago(alert.detected_at)}`);
}

export function tickAlerts() {
  for (const [id, item] of items) age(item, alerts.get(id));
}

function arrange() {
  const newestFirst = [...alerts.values()].sort((a, b) =>
    b.detected_at.localeCompare(a.detected_at) || b.alert_id.localeCompare(a.alert_id));
  const withStatus = (status) => newestFirst.filter((alert) => alert.status === status);
  place(openList, [...withStatus("open"), ...withStatus("acknowledged")]);
  place(pastList, newestFirst.filter((alert) => !isOpen(alert)));
  for (const [id, item] of items) item.classList.toggle("new", unseen.has(id));
}

// Moves only what is out of place, and gives the focus back to an item that had to move.
function place(list, wanted) {
  const focused = document.activeElement;
  wanted.forEach((alert, i) => {
    const item = items.get(alert.alert_id);
    if (list.children[i] !== item) list.insertBefore(item, list.children[i] ?? null);
  });
  if (focused !== document.activeElement && list.contains(focused)) focused.focus({ preventScroll: true });
  list.nextElementSibling.hidden = wanted.length > 0;
}
