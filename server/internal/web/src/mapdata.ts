// The points as the server sends them; mapdata.go has the bytes.

export interface Label { x: number; y: number; text: string; n: number }
export interface Level { pixels: number; labels: Label[] | null }

export interface Points {
  count: number;
  x: Uint16Array;
  y: Uint16Array;
  year: Uint16Array;
  group: Uint8Array;
  groups: string[];
  levels: Level[];
  id(i: number): string;
  find(id: string): number; // -1: it is not there
}

export function decode(buffer: ArrayBuffer): Points {
  const view = new DataView(buffer);
  const text = new TextDecoder();
  if (text.decode(new Uint8Array(buffer, 0, 8)) !== "AKINMAP1") throw new Error("these are no points of a map");
  const head = view.getUint32(8, true);
  const n = view.getUint32(12, true);
  const json = JSON.parse(text.decode(new Uint8Array(buffer, 16, head)));
  let at = 16 + head;
  const column = () => {
    const c = new Uint16Array(buffer, at, n); // every machine that runs browsers is little-endian
    at += 2 * n;
    return c;
  };
  const [x, y, year] = [column(), column(), column()];
  const group = new Uint8Array(buffer, at, n);
  at += n;
  const ids: string[] = new Array(n); // rising by bytes
  const bytes = new Uint8Array(buffer);
  const id = new Uint8Array(1024);
  for (let i = 0; i < n; i++) {
    const shared = view.getUint8(at);
    const more = view.getUint16(at + 1, true);
    id.set(bytes.subarray(at + 3, at + 3 + more), shared);
    ids[i] = text.decode(id.subarray(0, shared + more));
    at += 3 + more;
  }
  let places: Map<string, number> | undefined;
  return {
    count: n, x, y, year, group, groups: json.groups ?? [], levels: json.levels ?? [],
    id: (i) => ids[i]!,
    find: (wanted) => (places ??= new Map(ids.map((one, i) => [one, i]))).get(wanted) ?? -1,
  };
}
