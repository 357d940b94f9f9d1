package main

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/index"
)

// accepted is a random set of slots that a filter lets through. It implements index.Accept.
type accepted struct {
	share float64
	words []uint64
	slots []uint32 // ascending
}

// draw picks share of n slots, the same ones in every run.
func draw(n int, share float64) *accepted {
	rng := rand.New(rand.NewPCG(uint64(n), uint64(share*1e9))) //nolint:gosec // a repeatable sample
	a := &accepted{share: share, words: make([]uint64, (n+63)/64)}
	for _, slot := range rng.Perm(n)[:max(1, int(share*float64(n)+.5))] {
		a.words[slot/64] |= 1 << (slot % 64)
		a.slots = append(a.slots, uint32(slot))
	}
	slices.Sort(a.slots)
	return a
}

// Accepts implements index.Accept.
func (a *accepted) Accepts(slot uint32) bool { return a.words[slot/64]>>(slot%64)&1 == 1 }

// Slots implements index.Accept: a filter's bitmap knows its members.
func (a *accepted) Slots() index.Listing { return index.Slots(a.slots) }

// Share implements index.Accept.
func (a *accepted) Share() float64 { return a.share }

// truth returns, for each filter (nil: none) and each query, the float32 cosine of the k-th best accepted vector. A
// query with fewer than k gets the last of them.
func truth(base, query *matrix, k int, filters []*accepted) [][]float32 {
	kth := make([][]float32, len(filters))
	for i := range kth {
		kth[i] = make([]float32, query.n)
	}
	var wg sync.WaitGroup
	workers := runtime.NumCPU()
	for w := range workers {
		wg.Go(func() {
			// A tile of queries stays in the cache while the base streams by.
			const tile = 64
			for from := w * tile; from < query.n; from += workers * tile {
				truthTile(base, query, from, min(from+tile, query.n), k, filters, kth)
			}
		})
	}
	wg.Wait()
	return kth
}

func truthTile(base, query *matrix, from, to, k int, filters []*accepted, kth [][]float32) {
	best := make([][]float32, (to-from)*len(filters)) // ascending: the worst first
	for slot := range base.n {
		row := base.row(slot)
		for q := from; q < to; q++ {
			score := vector.Dot(query.row(q), row)
			for f, filter := range filters {
				list := best[(q-from)*len(filters)+f]
				if len(list) == k && score <= list[0] || filter != nil && !filter.Accepts(uint32(slot)) {
					continue
				}
				at, _ := slices.BinarySearch(list, score)
				if len(list) < k {
					list = slices.Insert(list, at, score)
				} else {
					copy(list[:at-1], list[1:at])
					list[at-1] = score
				}
				best[(q-from)*len(filters)+f] = list
			}
		}
	}
	for q := from; q < to; q++ {
		for f := range filters {
			kth[f][q] = best[(q-from)*len(filters)+f][0]
		}
	}
}
