package filter

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/akin-search/akin/server/internal/paper"
)

func saved(t testing.TB, c *Columns, from, to int) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := c.Save(context.Background(), &buf, from, to); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestSavedColumnsAnswerTheSame(t *testing.T) {
	lowerFewSlots(t)
	rng := rand.New(rand.NewPCG(7, 8))
	papers := randomPapers(rng, 300)
	c := columnsOf(papers)
	for _, n := range []int{0, 1, 2, 150, 299, 300} {
		loaded := NewColumns()
		for from := 0; from < n || from == 0; { // in one stretch, or in several
			to := n
			if n%2 == 0 && n > 2 {
				to = min(n, from+1+rng.IntN(n/2))
			}
			data := saved(t, c, from, to)
			if err := loaded.Load(bytes.NewReader(data), int64(len(data))); err != nil {
				t.Fatalf("Load of the slots %d to %d: %v", from, to, err)
			}
			if from = to; n == 0 {
				break
			}
		}
		if err := loaded.Check(); err != nil || loaded.Len() != n {
			t.Fatalf("%d slots load as %d: %v", n, loaded.Len(), err)
		}
		known := papers[:n:n]
		for round := range 2 {
			for range 100 {
				text, meaning := randomFilter(rng, rng.IntN(3))
				f, err := Parse(text)
				if err != nil {
					t.Fatal(err)
				}
				sameAnswer(t, loaded, known, f, meaning)
			}
			if round == 0 { // loaded columns go on as if they had never stopped
				more := randomPapers(rng, 30)
				for i, p := range more {
					if slot := loaded.Append(p); int(slot) != n+i {
						t.Fatalf("slot %d after %d", slot, n+i)
					}
				}
				known = append(known, more...)
			}
		}
		if err := loaded.Check(); err != nil {
			t.Fatal(err)
		}
	}
	for _, span := range [][2]int{{0, -1}, {0, 301}, {2, 1}, {-1, 1}} {
		if err := c.Save(t.Context(), io.Discard, span[0], span[1]); err == nil {
			t.Errorf("Save of the slots %v of 300 is no error", span)
		}
	}
	later := saved(t, c, 100, 200)
	if err := NewColumns().Load(bytes.NewReader(later), int64(len(later))); !errors.Is(err, ErrDamaged) {
		t.Errorf("slots from 100 on in empty columns: got %v", err)
	}
}

func TestDamagedColumnsDoNotLoad(t *testing.T) {
	data := saved(t, columnsOf(library), 0, len(library))
	for at := range data {
		damaged := bytes.Clone(data)
		damaged[at] ^= 0x40
		if err := NewColumns().Load(bytes.NewReader(damaged), int64(len(damaged))); err == nil {
			t.Errorf("columns load with byte %d changed", at)
		}
		if err := NewColumns().Load(bytes.NewReader(data[:at]), int64(at)); !errors.Is(err, ErrDamaged) {
			t.Errorf("the first %d bytes: %v", at, err)
		}
		if err := NewColumns().Load(bytes.NewReader(data[:at]), int64(len(data))); !errors.Is(err, ErrDamaged) {
			t.Errorf("%d bytes of a stated %d: %v", at, len(data), err)
		}
	}
}

// FuzzLoadColumns gives every input a valid checksum, so that the decoder behind it meets the damage.
func FuzzLoadColumns(f *testing.F) {
	data := saved(f, columnsOf(library), 0, len(library))
	f.Add(data[len(magic)+4 : len(data)-4])
	f.Add([]byte{0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, body []byte) {
		data := binary.LittleEndian.AppendUint32([]byte(magic), version)
		data = append(data, body...)
		data = binary.LittleEndian.AppendUint32(data, crc32.Checksum(data, castagnoli))
		c := NewColumns()
		if err := c.Load(bytes.NewReader(data), int64(len(data))); err != nil {
			return
		}
		c.Append(library[0])
		for _, text := range []string{"NOT id = a", "authors:*", "attributes:*", "publish_time > 2020-01-01"} {
			parsed, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Eval(parsed)
			if err != nil || got.Len() > 0 && highest(got) >= c.Len() {
				t.Fatalf("%s: %v, %v of %d slots", text, got, err, c.Len())
			}
		}
	})
}

