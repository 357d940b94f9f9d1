package rank

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/akin-search/akin/embed/vector"
)

// unitRows makes n random rows of length 1, mostly alike.
func unitRows(rng *rand.Rand, n, dims int) []float32 {
	rows := make([]float32, n*dims)
	for i := range n {
		row := rows[i*dims : (i+1)*dims]
		for j := range row {
			row[j] = float32(rng.NormFloat64()) + .5
		}
		vector.Scale(row, float32(1/math.Sqrt(float64(vector.Dot(row, row)))))
	}
	return rows
}

// TestOddsAreTheShareOfPairs compares with a count of all pairs.
func TestOddsAreTheShareOfPairs(t *testing.T) {
	const n, titled, dims = 400, 150, 16
	rng := rand.New(rand.NewPCG(3, 3))
	papers, titles := unitRows(rng, n, dims), unitRows(rng, titled, dims)
	clear(titles[5*dims : 6*dims]) // a paper without a title
	o, err := MeasureOdds(context.Background(), papers, titles, dims)
	if err != nil {
		t.Fatal(err)
	}
	dot := func(a []float32, i int, b []float32, j int) float64 {
		return float64(vector.Dot(a[i*dims:(i+1)*dims], b[j*dims:(j+1)*dims]))
	}
	var ofPapers, ofTitles []float64
	for i := range n {
		for j := range n {
			if j < i {
				ofPapers = append(ofPapers, dot(papers, i, papers, j))
			}
			if i < titled && i != 5 && i != j {
				ofTitles = append(ofTitles, dot(titles, i, papers, j))
			}
		}
	}
	for name, c := range map[string]struct {
		kind  Kind
		pairs []float64
	}{"papers": {PaperQuery, ofPapers}, "titles": {TitleQuery, ofTitles}, "text": {TextQuery, ofTitles}} {
		slices.Sort(c.pairs)
		slices.Reverse(c.pairs)
		for _, rank := range []int{1, 2, 5, 10, 100, 1000, 10_000, len(c.pairs)} {
			want := float64(len(c.pairs)) / float64(rank)
			got := float64(o.OneIn(c.kind, c.pairs[rank-1]))
			if tolerance := .05 + 1/math.Sqrt(float64(rank)); math.Abs(math.Log(got/want)) > tolerance {
				t.Errorf("%s: the %d. of %d pairs is one in %g, want about %g", name, rank, len(c.pairs), got, want)
			}
		}
		if got := o.OneIn(c.kind, 1); got != len(c.pairs) {
			t.Errorf("%s: above all pairs: one in %d, want %d", name, got, len(c.pairs))
		}
		if got := o.OneIn(c.kind, -1); got != 1 {
			t.Errorf("%s: below all pairs: one in %d, want 1", name, got)
		}
	}
}

func TestOddsRiseWithTheCosine(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	o, err := MeasureOdds(context.Background(), unitRows(rng, 300, 8), unitRows(rng, 300, 8), 8)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []Kind{TextQuery, PaperQuery} {
		last := 0
		for c := -1.; c <= 1.001; c += .001 {
			now := o.OneIn(k, c)
			if now < max(1, last) || now > MaxOneIn {
				t.Fatalf("kind %d, cosine %.3f: one in %d behind %d", k, c, now, last)
			}
			last = now
		}
	}
}

// TestCopiesAreAsCommonAsTheyAre: a corpus of pairs of copies has one such pair in about n.
func TestCopiesAreAsCommonAsTheyAre(t *testing.T) {
	const n, dims = 200, 16
	half := unitRows(rand.New(rand.NewPCG(5, 5)), n/2, dims)
	o, err := MeasureOdds(context.Background(), append(slices.Clone(half), half...), nil, dims)
	if err != nil {
		t.Fatal(err)
	}
	if got := o.OneIn(PaperQuery, 1); math.Abs(float64(got)-(n-1)) > 20 {
		t.Errorf("a copy is one in %d, want about %d", got, n-1)
	}
	if got := o.OneIn(TitleQuery, 1); got != 0 {
		t.Errorf("without titles: one in %d, want 0", got)
	}
}

func TestOddsOfNothingAreUnknown(t *testing.T) {
	var none *Odds
	if got := none.OneIn(PaperQuery, .5); got != 0 {
		t.Errorf("one in %d", got)
	}
	o, err := MeasureOdds(context.Background(), make([]float32, 3*8), make([]float32, 8), 8)
	if err != nil || o.OneIn(PaperQuery, .5) != 0 || o.OneIn(TextQuery, .5) != 0 {
		t.Errorf("of zero vectors: %+v, %v", o, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = MeasureOdds(ctx, unitRows(rand.New(rand.NewPCG(1, 1)), 10, 8), nil, 8)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestOddsComeBackFromTheirBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	o, err := MeasureOdds(context.Background(), unitRows(rng, 100, 8), unitRows(rng, 50, 8), 8)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []*Odds{o, {}} {
		b := want.Encode()
		got, err := DecodeOdds(b)
		if err != nil || *got != *want {
			t.Fatalf("came back as %+v, %v", got, err)
		}
		for i := range b {
			damaged := slices.Clone(b)
			damaged[i] ^= 4
			if _, err := DecodeOdds(damaged); !errors.Is(err, ErrOdds) {
				t.Fatalf("byte %d changed: %v", i, err)
			}
		}
	}
}

// FuzzDecodeOdds: whatever the bytes, they are refused or give odds that rise.
func FuzzDecodeOdds(f *testing.F) {
	f.Add((&Odds{}).Encode())
	f.Add([]byte(oddsMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := DecodeOdds(b)
		if err != nil {
			return
		}
		if a, b := o.OneIn(PaperQuery, .2), o.OneIn(PaperQuery, .9); a > b || b > MaxOneIn {
			t.Errorf("one in %d, then %d", a, b)
		}
	})
}

func BenchmarkMeasureOdds(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	papers, titles := unitRows(rng, 4096, 256), unitRows(rng, 2048, 256)
	for b.Loop() {
		if _, err := MeasureOdds(context.Background(), papers, titles, 256); err != nil {
			b.Fatal(err)
		}
	}
}
