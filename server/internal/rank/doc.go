// Package rank decides the order of hits. It is the one owner of what the server ranks by: the engine and
// server/cmd/eval both call it, so that what is measured is what is served.
//
// # The chain
//
// A Ranker takes one query through these stages, each a method that reads what the ones before it left:
//
//	Candidates   the nearest papers by cosine, and those of the highest BM25
//	Fuse         merges the two lists, and blends the cosine of each with what is known of its BM25; looks at the best
//	             closely, for their exact BM25 and the bigrams they share with the query, and blends these by the
//	             query's Weights; then words like those they lack add to the best of them, and so do neighbours
//	Extend       puts the others behind those, and further papers, for whoever pages through them all
//	Keep         drops hits, such as those below a cosine
//	Age          scores fall with the age of a paper
//	Diversify    near-alike hits move apart (maximal marginal relevance)
//	Best         puts the first places in order
//	Finish       turns scores into figures that people can read
//
// Candidates, Fuse and Finish are the default ranking. The others are a caller's choices, and whoever finds candidates
// in another way may fill Ranked itself and go on from there.
//
// # Scores
//
// While a query is ranked its scores are relative to its candidates: the weakest has 0. Finish puts them on a scale
// from nothing in common with the query, 0, to a paper that says the same, 1, by a linear map, and splits them into
// Parts. How rare a likeness is in the whole corpus Odds say, whatever the candidates.
//
// # Weights
//
// What a query is decides how it is ranked (Kind): a title is looked for by its words, a sentence by both, a whole
// paper mostly by its vector. DefaultWeights holds the numbers; the measurements behind them are in
// server/docs/decisions.md.
package rank
