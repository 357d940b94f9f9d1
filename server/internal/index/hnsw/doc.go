// Package hnsw finds nearest vectors by walking a hierarchical navigable small world graph.
//
// # The idea
//
// Link every vector to some near ones, and a search can walk: from wherever it stands it looks at all neighbours, goes
// on from the best it has seen, and stops when nothing it has not expanded can still improve its list of candidates.
// The width of that list, ef, trades time for recall. Malkov and Yashunin ("Efficient and robust approximate nearest
// neighbor search using Hierarchical Navigable Small World graphs", arXiv 1603.09320, IEEE TPAMI 2018) add two things
// to that:
//
//   - Layers. A node is on layer l or above with probability M^-l. A search starts at the top, where few nodes are and
//     links are long, walks greedily to the best one, and takes it as the start on the layer below. So the walk on
//     layer 0, which has all nodes, begins near its end, and the cost grows with the logarithm of the number of
//     vectors.
//   - Diverse links (their algorithm 4). Of the candidates for a list, best first, one is passed over when a neighbour
//     chosen before it is at least as near to it as the owner of the list is: the walk gets there through that
//     neighbour. Links are spent on directions instead of on one dense cluster.
//
// Inserting a vector is searching for it with width EfConstruction, or more in a large graph, on each of its layers,
// choosing M of what was found, and linking back; a neighbour whose list is full chooses anew among its links and the
// newcomer.
//
// # What is different here
//
// Where a walk ends. A width is too much for easy queries and too little for hard ones. A search's walk ends where the
// best node not expanded yet lies farther away than (1+slack) times the distance of one of the last of the k best hits
// so far (beam); ef says how large the slack is (plan). At equal recall that scores a quarter fewer vectors than a
// width does among 86,000 papers, and a third among 1,000,000. Scores that differ by less than the codes can tell count
// as equal, so that thousands of near twins make the beam wide instead of hiding the hits. Insertions walk by width
// alone.
//
// Codes. A walk is bound by the memory it reads, so it scores one byte a dimension, and only the candidates it ends
// with, and of them only those that 8 bits cannot tell from the k-th best, are scored by 12 bits a dimension (package
// codes). Once k hits are known four nodes are expanded at a time, and what is new in their lists is scored in one
// call of a kernel. Both queues of the paper are one sorted array of words (beam), into which a call's scores are
// merged.
//
// No locks for readers. Codes and lists lie in blocks that never move, behind a table that is replaced when a block is
// added. A vector's codes are stored before its slot is published, its own lists are complete before any node links to
// it, and a reader loads links one by one: a list seen half rewritten is still a list of good links. Writers lock the
// one node whose list they change, by stripes. Nothing is ever removed; who may be a hit is the caller's to say
// (index.Accept).
//
// Entry. Levels follow from the slot alone, so the graph does not depend on when it was built. The first vector that
// is not zero has every layer and is where every walk begins, whether it may be a hit or not.
//
// Tail. Append only stores codes: the slots from graphed on are the tail, which every search scans exactly and merges.
// Catchup moves the tail into the graph on several goroutines.
//
// Twins. A vector whose coarse codes equal those of an earlier one is no node but follows it in a chain; a walk that
// ends at the first looks at all. Without that, thousands of identical vectors fill their lists with each other and
// cut themselves, and whatever is behind them, off. Zero vectors are no nodes and no hits.
//
// Repair. Choosing a list anew may drop the last link to a node. Breadth-first search from the entry finds such strays
// and attaches them (repair): every 10,000 insertions or sixteenth of the graph, whichever is more; in Load; and at
// the end of a Catchup that leaves more than one slot in 256 unverified, or any in a graph of up to 4,096. Check
// demands that every node can be reached when none is unverified. Strays are rare: 40,000 vectors and 2,000 more, a
// few at a time, made none with the default M.
//
// # Filters
//
// A filter goes into the walk: rejected nodes guide it and do not count, so it goes on until it has ef accepted
// candidates that nothing reachable beats. That costs about ef/share steps, and more where the filter and the query
// point to different places. Reading the accepted slots alone is exact and costs their number, whatever they are. The
// planner compares both, and the scan of everything, by measured costs (plan.go).
//
// # Caveats
//
// A walk promises no recall. Exact searches scan everything, and small sets are always scanned, because that is
// faster. Between two repairs a node may be out of reach; exact searches find it.
package hnsw
