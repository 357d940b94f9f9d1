package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/paper/papertest"
	"github.com/akin-search/akin/server/internal/paper/wire"
)

// library makes a store of 500 papers, some of them of a second version, some deleted, with records beside them, and
// returns its folder and what it holds. Free pages in it hold older versions and deleted papers.
func library(t *testing.T) (dir string, held map[string]*paper.Paper, records int) {
	t.Helper()
	dir = t.TempDir()
	s := open(t, dir, Options{})
	held = map[string]*paper.Paper{}
	for i := range 500 {
		p := sample(fmt.Sprintf("paper-%03d", i), i)
		if i%7 == 0 {
			p.Abstract = ""
		}
		if i%50 == 3 {
			p.Abstract += string(bytes.Repeat([]byte("long "), 3000)) // over several pages
		}
		write(t, s, put(p))
		held[p.ID] = p
	}
	for i := range 60 {
		p := sample(fmt.Sprintf("paper-%03d", 5*i), 1000+i)
		write(t, s, put(p))
		held[p.ID] = p
	}
	for i := range 40 {
		id := fmt.Sprintf("paper-%03d", 11*i)
		write(t, s, del(id))
		delete(held, id)
	}
	records = 30
	err := s.UpdateRecords(context.Background(), 1<<10, func(tx *RecordTx) error {
		for i := range records {
			if err := tx.Put(ProfileTable, fmt.Appendf(nil, "reader-%d", i), []byte("likes much")); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = s.Collect(context.Background(), s.Revision())
	}
	if err != nil {
		t.Fatal(err)
	}
	shut(t, s)
	return dir, held, records
}

// TestWhatCanBeReadOfDamagedPagesComesBack damages one to three random pages in one of several ways. What is said to
// come back comes back, word for word, and a damaged page costs no more than what stands on it.
func TestWhatCanBeReadOfDamagedPagesComesBack(t *testing.T) {
	from, held, records := library(t)
	whole := tight(t, from)
	rnd := rand.New(rand.NewPCG(6, 7))
	for round := range rounds(60) {
		data := bytes.Clone(whole)
		what, bit := "", -1 // bit: where in its page one is wrong, in bytes
		damaged := 1 + round%3
		for range damaged {
			id := 2 + rnd.IntN(len(data)/pageSize-2)
			page := data[id*pageSize:][:pageSize]
			how := rnd.IntN(4)
			switch how {
			case 0:
				clear(page)
			case 1:
				for i := range page {
					page[i] = byte(rnd.Uint32())
				}
			case 2:
				for i := range page[:200] { // its head and some of its elements
					page[i] = byte(rnd.Uint32())
				}
			case 3:
				bit = rnd.IntN(pageSize)
				page[bit] ^= 1 << rnd.IntN(8)
			}
			what += fmt.Sprintf("page %d (flags %d) in way %d; ", id, binary.LittleEndian.Uint16(whole[id*pageSize+8:]), how)
		}
		dir := t.TempDir()
		path := filepath.Join(dir, fileName)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		said, err := Survey(t.Context(), dir, Options{})
		if err != nil {
			t.Fatalf("%s%v", what, err)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, data) {
			t.Fatalf("%sthe survey changed the file: %v", what, err)
		}
		if said.Pages == nil {
			continue // where nothing is stored
		}
		done, err := Repair(t.Context(), dir, Options{})
		if err != nil {
			t.Fatalf("%s%v", what, err)
		}
		if aside, err := os.ReadFile(done.Aside); err != nil || !bytes.Equal(aside, data) {
			t.Fatalf("%sthe damaged file is not kept: %v", what, err)
		}
		if fmt.Sprintf("%+v", *done.Pages) != fmt.Sprintf("%+v", *said.Pages) {
			t.Errorf("%ssaid %+v, done %+v", what, *said.Pages, *done.Pages)
		}
		got := comesBack(t, dir, held, damaged, *done.Pages)
		// One page has all records. Where it cannot be read, they are gone. A wrong bit in it costs one of them, or in its
		// head, which says how many there are, some.
		ok := got == 0 || got == records || bit >= pageHeader && got == records-1 ||
			bit >= 0 && bit < pageHeader && got < records
		if damaged == 1 && done.Pages.Recorded > 0 && !ok {
			t.Errorf("%d records come back, there were %d", got, records)
		}
		if t.Failed() {
			t.Fatal(what)
		}
	}
}

// comesBack compares a repaired store with what it held, and returns how many records beside the papers there are.
func comesBack(t *testing.T, dir string, held map[string]*paper.Paper, damaged int, said Salvage) (records int) {
	t.Helper()
	s := open(t, dir, Options{})
	defer shut(t, s)
	back, shortened := 0, 0
	for id, want := range held {
		got := get(t, s, id)
		if got == nil {
			continue
		}
		back++
		if papertest.SameContent(got, want) {
			continue
		}
		short := *want
		short.Abstract = ""
		if !papertest.SameContent(got, &short) || !slices.Contains(said.Shortened, id) {
			t.Errorf("%s comes back as %+v, was %+v", id, got, want)
		}
		shortened++
	}
	const onAPage = 40 // heads of such papers, at most
	if back < len(held)-damaged*onAPage {
		t.Errorf("%d of %d papers come back", back, len(held))
	}
	if again := s.Count() - back; again > said.Unsure || said.Papers != s.Count() {
		t.Errorf("%d papers that were deleted come back, %+v", again, said)
	}
	if shortened != len(said.Shortened) {
		t.Errorf("%d papers are shortened, %d were named", shortened, len(said.Shortened))
	}
	for _, id := range said.Lost {
		if get(t, s, id) != nil || held[id] == nil {
			t.Errorf("%s is said to be lost", id)
		}
	}
	if missing := len(held) - back; said.Counted == uint64(len(held)) && missing > said.Missing()+said.Unsure {
		t.Errorf("%d papers are missing, %d were said to be, %d unsure", missing, said.Missing(), said.Unsure)
	}
	if records = int(s.durable().records); records != said.Records {
		t.Errorf("%d records come back, said were %d", records, said.Records)
	}
	write(t, s, put(sample("new", 1)))
	return records
}

// TestDeletedPapersStayDeletedWhereThatCanBeRead damages every page in turn that holds no list of ids: papers that
// were deleted do not come back from free pages.
func TestDeletedPapersStayDeletedWhereThatCanBeRead(t *testing.T) {
	from, held, _ := library(t)
	whole := tight(t, from)
	for id := 2; id < len(whole)/pageSize; id += 5 {
		data := bytes.Clone(whole)
		clear(data[id*pageSize:][:pageSize])
		dir := t.TempDir()
		path := filepath.Join(dir, fileName)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := Survey(t.Context(), dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if d.Pages != nil && d.Pages.Unsure == 0 && d.Pages.Papers > len(held) {
			t.Errorf("page %d: %d papers come back of %d", id, d.Pages.Papers, len(held))
		}
	}
}

// TestReplacedVersionsAreNeitherKeptNorNamed damages every page in turn of a store whose papers were all replaced once
// and whose older versions wait to be collected: only papers come back, and only papers are named as lost.
func TestReplacedVersionsAreNeitherKeptNorNamed(t *testing.T) {
	const papers = 400
	from := t.TempDir()
	s := open(t, from, Options{})
	for version := range 2 {
		var muts []Mutation
		for i := range papers {
			muts = append(muts, put(sample(fmt.Sprintf("paper-%03d", i), papers*version+i)))
		}
		write(t, s, muts...)
	}
	shut(t, s)
	whole := tight(t, from)
	for id := 2; id < len(whole)/pageSize; id++ {
		data := bytes.Clone(whole)
		clear(data[id*pageSize:][:pageSize])
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, fileName), data, 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := Survey(t.Context(), dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if d.Pages == nil {
			continue // a free page
		}
		if d.Pages.Papers > papers || d.Pages.Papers+len(d.Pages.Lost) > papers {
			t.Errorf("page %d: %d papers come back and %d are lost of %d", id, d.Pages.Papers, len(d.Pages.Lost), papers)
		}
		for _, lost := range d.Pages.Lost {
			if !strings.HasPrefix(lost, "paper-") {
				t.Errorf("page %d: %q is named as a lost paper", id, lost)
			}
		}
	}
}

// TestEitherRecordSaysWhatWasReplaced: the log and the list of what was replaced say it each by itself.
func TestEitherRecordSaysWhatWasReplaced(t *testing.T) {
	revision := number(7)
	for bucket, value := range map[int][]byte{
		inLog: encodeLog(revision, 3, 4, "paper"), inSuperseded: encodeSuperseded(revision, 3),
	} {
		s := &salvager{gone: map[uint64]struct{}{}}
		s.record(bucket, looseElement{element: element{key: revision, value: value}}, 0)
		if _, gone := s.gone[3]; !gone || len(s.gone) != 1 {
			t.Errorf("bucket %s: %v is gone", buckets[bucket], s.gone)
		}
	}
}

// TestWhichVersionIsKept: the one that the id leads to, and where no id is left the newest that nothing says was
// replaced.
func TestWhichVersionIsKept(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "heads"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, c := range []struct {
		name string
		ids  map[string]uint64
		gone []uint64
		want uint64 // 0: none
	}{
		{"by its id", map[string]uint64{"paper": 3}, nil, 3},
		{"the newest", nil, nil, 9},
		{"the newest, though an older one was replaced", nil, []uint64{3}, 9},
		{"none of a deleted paper", nil, []uint64{3, 9}, 0},
		{"none, where the newest was deleted", nil, []uint64{9}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &salvager{f: f, heads: map[uint64]place{}, ids: c.ids, gone: map[uint64]struct{}{}}
			for i, ordinal := range []uint64{3, 9} {
				p := sample("paper", int(ordinal))
				p.Abstract, p.Revision = "", ordinal
				head := sealHead(wire.AppendStamp(wire.AppendContent(nil, p, false), p), 0, number(ordinal))
				at := int64(i) << 12
				if _, err := f.WriteAt(head, at); err != nil {
					t.Fatal(err)
				}
				s.heads[ordinal] = place{at, len(head)}
			}
			for _, ordinal := range c.gone {
				s.gone[ordinal] = struct{}{}
			}
			kept := uint64(0)
			out, err := s.keep(func(p *paper.Paper) error { kept += p.Revision; return nil })
			if err != nil || kept != c.want || out.Papers != min(1, int(c.want)) {
				t.Errorf("revision %d is kept, want %d; %d papers, %v", kept, c.want, out.Papers, err)
			}
		})
	}
}

func TestAFileWithoutReadablePapersIsBeyondRepair(t *testing.T) {
	from, _, _ := library(t)
	data := tight(t, from)
	rnd := rand.New(rand.NewPCG(1, 1))
	for i := 2 * pageSize; i < len(data); i++ {
		data[i] = byte(rnd.Uint32())
	}
	dir := t.TempDir()
	path := filepath.Join(dir, fileName)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Survey(t.Context(), dir, Options{}); !errors.Is(err, ErrBeyondRepair) {
		t.Errorf("survey: %v", err)
	}
	if _, err := Repair(t.Context(), dir, Options{}); !errors.Is(err, ErrBeyondRepair) {
		t.Errorf("repair: %v", err)
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, data) {
		t.Errorf("the file was changed: %v", err)
	}
}

// TestPapersComeBackThoughBothRootsAreLost leaves no page that leads anywhere.
func TestPapersComeBackThoughBothRootsAreLost(t *testing.T) {
	from, held, _ := library(t)
	data := tight(t, from)
	for id := range 2 {
		data[id*pageSize+pageHeader+20] ^= 1
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, fileName), data, 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := Repair(t.Context(), dir, Options{})
	if err != nil || d.Pages == nil {
		t.Fatalf("%+v, %v", d, err)
	}
	s := open(t, dir, Options{})
	for id, want := range held {
		if got := get(t, s, id); got == nil || got.Title != want.Title {
			t.Errorf("%s comes back as %+v", id, got)
		}
	}
}
