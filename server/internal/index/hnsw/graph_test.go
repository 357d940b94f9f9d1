package hnsw

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/index/codes"
)

func TestLevelsThinOutByM(t *testing.T) {
	g := newGraph(16)
	const n = 100_000
	var counts [maxLevels + 1]int
	for slot := range uint32(n) {
		counts[g.level(slot)]++
	}
	above := counts[1] + counts[2] + counts[3] + counts[4] + counts[5]
	if above < n/16*9/10 || above > n/16*11/10 || counts[2] < n/256*7/10 || counts[2] > n/256*13/10 {
		t.Fatalf("%v of %d", counts[:6], n)
	}
}

func TestRepairAttachesWhatWasCutOff(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	vectors := clustered(r, 16, 800)
	x := build(t, 16, vectors, Config{M: 4})
	check(t, x)
	// Cut every link to the nodes 500 to 599, and all but the links among them from 700 to 709, which become an island.
	tables := x.graph.tables()
	cut := func(slot, link uint32) bool {
		island := func(s uint32) bool { return s >= 700 && s < 710 }
		return link >= 500 && link < 600 || island(link) && !island(slot)
	}
	for slot := range uint32(len(vectors)) {
		list := x.graph.list(&tables, slot, 0)
		var kept []uint32
		for _, link := range list[:length(list)] {
			if !cut(slot, link) {
				kept = append(kept, link)
			}
		}
		store(list, kept)
	}
	if err := x.Check(); err == nil || !strings.Contains(err.Error(), "cannot be reached") {
		t.Fatalf("Check of a cut graph: %v", err)
	}
	x.repair()
	check(t, x)
	for slot := 500; slot < 600; slot++ {
		// A node that hangs on one link is found by a walk as wide as the graph; a narrower one may end before it.
		hits, _ := search(t, x, index.Query{Vector: vectors[slot], K: 1, Ef: len(vectors), Walk: true})
		if hits[0].Slot != uint32(slot) {
			t.Errorf("slot %d finds %v", slot, hits)
		}
	}
}

func TestATrickleLeavesLittleUnverified(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	vectors := clustered(r, 8, alwaysProven+60)
	config := Config{M: 4, EfConstruction: 16}
	x := build(t, 8, vectors[:alwaysProven-20], config)
	for i, v := range vectors[alwaysProven-20:] {
		appendAll(t, x, [][]float32{v})
		catchUp(t, x)
		graphed := int(x.graphed.Load())
		if graphed <= alwaysProven && x.unproven != 0 || x.unproven > graphed/provenShare {
			t.Fatalf("after insertion %d into %d: %d unverified", i, graphed, x.unproven)
		}
	}
	check(t, x)
}

func TestCheckNamesALinkThatLeadsNowhere(t *testing.T) {
	x := build(t, 8, clustered(rand.New(rand.NewPCG(3, 3)), 8, 300), Config{})
	tables := x.graph.tables()
	list := x.graph.list(&tables, 7, 0)
	atomic.StoreUint32(&list[0], 5000)
	if err := x.Check(); err == nil || !strings.Contains(err.Error(), "slot 7") {
		t.Fatalf("%v", err)
	}
}

func TestIdenticalVectorsShareOneNode(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	same := gaussian(r, 16)
	vectors := clustered(r, 16, 300)
	for range 3000 {
		vectors = append(vectors, same)
	}
	x := build(t, 16, vectors, Config{})
	check(t, x)
	view, tables := x.codes.View(), x.graph.tables()
	nodes := 0
	for slot := range uint32(len(vectors)) {
		if x.isNode(&view, &tables, slot) {
			nodes++
		}
	}
	if nodes != 301 {
		t.Errorf("%d nodes of 301 kinds of vector", nodes)
	}
	hits, _ := search(t, x, index.Query{Vector: same, K: 50, Walk: true})
	for i, h := range hits {
		if h.Slot != uint32(300+i) {
			t.Fatalf("hit %d is slot %d", i, h.Slot)
		}
	}
	if len(hits) != 50 {
		t.Errorf("%d hits", len(hits))
	}
}

func TestSearchesDoNotAllocate(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	vectors := clustered(r, 32, 1000)
	x := New(32, Config{})
	appendAll(t, x, vectors[:800])
	catchUp(t, x)
	appendAll(t, x, vectors[800:])
	ctx := context.Background()
	var dst []index.Candidate
	for name, q := range map[string]index.Query{
		"walk":          {Vector: vectors[0], K: 10, Walk: true},
		"filtered walk": {Vector: vectors[0], K: 10, Walk: true, Accept: fakeAccept{450, 1000, false}},
		"exact":         {Vector: vectors[0], K: 10, Exact: true},
	} {
		s := new(searcher) // kept by hand: a pool may be emptied by the collector at any time
		run := func() {
			if _, err := s.query.Set(x.codes, q.Vector); err != nil {
				t.Fatal(err)
			}
			s.look(x)
			s.top.Reset(q.K)
			s.plan.choose(&x.config, &q, int(x.graphed.Load()), s.view.N, q.K)
			if err := s.run(ctx, x, &q, int(x.graphed.Load())); err != nil {
				t.Fatal(err)
			}
			dst = s.top.AppendSorted(dst[:0])
		}
		run()
		if allocs := testing.AllocsPerRun(50, run); allocs != 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}

func TestLoadRefusesAnotherM(t *testing.T) {
	x := build(t, 8, clustered(rand.New(rand.NewPCG(6, 6)), 8, 100), Config{})
	var file bytes.Buffer
	if err := x.Save(t.Context(), &file, index.Span{To: 100}); err != nil {
		t.Fatal(err)
	}
	if err := New(8, Config{M: 8}).Load(&file, int64(file.Len())); !errors.Is(err, ErrFormat) {
		t.Fatalf("%v", err)
	}
}

func FuzzLoadTakesNoDamageForAGraph(f *testing.F) {
	x := build(f, 3, clustered(rand.New(rand.NewPCG(7, 7)), 3, 40), Config{M: 2})
	for _, n := range []int{0, 1, 17, 40} {
		var file bytes.Buffer
		if err := x.Save(f.Context(), &file, index.Span{To: n}); err != nil {
			f.Fatal(err)
		}
		f.Add(file.Bytes())
		swapped := bytes.Clone(file.Bytes())
		if n > 0 {
			binary.LittleEndian.PutUint32(swapped[len(swapped)-4:], 0)
			f.Add(swapped)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		loaded := New(3, Config{M: 2})
		if err := loaded.Load(bytes.NewReader(data), int64(len(data))); err != nil {
			if !errors.Is(err, ErrFormat) && !errors.Is(err, ErrDamaged) && !errors.Is(err, codes.ErrDamaged) {
				t.Fatalf("unnamed error %v", err)
			}
			return
		}
		check(t, loaded)
		q := index.Query{Vector: make([]float32, loaded.Dims()), K: 3, Walk: true}
		q.Vector[0] = 1
		search(t, loaded, q)
	})
}
