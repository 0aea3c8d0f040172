// The workflow being edited: every change makes a new definition, so that undo is a list of old ones.
export const ENDS = ["done", "failed"];

const copy = (value) => JSON.parse(JSON.stringify(value));

export function freeName(definition, wanted) {
  const base = wanted.toLowerCase().replace(/[^a-z0-9_]+/g, "_").replace(/^[^a-z]+/, "").slice(0, 36) || "step";
  let name = base;
  for (let n = 2; definition.steps[name] || ENDS.includes(name); n += 1) name = `${base}_${n}`;
  return name;
}

function defaults(kind) {
  const filled = {};
  for (const [name, schema] of Object.entries(kind.parameters)) {
    if (kind.required.includes(name)) filled[name] = schema.default ?? (schema.type === "array" ? [] : schema.type === "integer" ? schema.minimum ?? 0 : "");
  }
  return filled;
}

export function addStep(definition, kind, at) {
  const next = copy(definition);
  const name = freeName(next, kind.code);
  next.steps[name] = {
    kind: kind.code, title: kind.title, at, parameters: defaults(kind),
    next: Object.fromEntries(kind.outcomes.filter((outcome) => !kind.optional.includes(outcome)).map((outcome) => [outcome, outcome === "failure" ? "failed" : "done"])),
  };
  return [next, name];
}

// A copy of a step beside it: what it is told comes along, and where it leads.
export function pasteStep(definition, step, wanted, at) {
  const next = copy(definition);
  const name = freeName(next, wanted);
  const leads = Object.fromEntries(Object.entries(step.next).map(([outcome, target]) => [outcome, next.steps[target] || ENDS.includes(target) ? target : outcome === "failure" ? "failed" : "done"]));
  next.steps[name] = { ...copy(step), at, next: leads };
  if (!next.start) next.start = name;
  return [next, name];
}

export function removeStep(definition, name) {
  const next = copy(definition);
  delete next.steps[name];
  for (const step of Object.values(next.steps)) {
    for (const [outcome, target] of Object.entries(step.next)) if (target === name) delete step.next[outcome];
  }
  if (next.start === name) next.start = Object.keys(next.steps)[0] ?? "";
  return next;
}

// References to the old name move along, also inside texts.
export function renameStep(definition, name, wanted) {
  const fresh = wanted === name ? name : freeName({ steps: { ...definition.steps, [name]: undefined } }, wanted);
  const text = JSON.stringify(definition.steps).replaceAll(new RegExp(`(\\$\\{\\s*steps\\.)${name}\\.`, "g"), `$1${fresh}.`);
  const next = copy(definition);
  next.steps = {};
  for (const [key, step] of Object.entries(JSON.parse(text))) {
    for (const [outcome, target] of Object.entries(step.next)) if (target === name) step.next[outcome] = fresh;
    next.steps[key === name ? fresh : key] = step;
  }
  if (next.start === name) next.start = fresh;
  return [next, fresh];
}

export function changed(definition, change) {
  const next = copy(definition);
  change(next);
  return next;
}

export function endPlaces(definition) {
  const places = Object.values(definition.steps).map((step) => step.at ?? [0, 0]);
  const right = Math.max(...places.map(([x]) => x), 0) + 250;
  const top = Math.min(...places.map(([, y]) => y), 400);
  const bottom = Math.max(...places.map(([, y]) => y), 0);
  return { done: [right, top], failed: [right, Math.max(bottom, top + 110)] };
}

export class History {
  constructor(definition) { this.past = []; this.future = []; this.now = definition; }
  put(definition) {
    if (JSON.stringify(definition) === JSON.stringify(this.now)) return false;
    this.past.push(this.now);
    if (this.past.length > 200) this.past.shift();
    this.future = [];
    this.now = definition;
    return true;
  }
  undo() { if (this.past.length) { this.future.push(this.now); this.now = this.past.pop(); } return this.now; }
  redo() { if (this.future.length) { this.past.push(this.now); this.now = this.future.pop(); } return this.now; }
}
