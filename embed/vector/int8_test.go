package vector

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
)

// codeFixture is a block or two of random rows with a random query.
type codeFixture struct {
	coarse, fine [][]byte
	query        Int8Query
}

func newCodeFixture(r *rand.Rand, dims, blocks int, extreme bool) *codeFixture {
	stride := Stride(dims)
	f := &codeFixture{query: Int8Query{Hi: make([]int8, stride), Lo: make([]int8, stride), Step: 1.0 / 32512}}
	for range blocks {
		coarse, fine := make([]byte, CoarseBlock(stride)), make([]byte, FineBlock(stride))
		for i := range coarse[:BlockRows*stride] {
			coarse[i] = byte(1 + r.IntN(255))
			if extreme {
				coarse[i] = []byte{1, 255}[r.IntN(2)]
			}
		}
		for i := range fine {
			fine[i] = byte(r.Uint32())
		}
		for i := range BlockRows {
			binary.LittleEndian.PutUint32(coarse[BlockRows*stride+4*i:], math.Float32bits(r.Float32()/2032))
		}
		f.coarse, f.fine = append(f.coarse, coarse), append(f.fine, fine)
	}
	for i := range dims {
		f.query.Hi[i], f.query.Lo[i] = int8(r.IntN(255)-127), int8(r.IntN(256)-128)
		if extreme {
			f.query.Hi[i], f.query.Lo[i] = []int8{-127, 127}[r.IntN(2)], []int8{-128, 127}[r.IntN(2)]
		}
		f.query.SumHi += int32(f.query.Hi[i])
		f.query.SumLo += int32(f.query.Lo[i])
	}
	return f
}

// code is the 12-bit code of one dimension, from the definition of the planes.
func (f *codeFixture) code(slot uint32, d int) int64 {
	stride, row := len(f.query.Hi), int(slot)%BlockRows
	nibbles := f.fine[slot/BlockRows][row*stride/2+d/64*32+d%32]
	if d%64 >= 32 {
		nibbles >>= 4
	}
	return 16*(int64(f.coarse[slot/BlockRows][row*stride+d])-128) + int64(nibbles&15) - 8
}

func TestPortableKernelsComputeTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, dims := range []int{1, 64, 65, 256} {
		f := newCodeFixture(r, dims, 2, false)
		slots := []uint32{0, 5, BlockRows - 1, BlockRows, BlockRows + 77}
		coarse, fine := make([]float32, len(slots)), make([]float32, len(slots))
		coarsePortable(coarse, &f.query, f.coarse, slots)
		finePortable(fine, &f.query, f.coarse, f.fine, slots)
		for i, slot := range slots {
			scale := float64(rowScale(f.coarse[slot/BlockRows], len(f.query.Hi), int(slot%BlockRows)))
			var wantCoarse, wantFine float64
			for d := range dims {
				c := f.code(slot, d)
				wantCoarse += float64((c+8)>>4) * float64(f.query.Hi[d])
				wantFine += float64(c) * (256*float64(f.query.Hi[d]) + float64(f.query.Lo[d]))
			}
			wantCoarse *= scale * float64(f.query.Step) * 4096
			wantFine *= scale * float64(f.query.Step)
			if math.Abs(wantCoarse-float64(coarse[i])) > 1e-5*(1+math.Abs(wantCoarse)) {
				t.Errorf("dims %d slot %d: coarse %v, want %v", dims, slot, coarse[i], wantCoarse)
			}
			if math.Abs(wantFine-float64(fine[i])) > 1e-5*(1+math.Abs(wantFine)) {
				t.Errorf("dims %d slot %d: fine %v, want %v", dims, slot, fine[i], wantFine)
			}
		}
	}
}

