// Charts, graphs, the release board, workflows and lists to search in are heavy: their scripts load only on pages that hold one.
const wanted = {
  "[data-chart]": () => import("./charts.js"),
  "[data-graph]": () => import("./graph.js"),
  "[data-board]": () => import("./board.js"),
  "[data-grid]": () => import("./grid.js"),
  "[data-flow]": () => import("./flow.js"),
  "select[data-pick]": () => import("./pick.js"),
};

export function loadOnDemand(root) {
  for (const [selector, load] of Object.entries(wanted)) {
    if (root.querySelector?.(selector) || root.matches?.(selector)) load().then((module) => module.draw(root));
  }
}
