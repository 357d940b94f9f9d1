// What the programs that measure other libraries have in common: annbench's files, flags, ground truth, rounds and JSON.
// A program says how to build its indexes and hands them to peer_main.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Processor time of this process.
inline double cpu_seconds() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return double(t.tv_sec) + double(t.tv_nsec) / 1e9;
}

struct Matrix {
  size_t n = 0, dims = 0;
  std::vector<float> values;
  const float *row(size_t i) const { return values.data() + i * dims; }
};

struct Settings {
  std::string base, query, only; // only: the name of the one index to build; empty: all
  std::string keep;              // file of the index that is built, for the next run; empty: none is kept
  std::vector<size_t> ef{16, 24, 32, 48, 64, 96, 128, 256};
  size_t k = 10, threads = 1, limit = 0, rounds = 3, m = 16, ef_construction = 200;
  double round_seconds = .4;
  bool json = false;
};

// One index that has been built.
struct Engine {
  double bytes = 0;           // a vector, in all
  std::vector<size_t> widths; // of a search, ascending
  size_t batch = 1;           // queries of one call; latencies are those of a call, over its queries
  std::function<void(size_t width)> set_width;
  // Writes the ids of the k nearest of each query, -1 where there are fewer. Called on several threads at once.
  std::function<void(const float *queries, size_t n, size_t k, int64_t *ids)> search;
};

// A build whose index is kept loads Settings::keep where kept() says so, and saves it else.
struct Builder {
  std::string name;
  std::function<Engine(const Matrix &, const Settings &)> build;
};

// What a build took is written beside a kept index once that is whole.
inline std::string took_file(const Settings &s) { return s.keep + ".took"; }

inline bool kept(const Settings &s) { return !s.keep.empty() && std::ifstream(took_file(s)).good(); }

// Times a build, or reads what the build of a kept index took.
inline Engine timed(const Builder &builder, const Matrix &base, const Settings &s, double &seconds, double &cpu) {
  const bool before = kept(s);
  auto start = Clock::now();
  double used = cpu_seconds();
  Engine engine = builder.build(base, s);
  seconds = seconds_since(start);
  cpu = cpu_seconds() - used;
  if (before) {
    if (!(std::ifstream(took_file(s)) >> seconds >> cpu)) throw std::runtime_error("cannot read " + took_file(s));
  } else if (!s.keep.empty() && std::ifstream(s.keep).good()) {
    std::ofstream(took_file(s)) << seconds << ' ' << cpu << '\n';
  }
  return engine;
}

// Rows are scaled to L2 norm 1, as annbench does it, so that the inner product is the cosine.
inline Matrix read_fbin(const std::string &path, size_t limit) {
  std::ifstream in(path, std::ios::binary);
  uint32_t header[2];
  if (!in.read(reinterpret_cast<char *>(header), sizeof header)) throw std::runtime_error("cannot read " + path);
  Matrix m;
  m.n = header[0];
  m.dims = header[1];
  if (limit > 0) m.n = std::min(m.n, limit);
  m.values.resize(m.n * m.dims);
  if (!in.read(reinterpret_cast<char *>(m.values.data()), m.values.size() * sizeof(float)))
    throw std::runtime_error(path + " is shorter than its header says");
  for (size_t i = 0; i < m.n; i++) {
    float *row = m.values.data() + i * m.dims;
    double sum = 0;
    for (size_t j = 0; j < m.dims; j++) sum += double(row[j]) * row[j];
    if (sum > 0)
      for (size_t j = 0; j < m.dims; j++) row[j] = float(row[j] / std::sqrt(sum));
  }
  return m;
}

// 16 partial sums, so that the compiler may use vector registers.
inline float dot(const float *a, const float *b, size_t dims) {
  float sums[16] = {};
  size_t i = 0;
  for (; i + 16 <= dims; i += 16)
    for (size_t j = 0; j < 16; j++) sums[j] += a[i + j] * b[i + j];
  float sum = 0;
  for (float s : sums) sum += s;
  for (; i < dims; i++) sum += a[i] * b[i];
  return sum;
}

