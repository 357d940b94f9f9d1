package rank

import (
	"context"
	"math"
	"runtime"
	"sort"

	"golang.org/x/sync/errgroup"

	"github.com/akin-search/akin/embed/vector"
)

// MaxOneIn is the rarest likeness that Odds tell from others.
const MaxOneIn = 1_000_000

// Odds say how rare a cosine is under one model: of how many random pairs of the corpus one is at least as alike.
// Cosines of one model mean little beside those of another; odds compare. Two kinds of pairs are kept, since short
// texts are less like anything than whole papers are. An Odds does not change once made; nil knows nothing.
type Odds struct {
	papers sketch // a paper with another
	texts  sketch // the title of a paper with another paper
}

// A sketch keeps the cosine that one pair in 10^(k/stepsPerDecade) reaches, for each step k: neighbouring steps are 12
// % apart, and what is between them is interpolated.
const (
	stepsPerDecade = 20
	steps          = 6*stepsPerDecade + 1 // from 1 to MaxOneIn
)

// sketch is the upper quantiles of the cosines of random pairs.
type sketch struct {
	pairs   uint64         // looked at; 0: nothing is known
	cosines [steps]float32 // reached by one pair in 10^(k/20); not falling. Steps beyond pairs hold the greatest cosine
}

// OneIn is how rare a cosine is with a query of a kind, 1 to MaxOneIn, and never more than the pairs that there were.
// 0: nothing is known. A vector, or someone's taste, counts as a PaperQuery.
func (o *Odds) OneIn(k Kind, cosine float64) int {
	if o == nil {
		return 0
	}
	s := &o.texts
	if k == PaperQuery {
		s = &o.papers
	}
	return s.oneIn(cosine)
}

// Known reports whether anything is known for queries of a kind.
func (o *Odds) Known(k Kind) bool { return o.OneIn(k, 0) > 0 }

func (s *sketch) oneIn(cosine float64) int {
	if s.pairs == 0 {
		return 0
	}
	most := float64(min(s.pairs, MaxOneIn))
	// Of steps that share a cosine, the commonest is it: so many pairs reach it.
	k := sort.Search(steps, func(k int) bool { return float64(s.cosines[k]) >= cosine })
	if k == steps {
		return int(most)
	}
	step := float64(k)
	if k > 0 && s.cosines[k] > s.cosines[k-1] {
		low, high := float64(s.cosines[k-1]), float64(s.cosines[k])
		step = float64(k-1) + (cosine-low)/(high-low)
	}
	return int(math.Round(max(1, min(most, math.Pow(10, step/stepsPerDecade)))))
}

// bins of a histogram of cosines from -1 to 1.
const bins = 1 << 14

type histogram [bins]uint32

func (h *histogram) add(cosine float32) {
	bin := int((cosine + 1) * (bins / 2))
	h[max(0, min(bins-1, bin))]++
}

// MeasureOdds compares pairs of a sample. Row i of papers is the vector of a paper, and row i of titles that of its
// title (dims values each, L2 norm 1, or zero for none); there may be fewer titles than papers. It uses all cores and
// takes about a second of processor time for 16 million pairs, the most that 4,096 papers with 2,048 titles make.
func MeasureOdds(ctx context.Context, papers, titles []float32, dims int) (*Odds, error) {
	o := &Odds{}
	if err := o.papers.measure(ctx, papers, papers, dims, true); err != nil {
		return nil, err
	}
	if err := o.texts.measure(ctx, titles, papers, dims, false); err != nil {
		return nil, err
	}
	return o, nil
}

// measure compares every row of a with every row of b but its own; same says that a and b are one, so that each pair
// is met twice and counted once. Zero rows are left out.
func (s *sketch) measure(ctx context.Context, a, b []float32, dims int, same bool) error {
	rowsA, rowsB := nonZero(a, dims), nonZero(b, dims)
	workers := runtime.GOMAXPROCS(0)
	parts := make([]histogram, workers)
	var group errgroup.Group
	for w := range workers {
		group.Go(func() error {
			for at := w; at < len(rowsA); at += workers {
				if err := ctx.Err(); err != nil {
					return err
				}
				i := rowsA[at]
				row := a[i*dims : (i+1)*dims]
				for _, j := range rowsB {
					if j >= i && same {
						break
					}
					if j != i {
						parts[w].add(vector.Dot(row, b[j*dims:(j+1)*dims]))
					}
				}
			}
			return nil
		})
	}
	err := group.Wait()
	for w := 1; w < workers; w++ {
		for bin, n := range parts[w] {
			parts[0][bin] += n
		}
	}
	s.fill(&parts[0])
	return err
}

// nonZero lists the rows that are not zero, which nothing is near to.
func nonZero(rows []float32, dims int) []int {
	var list []int
	for i := range len(rows) / dims {
		if row := rows[i*dims : (i+1)*dims]; vector.Dot(row, row) > 0 {
			list = append(list, i)
		}
	}
	return list
}

// fill takes the quantiles of a histogram. A step within a bin is interpolated, but for the last bin, which may be a
// single value, such as the cosine of copies: its upper end stands for all of it.
func (s *sketch) fill(h *histogram) {
	*s = sketch{}
	top := -1
	for bin, n := range h {
		s.pairs += uint64(n)
		if n > 0 {
			top = bin
		}
	}
	edge := func(bin int, share float64) float32 { return float32((float64(bin)+share)/(bins/2) - 1) }
	above, bin := uint64(0), top // pairs in the bins above bin
	for k := steps - 1; k >= 0 && s.pairs > 0; k-- {
		want := float64(s.pairs) / math.Pow(10, float64(k)/stepsPerDecade)
		for bin > 0 && float64(above+uint64(h[bin])) < want {
			above += uint64(h[bin])
			bin--
		}
		share := 1.
		if bin < top && h[bin] > 0 {
			share = 1 - min(1, (want-float64(above))/float64(h[bin]))
		}
		s.cosines[k] = edge(bin, share)
	}
	for k := 1; k < steps; k++ { // rounding to float32 keeps the order, and so does this
		s.cosines[k] = max(s.cosines[k], s.cosines[k-1])
	}
}
