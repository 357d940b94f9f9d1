// Drawing points: by WebGL2, else on a plain canvas. Both draw them in one order, as good as random, so that the first
// of them are an even sample of all.

import type { Points } from "./mapdata";

const SIDE = 65535;

/** What is seen: the middle in the units of the map, pixels a unit, and the size in CSS pixels. */
export interface Camera { x: number; y: number; scale: number; width: number; height: number; ratio: number }

export interface Brush {
  /** Chooses colours; returns their legend. */
  paint(kind: "year" | "category", lit: { hits: string[]; likes: string[] }): HTMLElement;
  resize(c: Camera): void;
  /** Draws the first n points and what is lit; returns the milliseconds that it took. */
  draw(c: Camera, n: number): number;
  /** Rings one point; -1: none. */
  mark(i: number): void;
}

type RGB = [number, number, number];

/** Twelve colours that can be told apart, on light and on dark ground. */
const kinds: RGB[] = [
  [31, 119, 180], [230, 120, 30], [52, 150, 70], [200, 60, 70], [140, 100, 190], [150, 100, 80], [220, 110, 180], [20, 160, 170],
  [160, 160, 40], [90, 110, 220], [210, 160, 60], [100, 160, 130],
];

interface Style { first: RGB; last: RGB; dot: RGB; dim: RGB; mark: RGB; like: RGB; ink: RGB }

/** What all brushes share: order and colours of the points. */
class Palette {
  order: Uint32Array; // of drawing
  colours: Uint8Array; // RGB by order
  hits: number[] = []; // points
  likes: number[] = [];
  style!: Style;
  marked = -1;

  constructor(private box: HTMLElement, readonly points: Points) {
    const n = points.count;
    this.order = new Uint32Array(n).map((_, i) => i);
    let seed = 1;
    for (let i = n - 1; i > 0; i--) {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      const j = Math.floor((seed / 2 ** 32) * (i + 1));
      [this.order[i], this.order[j]] = [this.order[j]!, this.order[i]!];
    }
    this.colours = new Uint8Array(3 * n);
  }

  choose(kind: "year" | "category", lit: { hits: string[]; likes: string[] }): HTMLElement {
    const style = getComputedStyle(this.box);
    const colour = (name: string): RGB => {
      const hex = style.getPropertyValue(name).trim().replace(/^#(.)(.)(.)$/, "#$1$1$2$2$3$3");
      return [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16) || 0) as RGB;
    };
    this.style = {
      first: colour("--first"), last: colour("--last"), dot: colour("--dot"), dim: colour("--dim"),
      mark: colour("--mark"), like: colour("--like"), ink: colour("--ink"),
    };
    const there = (ids: string[]) => ids.map((id) => this.points.find(id)).filter((i) => i >= 0);
    this.hits = there(lit.hits ?? []);
    this.likes = there(lit.likes ?? []);
    const p = this.points;
    const legend = document.createElement("div");
    legend.className = "legend";
    const years = p.year.filter((y) => y > 0).sort();
    const low = years[Math.floor(years.length * 0.05)] ?? 0;
    const high = years[Math.floor(years.length * 0.98)] ?? 0;
    const byYear = kind === "year" && high > low;
    for (let k = 0; k < p.count; k++) {
      const i = this.order[k]!;
      const year = p.year[i]!;
      let rgb = this.style.dim;
      if (kind === "category") rgb = kinds[p.group[i]! - 1] ?? this.style.dim;
      else if (byYear && year > 0) rgb = between(this.style.first, this.style.last, (year - low) / (high - low));
      else if (!byYear) rgb = this.style.dot;
      this.colours.set(rgb, 3 * k);
    }
    if (kind === "category") {
      for (const [g, name] of p.groups.slice(0, kinds.length).entries()) legend.append(sample(kinds[g]!, name));
      if (p.groups.length > kinds.length || p.group.includes(0)) legend.append(sample(this.style.dim, "others"));
    } else if (byYear) {
      const ramp = document.createElement("i");
      ramp.className = "ramp";
      ramp.style.background = `linear-gradient(90deg, rgb(${this.style.first}), rgb(${this.style.last}))`;
      const span = document.createElement("span");
      span.append(String(low), ramp, String(high));
      legend.append(span);
    }
    if (this.hits.length) legend.append(sample(this.style.mark, "found"));
    if (this.likes.length) legend.append(sample(this.style.like, "liked"));
    legend.hidden = !legend.childElementCount;
    return legend;
  }

