package layout

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestClustersAreTheHillsOfTheDensity(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	centres := []Point{{10, 10}, {90, 15}, {50, 80}}
	var points []Point
	for i := range 3000 {
		c := centres[i%10%3]
		points = append(points, Point{c.X + 3*float32(rng.NormFloat64()), c.Y + 3*float32(rng.NormFloat64())})
	}
	clusters := Clusters(points, 12, 50)
	if len(clusters) != 3 {
		t.Fatalf("%d clusters of 3 hills", len(clusters))
	}
	seen := map[uint32]bool{}
	for i, c := range clusters {
		nearest := math.Inf(1)
		for _, at := range centres {
			nearest = min(nearest, math.Hypot(float64(c.Peak.X-at.X), float64(c.Peak.Y-at.Y)))
		}
		if nearest > 8 {
			t.Errorf("the peak of cluster %d is %.1f from any hill", i, nearest)
		}
		if i > 0 && len(c.Members) > len(clusters[i-1].Members) {
			t.Error("a larger cluster comes after a smaller one")
		}
		for _, m := range c.Members {
			if seen[m] {
				t.Fatalf("point %d is on two hills", m)
			}
			seen[m] = true
		}
	}
	if len(seen) < 2900 {
		t.Errorf("%d of 3,000 points are on a hill", len(seen))
	}
	for _, few := range [][]Point{nil, {{1, 1}}, {{1, 1}, {1, 1}}} {
		if got := Clusters(few, 12, 1); len(got) > len(few) {
			t.Errorf("%d points have %d clusters", len(few), len(got))
		}
	}
}

func TestSalientFeaturesAreThoseThatTheRestLacks(t *testing.T) {
	const common, own, rare = 0, 1, 2
	cluster := Cluster{}
	for i := range 100 {
		cluster.Members = append(cluster.Members, uint32(i))
	}
	f := Features{Count: 3, Points: 1000, Holds: func(x uint32) int { return []int{900, 95, 3}[x] },
		Of: func(p uint32, dst []uint32) []uint32 {
			dst = append(dst, common)
			if p < 90 {
				dst = append(dst, own)
			}
			if p < 3 {
				dst = append(dst, rare)
			}
			return dst
		}}
	for range 2 { // the second time with counts of the first
		if got := f.Salient(cluster, 5); !slices.Equal(got, []uint32{own, common}) {
			t.Errorf("salient are %v", got)
		}
	}
}

func TestLabelsNeverCoverEachOther(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	var labels []Label
	for i := range 500 {
		labels = append(labels, Label{At: Point{rng.Float32(), rng.Float32()}, Text: fmt.Sprintf("label %d", i*i%400),
			Points: 500 - i})
	}
	kept := Thin(labels, 1, 900)
	if len(kept) < 30 || len(kept) == len(labels) {
		t.Errorf("%d of %d labels are left", len(kept), len(labels))
	}
	if kept[0] != labels[0] {
		t.Error("the first label is not kept")
	}
	texts := map[string]bool{}
	for i, a := range kept {
		if overlaps(a, kept[:i], 900) {
			t.Errorf("%q covers another", a.Text)
		}
		if texts[a.Text] {
			t.Errorf("%q stands there twice", a.Text)
		}
		texts[a.Text] = true
	}
}
