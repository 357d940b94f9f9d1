package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/akin-search/akin/server/internal/paper"
)

// disk is the file of a store as it is on disk after a loss of power: the state of the last fsync, and of the pages
// written since any that happened to get there.
type disk struct {
	synced []byte // as of the last commit that returned
	now    []byte // as the process sees it
	rnd    *rand.Rand
}

// lost returns an image. Data pages since the last fsync survive one by one; with all of them on disk (bbolt's first
// fsync of a commit), so may the root page that makes them count.
func (d *disk) lost() (image []byte, root bool) {
	image = make([]byte, max(len(d.synced), len(d.now)))
	copy(image, d.synced)
	kind := d.rnd.IntN(4) // 0: none, 1: some, 2: all data pages, 3: the root too
	for at := 2 * pageSize; at < len(d.now); at += pageSize {
		page := d.now[at:min(at+pageSize, len(d.now))]
		if kind > 1 || kind == 1 && d.rnd.IntN(2) == 0 {
			copy(image[at:], page)
		}
	}
	if kind == 3 {
		copy(image, d.now[:2*pageSize])
	}
	return image, kind == 3
}

func TestPowerLossLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, fileName)
	d := &disk{rnd: rand.New(rand.NewPCG(11, 12))}
	read := func() []byte {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	s := open(t, dir, Options{})
	m := &model{papers: make(map[string]*paper.Paper)}
	for round := range rounds(25) {
		d.synced = read()
		before := *m
		muts := randomBatch(d.rnd)
		want := m.apply(muts)
		got, err := tryWrite(s, muts...)
		compareEntries(t, got, err, want)
		if d.now = read(); bytes.Equal(d.now, d.synced) {
			continue
		}
		image, root := d.lost()
		other := t.TempDir()
		if err := os.WriteFile(filepath.Join(other, fileName), image, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			s := open(t, other, Options{})
			if root {
				compareStore(t, s, m)
			} else {
				compareStore(t, s, &before)
			}
		})
	}
}