  /** How large a point is drawn, in CSS pixels: so that all together cover about the same share of the map. */
  size(c: Camera): number {
    const side = c.scale * SIDE;
    return Math.min(9, Math.max(1.6, 0.75 * side / Math.sqrt(this.points.count + 1)));
  }

  /** How much of a point's colour is laid on. */
  alpha(): number {
    return this.hits.length ? 0.35 : 0.8;
  }

  /** What is drawn over the points: [points, colour, factor of size]. */
  overlays(): [number[], RGB, number][] {
    const s = this.style;
    return [[this.likes, s.like, 2.2], [this.hits, s.mark, 2.4], [this.marked >= 0 ? [this.marked] : [], s.ink, 2.6]];
  }
}

function between(a: RGB, b: RGB, share: number): RGB {
  const s = Math.min(1, Math.max(0, share));
  const mix = (k: 0 | 1 | 2) => Math.round(a[k] + (b[k] - a[k]) * s);
  return [mix(0), mix(1), mix(2)];
}

function sample(rgb: RGB, name: string): HTMLElement {
  const span = document.createElement("span");
  const dot = document.createElement("i");
  dot.style.background = `rgb(${rgb})`;
  span.append(dot, name);
  span.dir = "auto";
  return span;
}

const vertex = `#version 300 es
layout(location=0) in vec2 at;
layout(location=1) in vec3 colour;
uniform vec4 camera; // middle, clip units a unit of the map
uniform float size;
out vec3 c;
void main() {
  gl_Position = vec4((at - camera.xy) * camera.zw, 0., 1.);
  gl_PointSize = size;
  c = colour;
}`;
const fragment = `#version 300 es
precision mediump float;
in vec3 c;
uniform float alpha;
uniform float soft;
out vec4 o;
void main() {
  float r = length(gl_PointCoord - .5) * 2.;
  float a = alpha * (1. - smoothstep(1. - soft, 1., r));
  o = vec4(c * a, a);
}`;

class WebGL implements Brush {
  private palette: Palette;
  private uniforms: Record<"camera" | "size" | "alpha" | "soft", WebGLUniformLocation | null>;
  private colours: WebGLBuffer;
  private over: WebGLBuffer;
  private all: WebGLVertexArrayObject;
  private few: WebGLVertexArrayObject;
  private overBytes = new ArrayBuffer(0);

  constructor(box: HTMLElement, private canvas: HTMLCanvasElement, private gl: WebGL2RenderingContext, points: Points) {
    this.palette = new Palette(box, points);
    const program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]] as const) {
      const shader = gl.createShader(kind);
      if (!shader) throw new Error("no shader");
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error("the shaders do not link");
    gl.useProgram(program);
    const uniform = (name: string) => gl.getUniformLocation(program, name);
    this.uniforms = {
      camera: uniform("camera"), size: uniform("size"), alpha: uniform("alpha"), soft: uniform("soft"),
    };
    const places = new Uint16Array(2 * points.count);
    this.palette.order.forEach((i, k) => places.set([points.x[i]!, points.y[i]!], 2 * k));
    this.all = gl.createVertexArray();
    gl.bindVertexArray(this.all);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, places, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.UNSIGNED_SHORT, false, 0, 0);
    this.colours = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, this.colours);
    gl.enableVertexAttribArray(1);
    gl.vertexAttribPointer(1, 3, gl.UNSIGNED_BYTE, true, 0, 0);
    this.few = gl.createVertexArray();
    gl.bindVertexArray(this.few);
    this.over = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, this.over);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.UNSIGNED_SHORT, false, 8, 0);
    gl.enableVertexAttribArray(1);
    gl.vertexAttribPointer(1, 3, gl.UNSIGNED_BYTE, true, 8, 4);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.clearColor(0, 0, 0, 0);
  }

  paint(kind: "year" | "category", lit: { hits: string[]; likes: string[] }): HTMLElement {
    const legend = this.palette.choose(kind, lit);
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, this.colours);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, this.palette.colours, this.gl.STATIC_DRAW);
    return legend;
  }

  mark(i: number): void { this.palette.marked = i; }

  resize(c: Camera): void {
    this.canvas.width = Math.round(c.width * c.ratio);
    this.canvas.height = Math.round(c.height * c.ratio);
    this.gl.viewport(0, 0, this.canvas.width, this.canvas.height);
  }

  draw(c: Camera, n: number): number {
    const begin = performance.now();
    const { gl, uniforms: u } = this;
    const size = this.palette.size(c) * c.ratio;
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.uniform4f(u.camera, c.x, c.y, (2 * c.scale) / c.width, (2 * c.scale) / c.height);
    gl.uniform1f(u.size, size);
    gl.uniform1f(u.soft, Math.min(1, 2.5 / size));
    gl.uniform1f(u.alpha, this.palette.alpha());
    gl.bindVertexArray(this.all);
    gl.drawArrays(gl.POINTS, 0, n);
    gl.bindVertexArray(this.few);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.over);
    gl.uniform1f(u.alpha, 1);
    for (const [points, rgb, factor] of this.palette.overlays()) {
      if (!points.length) continue;
      if (this.overBytes.byteLength < 8 * points.length) this.overBytes = new ArrayBuffer(8 * points.length);
      const places = new Uint16Array(this.overBytes);
      const bytes = new Uint8Array(this.overBytes);
      points.forEach((i, k) => {
        places[4 * k] = this.palette.points.x[i]!;
        places[4 * k + 1] = this.palette.points.y[i]!;
        bytes.set(rgb, 8 * k + 4);
      });
      gl.bufferData(gl.ARRAY_BUFFER, new Uint8Array(this.overBytes, 0, 8 * points.length), gl.STREAM_DRAW);
      const wide = Math.min(size + 5 * c.ratio, Math.max(6 * c.ratio, size * factor));
      gl.uniform1f(u.size, wide);
      gl.uniform1f(u.soft, Math.min(1, 2.5 / wide));
      gl.drawArrays(gl.POINTS, 0, points.length);
    }
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, this.pixel); // waits for the drawing, which is what it costs
    return performance.now() - begin;
  }

  private pixel = new Uint8Array(4);
}

