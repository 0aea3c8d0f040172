// Swaps a part of the page by changing only what differs, so that focus, scroll positions and charts stay where they are.
// Used by hx-swap="morph" under hx-ext="morph": the answer replaces the content of the target.
const sameKind = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.id || "") === (b.id || "");

function morphAttributes(from, to) {
  for (const { name } of [...from.attributes]) if (!to.hasAttribute(name) && name !== "open") from.removeAttribute(name);
  for (const { name, value } of to.attributes) if (from.getAttribute(name) !== value) from.setAttribute(name, value);
}

function morphNode(from, to) {
  if (from.nodeType !== Node.ELEMENT_NODE) {
    if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
    return;
  }
  // A chart keeps what it drew as long as it shows the same figure.
  if (from.dataset.chart && from.dataset.chart === to.dataset?.chart) return;
  morphAttributes(from, to);
  // The graph of a workflow is drawn anew in place from its attributes.
  if (from.dataset.flow) return;
  morphChildren(from, to);
}

export function morphChildren(from, to) {
  const named = new Map([...from.children].filter((el) => el.id).map((el) => [el.id, el]));
  let at = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    const known = wanted.id ? named.get(wanted.id) : null;
    if (known && known.nodeName === wanted.nodeName) {
      if (known === at) at = at.nextSibling; else from.insertBefore(known, at);
      morphNode(known, wanted);
    } else if (at && sameKind(at, wanted) && !wanted.id) {
      morphNode(at, wanted);
      at = at.nextSibling;
    } else from.insertBefore(wanted, at);
  }
  while (at) { const next = at.nextSibling; at.remove(); at = next; }
}

export function startMorph(htmx) {
  htmx.defineExtension("morph", {
    isInlineSwap: (style) => style === "morph",
    handleSwap: (style, target, fragment) => {
      if (style !== "morph") return false;
      morphChildren(target, fragment);
      return [target];
    },
  });
}
