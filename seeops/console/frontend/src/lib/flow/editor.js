// The editor of workflows: palette, picture, form, findings and text of one definition, kept the same by one `show`.
import { Canvas, make, WIDTH } from "./canvas.js";
import { flowForm, stepForm } from "./form.js";
import { addStep, changed, ENDS, History, pasteStep, removeStep, renameStep } from "./model.js";
import { dragged } from "./touch.js";

const GRID = 10, WAIT_MS = 300;
const snap = (value) => Math.max(0, Math.round(value / GRID) * GRID);

export class Editor {
  constructor(el) {
    this.el = el;
    this.palette = JSON.parse(el.dataset.known);
    this.words = JSON.parse(el.dataset.words);
    this.part = (name) => el.querySelector(`[data-flow-part="${name}"]`);
    this.text = this.part("text");
    this.chosen = "";
    this.findings = [];
    this.asked = 0;
    this.history = new History(JSON.parse(el.dataset.definition || "null") ?? { title: "", description: "", inputs: {}, start: "", steps: {} });
    this.savedText = this.text.value;
    const kinds = Object.fromEntries(this.palette.kinds.map((kind) => [kind.code, kind.title]));
    this.canvas = new Canvas(this.part("canvas"), { kinds, words: this.words, editable: true });
    this.fillPalette();
    this.fillLists();
    this.listen();
    this.show();
    this.check({ definition: this.definition });
  }

  get definition() { return this.history.now; }

  fillLists() {
    const list = (id, values) => make("datalist", { id }, ...values.map((value) => make("option", { value })));
    this.el.append(list("flow-services", this.palette.services), list("flow-centres", this.palette.centres));
  }

  fillPalette() {
    this.part("palette").replaceChildren(...this.palette.kinds.map((kind) => make("button", {
      type: "button", class: `flow-kind kind-${kind.code}`, draggable: "true", title: kind.description,
      onclick: () => this.add(kind, this.freePlace()),
      onpointerdown: (event) => this.dragKind(event, kind),
      ondragstart: (event) => { event.dataTransfer.setData("text/plain", `kind:${kind.code}`); event.dataTransfer.effectAllowed = "copy"; },
    }, kind.title)));
  }

  // A finger drags no HTML element by itself, so a kind is carried along by hand.
  dragKind(event, kind) {
    if (event.pointerType !== "touch" && event.pointerType !== "pen") return;
    dragged(event, kind.title, (x, y) => {
      if (!this.part("canvas").contains(document.elementFromPoint(x, y))) return;
      const [left, top] = this.canvas.at({ clientX: x, clientY: y });
      this.add(kind, [snap(left - WIDTH / 2), snap(top - 20)]);
    });
  }

  freePlace() {
    const step = this.definition.steps[this.chosen];
    let [x, y] = step ? [step.at[0] + 240, step.at[1]] : [40, 40];
    const taken = () => Object.values(this.definition.steps).some((each) => Math.abs(each.at[0] - x) < WIDTH && Math.abs(each.at[1] - y) < 100);
    while (taken()) y += 120;
    return [x, y];
  }

  add(kind, at) {
    const [next, name] = addStep(this.definition, kind, at);
    const from = next.steps[this.chosen];
    // A step added behind the chosen one is connected to it when that led to the end.
    const way = from && (kind.outcomes, ["success", "yes"].find((outcome) => from.next[outcome] === "done"));
    if (way) from.next[way] = name;
    if (!next.start) next.start = name;
    this.put(next, name);
  }

  put(definition, chosen = this.chosen) {
    const news = this.history.put(definition);
    this.chosen = definition.steps[chosen] ? chosen : "";
    this.show();
    if (news) this.check({ definition });
  }

  show({ form = true } = {}) {
    const problems = {};
    for (const finding of this.findings) if (finding.step) problems[finding.step] = problems[finding.step] === "error" ? "error" : finding.severity;
    this.canvas.draw(this.definition, { problems, chosen: this.chosen });
    if (form) this.showForm();
    this.part("undo").disabled = !this.history.past.length;
    this.part("redo").disabled = !this.history.future.length;
  }

