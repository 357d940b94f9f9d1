// Package engine is the heart of the server: it keeps papers in the store, their vectors and words in a generation, and
// answers queries from the two.
//
// # Generations
//
// A Generation is one immutable model with everything built with it: the vector index, the lexical index, the filter
// columns and the slot table. Papers are appended to it, and marked dead in it, but its model never changes. A new
// model, or the removal of dead slots, is a new generation: it is built from the store in the background while the
// current one serves, and replaces it in one atomic step.
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
// # Background work
//
// One goroutine, runBackground, looks at the engine twice a second and at every write, asks the policy (plan.go, pure)
// what is wanted, and lets the schedule (schedule.go, pure) choose what runs next. Tasks run in lanes, one at a time in
// each, the one that has been due for longest first; lanes run beside each other. schedule.go states how long a task
// waits at most.
//
// What queries no longer see is found by epochs: a query pins the epoch in which it begins, and what was replaced
// before the oldest pinned epoch is garbage. Nobody waits for a query: a long one keeps records on disk, and no task.
//
// # Locks
//
// Queries take none. The others, in the order in which they are taken; whoever holds one takes only those below it:
//
//	training    a flag: someone trains or waits to. Set before building is taken, by Train alone
//	prepared    a generation waits to be activated, or is being prepared
//	building    a place for one: a generation is being built, and its log held. Train, refits, compactions,
//	            prepared models, Close
//	graphMu     the tail of the live generation moves into its graph, or Check reads the graph
//	checkpoint  a checkpoint is being written, or forgotten
//	modelMu     which model on disk is the newest, and its writing
//	atlasMu     papers get places on the map, or these are copied to be kept
//	logMu       buildFrom, and the trimming of the log that must respect it
//	readers.mu  the list of epochs
//
// The applier takes none of them, so a writer never waits for background work, except for room in the tail.
//
// What keeps answers, profiles, the pace of writers and those who wait for a position (answers, seenCache, pace,
// arrivals) has a mutex of its own, held for one look or change, under which no other lock is taken.
//
// # Files
//
//	api.go         requests and results; errors.go the errors; embed.go, backup.go and profiles.go are calls that pass on
//	engine.go      Open and Close, what is owned by whom
//	generation.go  the generation; slots.go its slot table, versions.go slots that share a text, content.go its digest
//	ingest.go      Prepare, Submit, Wait; room.go and pace.go hold writers back; applier.go publishes
//	order.go       writes that go into a log of many nodes first, ordered_body.go their form in it; apply.go takes them
//	               in when they come out, share.go has all nodes serve one model
//	await.go       reads that wait for a position
//	view.go        what one query sees; epochs.go which queries still run
//	search.go      a query; rank.go calls package rank for it, briefs.go keeps ids and titles of hits
//	recommend.go   a recommendation; newest.go what it gives without a like, seen.go what a profile has seen
//	page.go        page tokens; history.go and previous.go what they pin, answers.go the groups of duplicates.go
//	duplicates.go  groups of copies; rising.go papers that matter more lately than before
//	lens.go        many questions to one view, for package alert; records.go keeps its records in the store
//	read.go        Get, List, Export, Purge; listing.go goes through the ids of a filter
//	plan.go        what is wanted; schedule.go what runs next; background.go runs it; staleness.go the drift of the model
//	train.go       a training; corpus.go what it reads, odds.go how rare likenesses are under a model
//	rebuild.go     building the next generation; swap.go puts it in place, adopt.go does so under a model of others
//	learn.go       learns the model of many engines from a sample of their papers
//	shard.go       what a shard answers to a front, which asks all; shard_taste.go for recommendations
//	checkpoint.go  a generation on disk: when a part is due and what it holds; checkpoint_load.go reads it, slots_file.go
//	               has the slots, model_file.go the model, speed.go how long a replay takes
//	explain.go     a score by its words; recall.go measures the index, check.go verifies everything
//	atlas.go       the map: a drawing over a generation; atlas_draw.go computes it, legend.go names its parts,
//	               atlas_place.go places further papers, atlas_file.go keeps it, atlas_read.go hands it out
//	stats.go       figures for users; vitals.go those for operators; terms.go small functions on words and vectors
package engine
