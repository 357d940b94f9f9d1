// Package lexical ranks papers by the words they share with a query.
//
// # What it holds
//
// A paper is a row of (feature, count) pairs. A feature is one of the 2^20 buckets that package embed hashes words
// into, so the words themselves are not kept. The same pairs are held twice:
//
//	forward    slot    -> its pairs by rising feature: scores given papers, explains a hit, removes a paper
//	inverted   feature -> the slots that have it, by rising slot, with a class of count and length: finds the best
//	           papers for a query, and estimates the scores of any (Index.Top, Index.Estimates)
//
// The score of both is BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009):
//
//	score(q, d) = sum over the features t of q:  qtf(t) idf(t)  tf(k1+1) / (tf + k1(1 - b + b len(d)/avg))
//	idf(t)      = ln(1 + (N - df(t) + .5) / (df(t) + .5))
//
// with b = .75, len the number of content words and k1 = 1.2, or what PrepareK1 is told. N, df and avg are those of the
// live papers at the moment a query is prepared, so a removed paper stops counting at once although its row stays
// readable.
//
// Beside its pairs a row holds the paper's bigrams, the hashes of every two neighbouring words. They take no part in
// BM25: package rank rewards the best candidates for those they share with the query (Index.Match), which tells the
// paper that a title was taken from far better from the many that use the same words.
//
// # Concurrency
//
// One goroutine appends and removes; any number prepare and score beside it and take no lock. All storage is in chunks
// that are never moved or reused: the appender writes a row and its postings, then publishes them by atomic stores of
// the posting counts and of the number of rows. A reader takes these numbers first and looks at nothing beyond them.
package lexical
