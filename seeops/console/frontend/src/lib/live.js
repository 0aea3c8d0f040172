// One event stream per page. An event names a topic that changed; parts that show it fetch themselves again
// (hx-trigger="live:release-12 from:body").
const QUIET_MS = 15000;

export function startLive() {
  const url = document.body.dataset.stream;
  if (!url || document.body.classList.contains("bare")) return;
  const topics = (document.body.dataset.live || "").split(/\s+/).filter(Boolean);
  const mark = document.querySelector("[data-stream-state]");
  let last = Date.now();
  const source = new EventSource(`${url}?${topics.map((t) => `topic=${encodeURIComponent(t)}`).join("&")}`);
  const heard = () => { last = Date.now(); if (mark) mark.hidden = true; };
  for (const topic of [...topics, "tick"]) {
    source.addEventListener(topic, () => { heard(); window.htmx.trigger(document.body, `live:${topic}`); });
  }
  source.addEventListener("open", () => {
    // After a gap anything may have changed: let every part fetch itself once.
    if (Date.now() - last > QUIET_MS) for (const topic of [...topics, "tick"]) window.htmx.trigger(document.body, `live:${topic}`);
    heard();
  });
  setInterval(() => { if (mark) mark.hidden = Date.now() - last < QUIET_MS; }, 2000);
  addEventListener("pagehide", () => source.close());
}
