// Package coder adapts the published graph library github.com/coder/hnsw (v0.6.1) to index.Searcher, for who asks for
// it with --index coder. It exists for comparison; package hnsw beside it is what the server chooses.
//
// # What the library gets wrong, and what this package does about it
//
//   - Adding a key again panics, and deleting leads to later panics. The graph is append-only here: a vector's slot is
//     its key, a paper's next version takes a new slot, and tombstones stay outside, in Query.Accept.
//   - Results come unsorted. They are scored again in float32 and sorted.
//   - NaN and zero vectors are taken in and make every comparison false. Both are turned away before they reach the
//     graph.
//   - Vectors are aliased. The graph holds slices of this package's own rows, which never change.
//   - Import of a damaged file can exhaust memory. Load never calls it: it reads plain rows, verifies their checksum,
//     and inserts them again.
//   - Nothing is safe for concurrent use. A RWMutex lets searches run together, and one Append alone.
//   - Any call may panic. Each is guarded; a panic becomes ErrLibrary. One inside an insert can leave the graph half
//     linked, so from then on Append and walks are refused, while exact searches go on.
//
// # What stays wrong
//
// No wrapper cures the recall. The library's heap takes its last array element for its maximum, so both the result set
// and the candidate queue drop good vectors, and EfSearch has no effect. On 86,247 trained vectors of real abstracts
// (d=256) recall@10 is .19 when 40 vectors are asked for, .21 for 64 and .24 for 128, where package hnsw has .975,
// .993 and .998 at the same widths; `annbench --engines hnsw,coder` prints both. Searches ask for more than K
// (Query.Ef, at least 4 K, and more through a filter), which helps this little and costs time. A walk may return fewer
// than K hits although K are accepted, and an answer may differ between two runs, because the library enters its
// layers at a random node. Query.Exact scores every accepted vector and is exact; sets so small or so heavily filtered
// that this takes less time than the walk are always scanned.
package coder