// Readers beside the appender see a prefix of the papers, whole papers only.
func TestReadersRunBesideTheAppender(t *testing.T) {
	lowerFewSlots(t)
	c := NewColumns()
	var appended atomic.Int64
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(done)
		for i := range 2000 {
			c.Append(&paper.Paper{
				ID: fmt.Sprint(i), Authors: []string{"all", fmt.Sprint(i % 7)}, PublishTime: day("2020-01-01"),
				Attributes: map[string]paper.Value{"n": number(float64(i)), "even": boolean(i%2 == 0)},
			})
			appended.Add(1)
		}
	})
	for _, text := range []string{
		"authors:all", "publish_time:*", "attributes.n >= 0", "id:*", "NOT authors:nobody",
		"attributes.even = true OR attributes.even = false", "authors:all AND attributes.n:* AND NOT id = x",
	} {
		f, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for running := true; running; {
				select {
				case <-done:
					running = false
				default:
				}
				before := uint64(appended.Load())
				got, err := c.Eval(f)
				n := uint64(got.Len())
				if err != nil || n < before || n > uint64(appended.Load())+1 || n > 0 && uint64(highest(got)) != n-1 {
					t.Errorf("%s finds %d of at least %d papers: %v", text, n, before, err)
					return
				}
			}
		})
	}
	wg.Go(func() {
		for n := 0; n < 2000; n = int(appended.Load()) {
			data := saved(t, c, 0, n)
			if err := NewColumns().Load(bytes.NewReader(data), int64(len(data))); err != nil {
				t.Error(err)
				return
			}
		}
	})
	wg.Wait()
	if err := c.Check(); err != nil {
		t.Error(err)
	}
}

// BenchmarkEval prints the cost of each kind of condition over 100,000 papers.
func BenchmarkEval(b *testing.B) {
	rng := rand.New(rand.NewPCG(9, 10))
	c := NewColumns()
	for i := range 100_000 {
		c.Append(&paper.Paper{
			ID: fmt.Sprintf("2301.%06d", i), Categories: []string{fmt.Sprint("cs.", rng.IntN(40))},
			Authors:     []string{fmt.Sprint(rng.IntN(50_000)), fmt.Sprint(rng.IntN(50_000)), fmt.Sprint(rng.IntN(50_000))},
			PublishTime: day("2010-01-01").AddDate(0, 0, rng.IntN(5000)),
			Attributes: map[string]paper.Value{"venue": text(fmt.Sprint(rng.IntN(60))),
				"year": number(float64(2010 + rng.IntN(15)))},
		})
	}
	b.Logf("%d papers take %.1f bytes each", c.Len(), float64(c.Bytes())/float64(c.Len()))
	for _, text := range []string{
		`id = "2301.000777"`, `id > "2301.09"`, `categories:cs.7`, `authors:"777"`, `publish_time >= 2020-01-01`,
		`attributes.year >= 2020`, `attributes.venue = "7"`, `NOT categories:cs.7`,
		`categories:(cs.7 OR cs.8) AND publish_time >= 2020-01-01 AND NOT attributes.venue = "7"`,
	} {
		b.Run(text, func(b *testing.B) {
			f, err := Parse(text)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				c.cache.entries = nil
				if _, err := c.Eval(f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("a filter asked before", func(b *testing.B) {
		f, err := Parse(`publish_time >= 2020-01-01`)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, err := c.Eval(f); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Parse", func(b *testing.B) {
		for b.Loop() {
			_, err := Parse(`categories:(cs.7 OR cs.8) AND publish_time >= 2020-01-01 AND NOT attributes.venue = "7"`)
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}
