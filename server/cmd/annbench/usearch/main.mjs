// Measures usearch as annbench measures Akin's engines: the same files, flags, ground truth and JSON. See the comment on
// package annbench for how to install and run it.
//
// All queries are handed over in one call, so that the bridge to JavaScript costs nothing worth counting; latencies are
// those of a call, over its queries. The ground truth is usearch's own exact search.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createRequire } from 'node:module';

const { Index, exactSearch } = createRequire(path.join(process.cwd(), 'main.mjs'))('usearch');

const settings = { k: 10, threads: 1, limit: 0, rounds: 3, m: 16, 'ef-construction': 200, ef: '16,24,32,48,64,96,128,256',
  round: '400ms', only: '', keep: '' };
for (let i = 2; i < process.argv.length; i++) {
  const name = process.argv[i].replace(/^--/, '');
  if (name === 'json') continue; // it prints nothing else
  if (i + 1 === process.argv.length) throw new Error(`--${name} needs a value`);
  settings[name] = process.argv[++i];
}
const number = name => Number(settings[name]);
const widths = settings.ef.split(',').map(Number);
const millis = settings.round.endsWith('ms') ? parseFloat(settings.round) : 1000 * parseFloat(settings.round);

// Rows are scaled to L2 norm 1, as annbench does it, so that the inner product is the cosine.
function readFbin(file, limit) {
  const fd = fs.openSync(file);
  const header = new Uint32Array(2);
  fs.readSync(fd, header, 0, 8, 0);
  const n = limit > 0 ? Math.min(header[0], limit) : header[0], dims = header[1];
  const values = new Float32Array(n * dims), bytes = new Uint8Array(values.buffer);
  for (let at = 0; at < bytes.length;) {
    const read = fs.readSync(fd, bytes, at, Math.min(bytes.length - at, 1 << 26), 8 + at);
    if (read === 0) throw new Error(`${file} is shorter than its header says`);
    at += read;
  }
  fs.closeSync(fd);
  for (let at = 0; at < values.length; at += dims) {
    let sum = 0;
    for (let j = at; j < at + dims; j++) sum += values[j] * values[j];
    if (sum > 0) for (let j = at; j < at + dims; j++) values[j] /= Math.sqrt(sum);
  }
  return { n, dims, values };
}

const base = readFbin(settings.base, number('limit')), query = readFbin(settings.query, 0);
const k = number('k'), threads = number('threads');

function dot(q, slot) {
  let sum = 0;
  for (let j = 0; j < base.dims; j++) sum += query.values[q * base.dims + j] * base.values[slot * base.dims + j];
  return sum;
}

// The cosine of the true k-th neighbour of each query.
const exact = exactSearch(base.values, query.values, base.dims, k, 'ip', 0);
const kth = new Float64Array(query.n).fill(2);
for (let q = 0; q < query.n; q++)
  for (let j = 0; j < k; j++) kth[q] = Math.min(kth[q], dot(q, Number(exact.keys[q * k + j])));

const processor = () => { const u = process.cpuUsage(); return (u.user + u.system) / 1e6; };
const kept = settings.keep !== ''; // the index of one name stays for the next run, with what its build took beside it
if (kept && !settings.only) throw new Error('--keep is of one index: --only says which');
const folder = kept ? '' : fs.mkdtempSync(path.join(os.tmpdir(), 'usearch-'));
const file = kept ? settings.keep : path.join(folder, 'index');

function measure(index, ef) {
  const row = { ef, qps: 0, cpu_qps: 0, p50_us: 0, p99_us: 0 };
  const hits = index.search(query.values, k, threads);
  let good = 0;
  for (let q = 0; q < query.n; q++)
    for (let j = 0; j < Number(hits.counts[q]); j++) if (dot(q, Number(hits.keys[q * k + j])) >= kth[q]) good++;
  row[`recall@${k}`] = good / (k * query.n);
  for (let round = 0; round < number('rounds'); round++) {
    const calls = [], start = performance.now(), cpu = processor();
    let last = start;
    do {
      index.search(query.values, k, threads);
      const now = performance.now();
      calls.push((1000 * (now - last)) / query.n);
      last = now;
    } while (last - start < millis);
    const answered = calls.length * query.n, qps = (1000 * answered) / (last - start);
    row.cpu_qps = Math.max(row.cpu_qps, answered / (processor() - cpu));
    if (qps > row.qps) {
      calls.sort((a, b) => a - b);
      row.qps = qps;
      row.p50_us = calls[calls.length >> 1];
      row.p99_us = calls[Math.floor((calls.length * 99) / 100)];
    }
  }
  return row;
}

function engine(name, quantization) {
  const config = ef => ({ dimensions: base.dims, metric: 'ip', quantization, connectivity: number('m'),
    expansion_add: number('ef-construction'), expansion_search: ef });
  const keys = BigUint64Array.from({ length: base.n }, (_, i) => BigInt(i));
  let built, used;
  if (kept && fs.existsSync(`${file}.took`)) {
    [built, used] = fs.readFileSync(`${file}.took`, 'utf8').trim().split(' ').map(Number);
  } else {
    const start = performance.now(), cpu = processor();
    const index = new Index(config(64));
    index.add(keys, base.values, threads);
    [built, used] = [(performance.now() - start) / 1000, processor() - cpu];
    index.save(file); // the width belongs to an index, so each gets one of its own
    if (kept) fs.writeFileSync(`${file}.took`, `${built} ${used}\n`); // once the index is whole
  }
  return { engine: name, build_seconds: built, build_cpu_seconds: used, bytes_per_vector: fs.statSync(file).size / base.n,
    ef: widths.map(ef => {
      const one = new Index(config(ef));
      one.load(file);
      return measure(one, ef);
    }) };
}

try {
  const engines = [];
  for (const [name, quantization] of [['usearch', 'f32'], ['usearch-i8', 'i8']])
    if (!settings.only || settings.only === name) engines.push(engine(name, quantization));
  console.log(JSON.stringify({ base: settings.base, n: base.n, dims: base.dims, queries: query.n, k, threads, engines }));
} finally {
  if (folder) fs.rmSync(folder, { recursive: true });
}