class Plain implements Brush {
  private palette: Palette;

  constructor(box: HTMLElement, private canvas: HTMLCanvasElement, private ctx: CanvasRenderingContext2D, points: Points) {
    this.palette = new Palette(box, points);
  }

  paint(kind: "year" | "category", lit: { hits: string[]; likes: string[] }): HTMLElement { return this.palette.choose(kind, lit); }

  mark(i: number): void { this.palette.marked = i; }

  resize(c: Camera): void {
    this.canvas.width = Math.round(c.width * c.ratio);
    this.canvas.height = Math.round(c.height * c.ratio);
  }

  draw(c: Camera, n: number): number {
    const begin = performance.now();
    const { ctx, palette } = this;
    const { points, order, colours } = palette;
    const size = palette.size(c);
    ctx.setTransform(c.ratio, 0, 0, c.ratio, 0, 0);
    ctx.clearRect(0, 0, c.width, c.height);
    ctx.globalAlpha = palette.alpha();
    let last = -1;
    for (let k = 0; k < n; k++) {
      const i = order[k]!;
      const x = c.width / 2 + (points.x[i]! - c.x) * c.scale;
      const y = c.height / 2 - (points.y[i]! - c.y) * c.scale;
      if (x < -size || y < -size || x > c.width + size || y > c.height + size) continue;
      const rgb = (colours[3 * k]! << 16) | (colours[3 * k + 1]! << 8) | colours[3 * k + 2]!;
      if (rgb !== last) ctx.fillStyle = "#" + (last = rgb).toString(16).padStart(6, "0");
      ctx.fillRect(x - size / 2, y - size / 2, size, size);
    }
    ctx.globalAlpha = 1;
    for (const [list, rgb, factor] of palette.overlays()) {
      ctx.fillStyle = `rgb(${rgb})`;
      for (const i of list) {
        ctx.beginPath();
        const x = c.width / 2 + (points.x[i]! - c.x) * c.scale;
        const y = c.height / 2 - (points.y[i]! - c.y) * c.scale;
        ctx.arc(x, y, Math.min(size + 5, Math.max(6, size * factor)) / 2, 0, 7);
        ctx.fill();
      }
    }
    return performance.now() - begin;
  }
}

/** Makes the best brush that the browser has. #plain in the address asks for the canvas. */
export function brushFor(box: HTMLElement, points: Points): Brush {
  const fresh = () => {
    const canvas = document.createElement("canvas");
    canvas.setAttribute("aria-hidden", "true");
    box.append(canvas);
    return canvas;
  };
  const canvas = fresh();
  const gl = location.hash === "#plain" ? null : canvas.getContext("webgl2", { antialias: false, premultipliedAlpha: true });
  if (gl) {
    try {
      const brush = new WebGL(box, canvas, gl, points);
      canvas.addEventListener("webglcontextlost", () => location.reload(), { once: true });
      return brush;
    } catch { /* a canvas that had WebGL gives no other context */ }
  }
  canvas.remove();
  const plain = fresh();
  const ctx = plain.getContext("2d");
  if (!ctx) throw new Error("this browser draws nothing");
  return new Plain(box, plain, ctx, points);
}
