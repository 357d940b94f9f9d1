// Package indextest is the correctness suite that every engine of package index passes.
//
// Run takes a constructor and what the engine promises. Ground truth is always computed in float64 from the float32
// vectors that went in, never from an engine's own answer. Two promises are told apart:
//
//   - An exact answer (Report.Exact) may differ from the truth only by the rounding of the engine's codes: every score
//     is within Options.Epsilon of the cosine, and no vector is left out whose cosine beats the last hit's by more than
//     twice that.
//   - An approximate answer holds no wrong hit (scores, order, acceptance and zero vectors as above), but may leave
//     vectors out, down to Options.Recall on average.
//
// Every index that a test makes is verified by its own Check when the test ends.
package indextest

import (
	"os"
	"testing"

	"github.com/akin-search/akin/server/internal/index"
)

// Options say what an engine promises.
type Options struct {
	// Recall is the least mean recall@10 of searches that are not exact, on the suite's clustered vectors, with the
	// engine's default width. 0 means .95.
	Recall float64
	// Adversarial is the least mean recall@10 on data made to break graphs: sorted insertion, a far cluster, thousands of
	// identical vectors. 0 means Recall; below 0, none is promised.
	Adversarial float64
	// MayMiss is set for an engine whose walk may return fewer than K hits although K are accepted.
	MayMiss bool
	// Epsilon bounds the difference of a score and the cosine. 0 means 1e-3.
	Epsilon float64
	// Vectors is the size of the larger sets. 0 means 1,500, which keeps an ordinary run to seconds; the soak form, with
	// AKIN_SOAK set, takes ten times as many, and -short at most shortVectors.
	Vectors int
}

// shortVectors is the size of the larger sets under -short, where the race detector makes the truth, which is computed
// here, the greater part of the work.
const shortVectors = 300

func (o Options) withDefaults() Options {
	if o.Recall == 0 {
		o.Recall = .95
	}
	if o.Adversarial == 0 {
		o.Adversarial = o.Recall
	}
	if o.Epsilon == 0 {
		o.Epsilon = 1e-3
	}
	if o.Vectors == 0 {
		o.Vectors = 1500
	}
	if os.Getenv("AKIN_SOAK") != "" {
		o.Vectors *= 10
	} else if testing.Short() {
		o.Vectors = min(o.Vectors, shortVectors)
	}
	return o
}

// suite is what the tests share.
type suite struct {
	make func(t testing.TB, dims int) index.Searcher
	Options
}

// Run runs the whole suite. open returns a new, empty index; it may register clean-up with t.
func Run(t *testing.T, open func(t testing.TB, dims int) index.Searcher, opts Options) {
	s := &suite{make: open, Options: opts.withDefaults()}
	for _, test := range []struct {
		name string
		run  func(t *testing.T)
	}{
		{"AnEmptyIndexFindsNothing", s.testEmpty},
		{"HitsComeByFallingScoreThenRisingSlot", s.testOrder},
		{"ABatchAnswersAsItsQueriesDoAlone", s.testBatch},
		{"AnyKIsAnswered", s.testK},
		{"ZeroVectorsAreNeverHits", s.testZero},
		{"VectorsAreScaledAndCopied", s.testScaling},
		{"BadVectorsAreErrorsAndTakeNoSlot", s.testBadInput},
		{"BadSlotsAreErrors", s.testBadSlots},
		{"ScoresAndVectorsAreWithinTheBound", s.testScores},
		{"ExactSearchesAreExact", s.testExact},
		{"WalksReachTheStatedRecall", s.testRecall},
		{"OnlyAcceptedSlotsAreHits", s.testAccept},
		{"IdenticalVectorsAreAllFound", s.testIdentical},
		{"SortedInsertionKeepsRecall", s.testSorted},
		{"AFarClusterIsFound", s.testFarCluster},
		{"OneDimensionWorks", s.testOneDimension},
		{"ManyDimensionsWork", s.testDimensions},
		{"CancelledSearchesStop", s.testCancelled},
		{"RandomOperationsMatchAModel", s.testRandomOperations},
		{"ChurnKeepsRecall", s.testChurn},
		{"ReadersRunBesideWriters", s.testConcurrent},
		{"AnAppendedVectorIsFoundAtOnce", s.testVisible},
		{"SavedIndexesLoad", s.testSaveLoad},
		{"SpansContinueWhatWasSaved", s.testSpans},
		{"SavingRunsBesideWriters", s.testSaveConcurrent},
		{"DamagedBytesAreNoIndex", s.testDamaged},
	} {
		t.Run(test.name, test.run)
	}
}

// index makes an index whose invariants are checked when the test ends.
func (s *suite) index(t *testing.T, dims int) index.Searcher {
	t.Helper()
	x := s.make(t, dims)
	if x.Dims() != dims {
		t.Fatalf("Dims() = %d of an index made with %d", x.Dims(), dims)
	}
	checkAtEnd(t, x)
	return x
}

func checkAtEnd(t *testing.T, x index.Searcher) {
	t.Helper()
	t.Cleanup(func() {
		if err := x.Check(); err != nil {
			t.Errorf("Check at the end of the test: %v", err)
		}
	})
}

// filled makes an index of the vectors, in order, with everything in the graph.
func (s *suite) filled(t *testing.T, vectors [][]float32) index.Searcher {
	t.Helper()
	x := s.index(t, len(vectors[0]))
	appendAll(t, x, vectors)
	catchup(t, x)
	return x
}
