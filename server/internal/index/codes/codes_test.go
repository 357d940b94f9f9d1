package codes

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/index"
)

func randomVector(r *rand.Rand, dims int) []float32 {
	v := make([]float32, dims)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return v
}

func fill(t testing.TB, r *rand.Rand, dims, n int) (*Codes, [][]float32) {
	t.Helper()
	c := New(dims)
	vectors := make([][]float32, n)
	for i := range vectors {
		vectors[i] = randomVector(r, dims)
		if slot, err := c.Append(vectors[i]); err != nil || int(slot) != i {
			t.Fatalf("append %d: slot %d, %v", i, slot, err)
		}
	}
	return c, vectors
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}

func TestNearestRoundsAsMathDoes(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 100_000 {
		whole := float64(r.IntN(1<<16) - 1<<15)
		for _, x := range []float64{whole, whole + .5, math.Nextafter(whole+.5, 0), math.Nextafter(whole+.5, 1e9),
			whole + r.Float64()} {
			if got := nearest(x); float64(got) != math.Round(x) {
				t.Fatalf("%v is nearest to %d, by math %v", x, got, math.Round(x))
			}
		}
	}
}

func TestScoresAreCosinesWhateverTheLength(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, dims := range []int{1, 2, 63, 64, 100, 256} {
		for _, length := range []float32{1e-30, 1e-3, 1, 1e30} {
			c := New(dims)
			a, b := randomVector(r, dims), randomVector(r, dims)
			for _, v := range [][]float32{a, b, make([]float32, dims)} {
				long := make([]float32, dims)
				for i := range v {
					long[i] = v[i] * length
				}
				if _, err := c.Append(long); err != nil {
					t.Fatal(err)
				}
			}
			var q Query
			if ok, err := q.Set(c, a); !ok || err != nil {
				t.Fatal(ok, err)
			}
			view := c.View()
			got := make([]float32, 3)
			if err := view.Scores(&q, []uint32{0, 1, 2}, got); err != nil {
				t.Fatal(err)
			}
			if math.Abs(float64(got[0])-1) > 1e-6 || got[2] != 0 {
				t.Errorf("dims %d length %g: similarity to itself %v, to zero %v", dims, length, got[0], got[2])
			}
			if want := cosine(a, b); math.Abs(float64(got[1])-want) > 6e-4 {
				t.Errorf("dims %d length %g: %v, want %v", dims, length, got[1], want)
			}
		}
	}
}

func TestCoarseScoreStaysWithinItsMargin(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, dims := range []int{1, 3, 64, 256, 512} {
		c, _ := fill(t, r, dims, 500)
		oneHot := make([]float32, dims)
		oneHot[0] = 1
		if _, err := c.Append(oneHot); err != nil {
			t.Fatal(err)
		}
		view := c.View()
		slots := make([]uint32, view.N)
		for i := range slots {
			slots[i] = uint32(i)
		}
		coarse, fine := make([]float32, view.N), make([]float32, view.N)
		for range 20 {
			var q Query
			if _, err := q.Set(c, randomVector(r, dims)); err != nil {
				t.Fatal(err)
			}
			checkMargin(t, &view, &q, slots, coarse, fine)
		}
	}
}

func TestAStoredVectorAsQueryScoresAsItself(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	c, _ := fill(t, r, 100, 50)
	view := c.View()
	var q Query
	row := make([]float32, 100)
	for slot := range uint32(50) {
		view.Vector(slot, row)
		if _, err := q.Set(c, row); err != nil {
			t.Fatal(err)
		}
		var got [1]float32
		if err := view.Scores(&q, []uint32{slot}, got[:]); err != nil {
			t.Fatal(err)
		}
		if math.Abs(float64(got[0])-1) > 1e-6 {
			t.Fatalf("slot %d: %v", slot, got[0])
		}
	}
}

func TestScanFindsWhatScoringEveryRowFinds(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	c, _ := fill(t, r, 48, 9000)
	if _, err := c.Append(make([]float32, 48)); err != nil {
		t.Fatal(err)
	}
	view := c.View()
	slots := make([]uint32, view.N)
	for i := range slots {
		slots[i] = uint32(i)
	}
	scores := make([]float32, view.N)
	var (
		q       Query
		scanner Parallel
		top     Top
	)
	for _, k := range []int{1, 10, 333} {
		for _, accept := range []index.Accept{nil, third{}} {
			if _, err := q.Set(c, randomVector(r, 48)); err != nil {
				t.Fatal(err)
			}
			if err := view.Scores(&q, slots, scores); err != nil {
				t.Fatal(err)
			}
			var want []index.Candidate
			for i, s := range scores[:view.N-1] {
				if accept == nil || accept.Accepts(uint32(i)) {
					want = append(want, index.Candidate{Slot: uint32(i), Score: s})
				}
			}
			slices.SortFunc(want, bestFirst)
			want = want[:k]
			top.Reset(k)
			if n, err := scanner.Scan(context.Background(), &view, &q, 0, view.N, accept, &top); err != nil || n != view.N {
				t.Fatalf("scored %d, %v", n, err)
			}
			if got := top.AppendSorted(nil); !slices.Equal(got, want) {
				t.Fatalf("k %d: scan differs from scoring every row", k)
			}
			top.Reset(k)
			if _, err := scanner.ScanList(context.Background(), &view, &q, index.Slots(slots), accept, &top); err != nil {
				t.Fatal(err)
			}
			if got := top.AppendSorted(nil); !slices.Equal(got, want) {
				t.Fatalf("k %d: list scan differs from scoring every row", k)
			}
		}
	}
}

