package engine

import (
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/akin-search/akin/server/internal/store"
)

// TestRecordsOfALogChangeOneAfterTheOther has three engines count in one record at once, each standing on what it has
// been told: no step is lost, and all are told of the same steps in one order.
func TestRecordsOfALogChangeOneAfterTheOther(t *testing.T) {
	const each = 20
	l := newMemoryLog()
	type view struct {
		mu      sync.Mutex
		version uint64
		count   uint64
		steps   []uint64
	}
	key := []byte("count")
	dirs := []string{t.TempDir(), t.TempDir(), t.TempDir()}
	views := make([]*view, len(dirs))
	engines := make([]*Engine, len(dirs))
	closers := make([]func(), len(dirs))
	for i, dir := range dirs {
		v := &view{}
		views[i] = v
		engines[i], closers[i] = openOrdered(t, l, dir)
		engines[i].WatchRecords(func(version uint64, changes []store.Change) {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.version, v.count = version, binary.BigEndian.Uint64(changes[0].Value)
			v.steps = append(v.steps, v.count)
		})
	}
	var wait sync.WaitGroup
	for i, e := range engines {
		wait.Go(func() {
			for done := 0; done < each; {
				views[i].mu.Lock()
				base, next := views[i].version, views[i].count+1
				views[i].mu.Unlock()
				_, err := e.UpdateRecords(t.Context(), base, 0, func(tx *store.RecordTx) error {
					return tx.Put(store.AlertTable, key, binary.BigEndian.AppendUint64(nil, next))
				})
				switch {
				case err == nil:
					done++
				case !errors.Is(err, ErrRecordsChanged):
					t.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
	end := uint64(0) // every change was seen by the engine that made it
	for _, e := range engines {
		end = max(end, e.Sequence())
	}
	for i, e := range engines {
		if err := e.AwaitSequence(t.Context(), end); err != nil {
			t.Fatal(err)
		}
		views[i].mu.Lock()
		steps := slices.Clone(views[i].steps)
		views[i].mu.Unlock()
		want := make([]uint64, each*len(engines))
		for n := range want {
			want[n] = uint64(n + 1)
		}
		if !slices.Equal(steps, want) {
			t.Errorf("engine %d was told of %v", i, steps)
		}
		value, err := e.Record(store.AlertTable, key)
		if err != nil || binary.BigEndian.Uint64(value) != each*uint64(len(engines)) {
			t.Errorf("engine %d holds %x, %v", i, value, err)
		}
	}
	closers[1]()
	again, _ := openOrdered(t, l, dirs[1])
	if version, err := again.RecordsVersion(); err != nil || version != views[0].version {
		t.Errorf("after a restart the version is %d, not %d: %v", version, views[0].version, err)
	}
	if _, err := again.UpdateRecords(t.Context(), 1, 0, func(tx *store.RecordTx) error {
		tx.Delete(store.AlertTable, key)
		return nil
	}); !errors.Is(err, ErrRecordsChanged) {
		t.Errorf("a change that stands on an old version: %v", err)
	}
	if value, err := again.Record(store.AlertTable, key); err != nil || value == nil {
		t.Errorf("%x %v", value, err)
	}
}

func TestTheBodyOfRecordsIsReadAsItWasWritten(t *testing.T) {
	changes := []store.Change{
		{Table: store.AlertTable, Key: []byte("a"), Value: []byte("value")},
		{Table: store.MatchTable, Key: []byte{0, 1}, Value: []byte{}}, {Table: store.MarkTable, Key: []byte("c")},
	}
	body := encodeRecords(300, changes)
	w, err := decodeBody(body)
	if err != nil || w.base != 300 || len(w.records) != len(changes) {
		t.Fatalf("%+v %v", w, err)
	}
	for i, c := range w.records {
		if c.Table != changes[i].Table || string(c.Key) != string(changes[i].Key) ||
			string(c.Value) != string(changes[i].Value) || (c.Value == nil) != (changes[i].Value == nil) {
			t.Errorf("%+v, not %+v", c, changes[i])
		}
	}
	for n := 1; n < len(body); n++ {
		if w, err := decodeBody(body[:n]); err == nil && len(w.records) == len(changes) {
			t.Errorf("%d of %d bytes are read as all", n, len(body))
		}
	}
	place := encodeRecords(0, []store.Change{{Table: store.LogTable, Key: markKey, Value: []byte("x")}})
	if _, err := decodeBody(place); !errors.Is(err, ErrUnreadable) {
		t.Errorf("a change of the log's place: %v", err)
	}
}
