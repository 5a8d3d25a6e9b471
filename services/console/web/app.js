// Wires the page: lists are loaded, then kept current by the event stream.

import { openAlerts, pushAlert, showAlerts, tickAlerts } from "./alerts.js";
import { isAnswer, showInspections, showInspectedLanes } from "./inspections.js";
import { showLanes } from "./lanes.js";
import { setProblem, showServices } from "./services.js";
import { showStands } from "./stands.js";
import { connect } from "./stream.js";
import { clockTime, now, setServerTime } from "./time.js";
import { disconnected, markAlerts, showCameras, showTracks, tick } from "./wall.js";

// The stream brings changes at once; this repairs what a restart of Redis or of a service made it miss.
const RELOAD_EVERY_MS = 20000;
const RETRY_MS = 3000;
const PAGE = 50;

const count = document.querySelector("#count");
const older = document.querySelector("#older");
let site = "";
let loaded = false;
let nextPage = null;
let again = 0;

async function get(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response;
}

async function load() {
  const asked = performance.now();
  clearTimeout(again);
  again = setTimeout(load, RELOAD_EVERY_MS);
  try {
    showCameras(await (await get("/api/cameras")).json());
    const lanes = await (await get("/api/lanes")).json();
    showLanes(lanes);
    showStands(await (await get("/api/stands")).json());
    showInspectedLanes(lanes);
    await loadInspections();
    const open = await (await get("/api/alerts?status=open&status=acknowledged&limit=500")).json();
    const recent = await get(`/api/alerts?limit=${PAGE}`);
    showAlerts(open, { wholeSince: asked, news: loaded });
    showAlerts(await recent.json());
    if (!loaded) setNextPage(recent);
    loaded = true;
  } catch {
    // The stream's state of Redis and of the connection says why; the next round tries again.
    clearTimeout(again);
    again = setTimeout(load, RETRY_MS);
  }
  changed();
}

async function loadInspections() {
  showInspections(await (await get("/api/inspections?last=true&limit=500")).json());
}

function setNextPage(response) {
  nextPage = /<([^>]+)>; rel="next"/.exec(response.headers.get("Link") ?? "")?.[1] ?? null;
  older.hidden = nextPage === null;
}

older.addEventListener("click", async () => {
  older.disabled = true;
  try {
    const response = await get(nextPage);
    showAlerts(await response.json());
    setNextPage(response);
  } finally {
    older.disabled = false;
  }
});

function changed() {
  const open = openAlerts();
  const waiting = open.filter((alert) => alert.status === "open"); // for somebody to look
  const worst = ["critical", "warning", "info"].find((severity) => waiting.some((alert) => alert.severity === severity));
  const seen = open.length === waiting.length ? "" : `, ${open.length - waiting.length} acknowledged`;
  count.dataset.worst = worst ?? "none";
  const text = open.length === 0 ? "No open alerts" : `${open.length} open alert${open.length === 1 ? "" : "s"}${seen}`;
  if (loaded && count.textContent !== text) count.textContent = text;
  document.title = `${waiting.length ? `(${waiting.length}) ` : ""}Wayside${site ? ` · ${site}` : ""}`;
  markAlerts(open);
}

// The stream brings it too, unless it is interrupted.
document.addEventListener("judged", ({ detail: alert }) => {
  pushAlert(alert);
  changed();
});

connect({
  onConnected() {
    setProblem("connection", null);
    load();
  },
  onLost() {
    setProblem("connection", "Connection to the console lost: nothing on this page is current. Trying again.");
    disconnected();
  },
  onEvent: {
    tracks: showTracks,
    alert(alert) {
      pushAlert(alert);
      changed();
      if (isAnswer(alert)) loadInspections().catch(() => {}); // else the next round has it
    },
    services(status) {
      setServerTime(status.now);
      site = status.site;
      document.querySelector("#site").textContent = site;
      showServices(status);
      changed();
    },
    reload: load,
  },
});

const clock = document.querySelector("#utc time");
setInterval(() => {
  clock.textContent = clockTime(now());
  tick();
  tickAlerts();
}, 500);
