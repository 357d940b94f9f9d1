package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/akin-search/akin/server/internal/lexical"
)

// zipfDataset has documents and queries of random words, a few of which are in most documents; a query for a stored
// paper, and one of a word that no document has.
func zipfDataset(documents, queries int) *dataset {
	words := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.2, 4, 3000)
	text := func(n int) string {
		var b strings.Builder
		for range n {
			fmt.Fprintf(&b, "word%dx ", words.Uint64())
		}
		return b.String()
	}
	ds := &dataset{Name: "zipf"}
	for i := range documents {
		ds.Documents = append(ds.Documents, document{ID: fmt.Sprint(i), Text: text(10 + i%50)})
	}
	for i := range queries {
		ds.Queries = append(ds.Queries, query{ID: fmt.Sprint(i), Text: text(1 + i%12)})
	}
	ds.Queries = append(ds.Queries, query{ID: "paper", PaperID: "7"}, query{ID: "unknown", Text: "zyzzyva"})
	return ds
}

func TestByWordsFindsTheBestOfAllDocuments(t *testing.T) {
	ds := zipfDataset(3000, 40)
	c, err := build(t.Context(), ds, options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	prepared, _ := c.prepare(ds.Queries)
	fewer := 0
	for i := range prepared {
		a := &prepared[i]
		var q lexical.Query
		c.words.Prepare(&q, a.Terms)
		slots, scores := make([]uint32, len(ds.Documents)), make([]float64, len(ds.Documents))
		for slot := range slots {
			slots[slot] = uint32(slot)
		}
		c.words.Scores(&q, slots, scores)
		narrow := make([]float32, len(scores))
		for slot, s := range scores {
			narrow[slot] = float32(s)
		}
		want := best(narrow, depth, func(slot uint32) bool { return scores[slot] > 0 && a.accept.Accepts(slot) })
		got, err := c.byWords(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("query %d: %d documents %v, want %d %v", i, len(got), got, len(want), want)
		}
		if len(want) == depth &&
			len(c.contenders(&q, a.Terms.IDs, float64(want[depth-1].Score))) < len(c.contenders(&q, a.Terms.IDs, 0)) {
			fewer++
		}
	}
	if fewer == 0 {
		t.Error("no query has fewer contenders for its floor: the test says nothing of them")
	}
}
