// Draws Plotly figures that the server made: <div data-chart="/address/of/figure.json" data-height="220"></div>, or with the
// figure itself in a <script type="application/json"> inside. Charts load when they come into view, a few at a time; one that
// fails says why and leaves the others alone; with data-live-chart it follows the page's ticks.
import Plotly from "plotly.js-basic-dist-min";

const AT_ONCE = 4;
const TIMEOUT_MS = 12000;
const LIVE_MS = 15000;
const STALE_MS = 45000;

const known = new Set();    // every chart on the page
const drawn = new Set();    // those that show a figure
const visible = new Set();
const waiting = [];
let running = 0;

function colours() {
  const style = getComputedStyle(document.documentElement);
  const get = (name) => style.getPropertyValue(name).trim();
  const lines = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => get(`--line-${n}`)).filter(Boolean);
  return { text: get("--text"), faint: get("--line"), muted: get("--muted"), raised: get("--raised"), lines };
}

function themed(figure, height) {
  const c = colours();
  const axis = { gridcolor: c.faint, zerolinecolor: c.faint, linecolor: c.faint, tickfont: { color: c.muted, size: 11 }, automargin: true };
  const layout = { ...figure.layout };
  for (const key of Object.keys(layout)) if (/^[xy]axis/.test(key)) layout[key] = { ...axis, ...layout[key] };
  return {
    data: figure.data,
    layout: {
      xaxis: axis, yaxis: axis, margin: { l: 44, r: 8, t: 6, b: 26 }, hovermode: "x unified", ...layout,
      ...(c.lines.length ? { colorway: c.lines } : {}),
      height, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: c.text, size: 12 },
      hoverlabel: { bgcolor: c.raised, bordercolor: c.faint, font: { color: c.text, size: 11 }, namelength: 40 },
      legend: { orientation: "h", y: -0.18, x: 0, font: { color: c.muted, size: 11 }, ...layout.legend }, template: null,
    },
  };
}

async function figureOf(el) {
  const inline = el.querySelector('script[type="application/json"]');
  if (inline) return JSON.parse(inline.textContent);
  if (!el.dataset.chart) return el.figure;
  const answer = await fetch(el.dataset.chart, { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(TIMEOUT_MS) });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.detail || `${answer.status} ${answer.statusText}`);
  return body;
}

function sayAge(el) {
  const mark = el.closest(".panel")?.querySelector("[data-asof]");
  if (!mark) return;
  const at = el.figure?.meta?.as_of;
  const old = el.failed || (el.hasAttribute("data-live-chart") && at && Date.now() - at * 1000 > STALE_MS);
  mark.classList.toggle("stale", Boolean(old));
  const time = at ? new Date(at * 1000).toLocaleTimeString("en-GB", { timeZone: "Asia/Shanghai" }) : "";
  mark.textContent = [el.figure?.meta?.note && !el.figure.meta.empty ? el.figure.meta.note : "", old && time ? `${time} ?` : ""].filter(Boolean).join(" · ");
  mark.title = el.failed || "";
}

function say(el, text) {
  if (drawn.delete(el)) Plotly.purge(el);
  el.replaceChildren(Object.assign(document.createElement("p"), { className: "chart-text", textContent: text }));
}

// The legend is ours: Plotly's takes its room from the lines. A name with a page of its own is a link to it.
function legend(el, lines) {
  let list = el.nextElementSibling;
  if (!list?.classList.contains("legend")) {
    list = Object.assign(document.createElement("div"), { className: "legend" });
    el.after(list);
  }
  const traces = el.figure.data;
  if (traces.length < 2 && !traces[0]?.meta?.href) { list.replaceChildren(); return; }
  list.replaceChildren(...traces.map((trace, i) => {
    const item = document.createElement(trace.meta?.href ? "a" : "span");
    if (trace.meta?.href) item.href = trace.meta.href;
    const mark = document.createElement("i");
    mark.style.borderTop = `2px ${trace.line?.dash === "dot" ? "dotted" : "solid"} ${lines[i % lines.length] || "currentColor"}`;
    item.append(mark, trace.name);
    return item;
  }));
}

async function paint(el) {
  if (el.figure.meta?.empty) { say(el, el.figure.meta.note || "–"); return; }
  const figure = themed(el.figure, Number(el.dataset.height || 220));
  if (el.closest(".panel")) { figure.layout.showlegend = false; legend(el, colours().lines); }
  if (!drawn.has(el)) el.replaceChildren();
  await Plotly.react(el, figure.data, figure.layout, { displayModeBar: false, responsive: true });
  if (!drawn.has(el)) {
    drawn.add(el);
    el.on("plotly_click", (event) => {
      const href = event.points.find((point) => point.data.meta?.href)?.data.meta.href;
      if (href) location.href = href;
    });
  }
}

async function show(el) {
  if (!el.isConnected) return;
  try {
    el.figure = await figureOf(el);
    el.fetchedAt = Date.now();
    el.failed = "";
    await paint(el);
    el.classList.remove("failed");
  } catch (error) {
    // Old data stays on the page and says how old it is; without any, the reason stands in its place.
    el.failed = error.name === "TimeoutError" ? `> ${TIMEOUT_MS / 1000} s` : error.message;
    if (!drawn.has(el)) say(el, el.failed);
    el.classList.add("failed");
  }
  el.classList.remove("loading");
  el.dataset.drawn = "1";
  sayAge(el);
}

function next() {
  while (running < AT_ONCE && waiting.length) {
    const el = waiting.shift();
    running += 1;
    show(el).finally(() => { running -= 1; next(); });
  }
}

function want(el) {
  if (!waiting.includes(el)) waiting.push(el);
  next();
}

const inView = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) visible.add(target); else visible.delete(target);
    if (isIntersecting && (!target.fetchedAt || isOld(target))) want(target);
  }
}, { rootMargin: "200px" });

const isOld = (el) => el.hasAttribute("data-live-chart") && Date.now() - (el.fetchedAt || 0) >= LIVE_MS - 1000;

function forgetRemoved() {
  for (const el of known) {
    if (el.isConnected) continue;
    inView.unobserve(el);
    if (drawn.delete(el)) Plotly.purge(el);
    known.delete(el);
    visible.delete(el);
  }
}

export function draw(root) {
  forgetRemoved();
  const found = [...(root.matches?.("[data-chart]") ? [root] : []), ...root.querySelectorAll("[data-chart]")];
  for (const el of found) {
    if (known.has(el)) continue;
    known.add(el);
    el.classList.add("loading");
    inView.observe(el);
  }
}

document.addEventListener("theme", () => drawn.forEach((el) => { if (el.figure) paint(el); }));
document.body.addEventListener("refresh-charts", () => known.forEach((el) => { if (el.dataset.chart) want(el); }));
document.body.addEventListener("live:tick", () => {
  forgetRemoved();
  for (const el of visible) if (isOld(el)) want(el); else sayAge(el);
});
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-refresh-charts]")) document.body.dispatchEvent(new CustomEvent("refresh-charts"));
});
