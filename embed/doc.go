// Package embed turns texts into vectors whose cosine says how much they are about the same thing.
//
// # The idea
//
// A text becomes a bag of features: its words, without stop words and endings, hashed into 2^20 numbers. No vocabulary
// is kept, so there is nothing to download or to keep in step, and any text of any language has features. A table has
// a row of Dims numbers for each bucket of features, and the vector of a text is the sum of the rows of its features,
// each weighted by
//
//	ln(1 + tf) * ln(1 + (N - df + .5) / (df + .5)) ^ Rarity
//
// (tf: times the feature occurs in the text; df: papers of the corpus that have it; N: papers), scaled to norm 1. The
// sum over a hundred words costs a few microseconds, on one core and without a model server.
//
// Untrained, a row is a few random signs at random places, drawn from the bucket's number. Texts are then near each
// other when they share words: the cosine of the vectors estimates that of the weighted bags (feature hashing;
// Weinberger et al. 2009, with several places a feature as in Kane and Nelson 2014).
//
// Trained, rows have learned what goes with what from the papers alone, without labels. Two views of one paper, such
// as its title and its abstract, or one sentence and the rest, should be nearer to each other than to the views of the
// other papers of a batch. Train moves the rows along the gradient of that contrastive loss (InfoNCE; van den Oord et
// al. 2018), and words which stand for each other come to have rows that point the same way. Tables that are trained
// apart make different mistakes, so that two or three of them, side by side, make better vectors than one. They are
// folded into one table of Dims numbers a row: the directions in which the papers of the corpus differ most.
//
// # Use
//
// An Analyzer makes Terms from texts, a Model makes vectors from Terms. NewModel needs the Frequencies of a corpus and
// nothing else; Train reads the corpus itself. Models are immutable and can be written and read back; a model's
// Fingerprint is a hash of its contents, and only vectors of one fingerprint compare.
//
// # Caveats
//
// Features without a row of their own share one, and features that no paper of the corpus has do not count: a text of
// nothing else has no vector. The order of words is lost unless Config.Words asks for longer n-grams. Training is
// deterministic for a corpus, a config and a class of processor (see embed/vector) whatever the number of cores.
// Across classes, sums differ in their last bits; the fold may turn this into axes that differ, so that cosines within
// a model agree to about three digits and vectors of the two do not compare (their fingerprints differ).
package embed
