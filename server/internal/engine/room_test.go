package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/paper"
)

// TestAFullIndexRefusesWritesBeforeTheyAreCommitted fills the index from several goroutines: what is refused is not
// stored, nothing beyond the limit is, and reads, deletions and a restart go on.
func TestAFullIndexRefusesWritesBeforeTheyAreCommitted(t *testing.T) {
	lower(t, &maxSlots, 100)
	dir := t.TempDir()
	e := open(t, dir, func(c *Config) { c.TrainAt = -1 })
	var written atomic.Int64
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := 0; ; i += 3 {
				_, err := e.Upsert(context.Background(), testPapers(w*1000+i, w*1000+i+3))
				if errors.Is(err, ErrFull) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				written.Add(3)
			}
		})
	}
	writers.Wait()
	s, err := e.Stats(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if stored := e.store.Count(); int64(stored) != written.Load() || s.Papers != stored || s.Vectors > 100 || stored < 89 {
		t.Errorf("%d papers are stored, %d visible in %d slots, and %d were acknowledged", stored, s.Papers, s.Vectors,
			written.Load())
	}
	if under := e.underWay.Load(); under != 0 {
		t.Errorf("room for %d papers is set aside for nobody", under)
	}
	if err := e.Writable(); err != nil {
		t.Errorf("a refusal ended writing: %v", err)
	}
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	e = open(t, dir, func(c *Config) { c.TrainAt = -1 })
	if got := e.store.Count(); int64(got) != written.Load() {
		t.Errorf("%d papers after the restart, want %d", got, written.Load())
	}
	if err := e.Check(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestDeadSlotsMakeRoomInAFullIndex replaces papers until the index is full of their old versions.
func TestDeadSlotsMakeRoomInAFullIndex(t *testing.T) {
	lower(t, &maxSlots, 64)
	e := open(t, t.TempDir(), func(c *Config) { c.TrainAt = -1 })
	for i := range 300 {
		p := testPaper(i % 20)
		p.Title += fmt.Sprintf(" in version%d", i)
		soon(t, "room", func() bool {
			_, err := e.Upsert(context.Background(), []*paper.Paper{p})
			if err != nil && !errors.Is(err, ErrFull) {
				t.Fatal(err)
			}
			return err == nil
		})
	}
	if s, _ := e.Stats(context.Background()); s.Papers != 20 || s.Vectors > 64 {
		t.Errorf("%d papers in %d slots", s.Papers, s.Vectors)
	}
	if err := e.Check(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestRoomIsGivenBackByWritesThatFail has the store refuse a batch at its commit.
func TestRoomIsGivenBackByWritesThatFail(t *testing.T) {
	refuse := errors.New("as the test wants it")
	var fail atomic.Bool
	e := open(t, t.TempDir(), func(c *Config) {
		c.TrainAt = -1
		c.Hook = func(string) error {
			if fail.Load() {
				return refuse
			}
			return nil
		}
	})
	mustUpsert(t, e, testPapers(0, 5)...)
	fail.Store(true)
	if _, err := e.Upsert(context.Background(), testPapers(5, 9)); err == nil {
		t.Fatal("the write did not fail")
	}
	if _, err := e.Upsert(context.Background(), testPapers(9, 12)); err == nil {
		t.Fatal("the write behind it did not fail")
	}
	soon(t, "the room back", func() bool { return e.underWay.Load() == 0 })
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	if ended(ctx, nil) || !ended(ctx, refuse) {
		t.Error("ended tells a failure from success by the context alone")
	}
	if cancel(); ended(ctx, ctx.Err()) || !ended(ctx, refuse) {
		t.Error("ended takes a caller that waits no more for a failure")
	}
}
