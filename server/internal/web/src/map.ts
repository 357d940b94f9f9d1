// The map of all papers: points drawn by WebGL2, or by a plain canvas where there is none; words, hover, moving.

import { decode, type Points } from "./mapdata";
import { brushFor, type Brush, type Camera } from "./mapdraw";
import { Words } from "./mapwords";

const SIDE = 65535;
const WHILE_MOVING = 30000; // points drawn while the map moves, where all take too long
const FRAME = 12; // milliseconds of a frame up to which all are drawn
const REACH = 14; // pixels from a point at which it is meant

class PaperMap {
  private camera: Camera = { x: SIDE / 2, y: SIDE / 2, scale: 0.01, width: 1, height: 1, ratio: 1 };
  private brush: Brush;
  private words: Words;
  private tip: HTMLElement;
  private cells: Cells;
  private whole = true; // everything is in view, and stays so when the window changes
  private moving = 0; // timer until the map rests
  private frame = 0;
  private cost = 0; // of drawing all points, in milliseconds
  private shown = -1; // the point of the tip
  private asked = 0; // timer until its paper is asked for
  private titles = new Map<number, Paper | null>();
  private pointers = new Map<number, { x: number; y: number }>();
  private dragged = 0; // pixels since the pointer went down
  private pinch = 0;

  constructor(
    private box: HTMLElement,
    private points: Points,
    private lit: Lit,
    private colour: HTMLSelectElement | null,
  ) {
    this.cells = new Cells(points);
    this.brush = brushFor(box, points);
    this.words = new Words(box, points.levels);
    this.tip = element("div", "tip");
    this.tip.hidden = true;
    this.tip.setAttribute("role", "status");
    box.append(this.buttons(), this.tip);
    box.classList.add("live");
    box.tabIndex = 0;
    box.setAttribute("role", "application");
    box.setAttribute("aria-label", "Map of the papers: arrows move it, plus and minus zoom, Enter opens the paper in the middle");
    for (const help of document.querySelectorAll<HTMLElement>("[data-maphelp]")) help.hidden = false;
    this.paint();
    new ResizeObserver(() => this.resize()).observe(box);
    this.resize();
    this.fromAddress();
    this.listen();
  }

  /** Chooses the colours anew: the kind of colour, or the theme, has changed. */
  private paint(): void {
    const kind = this.colour?.value === "category" ? "category" : "year";
    this.box.querySelector(".legend")?.remove();
    this.box.append(this.brush.paint(kind, this.lit));
    this.draw();
  }

  private resize(): void {
    const c = this.camera;
    c.width = this.box.clientWidth;
    c.height = this.box.clientHeight;
    c.ratio = Math.min(2, devicePixelRatio || 1);
    this.brush.resize(c);
    if (this.whole) this.showAll();
    else this.draw();
  }

  private showAll(): void {
    const c = this.camera;
    const b = this.cells.bounds;
    c.scale = Math.min((c.width - 40) / (b.x1 - b.x0 + 1), (c.height - 40) / (b.y1 - b.y0 + 1));
    c.x = (b.x0 + b.x1) / 2;
    c.y = (b.y0 + b.y1) / 2;
    this.whole = true;
    this.move(false);
  }

  private fromAddress(): void {
    const q = new URLSearchParams(location.hash.slice(1));
    const at = this.lit.paper ? this.points.find(this.lit.paper) : -1;
    const given = (k: string) => Number(q.get(k) ?? NaN);
    const [x, y, zoom] = [given("x"), given("y"), given("z")];
    if (x >= 0 && x <= SIDE && y >= 0 && y <= SIDE && zoom > 0) {
      Object.assign(this.camera, { x, y });
      this.zoomTo(zoom / SIDE);
    } else if (at >= 0) {
      Object.assign(this.camera, { x: this.points.x[at], y: this.points.y[at] });
      this.zoomTo(this.camera.scale * 8);
      this.tell(at, 0);
    }
  }

  private toAddress(): void {
    const c = this.camera;
    const hash = this.whole ? "" : `#x=${Math.round(c.x)}&y=${Math.round(c.y)}&z=${Math.round(c.scale * SIDE)}`;
    history.replaceState(history.state, "", location.pathname + location.search + hash);
  }

