// Draws Plotly figures that the server made: <div data-chart="/address/of/figure.json" data-height="220"></div>,
// or with the figure itself in a <script type="application/json"> inside. A chart that fails says so and leaves the others alone.
import Plotly from "plotly.js-basic-dist-min";

const drawn = new Set();

function colours() {
  const style = getComputedStyle(document.documentElement);
  const get = (name) => style.getPropertyValue(name).trim();
  return { text: get("--text"), faint: get("--line"), surface: "rgba(0,0,0,0)", muted: get("--muted") };
}

function themed(figure, height) {
  const c = colours();
  const axis = { gridcolor: c.faint, zerolinecolor: c.faint, linecolor: c.faint, tickfont: { color: c.muted, size: 11 } };
  const layout = { ...figure.layout };
  for (const key of Object.keys(layout)) if (/^[xy]axis/.test(key)) layout[key] = { ...axis, ...layout[key] };
  return {
    data: figure.data,
    layout: {
      xaxis: axis, yaxis: axis, margin: { l: 48, r: 12, t: 8, b: 32 }, hovermode: "x unified", ...layout,
      height, paper_bgcolor: c.surface, plot_bgcolor: c.surface, font: { color: c.text, size: 12 },
      legend: { orientation: "h", y: -0.2, font: { color: c.muted, size: 11 }, ...layout.legend }, template: null,
    },
  };
}

async function figureOf(el) {
  const inline = el.querySelector('script[type="application/json"]');
  if (inline) el.figure = JSON.parse(inline.textContent);
  else if (el.dataset.chart) {
    const answer = await fetch(el.dataset.chart, { headers: { Accept: "application/json" } });
    const body = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(body.detail || `${answer.status} ${answer.statusText}`);
    el.figure = body;
  }
  return el.figure;
}

async function show(el) {
  try {
    const figure = themed(await figureOf(el), Number(el.dataset.height || 220));
    el.classList.remove("failed");
    if (!drawn.has(el)) el.replaceChildren();
    await Plotly.react(el, figure.data, figure.layout, { displayModeBar: false, responsive: true });
    drawn.add(el);
    el.dataset.drawn = "1";
  } catch (error) {
    if (!drawn.has(el)) el.textContent = error.message;
    el.classList.add("failed");
    el.title = error.message;
  }
}

export function draw(root) {
  for (const el of drawn) if (!el.isConnected) { Plotly.purge(el); drawn.delete(el); }
  const found = [...(root.matches?.("[data-chart]") ? [root] : []), ...root.querySelectorAll("[data-chart]")];
  found.filter((el) => !drawn.has(el)).forEach(show);
}

document.addEventListener("theme", () => drawn.forEach((el) => { if (el.figure) show(el); }));
document.body.addEventListener("refresh-charts", () => drawn.forEach((el) => { if (el.dataset.chart) show(el); }));
