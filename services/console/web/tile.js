// One camera: fetches the picture of the newest result and draws both together.

import { draw, headBoxes } from "./draw.js";
import { heatIsOn, heatOf, offerHeat, visibilityLabel, visibilityText } from "./heat.js";
import { el, setData, setText } from "./dom.js";
import { clockTime, duration, isRecorded, ago, utc } from "./time.js";

// At most five pictures a second and camera; one request at a time, so a slow line gets fewer of them.
const FRAME_EVERY_MS = 180;
const SEVERITIES = ["info", "warning", "critical"];

export class Tile {
  constructor(camera) {
    this.camera = camera;
    this.frame = null; // newest result
    this.drawn = null; // result that the canvas shows
    this.bitmap = null;
    this.heardAt = null; // when the newest result came, ms of this page's clock
    this.drawnAt = null;
    this.lastFetch = 0;
    this.busy = false;
    this.timer = 0;
    this.visibleSince = null;
    this.hot = { zones: new Map(), tracks: new Map() };
    this.build();
    this.watch();
  }

  build() {
    this.canvas = el("canvas", { role: "img" });
    this.veil = el("div", { class: "veil", hidden: true }, el("strong"), el("span"));
    this.state = el("span", { class: "state" });
    this.alerts = el("span", { class: "open", hidden: true });
    this.facts = el("p", { class: "facts" }, el("span", { class: "rate" }), el("span", { class: "latency" }),
      el("span", { class: "visibility", title: "visibility, as the detector's head judges it" }),
      el("time", { class: "at" }));
    this.root = el("article", { class: "tile", "data-camera": this.camera.id, "aria-label": `Camera ${this.camera.id}` },
      el("header", {}, el("h3", {}, this.camera.id), this.alerts, this.state),
      el("div", { class: "picture" }, this.canvas, this.veil), this.facts);
  }

  watch() {
    this.inView = false;
    const changed = () => {
      const visible = this.inView && document.visibilityState === "visible";
      if (visible === (this.visibleSince !== null)) return;
      this.visibleSince = visible ? performance.now() : null;
      if (visible) this.want();
    };
    new IntersectionObserver((entries) => {
      this.inView = entries[entries.length - 1].isIntersecting;
      changed();
    }).observe(this.root);
    document.addEventListener("visibilitychange", changed);
    new ResizeObserver(() => this.paint()).observe(this.canvas);
  }

  update(camera) {
    this.camera = camera;
    this.paint();
    this.tick();
  }

  onFrame(frame) {
    this.frame = frame;
    offerHeat(frame);
    this.heardAt = performance.now() - frame.quiet_s * 1000;
    this.want();
    this.tick();
  }

  mark(openAlerts) {
    const gravest = [...openAlerts].sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));
    this.hot.zones = new Map(gravest.map((alert) => [alert.zone, alert.severity]));
    this.hot.tracks = new Map(gravest.flatMap((alert) => alert.track_ids.map((id) => [id, alert.severity])));
    this.alerts.hidden = openAlerts.length === 0;
    setText(this.alerts, openAlerts.length === 1 ? "1 open alert" : `${openAlerts.length} open alerts`);
    setData(this.root, "worst", gravest.at(-1)?.severity ?? "none");
    this.paint();
  }

  lose() {
    if (this.frame) this.heardAt = -Infinity;
    this.tick();
  }

  // Fetch the newest frame when it is due, visible and not the one that is shown.
  want() {
    if (this.busy || this.timer || this.visibleSince === null || !this.frame || this.frame === this.drawn) return;
    const wait = this.lastFetch + FRAME_EVERY_MS - performance.now();
    if (wait > 0) {
      this.timer = setTimeout(() => {
        this.timer = 0;
        this.want();
      }, wait);
    } else {
      this.fetch(this.frame);
    }
  }

  async fetch(frame) {
    this.busy = true;
    this.lastFetch = performance.now();
    const { partition, offset } = frame.frame;
    try {
      const id = encodeURIComponent(this.camera.id);
      const response = await fetch(`/api/cameras/${id}/frame.jpg?partition=${partition}&offset=${offset}`);
      if (response.ok) {
        const bitmap = await createImageBitmap(await response.blob());
        this.bitmap?.close();
        this.bitmap = bitmap;
        this.drawn = frame;
        this.drawnAt = performance.now();
        this.paint();
      }
    } catch {
      // Gone for now, or no picture: the tile's state says so when it lasts, and the next result tries again.
    }
    this.busy = false;
    if (this.frame !== frame) this.want();
  }

  paint() {
    if (!this.bitmap) return;
    const heat = heatIsOn() ? heatOf(this.drawn) : undefined;
    draw(this.canvas, this.bitmap, this.drawn, this.camera.zones, this.hot, heat);
    setData(this.canvas, "heat", Boolean(heat));
    setData(this.canvas, "headBoxes", headBoxes(this.drawn).length);
    setData(this.canvas, "offset", this.drawn.frame.offset);
    setData(this.canvas, "capturedAt", this.drawn.captured_at);
    setData(this.canvas, "boxes", this.drawn.objects.length);
    const seen = [...this.drawn.objects, ...headBoxes(this.drawn)];
    this.canvas.setAttribute("aria-label",
      `${this.camera.id}: ${seen.map((object) => object.label).join(", ") || "nothing tracked"}`);
  }

  tick() {
    const limit = this.camera.signal_timeout_s * 1000;
    const at = performance.now();
    const shown = Math.max(this.drawnAt ?? 0, this.visibleSince ?? at);
    let state = "live";
    if (this.heardAt === null) state = "waiting";
    else if (at - this.heardAt > limit) state = "no-signal";
    else if (this.visibleSince !== null && at - shown > limit) state = "no-picture";
    setData(this.root, "state", state);
    setText(this.state, { live: "live", waiting: "waiting", "no-signal": "no signal", "no-picture": "no picture" }[state]);
    this.describe(state);
  }

  describe(state) {
    const last = this.frame?.captured_at;
    const [title, text] = this.veil.children;
    this.veil.hidden = state === "live";
    setText(title, { waiting: "Waiting for the first picture", "no-signal": "No signal", "no-picture": "No picture" }[state] ?? "");
    setText(text, {
      waiting: "It appears as soon as a frame of this camera has been analysed.",
      "no-signal": last ? `Last picture ${utc(last)}, ${ago(last)}` : "",
      "no-picture": "Results arrive, but the pictures cannot be read from the log.",
    }[state] ?? "");
    const [rate, latency, visibility, time] = this.facts.children;
    const live = state === "live" || state === "no-picture";
    setText(rate, `${live && this.frame ? this.frame.rate.toFixed(1) : "0.0"} of ${this.camera.fps} frames/s`);
    setText(latency, !live || !this.frame ? "" : isRecorded(this.frame.captured_at) ? "recorded"
      : `${this.frame.latency_s < 10 ? Math.max(0, this.frame.latency_s).toFixed(1) + " s" : duration(this.frame.latency_s)} behind`);
    this.facts.classList.toggle("slow", live && this.frame?.latency_s > this.camera.signal_timeout_s && !isRecorded(this.frame.captured_at));
    setText(visibility, live ? visibilityText(this.frame) : "");
    setData(visibility, "label", live ? visibilityLabel(this.frame) : "none");
    setText(time, last ? `${clockTime(this.drawn?.captured_at ?? last)} UTC` : "");
  }
}
