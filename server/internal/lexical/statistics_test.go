package lexical

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestPartsScoreAsTheWholeByItsStatistics shares papers out to four indexes and compares with one of all: the same
// bits, found by either way.
func TestPartsScoreAsTheWholeByItsStatistics(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 4))
	whole, parts := New(), make([]*Index, 4)
	for i := range parts {
		parts[i] = New()
	}
	type place struct {
		part int
		slot uint32
	}
	var places []place // by slot of the whole
	for i := range 2000 {
		words := randomTerms(rng, 60, 3000)
		part := rng.IntN(len(parts))
		whole.Append(words)
		places = append(places, place{part, parts[part].Append(words)})
		if i%10 == 9 { // removed papers count nowhere
			slot := uint32(rng.IntN(i))
			whole.Remove(slot)
			parts[places[slot].part].Remove(places[slot].slot)
		}
	}
	var counts Counts
	for _, part := range parts {
		counts.Add(part.Counts())
	}
	if counts.Papers != int64(whole.Papers()) || counts.Tokens != whole.tokens.Load() {
		t.Fatalf("parts have %d papers and %d words, the whole %d and %d", counts.Papers, counts.Tokens, whole.Papers(),
			whole.tokens.Load())
	}
	for feature := range uint32(features) {
		if counts.Frequency(feature) != whole.Frequency(feature) {
			t.Fatalf("feature %d: parts count %d, the whole %d", feature, counts.Frequency(feature), whole.Frequency(feature))
		}
	}
	var one, bare, each Query
	var panel, partial Panel
	var read, readPart Saturations
	for range 30 {
		words := randomTerms(rng, 12, 3000)
		s := counts.Of(words.IDs)
		whole.PrepareK1(&one, words, .6)
		(*Index)(nil).PrepareBy(&bare, words, .6, s)
		if one.Worth() != bare.Worth() || !slices.Equal(one.Features(), bare.Features()) {
			t.Fatalf("worth %v by statistics alone, %v by the index", bare.Worth(), one.Worth())
		}
		budget := 0.
		for _, part := range parts {
			part.PrepareBy(&each, words, .6, s)
			budget += float64(each.budget) * each.share
		}
		if one.budget != topBudget || math.Abs(budget-float64(topBudget)) > 1e-6 {
			t.Fatalf("parts read %g postings, the whole %d", budget, one.budget)
		}
		whole.Reset(&panel)
		whole.Add(&panel, words)
		for i, part := range parts {
			part.PrepareBy(&each, words, .6, s)
			part.ResetBy(&partial, s)
			part.Add(&partial, words)
			if each.Worth() != one.Worth() {
				t.Fatalf("worth %v in part %d, %v in the whole", each.Worth(), i, one.Worth())
			}
			found := map[uint32]float32{}
			top, err := part.Top(t.Context(), &each, 1000, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, hit := range top {
				found[hit.Slot] = hit.Score
			}
			for slot, place := range places {
				if place.part != i {
					continue
				}
				var got, want [1]float64
				part.Scores(&each, []uint32{place.slot}, got[:])
				whole.Scores(&one, []uint32{uint32(slot)}, want[:])
				if got != want || (found[place.slot] > 0) != (want[0] > 0) {
					t.Fatalf("paper %d scores %v and is found with %v in part %d; %v in the whole", slot, got[0],
						found[place.slot], i, want[0])
				}
				part.Read(&partial, place.slot, &readPart)
				whole.Read(&panel, uint32(slot), &read)
				if got, want := partial.Share(&readPart, 0), panel.Share(&read, 0); got != want {
					t.Fatalf("paper %d shares %v in part %d, %v in the whole", slot, got, i, want)
				}
			}
		}
	}
}

func TestAWordThatStatisticsDoNotKnowIsWeighedByTheIndex(t *testing.T) {
	x := New()
	stale := x.Counts()
	x.Append(terms(1, 2))
	var q Query
	x.PrepareBy(&q, terms(1), 0, stale.Of([]uint32{1}))
	if q.Empty() || q.Weight(1) <= 0 {
		t.Errorf("a new word weighs %v", q.Weight(1))
	}
	top, err := x.Top(t.Context(), &q, 1, nil, nil)
	if err != nil || len(top) != 1 {
		t.Errorf("found %v, %v", top, err)
	}
}
