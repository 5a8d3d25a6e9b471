// The panel of inspections: per lane the last verdict, a button that asks, and one by which a person says "empty".

import { el, setData, setText } from "./dom.js";
import { ageOf, ago, isRecorded, utc } from "./time.js";

// A lane that was clear a minute ago need not be clear now.
const OLD_AFTER_S = 60;
const LOOK_EVERY_MS = 1000;
const WORDS = { "clear": "clear", "not-clear": "not clear", "cannot-tell": "cannot tell" };
const section = document.querySelector("#inspections");
const list = section.querySelector("ul");
const confirmation = document.querySelector("#confirm");
const rows = new Map(); // lane → { item, cameras, answer }

export function isAnswer(alert) {
  return alert.incident === "lane-clear" || alert.incident === "lane-unsafe";
}

export function showInspectedLanes(lanes) {
  section.hidden = lanes.length === 0;
  for (const { zone, camera } of lanes) {
    if (!rows.has(zone)) {
      rows.set(zone, { item: build(zone), cameras: new Set(), answer: null });
      list.append(rows.get(zone).item);
    }
    rows.get(zone).cameras.add(camera);
  }
  rows.forEach(fill);
}

export function showInspections(answers) {
  answers.forEach(take);
}

function take(answer) {
  const row = rows.get(answer.lane);
  if (!row) return;
  row.answer = answer;
  fill(row);
}

function build(lane) {
  const ask = el("button", { type: "button", class: "ask" }, "Inspect");
  const confirm = el("button", { type: "button", class: "confirm" }, "Confirm empty…");
  ask.addEventListener("click", () => inspect(lane, ask));
  confirm.addEventListener("click", () => openConfirmation(lane));
  return el("li", { "data-lane": lane },
    el("span", { class: "lane" }, lane), el("span", { class: "verdict", role: "status" }, "not inspected yet"),
    el("span", { class: "buttons" }, ask, confirm), el("span", { class: "said" }));
}

function fill({ item, answer }) {
  if (!answer) return;
  const [, verdict, , said] = item.children;
  setData(item, "verdict", answer.verdict);
  setData(item, "old", !isRecorded(answer.judged_at) && ageOf(answer.judged_at) > OLD_AFTER_S);
  setText(verdict, WORDS[answer.verdict]);
  const text = `${answer.summary} · ${utc(answer.judged_at)}, ${ago(answer.judged_at)}`;
  if (said.firstChild?.textContent !== text) {
    const link = (href, name) => el("a", { href, target: "_blank", rel: "noopener" }, name);
    said.replaceChildren(text, link(answer.report, "Report"), link(answer.pdf, "PDF"));
  }
}

async function inspect(lane, button) {
  const { item } = rows.get(lane);
  button.disabled = true;
  button.textContent = "Watching…";
  try {
    let response = await fetch(`/api/lanes/${lane}/inspection`, { method: "POST" });
    if (!response.ok) throw new Error((await response.json()).detail);
    let answer = await response.json();
    while (answer.state === "pending") {
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
      response = await fetch(`/api/inspections?lane=${lane}&limit=20`);
      answer = (await response.json()).find((found) => found.inspection_id === answer.inspection_id) ?? answer;
    }
    take(answer);
  } catch (error) {
    setData(item, "verdict", "none");
    setText(item.children[1], "not inspected");
    item.children[3].replaceChildren(`The console gave no answer: ${error.message}`);
  } finally {
    button.disabled = false;
    button.textContent = "Inspect";
  }
}

function openConfirmation(lane) {
  confirmation.dataset.lane = lane;
  confirmation.querySelector("h2").textContent = `Is ${lane} empty?`;
  confirmation.querySelector("p").textContent = `Look at the live picture of each camera that sees it: `
    + `${[...rows.get(lane).cameras].join(", ")}. If nothing lies, stands or walks on the lane, Wayside takes it from `
    + "now on as proof of how the empty lane looks.";
  confirmation.querySelector(".error").textContent = "";
  confirmation.showModal();
}

confirmation.querySelector(".close").addEventListener("click", () => confirmation.close());
confirmation.querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const by = new FormData(event.target).get("by").trim();
  const failed = confirmation.querySelector(".error");
  try {
    const response = await fetch(`/api/lanes/${confirmation.dataset.lane}/confirmation`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ by }),
    });
    if (response.ok) return confirmation.close();
    const { detail } = await response.json();
    failed.textContent = `Not taken: ${typeof detail === "string" ? detail : "give a name"}`;
  } catch {
    failed.textContent = "Not taken: the console does not answer.";
  }
});
