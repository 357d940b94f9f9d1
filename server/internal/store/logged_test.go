package store

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/paper"
)

// mark is a Logged that notes a number in the transaction, which must follow the one before.
func mark(n byte, at time.Time) Logged {
	key := []byte("mark")
	return Logged{Time: at, Mark: func(tx *RecordTx) error {
		before, err := tx.Get(LogTable, key)
		if err != nil {
			return err
		}
		if len(before) == 1 && before[0] != n-1 || before == nil && n != 1 {
			return errors.New("out of order")
		}
		return tx.Put(LogTable, key, []byte{n})
	}}
}

func submitLogged(t *testing.T, s *Store, n byte, at time.Time, muts ...Mutation) ([]Entry, error) {
	t.Helper()
	p, err := s.SubmitLogged(t.Context(), muts, mark(n, at))
	if err != nil {
		t.Fatal(err)
	}
	return p.Wait(t.Context())
}

func TestALoggedBatchAndItsMarkAreOneTransaction(t *testing.T) {
	lineage := paper.Lineage{1, 2, 3}
	dir := t.TempDir()
	s, err := Open(dir, Options{Lineage: lineage})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1234, 5).UTC()
	put := func(id, title string) Mutation { return Mutation{ID: id, Paper: &paper.Paper{ID: id, Title: title}} }
	entries, err := submitLogged(t, s, 1, at, put("a", "A"), put("b", "B"))
	if err != nil || !entries[0].Paper.CreateTime.Equal(at) || entries[1].Revision != 2 {
		t.Fatalf("%+v %v", entries, err)
	}
	if _, err := submitLogged(t, s, 3, at, put("c", "C")); err == nil || s.Revision() != 2 {
		t.Errorf("a batch out of order: %v, revision %d", err, s.Revision())
	}
	// A batch that fails by what is stored has failed on every node: its place in the log is taken.
	if _, err := submitLogged(t, s, 2, at, Mutation{ID: "a"}, Mutation{ID: "x"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a deletion of nothing: %v", err)
	}
	if _, err := submitLogged(t, s, 3, at); err != nil {
		t.Errorf("an empty batch: %v", err)
	}
	entries, err = submitLogged(t, s, 4, at, Mutation{ID: "a", IfRevision: 2}, Mutation{ID: "b", IfRevision: 2})
	if err != nil || !entries[0].Unchanged || entries[1].Unchanged || s.Count() != 1 {
		t.Errorf("deletions by revision: %+v %v", entries, err)
	}
	var backup bytes.Buffer
	if err := s.Backup(t.Context(), &backup, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{Lineage: paper.Lineage{9}}); !errors.Is(err, ErrOtherHistory) {
		t.Errorf("opened for another log: %v", err)
	}
	other := t.TempDir()
	foreign := RestoreOptions{Options: Options{Lineage: paper.Lineage{9}}}
	_, err = Restore(t.Context(), bytes.NewReader(backup.Bytes()), other, foreign)
	if !errors.Is(err, ErrOtherHistory) {
		t.Errorf("restored for another log: %v", err)
	}
	if _, err := Restore(t.Context(), &backup, other, RestoreOptions{Options: Options{Lineage: lineage}}); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{dir, other} {
		s, err := Open(dir, Options{Lineage: lineage})
		if err != nil {
			t.Fatal(err)
		}
		if value, err := s.Record(LogTable, []byte("mark")); err != nil || len(value) != 1 || value[0] != 4 {
			t.Errorf("the mark is %v %v", value, err)
		}
		if err := s.Follows(paper.Position{Revision: 1, Lineage: lineage}); err != nil {
			t.Errorf("a position from before: %v", err)
		}
		if err := s.Follows(paper.Position{Revision: 99, Lineage: lineage}); !errors.Is(err, ErrAhead) {
			t.Errorf("a position to come: %v", err)
		}
		if err := s.Check(t.Context()); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
