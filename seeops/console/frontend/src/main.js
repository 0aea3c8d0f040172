import htmx from "htmx.org";
import { startClock } from "./lib/clock.js";
import { startKeyboard } from "./lib/keyboard.js";
import { startLive } from "./lib/live.js";
import { startPalette } from "./lib/palette.js";
import { showToast, startToasts } from "./lib/toasts.js";
import { startMarks } from "./lib/marks.js";
import { startMorph } from "./lib/morph.js";
import { loadOnDemand } from "./lib/ondemand.js";
import { startScrollable } from "./lib/scrollable.js";

window.htmx = htmx;
startMorph(htmx);
htmx.config.allowEval = false;
htmx.config.includeIndicatorStyles = false;
htmx.config.historyCacheSize = 0;

document.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["X-CSRFToken"] = document.querySelector('meta[name="csrf-token"]').content;
});
document.addEventListener("htmx:sendError", () => showToast(document.body.dataset.unreachable || "The console does not answer.", "bad"));
document.addEventListener("htmx:responseError", (event) => {
  if (!event.detail.xhr.getResponseHeader("HX-Trigger")) {
    showToast(`${event.detail.xhr.status} ${event.detail.xhr.statusText}`, "bad");
  }
});
// A refused change answers with a toast in its header; htmx would not look at it, since the status is an error.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.status >= 400) event.detail.shouldSwap = false;
});

document.addEventListener("DOMContentLoaded", () => {
  startToasts();
  startLive();
  startClock();
  startKeyboard();
  startPalette();
  startMarks();
  startScrollable();
  loadOnDemand(document);
  document.body.addEventListener("htmx:afterSettle", (event) => loadOnDemand(event.detail.elt));
});
