// Package alert brings new papers to whoever they matter to.
//
// A subscription says which papers those are. Its way from there has three steps, each with a place of its own on disk,
// so that a crash between any two of them loses nothing:
//
//	match   the matcher goes through papers in the order in which they were written, at its own cursor,
//	        and holds them against all subscriptions at once           matcher.go, score.go
//	mark    what matches is kept with a number in its subscription, in one commit with a mark of the paper,
//	        by which it is never kept twice, and with the cursor       keep.go
//	send    a sink goes through the kept matches at a cursor of its own; what is under way is noted first,
//	        and the cursor moves once it has arrived                   outbox.go, mail.go, webhook.go
//
// The ids of matches are made of subscription, paper and text, so that what is sent twice can be told.
//
// # Which papers
//
// The order of papers is that of their revisions, which the slots of a generation have as well: the matcher reads
// vectors from there, and papers from the store. A paper that was replaced or deleted meanwhile is not met, and one
// that was written while the server was down, trained or was restored is behind the cursor, whatever became of the log.
//
// # How near
//
// A subscription to a text or a paper matches by cosine. Its threshold is the cosine that one in so many of all papers
// reaches, measured for each subscription and again for each model, since the cosines of two models do not compare.
// Profiles, and what is rising, match the best of a period: when that is over, the recommender ranks the papers that
// came in it.
//
// # Who may see
//
// A subscription belongs to a principal. The filter that is forced on it is asked for when a paper is matched, and
// again when it is delivered or shown, with the paper as it then is; a principal that is gone gets nothing.
//
// # In a cluster
//
// Changes of records go through the log of the cluster, and every node takes them into memory (change.go), so any node
// answers calls. The one that leads matches and sends. A change that stands on records which another node has changed
// meanwhile is refused and looked at again, so that two nodes that both think they lead do no harm.
//
// # Goroutines and locks
//
// Open starts the matcher and the sender, which starts one goroutine for each of a bounded number of deliveries; Close
// waits for all. changes is held for a commit and the change in memory that follows it; mu, taken inside of it, guards
// what is in memory and is held for moments.
package alert
