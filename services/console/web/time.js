// Times are event times in UTC. Ages are taken against the server's clock, since a control room's PC may be off.

let offsetMs = 0;
// Beyond a year it is the clock of a recording (a clip without one counts from 1970): an age would say nothing.
const RECORDED_S = 365 * 24 * 3600;

export function setServerTime(iso) {
  offsetMs = Date.parse(iso) - Date.now();
}

export function now() {
  return Date.now() + offsetMs;
}

export function ageOf(iso) {
  return (now() - Date.parse(iso)) / 1000;
}

export function isRecorded(iso) {
  return Math.abs(ageOf(iso)) > RECORDED_S;
}

export function clockTime(iso) {
  return new Date(iso).toISOString().slice(11, 19);
}

// "12:03:04 UTC", with the date when it is another day.
export function utc(iso) {
  const text = new Date(iso).toISOString();
  const today = new Date(now()).toISOString().slice(0, 10);
  return `${text.slice(0, 10) === today ? "" : text.slice(0, 10) + " "}${text.slice(11, 19)} UTC`;
}

export function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 48 * 3600) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} days`;
}

export function ago(iso) {
  return isRecorded(iso) ? "recorded" : `${duration(ageOf(iso))} ago`.replaceAll(" ", "\u00a0");
}