// Runs f(i) for i in [0, n) on threads.
template <typename F> void parallel(size_t threads, size_t n, F f) {
  std::atomic<size_t> next{0};
  std::vector<std::thread> pool;
  for (size_t t = 0; t < threads; t++)
    pool.emplace_back([&] {
      for (size_t i; (i = next++) < n;) f(i);
    });
  for (auto &thread : pool) thread.join();
}

// The cosine of the true k-th neighbour of each query.
inline std::vector<float> truth(const Matrix &base, const Matrix &query, size_t k) {
  std::vector<float> kth(query.n);
  parallel(std::max(1u, std::thread::hardware_concurrency()), query.n, [&](size_t q) {
    std::vector<float> scores(base.n);
    for (size_t i = 0; i < base.n; i++) scores[i] = dot(query.row(q), base.row(i), base.dims);
    std::nth_element(scores.begin(), scores.begin() + (k - 1), scores.end(), std::greater<float>());
    kth[q] = scores[k - 1];
  });
  return kth;
}

inline double duration(const std::string &text) {
  char *unit = nullptr;
  double value = std::strtod(text.c_str(), &unit);
  return std::strcmp(unit, "ms") == 0 ? value / 1000 : value;
}

inline Settings parse(int argc, char **argv) {
  Settings s;
  for (int i = 1; i < argc; i++) {
    std::string flag = argv[i];
    if (flag == "--json") {
      s.json = true;
      continue;
    }
    if (i + 1 == argc) throw std::runtime_error(flag + " needs a value");
    std::string value = argv[++i];
    if (flag == "--base") s.base = value;
    else if (flag == "--query") s.query = value;
    else if (flag == "--only") s.only = value;
    else if (flag == "--keep") s.keep = value;
    else if (flag == "--k") s.k = std::stoul(value);
    else if (flag == "--threads") s.threads = std::stoul(value);
    else if (flag == "--limit") s.limit = std::stoul(value);
    else if (flag == "--rounds") s.rounds = std::stoul(value);
    else if (flag == "--m") s.m = std::stoul(value);
    else if (flag == "--ef-construction") s.ef_construction = std::stoul(value);
    else if (flag == "--round") s.round_seconds = duration(value);
    else if (flag == "--ef") {
      s.ef.clear();
      std::stringstream list(value);
      for (std::string item; std::getline(list, item, ',');) s.ef.push_back(std::stoul(item));
    } else throw std::runtime_error("there is no flag " + flag);
  }
  if (!s.keep.empty() && s.only.empty()) throw std::runtime_error("--keep is of one index: --only says which");
  if (s.base.empty() || s.query.empty()) throw std::runtime_error("--base and --query are needed");
  return s;
}

struct Row {
  size_t ef;
  double recall, qps, cpu_qps, p50, p99;
};

