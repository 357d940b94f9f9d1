package rank

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/lexical"
)

// terms makes the Terms of features that occur once each, with a bigram for every two neighbours.
func terms(words ...uint32) *embed.Terms {
	t := &embed.Terms{IDs: slices.Sorted(slices.Values(words)), Tokens: len(words)}
	for range words {
		t.Counts = append(t.Counts, 1)
	}
	for i := 1; i < len(words); i++ {
		t.Bigrams = append(t.Bigrams, uint16(words[i-1]*31+words[i]))
	}
	return t
}

func TestBlendScalesBothToTheirRange(t *testing.T) {
	var r list
	r.resize(3)
	copy(r.slots, []uint32{5, 6, 7})
	copy(r.cosines, []float32{.5, 0, 1})
	copy(r.bm25, []float64{30, 10, 10})
	r.blend(.25)
	for i, want := range []float64{.25*.5 + .75, 0, .25} {
		if math.Abs(r.scores[i]-want) > 1e-9 {
			t.Errorf("candidate %d: %g, want %g", i, r.scores[i], want)
		}
	}
}

func TestBlendOfEqualScoresIsZero(t *testing.T) {
	var r list
	r.resize(3)
	copy(r.slots, []uint32{9, 3, 4})
	copy(r.cosines, []float32{.7, .7, .7})
	copy(r.bm25, []float64{0, 0, 0})
	r.blend(.5)
	if !slices.Equal(r.scores, []float64{0, 0, 0}) {
		t.Errorf("got %v", r.scores)
	}
	r.resize(0)
	r.blend(.5)
}

func TestPhrasesRewardSharedBigramsOfTheBest(t *testing.T) {
	x := lexical.New()
	x.Append(terms(1, 9, 2, 3)) // 2-3 shared
	x.Append(terms(1, 2, 3))    // 1-2 and 2-3 shared
	x.Append(terms(3, 2, 1))
	var q lexical.Query
	x.Prepare(&q, terms(1, 2, 3))
	var r list
	r.resize(3)
	copy(r.slots, []uint32{0, 1, 2})
	copy(r.cosines, []float32{.2, .2, .2})
	copy(r.bm25, []float64{10, 8, 5})
	r.blend(.6)
	r.phrases(x, &q, .6, 2)
	// Blend: .4 (BM25 - 5) / 5. A bigram: .4 * 2 / 5.
	for i, want := range []float64{.4 + .16, .24 + .32, 0} {
		if math.Abs(r.scores[i]-want) > 1e-9 {
			t.Errorf("candidate %d: %g, want %g", i, r.scores[i], want)
		}
	}
	copy(r.bm25, []float64{5, 5, 5})
	r.blend(.6)
	r.phrases(x, &q, .6, 2)
	if !slices.Equal(r.scores, []float64{0, 0, 0}) {
		t.Errorf("without a range of BM25 to scale by: %v, want zeros", r.scores)
	}
}

func TestPhrasesLookAtTheBestAlone(t *testing.T) {
	x := lexical.New()
	var r list
	r.resize(phraseDepth + 10)
	for i := range r.slots {
		r.slots[i] = x.Append(terms(1, 2))
		r.cosines[i], r.bm25[i] = 0, float64(i)
	}
	var q lexical.Query
	x.Prepare(&q, terms(1, 2))
	r.blend(0)
	before := slices.Clone(r.scores)
	r.phrases(x, &q, 0, 1)
	for i := range r.scores {
		if changed := r.scores[i] != before[i]; changed != (i >= 10) {
			t.Errorf("candidate %d of %d rising ones changed: %v", i, len(r.slots), changed)
		}
	}
}

func TestKthLargestIsThatOfASort(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 2))
	for range 500 {
		values := make([]float64, 1+rng.IntN(40))
		for i := range values {
			values[i] = float64(rng.IntN(10))
		}
		sorted := slices.Clone(values)
		slices.Sort(sorted)
		k := 1 + rng.IntN(len(values))
		if got, want := kthLargest(values, k), sorted[len(sorted)-k]; got != want {
			t.Fatalf("%v: the %d. largest is %g, got %g", sorted, k, want, got)
		}
	}
}