  showForm() {
    const { words, palette, definition, chosen: name } = this;
    const panel = this.part("form");
    const key = document.activeElement?.closest?.('[data-flow-part="form"]') ? [...panel.querySelectorAll("input, select, textarea, button")].indexOf(document.activeElement) : -1;
    const step = (change) => this.put(changed(this.definition, (fresh) => change(fresh.steps[name])));
    panel.replaceChildren(...(name
      ? stepForm({ words, palette, definition, name, change: step,
        rename: (wanted) => { const [next, fresh] = renameStep(this.definition, name, wanted); this.put(next, fresh); },
        remove: () => this.put(removeStep(this.definition, name), ""),
        copy: () => { this.copyStep(name); this.paste(); },
        first: () => this.put(changed(this.definition, (fresh) => { fresh.start = name; })) })
      : flowForm({ words, definition, change: (change) => this.put(changed(this.definition, change)) })).filter(Boolean));
    this.part("form-title").textContent = name ? definition.steps[name].title || name : words.workflow;
    this.part("back").hidden = !name;
    if (key >= 0) panel.querySelectorAll("input, select, textarea, button")[key]?.focus();
  }

  choose(name, { focus = false } = {}) {
    this.chosen = this.definition.steps[name] ? name : "";
    this.show();
    if (focus) this.part("form").querySelector("input, select, textarea")?.focus();
  }

