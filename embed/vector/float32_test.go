package vector

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// forEachClass runs the test with the kernels of every class the machine has.
func forEachClass(t *testing.T, fn func(t *testing.T)) {
	for _, class := range []string{Portable, AVX2, AVX512, NEON} {
		undo := Limit(class)
		if Class() == class {
			t.Run(class, fn)
		}
		undo()
	}
}

// misaligned returns n random numbers that begin off bytes behind a multiple of 64, and the slice they lie in, whose
// other elements are guards.
func misaligned(r *rand.Rand, n, off int) (x, guarded []float32) {
	guarded = make([]float32, n+48)
	for i := range guarded {
		guarded[i] = 77
	}
	x = guarded[16+off:][:n:n]
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x, guarded
}

func checkGuards(t *testing.T, x, guarded []float32, off int) {
	t.Helper()
	for i, v := range guarded {
		if (i < 16+off || i >= 16+off+len(x)) && v != 77 {
			t.Fatalf("wrote to element %d of a slice of %d", i-16-off, len(x))
		}
	}
}

var lengths = []int{0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 95, 100, 127, 128, 129, 200, 255,
	256, 257, 384, 511, 512, 1000}

func near(got, want, size float64) bool { return math.Abs(got-want) <= 1e-5*(size+1) }

func TestKernelsComputeWhatTheirCommentsSay(t *testing.T) {
	forEachClass(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		for _, n := range lengths {
			for off := range 5 {
				x, _ := misaligned(r, n, off)
				y, guarded := misaligned(r, n, (off*3+1)%7)
				before := slices.Clone(y)
				alpha := float32(r.NormFloat64())
				var sum, size float64
				for i := range x {
					sum += float64(x[i]) * float64(y[i])
					size += math.Abs(float64(x[i]) * float64(y[i]))
				}
				if got := Dot(x, y); !near(float64(got), sum, size) {
					t.Fatalf("Dot of %d, offset %d: got %v, want %v", n, off, got, sum)
				}
				Axpy(y, alpha, x)
				for i := range y {
					if want := float64(before[i]) + float64(alpha)*float64(x[i]); !near(float64(y[i]), want, math.Abs(want)) {
						t.Fatalf("Axpy of %d, offset %d: element %d is %v, want %v", n, off, i, y[i], want)
					}
				}
				copy(y, before)
				codes := make([]int8, n+off)[off:]
				for i := range codes {
					codes[i] = int8(r.IntN(256) - 128)
				}
				AxpyInt8(y, alpha, codes)
				for i := range y {
					if want := float64(before[i]) + float64(alpha)*float64(codes[i]); !near(float64(y[i]), want, math.Abs(want)) {
						t.Fatalf("AxpyInt8 of %d, offset %d: element %d is %v, want %v", n, off, i, y[i], want)
					}
				}
				others := make([]int8, n+off+1)[off+1:]
				product := int32(0)
				for i := range others {
					others[i] = int8(r.IntN(256) - 128)
					product += int32(codes[i]) * int32(others[i])
				}
				if got := DotInt8(codes, others); got != product {
					t.Fatalf("DotInt8 of %d, offset %d: got %v, want %v", n, off, got, product)
				}
				table := make([]int8, 7*n+off)[off:]
				for i := range table {
					table[i] = int8(r.IntN(256) - 128)
				}
				rows := []uint32{6, 0, 3, 3, 5, 1, 2}[:1+off%7]
				dots := make([]int32, len(rows))
				DotsInt8(dots, codes, table, rows)
				for i, row := range rows {
					if want := dotInt8Portable(codes, table[int(row)*n:][:n]); dots[i] != want {
						t.Fatalf("DotsInt8 of %d, offset %d, row %d: got %v, want %v", n, off, row, dots[i], want)
					}
				}
				copy(y, before)
				Scale(y, alpha)
				for i := range y {
					if y[i] != alpha*before[i] {
						t.Fatalf("Scale of %d, offset %d: element %d is %v, want %v", n, off, i, y[i], alpha*before[i])
					}
				}
				checkGuards(t, y, guarded, (off*3+1)%7)
			}
		}
	})
}

func TestResultsDoNotDependOnAlignment(t *testing.T) {
	forEachClass(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 4))
		for _, n := range lengths {
			x, _ := misaligned(r, n, 0)
			y, _ := misaligned(r, n, 0)
			want := Dot(x, y)
			sum := slices.Clone(y)
			Axpy(sum, .3, x)
			for off := 1; off < 8; off++ {
				x2, _ := misaligned(r, n, off)
				y2, _ := misaligned(r, n, 8-off)
				copy(x2, x)
				copy(y2, y)
				if got := Dot(x2, y2); got != want {
					t.Fatalf("Dot of %d: %v at one alignment, %v at another", n, want, got)
				}
				if Axpy(y2, .3, x2); !slices.Equal(y2, sum) {
					t.Fatalf("Axpy of %d depends on alignment", n)
				}
			}
		}
	})
}

func TestShorterOperandsPanic(t *testing.T) {
	for name, call := range map[string]func(){
		"Dot":      func() { Dot(make([]float32, 3), make([]float32, 2)) },
		"Axpy":     func() { Axpy(make([]float32, 3), 1, make([]float32, 2)) },
		"AxpyInt8": func() { AxpyInt8(make([]float32, 3), 1, make([]int8, 2)) },
		"DotInt8":  func() { DotInt8(make([]int8, 3), make([]int8, 2)) },
		"DotsInt8": func() { DotsInt8(make([]int32, 1), make([]int8, 3), make([]int8, 8), []uint32{2}) },
		"MatMul":   func() { MatMul(NewMatrix(8, 32), NewMatrix(8, 32), NewMatrix(8, 32), 9, 0, 8) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s took operands of different sizes", name)
				}
			}()
			call()
		}()
	}
}