// Searches until a round is over, whole passes of the queries, and keeps the fastest round.
inline Row measure(const Engine &engine, const Matrix &base, const Matrix &query, const std::vector<float> &kth,
                   const Settings &s, size_t ef) {
  engine.set_width(ef);
  Row row{ef, 0, 0, 0, 0, 0};
  const size_t calls = (query.n + engine.batch - 1) / engine.batch; // of a pass
  auto call = [&](size_t i, std::vector<int64_t> &ids) {
    size_t from = i * engine.batch, n = std::min(engine.batch, query.n - from);
    ids.assign(engine.batch * s.k, -1);
    engine.search(query.row(from), n, s.k, ids.data());
    return n;
  };
  size_t good = 0;
  std::vector<int64_t> ids;
  for (size_t i = 0; i < calls; i++) {
    size_t n = call(i, ids);
    for (size_t j = 0; j < n * s.k; j++) {
      size_t q = i * engine.batch + j / s.k;
      good += ids[j] >= 0 && dot(query.row(q), base.row(size_t(ids[j])), base.dims) >= kth[q];
    }
  }
  row.recall = double(good) / double(s.k * query.n);
  for (size_t round = 0; round < s.rounds; round++) {
    std::vector<std::vector<float>> micros(s.threads);
    std::atomic<size_t> next{0}, answered{0};
    std::atomic<bool> stop{false};
    auto start = Clock::now();
    double cpu = cpu_seconds();
    std::vector<std::thread> pool;
    for (size_t t = 0; t < s.threads; t++)
      pool.emplace_back([&, t] {
        std::vector<int64_t> hits;
        auto last = Clock::now();
        while (!stop) {
          size_t i = next++;
          if (i > 0 && i % calls == 0 && seconds_since(start) >= s.round_seconds) {
            stop = true;
            return;
          }
          size_t n = call(i % calls, hits);
          answered += n;
          auto now = Clock::now();
          micros[t].push_back(std::chrono::duration<float, std::micro>(now - last).count() / float(n));
          last = now;
        }
      });
    for (auto &thread : pool) thread.join();
    double wall = seconds_since(start);
    cpu = cpu_seconds() - cpu;
    std::vector<float> all;
    for (auto &part : micros) all.insert(all.end(), part.begin(), part.end());
    row.cpu_qps = std::max(row.cpu_qps, double(answered) / cpu);
    if (double(answered) / wall > row.qps) {
      std::sort(all.begin(), all.end());
      row.qps = double(answered) / wall;
      row.p50 = all[all.size() / 2];
      row.p99 = all[all.size() * 99 / 100];
    }
  }
  return row;
}

inline int peer_run(int argc, char **argv, const std::vector<Builder> &builders) {
  Settings s = parse(argc, argv);
  Matrix base = read_fbin(s.base, s.limit), query = read_fbin(s.query, 0);
  if (base.dims != query.dims) throw std::runtime_error("base and query differ in dimensions");
  if (s.k < 1 || s.k > base.n || s.threads < 1) throw std::runtime_error("--k or --threads is out of range");
  auto kth = truth(base, query, s.k);
  if (s.json)
    std::printf("{\"base\":\"%s\",\"n\":%zu,\"dims\":%zu,\"queries\":%zu,\"k\":%zu,\"threads\":%zu,\"engines\":[",
                s.base.c_str(), base.n, base.dims, query.n, s.k, s.threads);
  const char *next = "";
  for (const Builder &builder : builders) {
    if (!s.only.empty() && s.only != builder.name) continue;
    double build, cpu;
    Engine engine = timed(builder, base, s, build, cpu);
    if (s.json)
      std::printf("%s{\"engine\":\"%s\",\"build_seconds\":%.3f,\"build_cpu_seconds\":%.3f,\"bytes_per_vector\":%.1f,\"ef\":[",
                  next, builder.name.c_str(), build, cpu, engine.bytes);
    else
      std::printf("%s: built in %.2f s (processor %.2f s), %.0f bytes a vector\n"
                  "    ef  recall@%zu      QPS  per CPU s   p50 us   p99 us\n",
                  builder.name.c_str(), build, cpu, engine.bytes, s.k);
    const char *comma = "";
    for (size_t ef : engine.widths) {
      Row r = measure(engine, base, query, kth, s, ef);
      if (s.json)
        std::printf("%s{\"recall@%zu\":%.5f,\"ef\":%zu,\"qps\":%.1f,\"cpu_qps\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f}", comma,
                    s.k, r.recall, r.ef, r.qps, r.cpu_qps, r.p50, r.p99);
      else
        std::printf("%6zu  %9.4f  %7.0f  %9.0f  %7.1f  %7.1f\n", r.ef, r.recall, r.qps, r.cpu_qps, r.p50, r.p99);
      comma = ",";
    }
    if (s.json) std::printf("]}");
    next = ",";
  }
  if (s.json) std::printf("]}\n");
  return 0;
}

inline int peer_main(int argc, char **argv, const char *name, const std::vector<Builder> &builders) {
  try {
    return peer_run(argc, argv, builders);
  } catch (const std::exception &e) {
    std::fprintf(stderr, "%s: %s\n", name, e.what());
    return 1;
  }
}