  private zoomTo(scale: number): void {
    this.camera.scale = Math.min(4, Math.max(100 / SIDE, scale));
    this.whole = false;
    this.move();
  }

  /** Zooms about a place on the screen, which stays where it is. */
  private zoomAt(px: number, py: number, factor: number): void {
    const c = this.camera;
    const before = this.toMap(px, py);
    c.scale = Math.min(4, Math.max(100 / SIDE, c.scale * factor));
    const after = this.toMap(px, py);
    c.x += before.x - after.x;
    c.y += before.y - after.y;
    this.whole = false;
    this.move();
  }

  private pan(dx: number, dy: number): void {
    const c = this.camera;
    c.x = Math.min(SIDE, Math.max(0, c.x - dx / c.scale));
    c.y = Math.min(SIDE, Math.max(0, c.y + dy / c.scale));
    this.whole = false;
    this.move();
  }

  private toMap(px: number, py: number): { x: number; y: number } {
    const c = this.camera;
    return { x: c.x + (px - c.width / 2) / c.scale, y: c.y - (py - c.height / 2) / c.scale };
  }

  private toScreen(i: number): { x: number; y: number } {
    const c = this.camera;
    return {
      x: c.width / 2 + (this.points.x[i]! - c.x) * c.scale,
      y: c.height / 2 - (this.points.y[i]! - c.y) * c.scale,
    };
  }

  /** Draws while the map moves, and once more when it rests. */
  private move(noted = true): void {
    clearTimeout(this.moving);
    this.moving = window.setTimeout(() => {
      this.moving = 0;
      if (noted) this.toAddress();
      this.draw();
    }, 160);
    this.draw();
  }