func TestScanStopsWithItsContext(t *testing.T) {
	c, vectors := fill(t, rand.New(rand.NewPCG(7, 7)), 4, 20000)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var (
		q       Query
		scanner Parallel
		top     Top
	)
	if _, err := q.Set(c, vectors[0]); err != nil {
		t.Fatal(err)
	}
	top.Reset(1)
	view := c.View()
	if n, err := scanner.Scan(ctx, &view, &q, 0, view.N, nil, &top); !errors.Is(err, context.Canceled) || n > 5000 {
		t.Fatalf("scored %d, %v", n, err)
	}
}

func TestRefusesWhatIsNotAVector(t *testing.T) {
	c := New(3)
	for _, v := range [][]float32{{1, 2}, {1, 2, 3, 4}, nil} {
		if _, err := c.Append(v); !errors.Is(err, index.ErrDims) {
			t.Errorf("%v: %v", v, err)
		}
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if _, err := c.Append([]float32{1, float32(bad), 0}); !errors.Is(err, index.ErrNotFinite) {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if c.Len() != 0 {
		t.Errorf("%d vectors kept", c.Len())
	}
}

func TestSavedSetIsRestoredToTheBit(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	c, _ := fill(t, r, 70, 5000)
	for _, n := range []int{0, 1, 4096, 4097, 5000} {
		var file bytes.Buffer
		if err := c.Save(t.Context(), &file, 0, n); err != nil {
			t.Fatal(err)
		}
		loaded := New(70)
		if err := loaded.Load(bytes.NewReader(file.Bytes()), int64(file.Len())); err != nil {
			t.Fatal(err)
		}
		if loaded.Len() != n || loaded.Check() != nil {
			t.Fatalf("loaded %d of %d: %v", loaded.Len(), n, loaded.Check())
		}
		a, b := make([]float32, 70), make([]float32, 70)
		va, vb := c.View(), loaded.View()
		for i := range n {
			va.Vector(uint32(i), a)
			vb.Vector(uint32(i), b)
			if !slices.Equal(a, b) {
				t.Fatalf("row %d differs", i)
			}
		}
	}
	if err := c.Save(t.Context(), new(bytes.Buffer), 0, 5001); err == nil {
		t.Error("saved more rows than there are")
	}
}

func FuzzLoadTakesNoDamageForVectors(f *testing.F) {
	c, _ := fill(f, rand.New(rand.NewPCG(9, 9)), 5, 3)
	var file bytes.Buffer
	if err := c.Save(f.Context(), &file, 0, 3); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes())
	f.Add(file.Bytes()[:20])
	huge := bytes.Clone(file.Bytes())
	binary.LittleEndian.PutUint32(huge[8:], 1<<31)
	binary.LittleEndian.PutUint32(huge[12:], crc32.Checksum(huge[:12], castagnoli))
	f.Add(huge)
	f.Fuzz(func(t *testing.T, data []byte) {
		loaded := New(5)
		if err := loaded.Load(bytes.NewReader(data), int64(len(data))); err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatalf("unnamed error %v", err)
			}
			return
		}
		if err := loaded.Check(); err != nil {
			t.Fatal(err)
		}
		var again bytes.Buffer
		if err := loaded.Save(t.Context(), &again, 0, loaded.Len()); err != nil ||
			!bytes.Equal(again.Bytes(), data[:again.Len()]) {
			t.Fatal("what was loaded saves differently", err)
		}
	})
}

type third struct{}

func (third) Accepts(slot uint32) bool { return slot%3 == 0 }
func (third) Slots() index.Listing     { return nil }
func (third) Share() float64           { return 1. / 3 }

func checkMargin(t *testing.T, view *View, q *Query, slots []uint32, coarse, fine []float32) {
	t.Helper()
	margin, noise := q.Margin(view), q.Noise(view)
	vector.Coarse(coarse, &q.Int8Query, view.Coarse, slots)
	if err := view.Scores(q, slots, fine); err != nil {
		t.Fatal(err)
	}
	within := 0
	for i := range slots {
		if d := coarse[i] - fine[i]; d > margin || -d > margin {
			t.Fatalf("slot %d: coarse %v, fine %v, margin %v", i, coarse[i], fine[i], margin)
		} else if d <= noise && -d <= noise {
			within++
		}
	}
	if noise > margin || within < len(slots)*9/10 {
		t.Fatalf("%d of %d scores are within the noise of %v, margin %v", within, len(slots), noise, margin)
	}
}
