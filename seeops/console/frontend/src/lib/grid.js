// The grid of a run: a row per node, a square per task. Only the rows in sight exist as elements and are used again while
// scrolling, so a thousand nodes cost what thirty do. The cells lie in one array of bytes; what was reported since the last look
// is fetched as single cells when the run's topic says that something changed.
const ROW = 22;
const SPARE = 4;
const LEAST_MS = 250;
const MARK = { ".": "none", o: "good", c: "good", s: "absent", f: "bad", u: "unknown" };
const BADNESS = { f: 0, u: 1 };
const code = (letter) => letter.charCodeAt(0);
const DOT = code(".");

function element(tag, className, text) {
  const el = document.createElement(tag);
  if (className) el.className = className;
  if (text !== undefined) el.textContent = text;
  return el;
}

class Grid {
  constructor(root) {
    this.root = root;
    this.box = root.querySelector("[data-grid-box]");
    this.legend = root.querySelector("[data-grid-legend]");
    this.detail = root.querySelector("[data-grid-detail]");
    this.hosts = [];
    this.place = new Map();
    this.tasks = [];
    this.column = new Map();
    this.width = 8;
    this.cells = new Uint8Array(0);
    this.order = [];
    this.rows = [];
    this.seq = 0;
    this.live = "live" in root.dataset;
    this.active = { row: 0, column: 0 };
    this.frame();
    this.listen();
    this.load();
  }

  frame() {
    this.head = element("div", "grid-head");
    this.head.setAttribute("role", "row");
    this.canvas = element("div", "grid-canvas");
    this.canvas.setAttribute("role", "rowgroup");
    this.box.replaceChildren(this.head, this.canvas);
  }

  listen() {
    this.onLive = () => this.refresh();
    document.body.addEventListener(`live:${this.root.dataset.topic}`, this.onLive);
    document.body.addEventListener("live:tick", this.onLive);
    this.box.addEventListener("scroll", () => this.soon(), { passive: true });
    this.box.addEventListener("click", (event) => this.clicked(event));
    this.box.addEventListener("keydown", (event) => this.key(event));
    for (const name of ["host", "state", "task", "first"]) {
      const field = this.root.querySelector(`[data-grid-${name}]`);
      this[`${name}Field`] = field;
      field.addEventListener("input", () => { this.box.scrollTop = 0; this.sort(); });
    }
    this.watch = new ResizeObserver(() => this.soon());
    this.watch.observe(this.box);
  }

  leave() {
    document.body.removeEventListener(`live:${this.root.dataset.topic}`, this.onLive);
    document.body.removeEventListener("live:tick", this.onLive);
    this.watch.disconnect();
  }

