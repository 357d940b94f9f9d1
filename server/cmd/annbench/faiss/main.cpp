// Measures faiss as annbench measures Akin's engines: the same files, flags, ground truth and JSON. See the comment on
// package annbench for how to build and run it.
//
// faiss marks what a walk has seen in a byte for each vector, allocated by every call, so queries are handed over 64 a
// call, which is how it is meant to be used.
#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIVFPQFastScan.h>
#include <faiss/IndexRefine.h>
#include <faiss/index_io.h>
#include <omp.h>

#include <memory>

#include "../peer/measure.h"

static constexpr size_t queries_a_call = 64;

// Every thread that searches is one of the program's own, so faiss must not start others in it.
static void search(const faiss::Index &index, const float *queries, size_t n, size_t k, int64_t *ids) {
  omp_set_num_threads(1);
  static thread_local std::vector<float> distances;
  distances.resize(n * k);
  index.search(faiss::Index::idx_t(n), queries, faiss::Index::idx_t(k), distances.data(), ids);
}

static Engine hnsw(const Matrix &base, const Settings &s) {
  omp_set_num_threads(int(s.threads));
  std::shared_ptr<faiss::IndexHNSW> index;
  if (kept(s)) {
    index.reset(dynamic_cast<faiss::IndexHNSW *>(faiss::read_index(s.keep.c_str())));
    if (!index) throw std::runtime_error(s.keep + " is another kind of index");
  } else {
    index = std::make_shared<faiss::IndexHNSWFlat>(int(base.dims), int(s.m), faiss::METRIC_INNER_PRODUCT);
    index->hnsw.efConstruction = int(s.ef_construction);
    index->add(faiss::Index::idx_t(base.n), base.values.data());
    if (!s.keep.empty()) faiss::write_index(index.get(), s.keep.c_str());
  }
  Engine e;
  e.widths = s.ef;
  e.batch = queries_a_call;
  const auto &h = index->hnsw;
  e.bytes = double(base.dims * sizeof(float)) + double(h.neighbors.size() * sizeof(h.neighbors[0]) +
            h.offsets.size() * sizeof(h.offsets[0]) + h.levels.size() * sizeof(h.levels[0])) / double(base.n);
  e.set_width = [index](size_t width) { index->hnsw.efSearch = int(width); };
  e.search = [index](const float *queries, size_t n, size_t k, int64_t *ids) { search(*index, queries, n, k, ids); };
  return e;
}

// Inverted lists of 4-bit product codes, two dimensions each, read by fast scan; ten times k of them are ranked again by
// the vectors themselves. It is built fast enough not to be kept. The width is the number of lists that a search reads.
static Engine ivfpq(const Matrix &base, const Settings &s) {
  omp_set_num_threads(int(s.threads));
  struct Index {
    faiss::IndexFlatIP lists;
    std::unique_ptr<faiss::IndexIVFPQFastScan> codes;
    std::unique_ptr<faiss::IndexRefineFlat> refined;
    explicit Index(size_t dims) : lists(faiss::Index::idx_t(dims)) {}
  };
  auto index = std::make_shared<Index>(base.dims);
  size_t pieces = base.dims % 2 == 0 ? base.dims / 2 : base.dims;
  size_t lists = std::max<size_t>(1, std::min(size_t(4 * std::sqrt(double(base.n))), base.n / 40));
  index->codes = std::make_unique<faiss::IndexIVFPQFastScan>(&index->lists, base.dims, lists, pieces, 4,
                                                            faiss::METRIC_INNER_PRODUCT);
  index->codes->cp.min_points_per_centroid = 1;
  index->codes->pq.cp.min_points_per_centroid = 1;
  auto n = faiss::Index::idx_t(base.n);
  index->codes->train(std::min<faiss::Index::idx_t>(n, 256 * faiss::Index::idx_t(lists)), base.values.data());
  index->refined = std::make_unique<faiss::IndexRefineFlat>(index->codes.get());
  index->refined->k_factor = 10;
  index->refined->add(n, base.values.data());
  Engine e;
  for (size_t ef : s.ef)
    if (size_t probes = std::max<size_t>(1, std::min(ef / 2, lists)); e.widths.empty() || probes > e.widths.back())
      e.widths.push_back(probes);
  e.batch = queries_a_call;
  e.bytes = double(base.dims * sizeof(float)) + double(pieces) / 2 + sizeof(faiss::Index::idx_t) +
            double(lists * base.dims * sizeof(float)) / double(base.n);
  e.set_width = [index](size_t width) { index->codes->nprobe = width; };
  e.search = [index](const float *queries, size_t count, size_t k, int64_t *ids) {
    search(*index->refined, queries, count, k, ids);
  };
  return e;
}

int main(int argc, char **argv) { return peer_main(argc, argv, "faiss-bench", {{"faiss-hnsw", hnsw}, {"faiss-ivfpq", ivfpq}}); }
