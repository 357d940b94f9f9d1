// The words on the map: those of the finest level for which there is room, none over another.

import type { Label, Level } from "./mapdata";
import type { Camera } from "./mapdraw";

const SIDE = 65535;

/** A box by its middle. */
interface Box { x: number; y: number; w: number; h: number }

export class Words {
  private layer: HTMLElement;
  private spans = new Map<Label, HTMLElement>();
  private widths = new Map<string, number>();
  private measure = document.createElement("canvas").getContext("2d");

  constructor(private box: HTMLElement, private levels: Level[]) {
    this.layer = document.createElement("div");
    this.layer.className = "words";
    this.layer.setAttribute("aria-hidden", "true");
    box.append(this.layer);
    if (this.measure) this.measure.font = "600 12px " + getComputedStyle(document.body).fontFamily;
  }

  private width(text: string): number {
    let w = this.widths.get(text);
    if (w === undefined) {
      w = this.measure?.measureText(text).width ?? 7 * text.length;
      this.widths.set(text, w);
    }
    return w;
  }

  /** What lies on the map already: the legend and the buttons. */
  private obstacles(): Box[] {
    return [...this.box.querySelectorAll<HTMLElement>(".legend, .zoom")].map((e) => ({
      x: e.offsetLeft + e.offsetWidth / 2, y: e.offsetTop + e.offsetHeight / 2, w: e.offsetWidth, h: e.offsetHeight,
    }));
  }

  place(c: Camera): void {
    const level = this.levels.filter((l) => l.pixels <= c.scale * SIDE * 1.2).pop() ?? this.levels[0];
    const kept = this.obstacles();
    const shown = new Set<Label>();
    for (const label of level?.labels ?? []) {
      const x = c.width / 2 + (label.x - c.x) * c.scale;
      const y = c.height / 2 - (label.y - c.y) * c.scale;
      const w = this.width(label.text) + 8;
      if (x < w / 2 || x > c.width - w / 2 || y < 10 || y > c.height - 10) continue;
      if (kept.some((k) => Math.abs(k.x - x) < (k.w + w) / 2 && Math.abs(k.y - y) < (k.h + 18) / 2)) continue;
      kept.push({ x, y, w, h: 18 });
      shown.add(label);
      let span = this.spans.get(label);
      if (!span) {
        span = document.createElement("span");
        span.textContent = label.text;
        span.dir = "auto";
        this.spans.set(label, span);
        this.layer.append(span);
      }
      span.style.transform = `translate(${(x - w / 2 + 4).toFixed(1)}px,${(y - 7).toFixed(1)}px)`;
    }
    for (const [label, span] of this.spans) {
      if (shown.has(label)) continue;
      span.remove();
      this.spans.delete(label);
    }
  }
}
