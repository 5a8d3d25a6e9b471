// The larger picture of an alert, with everything that is known of it.

import { el, picture } from "./dom.js";
import { ago, duration, isRecorded, ageOf, utc } from "./time.js";
import { showVerdict } from "./verdict.js";

const dialog = document.querySelector("#details");
let shown = null;

dialog.querySelector(".close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // beside it
dialog.addEventListener("close", () => (shown = null));

export function openDetails(alert) {
  fill(alert, true);
  dialog.showModal();
}

// The alert that is looked at may change meanwhile.
export function refreshDetails(alert) {
  if (shown?.alert_id === alert.alert_id) fill(alert, shown.picture !== alert.picture);
}

function fill(alert, withPicture) {
  showVerdict(alert, shown?.alert_id !== alert.alert_id);
  shown = alert;
  dialog.dataset.severity = alert.severity;
  dialog.querySelector("h2").textContent = `${alert.title} · ${alert.camera}`;
  const text = `${alert.label} in zone ${alert.zone} of camera ${alert.camera}, ${utc(alert.detected_at)}`;
  if (withPicture) dialog.querySelector(".picture").replaceChildren(picture(alert.picture, text));
  const goesOn = alert.status === "dismissed" ? "not ended" : "still open";
  const lasted = alert.duration_s !== null ? duration(alert.duration_s)
    : isRecorded(alert.started_at) ? goesOn : `${duration(ageOf(alert.started_at))}, ${goesOn}`;
  const facts = [
    ["Status", alert.status], ["Severity", alert.severity], ["Zone", alert.zone],
    ["Object", `${alert.label}, score ${Math.round(alert.score * 100)}%`],
    ...(alert.detail ? [["Detail", alert.detail]] : []),
    ["Tracks", alert.track_ids.join(", ") || "none"],
    ["Began", `${utc(alert.started_at)}, ${ago(alert.started_at)}`],
    ["Detected", `${utc(alert.detected_at)}, ${ago(alert.detected_at)}`],
    ["Ended", alert.ended_at ? utc(alert.ended_at) : "not yet"], ["Duration", lasted],
    ["Model", alert.model], ["Alert", alert.alert_id],
  ];
  dialog.querySelector("dl").replaceChildren(
    ...facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}