  private draw(): void {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      const thin = this.moving !== 0 && this.cost > FRAME;
      const n = this.points.count;
      const drawn = thin ? Math.min(n, WHILE_MOVING) : n;
      const took = this.brush.draw(this.camera, drawn);
      if (drawn === n) this.cost = took;
      this.box.dataset.cost = took.toFixed(1);
      this.box.dataset.drawn = String(drawn);
      this.words.place(this.camera);
      this.putTip();
    });
  }

  private listen(): void {
    const box = this.box;
    const at = (e: PointerEvent | WheelEvent) => {
      const r = box.getBoundingClientRect();
      return { x: e.clientX - r.left - box.clientLeft, y: e.clientY - r.top - box.clientTop };
    };
    box.addEventListener("wheel", (e) => {
      e.preventDefault();
      const p = at(e);
      this.zoomAt(p.x, p.y, Math.exp(-e.deltaY * (e.deltaMode ? 0.05 : 0.0016) * (e.ctrlKey ? 4 : 1)));
    }, { passive: false });
    box.addEventListener("pointerdown", (e) => {
      if ((e.target as Element).closest("button") || e.button !== 0) return;
      box.setPointerCapture(e.pointerId);
      this.pointers.set(e.pointerId, at(e));
      this.dragged = this.pointers.size > 1 ? 99 : 0;
      this.pinch = this.apart();
    });
    box.addEventListener("pointermove", (e) => this.pointerMoved(e.pointerId, at(e), e.pointerType));
    const up = (e: PointerEvent) => {
      if (!this.pointers.delete(e.pointerId)) return;
      box.classList.remove("moving");
      if (e.type === "pointerup" && this.dragged < 6) this.clicked(at(e), e);
      this.pinch = this.apart();
    };
    box.addEventListener("pointerup", up);
    box.addEventListener("pointercancel", up);
    box.addEventListener("pointerleave", () => { if (!this.pointers.size) this.tell(-1, 0); });
    box.addEventListener("keydown", (e) => this.key(e));
    box.addEventListener("focus", () => { if (box.matches(":focus-visible")) this.tellMiddle(); });
    this.colour?.addEventListener("change", () => this.paint());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paint());
  }

  private apart(): number {
    const [a, b] = [...this.pointers.values()];
    return a && b ? Math.hypot(a.x - b.x, a.y - b.y) : 0;
  }

  private pointerMoved(id: number, p: { x: number; y: number }, kind: string): void {
    const old = this.pointers.get(id);
    if (!old) {
      if (kind === "mouse") this.tell(this.nearest(p.x, p.y, REACH), 90);
      return;
    }
    this.pointers.set(id, p);
    this.dragged += Math.hypot(p.x - old.x, p.y - old.y);
    if (this.dragged < 6) return;
    this.box.classList.add("moving");
    this.pan((p.x - old.x) / this.pointers.size, (p.y - old.y) / this.pointers.size);
    const apart = this.apart();
    if (this.pinch > 0 && apart > 0) {
      const [a, b] = [...this.pointers.values()];
      if (a && b) this.zoomAt((a.x + b.x) / 2, (a.y + b.y) / 2, apart / this.pinch);
    }
    this.pinch = apart;
  }

  /** Opens the paper under the pointer; a finger shows what it is first. */
  private clicked(p: { x: number; y: number }, e: PointerEvent): void {
    const i = this.nearest(p.x, p.y, e.pointerType === "mouse" ? REACH : 24);
    if (i >= 0 && (e.pointerType === "mouse" || i === this.shown)) this.open(i, e.ctrlKey || e.metaKey);
    else this.tell(i, 0);
  }

  private open(i: number, beside: boolean): void {
    const path = "/paper?id=" + encodeURIComponent(this.points.id(i));
    if (beside) window.open(path, "_blank", "noopener");
    else location.assign(path);
  }

  private key(e: KeyboardEvent): void {
    if (e.target !== this.box || e.ctrlKey || e.metaKey || e.altKey) return;
    const step = 70;
    const c = this.camera;
    const keys: Record<string, () => void> = {
      ArrowLeft: () => this.pan(step, 0), ArrowRight: () => this.pan(-step, 0),
      ArrowUp: () => this.pan(0, step), ArrowDown: () => this.pan(0, -step),
      "+": () => this.zoomAt(c.width / 2, c.height / 2, 1.5), "=": () => this.zoomAt(c.width / 2, c.height / 2, 1.5),
      "-": () => this.zoomAt(c.width / 2, c.height / 2, 1 / 1.5), "0": () => { this.showAll(); this.toAddress(); },
      Enter: () => { if (this.shown >= 0) this.open(this.shown, false); },
      Escape: () => this.tell(-1, 0),
    };
    const act = keys[e.key];
    if (!act) return;
    e.preventDefault();
    e.stopPropagation();
    act();
    if (e.key !== "Escape") this.tellMiddle();
  }

  private tellMiddle(): void {
    this.tell(this.nearest(this.camera.width / 2, this.camera.height / 2, 80), 250);
  }

  private nearest(px: number, py: number, reach: number): number {
    const p = this.toMap(px, py);
    return this.cells.nearest(p.x, p.y, reach / this.camera.scale);
  }

  /** Shows what a point is; its title is asked for when the pointer has rested on it for a while. */
  private tell(i: number, wait: number): void {
    if (i === this.shown) return;
    this.shown = i;
    this.box.classList.toggle("pointing", i >= 0);
    clearTimeout(this.asked);
    if (i >= 0 && !this.titles.has(i)) this.asked = window.setTimeout(() => this.ask(i), wait);
    this.brush.mark(i);
    this.draw();
  }

  private async ask(i: number): Promise<void> {
    if (this.titles.size > 2000) this.titles.clear();
    let paper: Paper | null = null;
    try {
      const answer = await fetch("/map/paper?id=" + encodeURIComponent(this.points.id(i)));
      if (answer.ok) paper = await answer.json();
    } catch { /* told as not found */ }
    this.titles.set(i, paper);
    if (i === this.shown) this.draw();
  }

  private putTip(): void {
    const i = this.shown;
    const paper = i >= 0 ? this.titles.get(i) : undefined;
    this.tip.hidden = paper === undefined;
    if (paper === undefined) return;
    const key = String(i);
    if (this.tip.dataset.of !== key) {
      this.tip.dataset.of = key;
      const title = element("span");
      title.dir = "auto";
      title.textContent = paper ? paper.title || this.points.id(i) : "This paper is not stored any more.";
      const more = element("small");
      more.textContent = paper ? [paper.who, paper.year].filter(Boolean).join(" · ") : "";
      this.tip.replaceChildren(title, more);
    }
    const p = this.toScreen(i);
    const w = this.tip.offsetWidth;
    const h = this.tip.offsetHeight;
    const x = Math.max(4, Math.min(this.camera.width - w - 4, p.x + 14));
    const y = p.y + 16 + h > this.camera.height ? p.y - h - 12 : p.y + 14;
    this.tip.style.transform = `translate(${Math.round(x)}px,${Math.round(Math.max(4, y))}px)`;
  }

  private buttons(): HTMLElement {
    const all = element("div", "zoom");
    const add = (text: string, name: string, act: () => void) => {
      const b = element("button") as HTMLButtonElement;
      b.type = "button";
      b.textContent = text;
      b.setAttribute("aria-label", name);
      b.addEventListener("click", act);
      all.append(b);
    };
    const c = this.camera;
    add("+", "Zoom in", () => this.zoomAt(c.width / 2, c.height / 2, 1.6));
    add("−", "Zoom out", () => this.zoomAt(c.width / 2, c.height / 2, 1 / 1.6));
    add("◻", "Show all", () => { this.showAll(); this.toAddress(); });
    return all;
  }
}

