package layout

import (
	"cmp"
	"math"
	"slices"
)

const (
	salientSample = 2000 // members of a cluster that are looked at, evenly spread
	salientShare  = .08  // of them that a feature must be in
	salientLeast  = 2    // of them that it must be in
)

// Features tells which features points have, for c-TF-IDF.
type Features struct {
	Count  int                                       // features are below it
	Points int                                       // in all
	Of     func(point uint32, dst []uint32) []uint32 // appends a point's features, distinct
	Holds  func(feature uint32) (points int)         // how many points have a feature
	counts []uint32                                  // of the cluster at hand
	seen   []uint32                                  // features with a count
	list   []uint32                                  //
}

// Salient returns up to n features that a cluster has more of than the whole, by c-TF-IDF: the share of its members
// that have the feature, times log(1 + points / points with the feature). The best come first. The scratch in f is
// reused, so one goroutine at a time.
func (f *Features) Salient(c Cluster, n int) []uint32 {
	if f.counts == nil {
		f.counts = make([]uint32, f.Count)
	}
	step := max(1, (len(c.Members)+salientSample-1)/salientSample)
	looked := 0
	f.seen = f.seen[:0]
	for i := 0; i < len(c.Members); i += step {
		looked++
		f.list = f.Of(c.Members[i], f.list[:0])
		for _, feature := range f.list {
			if f.counts[feature] == 0 {
				f.seen = append(f.seen, feature)
			}
			f.counts[feature]++
		}
	}
	type scored struct {
		feature uint32
		score   float64
	}
	var best []scored
	least := max(salientLeast, uint32(salientShare*float64(looked)))
	for _, feature := range f.seen {
		count := f.counts[feature]
		f.counts[feature] = 0
		if count < least {
			continue
		}
		idf := math.Log1p(float64(f.Points) / float64(max(1, f.Holds(feature))))
		best = append(best, scored{feature, float64(count) / float64(looked) * idf})
	}
	slices.SortFunc(best, func(a, b scored) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.feature, b.feature))
	})
	out := make([]uint32, 0, n)
	for _, s := range best[:min(n, len(best))] {
		out = append(out, s.feature)
	}
	return out
}