  async ask(query) {
    try {
      const answer = await fetch(`${this.root.dataset.src}?${query}`, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(`${answer.status}`);
      this.root.removeAttribute("data-stale");
      return await answer.json();
    } catch (error) {
      // What was last known stays; the next change asks again.
      this.root.dataset.stale = this.root.dataset.gone;
      return null;
    }
  }

  async load() {
    this.asking = true;
    let total = 1;
    while (this.hosts.length < total) {
      const data = await this.ask(`from=${this.hosts.length}`);
      if (!data || !data.rows.length) break;
      total = data.total;
      if (!this.hosts.length) { this.seq = data.seq; this.live = data.live; }
      for (const [host, letters] of data.rows) {
        const row = this.row(host);
        for (let at = 0; at < letters.length; at += 1) if (letters[at] !== ".") this.set(row, this.task(data.tasks[at]), letters[at]);
      }
      for (const task of data.tasks) this.task(task);
    }
    this.asking = false;
    this.loaded = this.hosts.length > 0;
    this.sort();
  }

  row(host) {
    let row = this.place.get(host);
    if (row === undefined) {
      row = this.hosts.length;
      this.place.set(host, row);
      this.hosts.push(host);
      this.room();
    }
    return row;
  }

  task(name) {
    let column = this.column.get(name);
    if (column === undefined) {
      column = this.tasks.length;
      this.column.set(name, column);
      this.tasks.push(name);
      this.taskField.append(new Option(`${column + 1} ${name}`, column));
      if (column >= this.width) this.widen();
      this.headed = false;
    }
    return column;
  }

  room() {
    if (this.hosts.length * this.width <= this.cells.length) return;
    const more = new Uint8Array(Math.max(64, this.hosts.length * 2) * this.width).fill(DOT);
    more.set(this.cells);
    this.cells = more;
  }

  widen() {
    const wider = new Uint8Array((this.cells.length / this.width) * this.width * 2).fill(DOT);
    for (let row = 0; row < this.hosts.length; row += 1) wider.set(this.cells.subarray(row * this.width, (row + 1) * this.width), row * this.width * 2);
    this.cells = wider;
    this.width *= 2;
  }

  set(row, column, letter) { this.cells[row * this.width + column] = code(letter); }

  letter(row, column) { return String.fromCharCode(this.cells[row * this.width + column]); }

  // The worst of a node: failed before unreachable before no result before the rest.
  badness(row) {
    let worst = 4;
    let any = false;
    for (let at = row * this.width; at < row * this.width + this.tasks.length; at += 1) {
      const value = this.cells[at];
      if (value === DOT) continue;
      any = true;
      worst = Math.min(worst, BADNESS[String.fromCharCode(value)] ?? 4);
    }
    if (worst < 4) return worst;
    if (!any) return this.live ? 3 : 2;
    return 4;
  }

  matches(row, badness) {
    const host = this.hostField.value.trim().toLowerCase();
    if (host && !this.hosts[row].toLowerCase().includes(host)) return false;
    const state = this.stateField.value;
    const column = this.taskField.value;
    if (!state) return column === "" || this.letter(row, Number(column)) !== ".";
    if (state === "bad" && column === "") return badness <= 2;
    if (state === "silent") return badness === 2;
    const wanted = state === "bad" ? "fu" : state;
    if (column !== "") return wanted.includes(this.letter(row, Number(column)));
    for (let at = 0; at < this.tasks.length; at += 1) if (wanted.includes(this.letter(row, at))) return true;
    return false;
  }

  sort() {
    const badness = this.hosts.map((_host, row) => this.badness(row));
    this.badnesses = badness;
    const order = [];
    for (let row = 0; row < this.hosts.length; row += 1) if (this.matches(row, badness[row])) order.push(row);
    const first = this.firstField.checked;
    order.sort((a, b) => (first && badness[a] - badness[b]) || (this.hosts[a] < this.hosts[b] ? -1 : 1));
    this.order = order;
    this.drawLegend();
    this.soon();
  }

  soon() {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => { this.drawing = 0; this.draw(); });
  }