func TestCodesAreWithinHalfAStep(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, n := range lengths {
		x, _ := misaligned(r, n, n%5)
		codes, portable := make([]int8, n), make([]int8, n)
		undo := Limit(Portable)
		portableStep := QuantizeInt8(portable, x)
		undo()
		step := QuantizeInt8(codes, x)
		if step != portableStep || !slices.Equal(codes, portable) {
			t.Fatalf("%d: the classes give different codes", n)
		}
		for i, c := range codes {
			if d := math.Abs(float64(x[i]) - float64(step)*float64(c)); d > .5001*float64(step) || c == -128 {
				t.Fatalf("%d: %v became %d * %v", n, x[i], c, step)
			}
		}
	}
	codes := []int8{1, 2}
	if step := QuantizeInt8(codes, []float32{0, 1e-40}); step != 0 || codes[0] != 0 || codes[1] != 0 {
		t.Errorf("vanishing row: got step %v, codes %v", step, codes)
	}
}

func randomMatrix(r *rand.Rand, rows, cols int) Matrix {
	m := NewMatrix(rows, cols)
	for i := range rows {
		for j := range cols {
			m.Data[i*m.Stride+j] = float32(r.NormFloat64())
		}
	}
	return m
}

func TestMatMulAndTransposeAgreeWithTheirDefinitions(t *testing.T) {
	forEachClass(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 8))
		for _, size := range [][3]int{{1, 1, 1}, {8, 5, 32}, {16, 33, 40}, {40, 64, 96}, {7, 0, 3}} {
			m, k, n := size[0], size[1], size[2]
			x, y := randomMatrix(r, m, k), randomMatrix(r, k, n)
			c := NewMatrix(m, n)
			for i := range c.Data {
				c.Data[i] = 5
			}
			MatMul(c, x, y, k, 0, c.Rows)
			for i := range m {
				for j := range n {
					var sum, size float64
					for l := range k {
						v := float64(x.Row(i)[l]) * float64(y.Row(l)[j])
						sum, size = sum+v, size+math.Abs(v)
					}
					if got := float64(c.Row(i)[j]); !near(got, sum, size) {
						t.Fatalf("%v: element %d, %d is %v, want %v", size, i, j, got, sum)
					}
				}
			}
			turned := NewMatrix(n, m)
			Transpose(turned, c, 0, turned.Rows)
			for i := range m {
				for j := range n {
					if turned.Row(j)[i] != c.Row(i)[j] {
						t.Fatalf("transpose: element %d, %d", j, i)
					}
				}
			}
		}
	})
}

func TestLimitNamesItsClassAndIsUndone(t *testing.T) {
	best := Class()
	undo := Limit(Portable)
	if Class() != Portable || hasVNNI {
		t.Errorf("limited to portable, the class is %s", Class())
	}
	if undo(); Class() != best {
		t.Errorf("undone, the class is %s, was %s", Class(), best)
	}
}

func BenchmarkAxpy(b *testing.B) {
	for _, class := range []string{Portable, AVX2, AVX512} {
		b.Run(class, func(b *testing.B) {
			defer Limit(class)()
			x, y := make([]float32, 256), make([]float32, 256)
			for b.Loop() {
				Axpy(y, 1e-9, x)
			}
		})
	}
}

func BenchmarkAxpyInt8(b *testing.B) {
	for _, class := range []string{Portable, AVX2, AVX512} {
		b.Run(class, func(b *testing.B) {
			defer Limit(class)()
			x, y := make([]int8, 256), make([]float32, 256)
			for b.Loop() {
				AxpyInt8(y, 1e-9, x)
			}
		})
	}
}

func BenchmarkDotInt8(b *testing.B) {
	for _, class := range []string{Portable, AVX2} {
		b.Run(class, func(b *testing.B) {
			defer Limit(class)()
			x, y := make([]int8, 256), make([]int8, 256)
			for b.Loop() {
				DotInt8(x, y)
			}
		})
	}
}

func BenchmarkDotsInt8(b *testing.B) {
	for _, class := range []string{Portable, AVX2, AVX512, NEON} {
		b.Run(class, func(b *testing.B) {
			defer Limit(class)()
			table, rows, dots := make([]int8, 64*256), make([]uint32, 64), make([]int32, 64)
			for i := range rows {
				rows[i] = uint32(i)
			}
			b.ReportAllocs()
			for b.Loop() {
				DotsInt8(dots, table[:256], table, rows)
			}
		})
	}
}

func BenchmarkMatMul(b *testing.B) {
	for _, class := range []string{Portable, AVX2, AVX512} {
		b.Run(fmt.Sprintf("%s/256", class), func(b *testing.B) {
			defer Limit(class)()
			c, x, y := NewMatrix(256, 256), NewMatrix(256, 256), NewMatrix(256, 256)
			for b.Loop() {
				MatMul(c, x, y, 256, 0, 256)
			}
			b.ReportMetric(2*256*256*256/(float64(b.Elapsed().Nanoseconds())/float64(b.N)), "GFLOP/s")
		})
	}
}
