// Package engine is the heart of the server: it keeps papers in the store, their vectors and words in a generation, and
// answers queries from the two.
//
// # Generations
//
// A Generation is one immutable model with everything built with it: the vector index, the lexical index, the filter
// columns and the slot table. Papers are appended to it, and marked dead in it, but its model never changes. A new model,
// or the removal of dead slots, is a new generation: it is built from the store in the background while the current one
// serves, and replaces it in one atomic step.
//
// # Revisions
//
// Every write has a revision, and one goroutine, the applier, publishes writes in the order of their revisions:
//
//	Prepare      analyse and embed, on all cores, in any order
//	Submit       the store's committer groups batches, assigns revisions, fsyncs
//	apply        the applier appends to the live generation and then stores the batch's last revision
//	acknowledge  Wait returns: the write is durable, and visible to every later query
//
// A slot says at which revision its paper was born and at which it died. A query loads the generation and its applied
// revision R once and accepts the slots with born <= R < died. So a query sees either the old or the new version of a
// paper, and a batch whole or not at all, without any lock between readers and writers.
//
// # Files
//
//	engine.go      Open and Close, what is owned by whom
//	generation.go  the generation; slots.go its slot table
//	ingest.go      Prepare, Submit, Wait; applier.go publishes
//	view.go        what one query sees; search.go, recommend.go, rank.go, page.go answer it with package rank
//	read.go        Get, List, Export, Purge
//	rebuild.go     building the next generation; plan.go decides when; background.go runs it
//	checkpoint.go  a generation on disk
//	explain.go, duplicates.go, recall.go, stats.go  what their names say
package engine
