// Measures hnswlib as annbench measures Akin's engines: the same files, flags, ground truth and JSON. See the comment on
// package annbench for how to build and run it.
#include <hnswlib/hnswlib.h>

#include <memory>

#include "../peer/measure.h"

static Engine build(const Matrix &base, const Settings &s) {
  struct Index {
    hnswlib::InnerProductSpace space;
    hnswlib::HierarchicalNSW<float> graph;
    Index(size_t dims, size_t n, size_t m, size_t ef_construction)
        : space(dims), graph(&space, n, m, ef_construction) {}
    Index(size_t dims, const std::string &file) : space(dims), graph(&space, file) {}
  };
  const bool loaded = kept(s);
  auto index = loaded ? std::make_shared<Index>(base.dims, s.keep)
                      : std::make_shared<Index>(base.dims, base.n, s.m, s.ef_construction);
  auto &graph = index->graph;
  if (!loaded) {
    graph.addPoint(base.row(0), 0); // alone: it becomes the entry
    if (s.threads == 1)
      for (size_t i = 1; i < base.n; i++) graph.addPoint(base.row(i), i);
    else
      parallel(s.threads, base.n - 1, [&](size_t i) { graph.addPoint(base.row(i + 1), i + 1); });
    if (!s.keep.empty()) graph.saveIndex(s.keep);
  }

  Engine e;
  e.widths = s.ef;
  // Vector, links of layer 0 and label; links of the upper layers; the pointer and level of each node.
  double bytes = double(base.n) * (graph.size_data_per_element_ + sizeof(void *) + sizeof(int));
  for (size_t i = 0; i < base.n; i++) bytes += double(graph.size_links_per_element_) * graph.element_levels_[i];
  e.bytes = bytes / double(base.n);
  e.set_width = [index](size_t width) { index->graph.setEf(width); };
  size_t dims = base.dims;
  e.search = [index, dims](const float *queries, size_t n, size_t k, int64_t *ids) {
    for (size_t q = 0; q < n; q++)
      for (auto hits = index->graph.searchKnn(queries + q * dims, k); !hits.empty(); hits.pop())
        ids[q * k + hits.size() - 1] = int64_t(hits.top().second);
  };
  return e;
}

int main(int argc, char **argv) { return peer_main(argc, argv, "hnswlib-bench", {{"hnswlib", build}}); }
