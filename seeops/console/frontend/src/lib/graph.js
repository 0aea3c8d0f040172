// Draws a graph at the positions the server laid out: <div data-graph="/address.json" data-panel="#id"
// data-panel-url="/…/SERVICE/…" data-focus="name"></div>. Choosing a thing loads its panel; the table below says the same.
import cytoscape from "cytoscape";

const STEP_X = { least: 126, most: 190 };
const STEP_Y = { least: 42, most: 84 };
const SHAPES = { good: "round-rectangle", attention: "round-rectangle", bad: "rectangle", unknown: "round-hexagon" };
const drawn = new Set();

function colours() {
  const style = getComputedStyle(document.documentElement);
  const font = getComputedStyle(document.body).fontFamily;
  return { font, ...Object.fromEntries(
    ["text", "muted", "line", "surface", "sunk", "accent", "bad", "bad-bg", "attention", "attention-bg", "unknown", "unknown-bg"]
      .map((name) => [name, style.getPropertyValue(`--${name}`).trim()]),
  ) };
}

function styles(c) {
  const filled = (state) => ({ "background-color": c[`${state}-bg`], "border-color": c[state], "border-width": 2, color: c[state] });
  return [
    { selector: "node", style: {
      shape: "data(shape)", width: 112, height: 30, label: "data(label)", "font-size": 11, "font-family": c.font,
      "text-valign": "center", "text-halign": "center", "text-max-width": 106, "text-wrap": "ellipsis",
      color: c.text, "background-color": c.sunk, "border-color": c.line, "border-width": 1 } },
    ...["bad", "attention", "unknown"].map((state) => ({ selector: `node[state = "${state}"]`, style: filled(state) })),
    { selector: "node[state = 'unknown']", style: { "border-style": "dashed" } },
    { selector: "node[?spof]", style: { "border-style": "double", "border-width": 4 } },
    { selector: "edge", style: {
      width: "data(width)", "line-color": c.muted, "line-opacity": 0.55, "curve-style": "bezier", "target-arrow-shape": "triangle",
      "target-arrow-color": c.muted, "arrow-scale": 0.7 } },
    { selector: "edge[mode != 'hard']", style: { "line-style": "dashed", "line-opacity": 0.4 } },
    { selector: ".quiet", style: { opacity: 0.3 } },
    { selector: "node.chosen", style: { "border-color": c.accent, "border-width": 3 } },
    { selector: "edge.near", style: { "line-color": c.accent, "target-arrow-color": c.accent, "line-opacity": 0.95 } },
  ];
}

// Layout units become pixels so that the picture fills its place without names running into each other.
function steps(things, el) {
  const span = (axis) => Math.max(...things.map((t) => t[axis])) - Math.min(...things.map((t) => t[axis])) || 1;
  const clamp = (value, { least, most }) => Math.min(most, Math.max(least, value));
  return { x: clamp((el.clientWidth - 150) / span("x"), STEP_X), y: clamp((el.clientHeight - 70) / span("y"), STEP_Y) };
}

function elements(picture, el) {
  const step = picture.things.length ? steps(picture.things, el) : { x: 1, y: 1 };
  const nodes = picture.things.map((thing) => ({
    data: {
      id: thing.id, label: thing.count > 1 ? `${thing.label} · ${thing.count}` : thing.label,
      state: thing.state, shape: SHAPES[thing.state] || "round-hexagon", spof: thing.spof, single: thing.count === 1,
    },
    position: { x: thing.x * step.x, y: thing.y * step.y },
  }));
  const edges = picture.edges.map((edge) => ({
    data: {
      id: `${edge.source}→${edge.target}`, source: edge.source, target: edge.target, mode: edge.mode,
      width: Math.min(6, 1 + Math.log10(1 + edge.per_s)),
    },
  }));
  return [...nodes, ...edges];
}

function highlight(graph, id) {
  graph.elements().removeClass("quiet near chosen");
  const node = id ? graph.getElementById(id) : graph.collection();
  if (node.empty()) return;
  const near = node.closedNeighborhood();
  graph.elements().difference(near).addClass("quiet");
  near.edges().addClass("near");
  node.addClass("chosen");
}

function choose(el, id) {
  highlight(el.graph, id);
  const panel = document.querySelector(el.dataset.panel);
  if (!panel || !id || !el.graph.getElementById(id).data("single")) return;
  window.htmx.ajax("GET", el.dataset.panelUrl.replace("SERVICE", encodeURIComponent(id)), { target: panel, swap: "innerHTML" });
  const address = new URL(location.href);
  address.searchParams.set("focus", id);
  history.replaceState(null, "", address);
}

async function load(el) {
  const answer = await fetch(el.dataset.graph, { headers: { Accept: "application/json" } });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.detail || `${answer.status} ${answer.statusText}`);
  return body;
}

async function show(el) {
  try {
    const picture = await load(el);
    const graph = cytoscape({
      container: el, elements: elements(picture, el), style: styles(colours()), layout: { name: "preset", fit: true, padding: 16 },
      minZoom: 0.2, maxZoom: 2.5, wheelSensitivity: 0.2, autoungrabify: true, boxSelectionEnabled: false,
    });
    el.graph = graph;
    graph.on("tap", "node", (event) => choose(el, event.target.id()));
    graph.on("tap", (event) => { if (event.target === graph) highlight(graph, ""); });
    if (el.dataset.focus) highlight(graph, el.dataset.focus);
    drawn.add(el);
    el.dataset.drawn = "1";
  } catch (error) {
    el.textContent = error.message;
    el.classList.add("failed");
  }
}

// Only the colours of states change while a page is open: positions stay where the eye has learned them.
async function refresh(el) {
  try {
    const picture = await load(el);
    for (const thing of picture.things) {
      const node = el.graph.getElementById(thing.id);
      if (!node.empty()) node.data({ state: thing.state, shape: SHAPES[thing.state] || "round-hexagon", spof: thing.spof });
    }
    el.classList.remove("stale");
  } catch (error) {
    el.classList.add("stale");
    el.title = error.message;
  }
}

export function draw(root) {
  for (const el of drawn) if (!el.isConnected) { el.graph.destroy(); drawn.delete(el); }
  const found = [...(root.matches?.("[data-graph]") ? [root] : []), ...root.querySelectorAll("[data-graph]")];
  found.filter((el) => !el.dataset.drawn && el.offsetParent !== null).forEach((el) => { el.dataset.drawn = "0"; show(el); });
}

document.addEventListener("theme", () => drawn.forEach((el) => el.graph.style(styles(colours()))));
document.body.addEventListener("live:nodes", () => drawn.forEach(refresh));
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-map-focus]");
  if (link) for (const el of drawn) highlight(el.graph, link.dataset.mapFocus);
});
