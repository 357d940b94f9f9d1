package engine

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/embed/vector"
)

// cloneTerms copies terms out of a scratch.
func cloneTerms(t *embed.Terms) embed.Terms {
	return embed.Terms{
		IDs: slices.Clone(t.IDs), Counts: slices.Clone(t.Counts), Tokens: t.Tokens, Bigrams: slices.Clone(t.Bigrams),
	}
}

// sharesMemory reports whether an analysis has one set of terms for words and vector, as it does by default.
func sharesMemory(a *embed.Analysis) bool {
	w, f := a.Words.IDs, a.Features.IDs
	return len(w) == len(f) && (len(w) == 0 || &w[0] == &f[0])
}

// sortedKeys returns the keys of a map in ascending order.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// length is the L2 norm of a vector.
func length(v []float32) float32 { return float32(math.Sqrt(float64(vector.Dot(v, v)))) }
