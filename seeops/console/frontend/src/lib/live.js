// One event stream per page. An event names a topic that changed; parts that show it fetch themselves again
// (hx-trigger="live:release-12 from:body").
const QUIET_MS = 15000;
const AGAIN_MS = 3000;

export function startLive() {
  const url = document.body.dataset.stream;
  if (!url || document.body.classList.contains("bare")) return;
  const topics = (document.body.dataset.live || "").split(/\s+/).filter(Boolean);
  const mark = document.querySelector("[data-stream-state]");
  let last = Date.now();
  let gap = false;
  let away = false;
  let source;
  const show = () => { if (mark) mark.hidden = !away && Date.now() - last < QUIET_MS; };
  const heard = () => { last = Date.now(); show(); };
  const subscribed = () => {
    // After a gap anything may have changed: let every part fetch itself once.
    if (gap || Date.now() - last > QUIET_MS) for (const topic of [...topics, "tick"]) window.htmx.trigger(document.body, `live:${topic}`);
    gap = false;
    heard();
  };
  const broken = () => {
    gap = true;
    // The browser tries again by itself after a lost connection, but not after an answer that is no stream, such as "the
    // database is away".
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, AGAIN_MS + Math.random() * AGAIN_MS);
  };
  function connect() {
    source = new EventSource(`${url}?${topics.map((t) => `topic=${encodeURIComponent(t)}`).join("&")}`);
    for (const topic of [...topics, "tick"]) {
      source.addEventListener(topic, () => { heard(); window.htmx.trigger(document.body, `live:${topic}`); });
    }
    // An open stream says nothing yet: the server greets once it really hears what changes.
    source.addEventListener("hello", subscribed);
    source.addEventListener("error", broken);
  }
  connect();
  // Parts say so when what they are made from is away, and are old until one of them arrives again.
  document.body.addEventListener("away", () => { away = gap = true; show(); });
  document.body.addEventListener("htmx:afterOnLoad", (event) => { if (event.detail.xhr.status < 300) { away = false; show(); } });
  setInterval(show, 2000);
  addEventListener("pagehide", () => source.close());
}
