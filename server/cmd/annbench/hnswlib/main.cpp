// Measures hnswlib as annbench measures Akin's engines: the same files, flags, ground truth and JSON. See the comment on
// package annbench for how to build and run it.
#include <hnswlib/hnswlib.h>

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
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using Clock = std::chrono::steady_clock;

static double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Processor time of this process.
static double cpu_seconds() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return double(t.tv_sec) + double(t.tv_nsec) / 1e9;
}

struct Matrix {
  size_t n = 0, dims = 0;
  std::vector<float> values;
  const float *row(size_t i) const { return values.data() + i * dims; }
};

// Rows are scaled to L2 norm 1, as annbench does it, so that the inner product is the cosine.
static Matrix read_fbin(const std::string &path, size_t limit) {
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
static float dot(const float *a, const float *b, size_t dims) {
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
template <typename F> static void parallel(size_t threads, size_t n, F f) {
  std::atomic<size_t> next{0};
  std::vector<std::thread> pool;
  for (size_t t = 0; t < threads; t++)
    pool.emplace_back([&] {
      for (size_t i; (i = next++) < n;) f(i);
    });
  for (auto &thread : pool) thread.join();
}

// The cosine of the true k-th neighbour of each query.
static std::vector<float> truth(const Matrix &base, const Matrix &query, size_t k) {
  std::vector<float> kth(query.n);
  parallel(std::max(1u, std::thread::hardware_concurrency()), query.n, [&](size_t q) {
    std::vector<float> scores(base.n);
    for (size_t i = 0; i < base.n; i++) scores[i] = dot(query.row(q), base.row(i), base.dims);
    std::nth_element(scores.begin(), scores.begin() + (k - 1), scores.end(), std::greater<float>());
    kth[q] = scores[k - 1];
  });
  return kth;
}

struct Settings {
  std::string base, query;
  std::vector<size_t> ef{16, 24, 32, 48, 64, 96, 128, 256};
  size_t k = 10, threads = 1, limit = 0, rounds = 3, m = 16, ef_construction = 200;
  double round_seconds = .4;
  bool json = false;
};

static double duration(const std::string &text) {
  char *unit = nullptr;
  double value = std::strtod(text.c_str(), &unit);
  return std::strcmp(unit, "ms") == 0 ? value / 1000 : value;
}

static Settings parse(int argc, char **argv) {
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
  if (s.base.empty() || s.query.empty()) throw std::runtime_error("--base and --query are needed");
  return s;
}

struct Row {
  size_t ef;
  double recall, qps, cpu_qps, p50, p99;
};

// Searches until a round is over, whole passes of the queries, and keeps the fastest round.
static Row measure(hnswlib::HierarchicalNSW<float> &graph, const Matrix &base, const Matrix &query,
                   const std::vector<float> &kth, const Settings &s, size_t ef) {
  graph.setEf(ef);
  Row row{ef, 0, 0, 0, 0, 0};
  size_t good = 0;
  for (size_t q = 0; q < query.n; q++)
    for (auto hits = graph.searchKnn(query.row(q), s.k); !hits.empty(); hits.pop())
      good += dot(query.row(q), base.row(hits.top().second), base.dims) >= kth[q];
  row.recall = double(good) / double(s.k * query.n);
  for (size_t round = 0; round < s.rounds; round++) {
    std::vector<std::vector<float>> micros(s.threads);
    std::atomic<size_t> next{0};
    std::atomic<bool> stop{false};
    auto start = Clock::now();
    double cpu = cpu_seconds();
    std::vector<std::thread> pool;
    for (size_t t = 0; t < s.threads; t++)
      pool.emplace_back([&, t] {
        auto last = Clock::now();
        while (!stop) {
          size_t i = next++;
          if (i > 0 && i % query.n == 0 && seconds_since(start) >= s.round_seconds) {
            stop = true;
            return;
          }
          auto hits = graph.searchKnn(query.row(i % query.n), s.k);
          auto now = Clock::now();
          micros[t].push_back(std::chrono::duration<float, std::micro>(now - last).count());
          last = now;
        }
      });
    for (auto &thread : pool) thread.join();
    double wall = seconds_since(start);
    cpu = cpu_seconds() - cpu;
    std::vector<float> all;
    for (auto &part : micros) all.insert(all.end(), part.begin(), part.end());
    row.cpu_qps = std::max(row.cpu_qps, all.size() / cpu);
    if (all.size() / wall > row.qps) {
      std::sort(all.begin(), all.end());
      row.qps = all.size() / wall;
      row.p50 = all[all.size() / 2];
      row.p99 = all[all.size() * 99 / 100];
    }
  }
  return row;
}

static int run(int argc, char **argv) {
  Settings s = parse(argc, argv);
  Matrix base = read_fbin(s.base, s.limit), query = read_fbin(s.query, 0);
  if (base.dims != query.dims) throw std::runtime_error("base and query differ in dimensions");
  if (s.k < 1 || s.k > base.n || s.threads < 1) throw std::runtime_error("--k or --threads is out of range");
  auto kth = truth(base, query, s.k);

  hnswlib::InnerProductSpace space(base.dims);
  hnswlib::HierarchicalNSW<float> graph(&space, base.n, s.m, s.ef_construction);
  auto start = Clock::now();
  double cpu = cpu_seconds();
  graph.addPoint(base.row(0), 0); // alone: it becomes the entry
  if (s.threads == 1)
    for (size_t i = 1; i < base.n; i++) graph.addPoint(base.row(i), i);
  else
    parallel(s.threads, base.n - 1, [&](size_t i) { graph.addPoint(base.row(i + 1), i + 1); });
  double build = seconds_since(start);
  cpu = cpu_seconds() - cpu;

  // Vector, links of layer 0 and label; links of the upper layers; the pointer and level of each node.
  double bytes = double(base.n) * (graph.size_data_per_element_ + sizeof(void *) + sizeof(int));
  for (size_t i = 0; i < base.n; i++) bytes += double(graph.size_links_per_element_) * graph.element_levels_[i];
  bytes /= double(base.n);

  if (s.json)
    std::printf("{\"base\":\"%s\",\"n\":%zu,\"dims\":%zu,\"queries\":%zu,\"k\":%zu,\"threads\":%zu,\"engines\":[{"
                "\"engine\":\"hnswlib\",\"build_seconds\":%.3f,\"build_cpu_seconds\":%.3f,\"bytes_per_vector\":%.1f,\"ef\":[",
                s.base.c_str(), base.n, base.dims, query.n, s.k, s.threads, build, cpu, bytes);
  else
    std::printf("hnswlib: built in %.2f s (processor %.2f s), %.0f bytes a vector\n"
                "    ef  recall@%zu      QPS  per CPU s   p50 us   p99 us\n",
                build, cpu, bytes, s.k);
  const char *comma = "";
  for (size_t ef : s.ef) {
    Row r = measure(graph, base, query, kth, s, ef);
    if (s.json)
      std::printf("%s{\"recall@%zu\":%.5f,\"ef\":%zu,\"qps\":%.1f,\"cpu_qps\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f}", comma, s.k,
                  r.recall, r.ef, r.qps, r.cpu_qps, r.p50, r.p99);
    else
      std::printf("%6zu  %9.4f  %7.0f  %9.0f  %7.1f  %7.1f\n", r.ef, r.recall, r.qps, r.cpu_qps, r.p50, r.p99);
    comma = ",";
  }
  if (s.json) std::printf("]}]}\n");
  return 0;
}

int main(int argc, char **argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception &e) {
    std::fprintf(stderr, "hnswlib-bench: %s\n", e.what());
    return 1;
  }
}
