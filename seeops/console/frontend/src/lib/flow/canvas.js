// Draws a workflow: steps as boxes of HTML, edges as curves of SVG below them. The same picture serves editor and run.
import { ENDS, endPlaces } from "./model.js";

const SVG = "http://www.w3.org/2000/svg";
export const WIDTH = 190;
const PORT_Y = 44, PORT_STEP = 22;
const OUTCOMES = { branch: ["yes", "no", "failure"], fork: ["first", "second", "third", "fourth"] };

export function make(name, attributes = {}, ...children) {
  const el = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) el.addEventListener(key.slice(2), value);
    else if (value === true) el.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) el.setAttribute(key, value);
  }
  el.append(...children.filter((child) => child !== null && child !== undefined));
  return el;
}

export class Canvas {
  // `words` has the names of outcomes, ends and marks; `kinds` the titles of kinds by code.
  constructor(el, { kinds, words, editable }) {
    Object.assign(this, { el, kinds, words, editable, boxes: new Map() });
    this.area = make("div", { class: "flow-area" });
    this.svg = document.createElementNS(SVG, "svg");
    this.svg.setAttribute("aria-hidden", "true");
    this.area.append(this.svg);
    el.replaceChildren(this.area);
  }

  draw(definition, { states = {}, problems = {}, chosen = "" } = {}) {
    this.definition = definition;
    const places = { ...endPlaces(definition) };
    for (const [name, step] of Object.entries(definition.steps)) places[name] = step.at ?? [0, 0];
    this.places = places;
    const wanted = [...Object.keys(definition.steps), ...ENDS];
    for (const [name, box] of this.boxes) if (!wanted.includes(name)) { box.remove(); this.boxes.delete(name); }
    for (const name of wanted) this.drawBox(name, states[name], problems[name], name === chosen);
    const size = wanted.map((name) => places[name]);
    this.area.style.width = `${Math.max(...size.map(([x]) => x)) + WIDTH + 60}px`;
    this.area.style.height = `${Math.max(...size.map(([, y]) => y)) + 160}px`;
    this.drawEdges(states);
  }

  drawBox(name, state, problem, chosen) {
    const step = this.definition.steps[name];
    let box = this.boxes.get(name);
    const shape = JSON.stringify([step?.kind, step?.title, step && Object.keys(step.next), state, problem, this.definition.start === name]);
    if (!box) {
      box = make("div", { "data-step": name });
      this.boxes.set(name, box);
      this.area.append(box);
    }
    if (box.dataset.shape !== shape) {
      box.dataset.shape = shape;
      // Whoever works with the keyboard stays where they are, though the button is another one now.
      const focused = box.contains(document.activeElement) ? document.activeElement.dataset.port ?? "" : null;
      box.replaceChildren(...(step ? this.inside(name, step, state, problem) : this.insideEnd(name, state)));
      if (focused !== null) box.querySelector(focused ? `[data-port="${focused}"]` : ".flow-name")?.focus();
    }
    box.className = `flow-box ${step ? `kind-${step.kind}` : `flow-end end-${name}`}${state ? ` s-${state.mark}` : ""}${problem ? ` has-${problem}` : ""}${chosen ? " chosen" : ""}`;
    const [x, y] = this.places[name];
    box.style.transform = `translate(${x}px, ${y}px)`;
  }

  inside(name, step, state, problem) {
    const start = this.definition.start === name ? make("span", { class: "flow-start", title: this.words.start }, "▶ ") : null;
    const attempts = state?.attempts > 1 ? ` ×${state.attempts}` : "";
    const under = state ? `${state.word}${attempts}` : this.kinds[step.kind] ?? step.kind;
    const title = make("button", { type: "button", class: "flow-name", "data-name": name, disabled: !this.editable && !state },
      start, make("b", {}, step.title || name), make("small", {}, under), problem ? make("span", { class: "flow-problem" }, this.words[problem]) : null);
    const kind = this.outcomes(step);
    const ports = make("div", { class: "flow-ports" }, ...kind.map((outcome) => this.editable
      ? make("button", { type: "button", class: `flow-port o-${outcome}`, "data-port": outcome, "data-of": name,
        "aria-label": this.words.connect.replace("OUTCOME", this.words[outcome] ?? outcome).replace("STEP", step.title || name) }, this.words[outcome] ?? outcome)
      : make("span", { class: `flow-port o-${outcome}` }, this.words[outcome] ?? outcome)));
    return [title, ports];
  }

  insideEnd(name, state) {
    return [make(this.editable ? "button" : "span", { ...(this.editable ? { type: "button" } : {}), class: "flow-name", "data-name": name },
      make("b", {}, this.words[name]), ...(state ? [make("small", {}, state.word)] : []))];
  }

  outcomes(step) {
    const usual = OUTCOMES[step.kind] ?? ["success", "failure"];
    return [...usual, ...Object.keys(step.next).filter((outcome) => !usual.includes(outcome))];
  }

  portPlace(name, outcome) {
    const [x, y] = this.places[name];
    const at = this.outcomes(this.definition.steps[name]).indexOf(outcome);
    return [x + WIDTH, y + PORT_Y + 11 + at * PORT_STEP];
  }

  drawEdges(states) {
    const defs = document.createElementNS(SVG, "defs");
    const marker = document.createElementNS(SVG, "marker");
    for (const [key, value] of Object.entries({ id: "flow-arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" })) marker.setAttribute(key, value);
    const head = document.createElementNS(SVG, "path");
    head.setAttribute("d", "M0 0 L8 4 L0 8 z");
    marker.append(head);
    defs.append(marker);
    const edges = [];
    for (const [name, step] of Object.entries(this.definition.steps)) {
      for (const [outcome, target] of Object.entries(step.next)) {
        if (this.places[target]) edges.push(this.edge(name, outcome, target, states));
      }
    }
    this.svg.replaceChildren(defs, ...edges);
  }

  edge(name, outcome, target, states) {
    const [x1, y1] = this.portPlace(name, outcome);
    const [x, y] = this.places[target];
    const taken = states[name] && states[target] && this.taken?.(name, outcome, target);
    return this.curve(x1, y1, x, y + 22, `o-${outcome}${taken ? " taken" : ""}`);
  }

  curve(x1, y1, x2, y2, kind) {
    const path = document.createElementNS(SVG, "path");
    const bend = Math.max(40, Math.abs(x2 - x1) / 2);
    path.setAttribute("d", `M${x1} ${y1} C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`);
    path.setAttribute("class", `flow-edge ${kind}`);
    path.setAttribute("marker-end", "url(#flow-arrow)");
    return path;
  }

  // Where a pointer is, in the coordinates of the picture.
  at(event) {
    const box = this.area.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }
}
