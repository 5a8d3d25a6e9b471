// What operators say of the alert that is looked at, and the form by which one acknowledges or dismisses it.

import { el, setText } from "./dom.js";
import { isAnswer } from "./inspections.js";
import { utc } from "./time.js";

const form = document.querySelector("#verdict");
const list = form.querySelector("ul");
const failed = form.querySelector(".error");
const buttons = [...form.querySelectorAll("button")];
let shown = null;
let sending = false;

// `fresh`: another alert than before. The name stays, since the same person goes through many.
export function showVerdict(alert, fresh) {
  shown = alert;
  if (fresh) form.elements.comment.value = "";
  if (fresh || alert.verdicts.length > list.children.length) failed.textContent = "";
  const lines = alert.verdicts.map(({ verdict, by, at, comment }) =>
    `${verdict === "dismissed" ? "Dismissed" : "Acknowledged"} by ${by}, ${utc(at)}${comment ? `: ${comment}` : ""}`);
  while (list.children.length > lines.length) list.lastElementChild.remove();
  while (list.children.length < lines.length) list.append(el("li"));
  lines.forEach((line, i) => setText(list.children[i], line));
  update();
}

function update() {
  for (const button of buttons) {
    // Only another inspection changes the answer of one.
    button.hidden = button.value === "dismissed" && isAnswer(shown);
    button.disabled = sending || button.value === shown.verdicts.at(-1)?.verdict;
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const judged = shown;
  const body = { verdict: event.submitter.value, by: form.elements.by.value.trim() };
  const comment = form.elements.comment.value.trim();
  if (comment) body.comment = comment;
  sending = true;
  failed.textContent = "";
  update();
  try {
    const response = await fetch(`/api/alerts/${judged.alert_id}/verdict`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const answer = await response.json();
    if (response.status === 200) {
      document.dispatchEvent(new CustomEvent("judged", { detail: answer }));
      if (shown.alert_id === judged.alert_id) form.closest("dialog").close();
    } else if (response.ok) {
      tell(judged, "Sent, but the alerts service has not taken it yet. It will show here when it has.");
    } else {
      tell(judged, `Not taken: ${typeof answer.detail === "string" ? answer.detail : "give your name"}`);
    }
  } catch {
    tell(judged, "Not taken: the console does not answer.");
  } finally {
    sending = false;
    update();
  }
});

// Another alert may be looked at by now.
function tell(judged, text) {
  failed.textContent = shown.alert_id === judged.alert_id ? text : `${judged.title}, ${judged.camera}: ${text}`;
}
