// The form of one step, made from the schema of its kind. Every field calls `set(name, value)` when it was changed.
import { make } from "./canvas.js";
import { ENDS } from "./model.js";

let serial = 0;
const has = (value) => typeof value === "string" && value.includes("${");

// What people write stands for itself when it is a number, true, false or a list; a reference stays text.
export function valueOf(text) {
  if (has(text)) return text;
  try {
    const found = JSON.parse(text);
    return found === null ? text : found;
  } catch { return text; }
}
const textOf = (value) => (typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value));

function field(label, control, help) {
  const id = `flow-field-${(serial += 1)}`;
  const target = control.matches("input, select, textarea") ? control : control.querySelector("input, select, textarea");
  if (target === control) control.id = id;
  const title = target === control ? make("label", { for: id }, label) : make("span", { class: "flow-label" }, label);
  return make("div", { class: "field" }, title, control, help ? make("span", { class: "help" }, help) : null);
}

function select(options, value, change, empty) {
  const known = options.map((option) => (Array.isArray(option) ? option : [option, option]));
  if (value && !known.some(([key]) => String(key) === String(value))) known.push([value, String(value)]);
  const control = make("select", { onchange: (event) => change(event.target.value) },
    ...(empty === undefined ? [] : [make("option", { value: "" }, empty)]),
    ...known.map(([key, title]) => make("option", { value: key }, title)));
  control.value = value ?? "";
  return control;
}

const input = (value, change, more = {}) => make("input", { value: textOf(value), onchange: (event) => change(event.target.value), ...more });
function area(value, change, rows = 4, more = {}) {
  const control = make("textarea", { rows, class: "mono", spellcheck: "false", onchange: (event) => change(event.target.value), ...more });
  control.value = textOf(value);
  return control;
}

function pairs(value, words, change, names) {
  const rows = Object.entries(value && typeof value === "object" ? value : {});
  const store = () => change(Object.fromEntries(rows.filter(([key]) => key !== "")));
  const list = make("div", { class: "flow-pairs" });
  const row = (pair) => make("div", { class: "flow-pair" },
    input(pair[0], (text) => { pair[0] = text.trim(); store(); }, { "aria-label": words.name, placeholder: words.name, list: names ?? null }),
    input(pair[1], (text) => { pair[1] = valueOf(text); store(); }, { "aria-label": words.value, placeholder: words.value }),
    make("button", { type: "button", class: "icon", "aria-label": words.remove, onclick: (event) => { rows.splice(rows.indexOf(pair), 1); event.target.closest(".flow-pair").remove(); store(); } }, "×"));
  list.append(...rows.map(row));
  const add = make("button", { type: "button", class: "link", onclick: () => { const pair = ["", ""]; rows.push(pair); const made = row(pair); list.append(made); made.querySelector("input").focus(); } }, `+ ${words.add}`);
  return make("div", {}, list, add);
}

function conditions(value, words, operators, change) {
  const rows = Array.isArray(value) ? value : [];
  const store = () => change(rows);
  const list = make("div", { class: "flow-pairs" });
  const row = (item) => make("div", { class: "flow-pair" },
    input(item.left, (text) => { item.left = valueOf(text); store(); }, { "aria-label": words.left, placeholder: "${steps.NAME.status}" }),
    Object.assign(select(operators, item.operator, (sign) => { item.operator = sign; store(); }), { ariaLabel: words.operator }),
    input(item.right, (text) => { item.right = valueOf(text); store(); }, { "aria-label": words.right, placeholder: words.value }),
    make("button", { type: "button", class: "icon", "aria-label": words.remove, onclick: (event) => { rows.splice(rows.indexOf(item), 1); event.target.closest(".flow-pair").remove(); store(); } }, "×"));
  list.append(...rows.map(row));
  const add = make("button", { type: "button", class: "link", onclick: () => { rows.push({ left: "", operator: "==", right: "" }); store(); list.append(row(rows.at(-1))); } }, `+ ${words.add}`);
  return make("div", {}, list, add);
}

