// The release board: one small square per node, grouped by batch and centre, its state as colour and shape.
// <div data-board data-src="…/board.json" data-topic="release-12" data-node-url="/estate/nodes/"> holds the first state as a
// <script type="application/json">; afterwards it is fetched when the topic says that something changed. Squares stay in
// place and change their class only, so a thousand of them cost nothing.
const FRESH_MS = 2500;
const LEAST_MS = 700;

function element(tag, className, text) {
  const el = document.createElement(tag);
  if (className) el.className = className;
  if (text !== undefined) el.textContent = text;
  return el;
}

class Board {
  constructor(root) {
    this.root = root;
    this.squares = new Map();
    this.heads = new Map();
    this.asking = false;
    this.again = false;
    const first = root.querySelector('script[type="application/json"]');
    this.data = JSON.parse(first.textContent);
    this.build();
    root.addEventListener("click", (event) => this.open(event));
    const topic = root.dataset.topic;
    this.listener = () => this.refresh();
    document.body.addEventListener(`live:${topic}`, this.listener);
    document.body.addEventListener("live:tick", this.listener);
  }

  build() {
    this.root.replaceChildren();
    let part = null;
    for (const batch of this.data.batches) {
      if (batch.part !== part && this.data.parts > 1) this.root.append(element("h2", "board-part", batch.part));
      part = batch.part;
      this.root.append(this.batch(batch));
    }
    this.legend = element("div", "board-legend");
    this.root.append(this.legend);
    this.drawLegend();
  }

  batch(batch) {
    const section = element("section");
    const head = element("h3");
    this.heads.set(batch.number, head);
    this.drawHead(head, batch);
    const centres = element("div", "board-centres");
    for (const [code, nodes] of batch.centres) {
      const centre = element("div", "board-centre");
      centre.append(element("span", "", `${code} · ${nodes.length}`));
      const squares = element("div", "squares");
      for (const [name, state] of nodes) squares.append(this.square(name, state));
      centre.append(squares);
      centres.append(centre);
    }
    section.append(head, centres);
    return section;
  }

  drawHead(head, batch) {
    head.textContent = `${this.root.dataset.batch} ${batch.number} · ${batch.term}`;
    const state = element("span", `badge ${batch.mark}`, batch.state);
    head.append(state);
  }

  square(name, state) {
    const el = element("i");
    el.dataset.name = name;
    this.squares.set(name, el);
    this.drawSquare(el, state, false);
    return el;
  }

  drawSquare(el, state, changed) {
    const [mark, label] = this.data.states[state];
    el.className = `s-${mark}${changed && mark === "good" ? " fresh" : ""}`;
    el.dataset.state = state;
    el.title = `${el.dataset.name}: ${label}`;
    if (changed && mark === "good") setTimeout(() => el.classList.remove("fresh"), FRESH_MS);
  }

  drawLegend() {
    const counts = new Map();
    for (const el of this.squares.values()) counts.set(el.dataset.state, (counts.get(el.dataset.state) || 0) + 1);
    this.legend.replaceChildren();
    const words = [];
    for (const [state, count] of [...counts].sort()) {
      const [mark, label] = this.data.states[state];
      const item = element("span");
      const holder = element("span", "squares");
      holder.append(element("i", `s-${mark}`));
      item.append(holder, document.createTextNode(`${label} ${count}`));
      this.legend.append(item);
      words.push(`${label}: ${count}`);
    }
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", words.join(", "));
  }

  async refresh() {
    if (!this.root.isConnected) {
      document.body.removeEventListener(`live:${this.root.dataset.topic}`, this.listener);
      document.body.removeEventListener("live:tick", this.listener);
      return;
    }
    if (this.asking) { this.again = true; return; }
    this.asking = true;
    try {
      const answer = await fetch(this.root.dataset.src, { headers: { Accept: "application/json" } });
      if (answer.ok) this.take(await answer.json());
    } catch (error) {
      // The squares keep what was last known; the shell says that live updates are lost.
      this.root.title = error.message;
    }
    setTimeout(() => {
      this.asking = false;
      if (this.again) { this.again = false; this.refresh(); }
    }, LEAST_MS);
  }

  take(data) {
    this.data = data;
    for (const batch of data.batches) {
      if (this.heads.has(batch.number)) this.drawHead(this.heads.get(batch.number), batch);
      for (const [, nodes] of batch.centres) {
        for (const [name, state] of nodes) {
          const el = this.squares.get(name);
          if (el && Number(el.dataset.state) !== state) this.drawSquare(el, state, true);
        }
      }
    }
    this.drawLegend();
  }

  open(event) {
    const name = event.target.dataset?.name;
    if (name) location.href = `${this.root.dataset.nodeUrl}${encodeURIComponent(name)}/`;
  }
}

export function draw(root) {
  const found = [...(root.matches?.("[data-board]") ? [root] : []), ...root.querySelectorAll("[data-board]")];
  for (const el of found) if (!el.board) el.board = new Board(el);
}