  draw() {
    if (!this.headed) this.drawHead();
    this.canvas.style.height = `${Math.max(1, this.order.length) * ROW}px`;
    this.box.setAttribute("aria-rowcount", this.order.length);
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW) - SPARE);
    const many = Math.ceil(this.box.clientHeight / ROW) + 2 * SPARE;
    while (this.rows.length < Math.min(many, this.order.length)) this.rows.push(this.newRow());
    while (this.rows.length > Math.min(many, this.order.length)) this.rows.pop().el.remove();
    for (let at = 0; at < this.rows.length; at += 1) this.drawRow(this.rows[at], first + at);
    if (!this.order.length) this.canvas.dataset.empty = this.root.dataset.empty; else delete this.canvas.dataset.empty;
  }

  drawHead() {
    this.head.replaceChildren(element("span", "grid-name"));
    for (let column = 0; column < this.tasks.length; column += 1) {
      const el = element("span", "grid-task", column + 1);
      el.title = this.tasks[column];
      el.setAttribute("role", "columnheader");
      el.setAttribute("aria-label", this.tasks[column]);
      this.head.append(el);
    }
    this.headed = true;
  }

  newRow() {
    const el = element("div", "grid-row squares");
    el.setAttribute("role", "row");
    const name = element("span", "grid-name mono");
    name.setAttribute("role", "rowheader");
    el.append(name);
    this.canvas.append(el);
    return { el, name, squares: [], shown: -1 };
  }

  drawRow(row, at) {
    const hidden = at >= this.order.length;
    row.el.hidden = hidden;
    if (hidden) return;
    const host = this.order[at];
    if (row.at !== at) { row.el.style.transform = `translateY(${at * ROW}px)`; row.el.setAttribute("aria-rowindex", at + 1); row.at = at; }
    if (row.shown !== host) { row.name.textContent = this.hosts[host]; row.name.title = this.hosts[host]; row.shown = host; }
    while (row.squares.length < this.tasks.length) {
      const square = element("i");
      square.setAttribute("role", "gridcell");
      row.el.append(square);
      row.squares.push(square);
    }
    const silent = this.badnesses[host] === 2;
    for (let column = 0; column < this.tasks.length; column += 1) {
      const square = row.squares[column];
      const letter = this.letter(host, column);
      const active = at === this.active.row && column === this.active.column;
      const look = `${silent ? "s-unknown" : `s-${MARK[letter]}`}${letter === "c" ? " changed" : ""}${active ? " active" : ""}`;
      if (square.className !== look) square.className = look;
      const word = letter === "." ? this.root.dataset[silent ? "silent" : "none"] : this.root.dataset[letter];
      const title = `${this.hosts[host]} · ${this.tasks[column]}: ${word}`;
      if (square.title !== title) { square.title = title; square.setAttribute("aria-label", title); }
    }
  }

  drawLegend() {
    const counts = new Map();
    const words = this.root.dataset;
    for (let row = 0; row < this.hosts.length; row += 1) {
      if (this.badnesses[row] === 2) { counts.set("silent", (counts.get("silent") || 0) + 1); continue; }
      for (let column = 0; column < this.tasks.length; column += 1) {
        const letter = this.letter(row, column);
        if (letter !== ".") counts.set(letter, (counts.get(letter) || 0) + 1);
      }
    }
    const parts = [];
    for (const key of ["f", "u", "silent", "c", "o", "s"]) {
      if (!counts.get(key)) continue;
      const item = element("span");
      const holder = element("span", "squares");
      holder.append(element("i", `s-${key === "silent" ? "unknown" : MARK[key]}${key === "c" ? " changed" : ""}`));
      item.append(holder, document.createTextNode(`${words[key]} ${counts.get(key)}`));
      parts.push(item);
    }
    this.legend.replaceChildren(...parts);
  }

  async refresh() {
    if (!this.root.isConnected) { this.leave(); return; }
    if (this.asking) { this.again = true; return; }
    if (!this.loaded) { await this.load(); return; }
    this.asking = true;
    let more = true;
    let touched = false;
    while (more) {
      const data = await this.ask(`after=${this.seq}`);
      if (!data) break;
      for (const [host, task, letter] of data.cells) this.set(this.row(host), this.task(task), letter);
      touched ||= data.cells.length > 0 || data.live !== this.live;
      this.seq = data.seq;
      this.live = data.live;
      more = data.more;
    }
    if (touched) this.sort();
    setTimeout(() => {
      this.asking = false;
      if (this.again) { this.again = false; this.refresh(); }
    }, LEAST_MS);
  }

  clicked(event) {
    const square = event.target.closest("i");
    const row = this.rows.find((one) => one.squares.includes(square));
    if (row) this.open(row.at, row.squares.indexOf(square));
  }

  open(at, column) {
    const host = this.hosts[this.order[at]];
    if (host === undefined || this.tasks[column] === undefined) return;
    this.active = { row: at, column };
    this.soon();
    const address = `${this.root.dataset.cell}?host=${encodeURIComponent(host)}&task=${encodeURIComponent(this.tasks[column])}`;
    window.htmx.ajax("GET", address, { target: this.detail, swap: "innerHTML" });
  }

  key(event) {
    const step = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[event.key];
    if (event.key === "Enter") { this.open(this.active.row, this.active.column); return; }
    if (!step) return;
    event.preventDefault();
    this.active = {
      row: Math.min(Math.max(0, this.active.row + step[0]), Math.max(0, this.order.length - 1)),
      column: Math.min(Math.max(0, this.active.column + step[1]), Math.max(0, this.tasks.length - 1)),
    };
    const top = this.active.row * ROW;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (top + 3 * ROW > this.box.scrollTop + this.box.clientHeight) this.box.scrollTop = top + 3 * ROW - this.box.clientHeight;
    this.soon();
  }
}

export function draw(root) {
  const found = [...(root.matches?.("[data-grid]") ? [root] : []), ...root.querySelectorAll("[data-grid]")];
  for (const el of found) if (!el.grid) el.grid = new Grid(el);
}