func FuzzInt8KernelsAgreeToTheBit(f *testing.F) {
	f.Add(uint64(1), uint16(256), uint8(33), false)
	f.Add(uint64(2), uint16(1), uint8(1), true)
	f.Add(uint64(3), uint16(384), uint8(7), true)
	f.Add(uint64(4), uint16(512), uint8(64), false)
	f.Fuzz(func(t *testing.T, seed uint64, dims uint16, n uint8, extreme bool) {
		r := rand.New(rand.NewPCG(seed, 7))
		fixture := newCodeFixture(r, 1+int(dims)%520, 1+int(seed%2), extreme)
		slots := make([]uint32, 1+int(n)%70)
		for i := range slots {
			slots[i] = r.Uint32N(uint32(len(fixture.coarse) * BlockRows))
		}
		compareInt8(t, fixture, slots, r.IntN(BlockRows-len(slots)))
	})
}

func TestInt8KernelsAgreeAtTheLargestDims(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	fixture := newCodeFixture(r, MaxCodeDims, 1, true)
	compareInt8(t, fixture, []uint32{0, 1, 2, 3, 4, 5, BlockRows - 1}, BlockRows-7)
}

// compareInt8 checks every kernel of this machine against the portable one.
func compareInt8(t *testing.T, f *codeFixture, slots []uint32, first int) {
	t.Helper()
	want, got := make([]float32, len(slots)), make([]float32, len(slots))
	check := func(what string) {
		t.Helper()
		for i := range want {
			if math.Float32bits(want[i]) != math.Float32bits(got[i]) {
				t.Fatalf("%s: row %d of %d, stride %d: %v, portable %v", what, i, len(slots), len(f.query.Hi), got[i], want[i])
			}
		}
	}
	for _, class := range []string{Portable, AVX2, AVX512, NEON} {
		func() {
			defer Limit(class)()
			coarsePortable(want, &f.query, f.coarse, slots)
			Coarse(got, &f.query, f.coarse, slots)
			check(class + " coarse")
			coarseRunPortable(want, &f.query, f.coarse[0], first)
			CoarseRun(got, &f.query, f.coarse[0], first)
			check(class + " coarse run")
			finePortable(want, &f.query, f.coarse, f.fine, slots)
			Fine(got, &f.query, f.coarse, f.fine, slots)
			check(class + " fine")
		}()
	}
}

func TestShortDestinationPanicsInsteadOfWritingPastIt(t *testing.T) {
	f := newCodeFixture(rand.New(rand.NewPCG(1, 1)), 64, 1, false)
	for name, call := range map[string]func(){
		"coarse": func() { Coarse(make([]float32, 1), &f.query, f.coarse, []uint32{0, 1}) },
		"fine":   func() { Fine(make([]float32, 1), &f.query, f.coarse, f.fine, []uint32{0, 1}) },
		"run":    func() { CoarseRun(make([]float32, 2), &f.query, f.coarse[0], BlockRows-1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			call()
		}()
	}
}

func BenchmarkInt8(b *testing.B) {
	const dims, blocks = 256, 21 // 86,000 rows: 22 MB of coarse codes
	r := rand.New(rand.NewPCG(1, 2))
	f := newCodeFixture(r, dims, blocks, false)
	lists := make([][]uint32, 4096)
	for i := range lists {
		lists[i] = make([]uint32, 16)
		for j := range lists[i] {
			lists[i][j] = r.Uint32N(blocks * BlockRows)
		}
	}
	scores := make([]float32, BlockRows)
	for _, class := range []string{Portable, AVX2, AVX512, NEON} {
		func() {
			defer Limit(class)()
			b.Run(class+"/coarse-list-of-16", func(b *testing.B) {
				for i := 0; b.Loop(); i++ {
					Coarse(scores, &f.query, f.coarse, lists[i%len(lists)])
				}
			})
			b.Run(class+"/fine-list-of-16", func(b *testing.B) {
				for i := 0; b.Loop(); i++ {
					Fine(scores, &f.query, f.coarse, f.fine, lists[i%len(lists)])
				}
			})
			b.Run(class+"/coarse-run", func(b *testing.B) {
				b.SetBytes(BlockRows * (dims + 4))
				for i := 0; b.Loop(); i++ {
					CoarseRun(scores, &f.query, f.coarse[i%blocks], 0)
				}
			})
		}()
	}
}