function widget(name, schema, step, told, context, set) {
  const value = told[name] ?? schema.default;
  const { palette, words } = context;
  const put = (found) => set(name, found);
  switch (schema["x-widget"]) {
    case "playbook": return select(palette.playbooks.map((book) => [book.code, book.title]), value, put, "–");
    case "service": return make("div", {}, input(value, put, { list: "flow-services", "aria-label": schema.title }));
    case "centre": return make("div", {}, input(value, put, { list: "flow-centres", "aria-label": schema.title }));
    case "workflow": return select(palette.workflows.map((flow) => flow.slug), value, put, "–");
    case "lines": return area((Array.isArray(value) ? value : []).join("\n"), (text) =>
      put(text.split("\n").map((line) => line.trim()).filter(Boolean).map((line) => (schema.items.type === "integer" ? valueOf(line) : line))), 3);
    case "long": return area(value, put, 4);
    case "code": return area(value, put, 12);
    case "map": return pairs(value, words, put);
    case "options": return pairs(value, words, put, "flow-options");
    case "conditions": return conditions(value, words, schema.items.properties.operator.enum, put);
    default:
  }
  if (schema.enum) return select(schema.enum, value, put);
  if (schema.type === "boolean") return make("input", { type: "checkbox", checked: Boolean(value), onchange: (event) => put(event.target.checked) });
  if (schema.type === "integer" || schema.type === "number") return input(value, (text) => put(text === "" ? undefined : valueOf(text)), { inputmode: "decimal" });
  return input(value, put);
}

// Everything about one step. `context`: {palette, words, definition, name, change(step → void), rename, remove, first}.
export function stepForm(context) {
  const { palette, words, definition, name, change } = context;
  const step = definition.steps[name];
  const kind = palette.kinds.find((each) => each.code === step.kind);
  const told = step.parameters;
  const set = (key, value) => change((fresh) => {
    if (value === undefined || value === "" || (Array.isArray(value) && !value.length && !kind.required.includes(key))) delete fresh.parameters[key];
    else fresh.parameters[key] = value;
  });
  const targets = [...Object.entries(definition.steps).filter(([key]) => key !== name).map(([key, each]) => [key, each.title || key]), ["done", words.done], ["failed", words.failed]];
  const book = palette.playbooks.find((each) => each.code === told.playbook);
  return [
    make("p", { class: "note" }, kind.description),
    field(words.title, input(step.title, (text) => change((fresh) => { fresh.title = text; }))),
    field(words.name, input(name, context.rename, { class: "mono", pattern: "[a-z][a-z0-9_]*" }), words.nameHelp),
    ...Object.entries(kind.parameters).map(([key, schema]) => field(schema.title ?? key, widget(key, schema, step, told, context, set), schema.description)),
    book ? make("datalist", { id: "flow-options" }, ...book.options.map((option) => make("option", { value: option.name }, option.description))) : null,
    make("h3", {}, words.then),
    ...kind.outcomes.map((outcome) => field(words[outcome] ?? outcome, select(targets, step.next[outcome], (target) => change((fresh) => {
      if (target) fresh.next[outcome] = target; else delete fresh.next[outcome];
    }), "–"))),
    make("p", {}, make("button", { type: "button", onclick: context.first, disabled: definition.start === name }, words.makeFirst), " ",
      make("button", { type: "button", onclick: context.copy }, words.copy), " ",
      make("button", { type: "button", class: "danger", onclick: context.remove }, words.removeStep)),
  ];
}

// Title, description and inputs of the workflow itself. `change(definition → void)`.
export function flowForm({ words, definition, change }) {
  const rows = Object.entries(definition.inputs).map(([key, item]) => [key, { ...item }]);
  const store = () => change((fresh) => { fresh.inputs = Object.fromEntries(rows.filter(([key]) => key)); });
  const list = make("div", { class: "flow-pairs" });
  const row = (pair) => make("div", { class: "flow-input" },
    input(pair[0], (text) => { pair[0] = text.trim(); store(); }, { "aria-label": words.name, placeholder: words.name, class: "mono" }),
    Object.assign(select(["str", "int", "number", "bool", "list", "map", "any"], pair[1].type, (type) => { pair[1].type = type; store(); }), { ariaLabel: words.type }),
    input(pair[1].default, (text) => { if (text === "") delete pair[1].default; else pair[1].default = pair[1].type === "str" ? text : valueOf(text); store(); }, { "aria-label": words.default, placeholder: words.default }),
    make("label", {}, make("input", { type: "checkbox", checked: Boolean(pair[1].required), onchange: (event) => { pair[1].required = event.target.checked; store(); } }), ` ${words.required}`),
    make("button", { type: "button", class: "icon", "aria-label": words.remove, onclick: (event) => { rows.splice(rows.indexOf(pair), 1); event.target.closest(".flow-input").remove(); store(); } }, "×"));
  list.append(...rows.map(row));
  return [
    field(words.title, input(definition.title, (text) => change((fresh) => { fresh.title = text; }))),
    field(words.description, area(definition.description, (text) => change((fresh) => { fresh.description = text; }), 3)),
    make("h3", {}, words.inputs), list,
    make("button", { type: "button", class: "link", onclick: () => { const pair = ["", { type: "str", required: false, description: "" }]; rows.push(pair); const made = row(pair); list.append(made); made.querySelector("input").focus(); } }, `+ ${words.add}`),
  ];
}

export { ENDS };