  // Asks the server, which knows the rules; of several answers only the last one counts.
  check(question) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(question), WAIT_MS);
  }

  async ask(question) {
    const turn = (this.asked += 1);
    try {
      const answer = await fetch(this.el.dataset.check, {
        method: "POST", body: JSON.stringify(question),
        headers: { "Content-Type": "application/json", "X-CSRFToken": document.querySelector('meta[name="csrf-token"]').content },
      });
      const body = await answer.json();
      if (turn !== this.asked) return;
      if (!answer.ok) throw new Error(body.detail ?? `${answer.status}`);
      this.findings = body.findings;
      if ("yaml" in question && body.definition) this.history.put(body.definition);
      if (!("yaml" in question) && body.yaml !== null) this.text.value = body.yaml;
      this.show({ form: "yaml" in question });
      this.showFindings();
    } catch (error) {
      if (turn === this.asked) this.part("findings").replaceChildren(make("p", { class: "state state-unknown" }, `${this.words.notChecked} ${error.message}`));
    }
  }

  showFindings() {
    const errors = this.findings.filter((finding) => finding.severity === "error").length;
    this.part("count").textContent = errors ? `${errors}` : "";
    this.part("save").disabled = errors > 0;
    this.part("findings").replaceChildren(this.findings.length
      ? make("ul", { class: "flow-findings" }, ...this.findings.map((finding) => make("li", { class: finding.severity },
        finding.step ? make("button", { type: "button", class: "link", onclick: () => this.choose(finding.step, { focus: true }) }, this.definition.steps[finding.step]?.title || finding.step) : null,
        make("span", {}, ` ${finding.text}`), make("span", { class: "help" }, ` ${finding.remedy}`))))
      : make("p", { class: "note" }, this.words.sound));
    this.el.dataset.checked = String(errors);
  }

  listen() {
    const area = this.part("canvas");
    area.addEventListener("dragover", (event) => event.preventDefault());
    area.addEventListener("drop", (event) => {
      const kind = this.palette.kinds.find((each) => `kind:${each.code}` === event.dataTransfer.getData("text/plain"));
      if (!kind) return;
      event.preventDefault();
      const [x, y] = this.canvas.at(event);
      this.add(kind, [snap(x - WIDTH / 2), snap(y - 20)]);
    });
    area.addEventListener("pointerdown", (event) => this.press(event));
    area.addEventListener("click", (event) => this.click(event));
    area.addEventListener("keydown", (event) => this.key(event));
    this.text.addEventListener("input", () => this.check({ yaml: this.text.value }));
    this.part("undo").addEventListener("click", () => this.travel("undo"));
    this.part("redo").addEventListener("click", () => this.travel("redo"));
    this.part("back").addEventListener("click", () => this.choose(""));
    this.el.addEventListener("keydown", (event) => {
      if (!(event.ctrlKey || event.metaKey) || event.target.matches("input, textarea")) return;
      const wanted = { z: event.shiftKey ? "redo" : "undo", y: "redo" }[event.key.toLowerCase()];
      if (wanted) { event.preventDefault(); this.travel(wanted); }
      else if (event.key.toLowerCase() === "c" && this.chosen && !String(getSelection())) this.copyStep(this.chosen);
      else if (event.key.toLowerCase() === "v") this.paste();
    });
    this.el.closest("form").addEventListener("submit", () => { this.leaving = true; });
    addEventListener("beforeunload", (event) => { if (!this.leaving && this.text.value !== this.savedText) event.preventDefault(); });
  }

  // Copied steps live in the tab's storage, so that they can be put into another workflow too.
  copyStep(name) {
    sessionStorage.setItem("flow-step", JSON.stringify({ name, step: this.definition.steps[name] }));
    this.part("hint").textContent = `${this.definition.steps[name].title || name}: ${this.words.copied}`;
  }

  paste() {
    const kept = JSON.parse(sessionStorage.getItem("flow-step") ?? "null");
    if (!kept) return;
    const [next, name] = pasteStep(this.definition, kept.step, kept.name, this.freePlace());
    this.put(next, name);
    this.part("canvas").querySelector(`[data-name="${name}"]`)?.focus();
  }

  travel(direction) {
    this.history[direction]();
    if (!this.definition.steps[this.chosen]) this.chosen = "";
    this.show();
    // The step that had the focus may be gone: the keys must not be.
    if (document.activeElement === document.body) this.part("canvas").querySelector(".flow-name")?.focus();
    this.check({ definition: this.definition });
  }

  // Moving a box, or drawing an edge from a port.
  press(event) {
    const port = event.target.closest("[data-port]");
    const name = event.target.closest("[data-name]")?.dataset.name;
    if (event.button || (!port && !this.definition.steps[name])) return;
    const [x0, y0] = this.canvas.at(event);
    const from = port ? null : this.definition.steps[name].at;
    let line = null;
    this.moved = false;
    const move = (next) => {
      const [x, y] = this.canvas.at(next);
      if (!this.moved && Math.hypot(x - x0, y - y0) < 5) return;
      this.moved = true;
      line?.remove();
      if (port) {
        line = this.canvas.curve(...this.canvas.portPlace(port.dataset.of, port.dataset.port), x, y, `o-${port.dataset.port} drawing`);
        this.canvas.svg.append(line);
      } else {
        const at = [snap(from[0] + x - x0), snap(from[1] + y - y0)];
        this.canvas.draw(changed(this.definition, (fresh) => { fresh.steps[name].at = at; }), { chosen: name });
      }
    };
    const drop = (last) => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", drop);
      line?.remove();
      if (!this.moved) return;
      if (port) this.connect(port.dataset.of, port.dataset.port, document.elementFromPoint(last.clientX, last.clientY)?.closest("[data-step]")?.dataset.step);
      else this.put(this.movedTo(name, this.canvas.places[name]), name);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", drop);
  }

  movedTo(name, at) { return changed(this.definition, (fresh) => { fresh.steps[name].at = at; }); }

  connect(name, outcome, target) {
    this.wanting = null;
    this.el.classList.remove("wanting");
    this.part("hint").textContent = this.words.hint;
    if (!target || target === name || !(this.definition.steps[target] || ENDS.includes(target))) return;
    this.put(changed(this.definition, (fresh) => { fresh.steps[name].next[outcome] = target; }), name);
  }

  // Without a pointer: enter on a port, then enter on the box where it shall lead.
  click(event) {
    if (this.moved) { this.moved = false; return; }
    const port = event.target.closest("[data-port]");
    const name = event.target.closest("[data-name]")?.dataset.name;
    if (port) {
      this.wanting = [port.dataset.of, port.dataset.port];
      this.el.classList.add("wanting");
      this.part("hint").textContent = this.words.chooseTarget;
    } else if (name && this.wanting) this.connect(...this.wanting, name);
    else if (name) this.choose(name);
    else if (!event.target.closest(".flow-box")) this.choose("");
  }

  key(event) {
    const name = event.target.closest("[data-name]")?.dataset.name;
    if (event.key === "Escape" && this.wanting) { this.connect(...this.wanting, null); return; }
    if (!name || !this.definition.steps[name]) return;
    const far = event.shiftKey ? 50 : GRID;
    const step = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] }[event.key];
    if (step) {
      event.preventDefault();
      const [x, y] = this.definition.steps[name].at;
      this.put(this.movedTo(name, [snap(x + step[0]), snap(y + step[1])]), name);
    } else if (event.key === "Delete") {
      this.put(removeStep(this.definition, name), "");
      this.part("canvas").querySelector(".flow-name")?.focus();
    }
  }
}
