// Package shard answers for papers that are spread over many nodes. A paper belongs to the shard of its id's hash
// (Map); each shard is an engine with a store, an index and word lists of its own, on one node or on several
// (replicas). Any node can be a Front: it asks one replica of every shard and answers as one engine with all papers
// would.
//
// # What makes the answers those of one node
//
//   - One model. All shards serve the same one (engine.PrepareModel, engine.ActivateModel), so cosines compare. Every
//     question names it, and a shard that serves another refuses; the front then begins again.
//   - One set of word statistics. The front adds up the document frequencies, the papers and the lengths of all shards
//     (lexical.Counts) now and then, and sends what a query needs of them along. The BM25 of a paper is then, bit for
//     bit, that of one index with all papers.
//   - One blend. A shard answers with raw candidates: cosine, BM25 and what its lists tell of that, shared pairs of
//     words. The front puts those of all shards together as a rank.Corpus (union) and calls the rank.Ranker that a
//     single node calls, which cuts the candidates to as many as one node has and blends them. What the blend reads of
//     a few of them, vectors or words, is fetched when it comes to that.
//
// What differs: where a graph is walked, each shard walks its own, which finds a little more; and statistics may be as
// old as Config.Every.
//
// # A search
//
//	Ask          the text becomes a vector and words, on the front; a stored paper's are asked of its shard
//	Find         every shard finds candidates                                                  first round
//	Fuse, Order  the front blends; vectors or words of the best are fetched                    second round
//	Papers       each hit's paper is read where it was found                                   third round
//
// # Writes
//
// Where shards follow one log (engine.Part), any node puts a write into it as one message. The front then asks the
// shards of its papers what became of them (Outcomes), and names the write to these shards in the reads that follow. A
// position is a number of the log, and a read names it to every shard (engine.WithLeast).
//
// # Replicas
//
// A shard that is slower than most answers lately were is asked on another replica as well, and the first answer
// counts. A shard that does not answer at all is an error, which names it: an answer without it would look as complete
// as any other. Whoever asks for a partial answer gets one that says which shards it lacks (partial.go). What a front
// cannot answer for all papers it refuses (contract.go).
package shard