/** Finds the point nearest to a place, by a grid over all. */
class Cells {
  private static readonly N = 256;
  private starts: Uint32Array;
  private order: Uint32Array;
  readonly bounds = { x0: SIDE, y0: SIDE, x1: 0, y1: 0 };

  constructor(private points: Points) {
    const n = points.count;
    this.starts = new Uint32Array(Cells.N * Cells.N + 1);
    this.order = new Uint32Array(n);
    const b = this.bounds;
    for (let i = 0; i < n; i++) {
      const [x, y] = [points.x[i]!, points.y[i]!];
      this.starts[this.cell(x, y) + 1]!++;
      b.x0 = Math.min(b.x0, x);
      b.x1 = Math.max(b.x1, x);
      b.y0 = Math.min(b.y0, y);
      b.y1 = Math.max(b.y1, y);
    }
    if (n === 0) Object.assign(b, { x0: 0, y0: 0, x1: SIDE, y1: SIDE });
    for (let c = 0; c < Cells.N * Cells.N; c++) this.starts[c + 1]! += this.starts[c]!;
    const next = this.starts.slice();
    for (let i = 0; i < n; i++) this.order[next[this.cell(points.x[i]!, points.y[i]!)]!++] = i;
  }

  private cell(x: number, y: number): number {
    return (y >> 8) * Cells.N + (x >> 8);
  }

  nearest(x: number, y: number, reach: number): number {
    let best = -1;
    let least = reach * reach;
    const clamp = (v: number) => Math.min(Cells.N - 1, Math.max(0, Math.floor(v / 256)));
    for (let cy = clamp(y - reach); cy <= clamp(y + reach); cy++) {
      for (let cx = clamp(x - reach); cx <= clamp(x + reach); cx++) {
        const c = cy * Cells.N + cx;
        for (let k = this.starts[c]!; k < this.starts[c + 1]!; k++) {
          const i = this.order[k]!;
          const d = (this.points.x[i]! - x) ** 2 + (this.points.y[i]! - y) ** 2;
          if (d < least) [best, least] = [i, d];
        }
      }
    }
    return best;
  }
}

interface Lit { hits: string[]; likes: string[]; paper?: string }
interface Paper { title: string; who: string; year: string; path: string }

function element(tag: string, className = ""): HTMLElement {
  const e = document.createElement(tag);
  e.className = className;
  return e;
}

async function start(): Promise<void> {
  const box = document.querySelector<HTMLElement>("[data-map]");
  if (!box?.dataset.points) return;
  const answer = await fetch(box.dataset.points);
  if (!answer.ok) return; // the still map stays
  const points = decode(await answer.arrayBuffer());
  new PaperMap(box, points, JSON.parse(box.dataset.lit ?? "{}"), document.querySelector("[data-colour]"));
}

start().catch((e: unknown) => console.warn("the map:", e)); // the still map stays
