// Workflows: <div data-flow="view" data-picture='{…}' data-words='{…}'> draws a graph with the states of a run;
// <div data-flow="edit" …> is the editor. A picture that came anew by htmx is drawn again in place.
import { Canvas } from "./flow/canvas.js";
import { Editor } from "./flow/editor.js";

const drawn = new WeakMap();

function view(el) {
  const { definition, states } = JSON.parse(el.dataset.picture);
  let canvas = drawn.get(el);
  if (!canvas) {
    canvas = new Canvas(el, { kinds: JSON.parse(el.dataset.kinds || "{}"), words: JSON.parse(el.dataset.words), editable: false });
    drawn.set(el, canvas);
    el.addEventListener("click", (event) => {
      const name = event.target.closest("[data-name]")?.dataset.name;
      document.getElementById(`step-${name}`)?.scrollIntoView({ block: "center", behavior: "smooth" });
    });
  }
  canvas.draw(definition, { states });
}

export function draw(root) {
  const found = [...(root.matches?.("[data-flow]") ? [root] : []), ...root.querySelectorAll("[data-flow]")];
  for (const el of found) {
    if (el.dataset.flow === "view") view(el);
    else if (!drawn.has(el)) drawn.set(el, new Editor(el));
  }
}
