package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
)

// allRecords reads a table whole, in pages.
func allRecords(t *testing.T, s *Store, table Table, prefix string) map[string]string {
	t.Helper()
	out := map[string]string{}
	var after []byte
	for {
		page, err := s.Records(table, []byte(prefix), after, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page {
			if _, twice := out[string(r.Key)]; twice || string(r.Key) <= string(after) {
				t.Fatalf("key %q comes twice or out of order", r.Key)
			}
			out[string(r.Key)] = string(r.Value)
			after = r.Key
		}
		if len(page) < 7 {
			return out
		}
	}
}

// Random changes beside papers, compared with a map, through reopening, compaction, backup and restore.
func TestRecordsAreWhatAMapHolds(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	rng := rand.New(rand.NewPCG(5, 5))
	want := map[Table]map[string]string{ProfileTable: {}, EventTable: {}}
	for round := range 30 {
		err := s.UpdateRecords(t.Context(), 100, func(tx *RecordTx) error {
			for range 10 {
				table := ProfileTable + Table(rng.IntN(2))
				key, value := fmt.Sprintf("k%02d", rng.IntN(60)), fmt.Sprint(rng.Uint64())
				got, err := tx.Get(table, []byte(key))
				if before, ok := want[table][key]; err != nil || ok != (got != nil) || string(got) != before {
					return fmt.Errorf("%s is %q before, want %q, %w", key, got, before, err)
				}
				if rng.IntN(3) == 0 {
					tx.Delete(table, []byte(key))
					delete(want[table], key)
					continue
				}
				if err := tx.Put(table, []byte(key), []byte(value)); err != nil {
					return err
				}
				want[table][key] = value
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if round%10 == 5 {
			if err := s.Compact(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if round%10 == 9 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, dir, Options{})
		}
	}
	compare := func(s *Store) {
		t.Helper()
		for table, rows := range want {
			if got := allRecords(t, s, table, ""); !maps.Equal(got, rows) {
				t.Fatalf("table %d holds %d records, want %d", table, len(got), len(rows))
			}
			part := maps.Clone(rows)
			maps.DeleteFunc(part, func(key, _ string) bool { return key[:2] != "k1" })
			if got := allRecords(t, s, table, "k1"); !maps.Equal(got, part) {
				t.Fatalf("%d records begin with k1, want %d", len(got), len(part))
			}
		}
		if err := s.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	compare(s)
	var backup bytes.Buffer
	if err := s.Backup(t.Context(), &backup, nil); err != nil {
		t.Fatal(err)
	}
	restored := filepath.Join(t.TempDir(), "restored")
	info, err := Restore(t.Context(), &backup, restored, RestoreOptions{})
	if err != nil || info.Records != uint64(len(want[ProfileTable])+len(want[EventTable])) {
		t.Fatalf("restored %d records, %v", info.Records, err)
	}
	compare(open(t, restored, Options{}))
}

func TestAFailedUpdateChangesNoRecord(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	cause := errors.New("no")
	err := s.UpdateRecords(t.Context(), 0, func(tx *RecordTx) error {
		if err := tx.Put(EventTable, []byte("a"), []byte("1")); err != nil {
			return err
		}
		return cause
	})
	if !errors.Is(err, cause) {
		t.Fatal(err)
	}
	if got := allRecords(t, s, EventTable, ""); len(got) > 0 {
		t.Errorf("a failed update left %v", got)
	}
	if err := s.Writable(); err != nil {
		t.Errorf("and ended writing: %v", err)
	}
}

func TestRecordsOutOfBoundsAreRefused(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	for _, c := range []struct{ key, value int }{{0, 1}, {MaxRecordKey + 1, 1}, {1, MaxRecordValue + 1}} {
		err := s.UpdateRecords(t.Context(), 0, func(tx *RecordTx) error {
			return tx.Put(EventTable, make([]byte, c.key), make([]byte, c.value))
		})
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("a key of %d and a value of %d bytes: %v", c.key, c.value, err)
		}
	}
}

func TestAnUpdateRunsThoughItsCallerHasLeft(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan struct{})
	err := s.UpdateRecords(ctx, 0, func(tx *RecordTx) error {
		cancel()
		<-ctx.Done()
		close(ran)
		return tx.Put(EventTable, []byte("a"), []byte("1"))
	})
	<-ran
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := s.UpdateRecords(t.Context(), 0, func(*RecordTx) error { return nil }); err != nil { // behind the first
		t.Fatal(err)
	}
	if got := allRecords(t, s, EventTable, ""); !slices.Equal(slices.Collect(maps.Keys(got)), []string{"a"}) {
		t.Errorf("the records are %v", got)
	}
}
