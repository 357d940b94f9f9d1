package store

import (
	"fmt"

	"github.com/akin-search/akin/server/internal/paper"
)

// tally verifies the records that the verifier passes and sums them up, each bucket on a goroutine of its own, so that
// what is missing as a whole is noticed too.
type tally struct {
	state     state
	hasFormat bool

	ids, idDigest             uint64
	heads, textDigest         uint64 // textDigest: of the abstracts that heads know of
	abstracts, abstractDigest uint64
	log, logFirst, logLast    uint64
	superseded                uint64
	lives                     []life
	records, recordDigest     uint64
}

// life is a record of bucket lineages.
type life struct {
	first   uint64
	lineage paper.Lineage
}

// recorder is the check of one bucket's records.
func (t *tally) recorder(bucket int) func(e *element) error {
	check := [len(buckets)]func(key, value []byte) error{
		inMeta: t.meta, inIDs: t.id, inHeads: t.head, inAbstracts: t.abstract, inLog: t.entry, inSuperseded: t.waiting,
		inLineages: t.lineage, inRecords: t.record,
	}[bucket]
	return func(e *element) error {
		if e.flags != 0 {
			return damagedf("bucket %s has a record with the flags %#x", buckets[bucket], e.flags)
		}
		return check(e.key, e.value)
	}
}

func (t *tally) meta(key, value []byte) (err error) {
	switch string(key) {
	case string(keyFormat):
		t.hasFormat = true
		return checkFormat(value)
	case string(keyState):
		t.state, err = decodeState(value)
		return err
	}
	return damagedf("bucket meta has the key %q", key)
}

func (t *tally) id(key, value []byte) error {
	ordinal, err := decodeOrdinal(key, value)
	t.ids++
	t.idDigest += pairDigest(key, ordinal)
	return err
}

func (t *tally) head(key, value []byte) error {
	_, size, err := openHead(key, value)
	t.heads++
	if size > 0 {
		t.textDigest += pairDigest(key, uint64(size))
	}
	return err
}

func (t *tally) abstract(key, value []byte) error {
	b, ok := unseal(value, key)
	if !ok {
		return damagedf("the abstract of ordinal %x does not match its checksum", key)
	}
	t.abstracts++
	t.abstractDigest += pairDigest(key, uint64(len(b)))
	return nil
}

func (t *tally) entry(key, value []byte) error {
	e, err := decodeLog(key, value)
	if err != nil {
		return err
	}
	if t.log == 0 {
		t.logFirst = e.Revision
	} else if e.Revision != t.logLast+1 {
		return damagedf("the change log lacks revision %d", t.logLast+1)
	}
	t.log++
	t.logLast = e.Revision
	return nil
}

func (t *tally) waiting(key, value []byte) error {
	_, err := decodeSuperseded(key, value)
	t.superseded++
	return err
}

func (t *tally) lineage(key, value []byte) error {
	l, err := decodeLineage(key, value)
	if err != nil {
		return err
	}
	first, ok := parseNumber(key)
	if !ok {
		return damagedf("bucket lineages has the key %x", key)
	}
	t.lives = append(t.lives, life{first, l})
	return nil
}

// compare holds the sums against each other and the state.
func (t *tally) compare() error {
	st := &t.state
	if !t.hasFormat || st.nextOrdinal == 0 {
		return damagedf("bucket meta lacks a key")
	}
	for _, n := range []struct {
		what       string
		have, want uint64
	}{
		{"live papers", t.ids, st.count},
		{"the digest of ids", t.idDigest, st.digest},
		{"superseded records", t.superseded, st.superseded},
		{"records beside the papers", t.records, st.records},
		{"the digest of records", t.recordDigest, st.recordDigest},
		{"records", t.heads, st.count + st.superseded},
		{"the digest of abstracts", t.abstractDigest, t.textDigest},
		{"entries of the change log", t.log, st.revision + 1 - st.oldestLog},
	} {
		if n.have != n.want {
			return fmt.Errorf("%w: %s: found %d, expected %d", ErrDamaged, n.what, n.have, n.want)
		}
	}
	if err := checkLives(t.lives, st); err != nil {
		return err
	}
	if t.log > 0 && (t.logFirst != st.oldestLog || t.logLast != st.revision) {
		return damagedf("the change log holds revisions %d to %d, not %d to %d", t.logFirst, t.logLast, st.oldestLog,
			st.revision)
	}
	return nil
}

// checkLives holds the lineages, by rising first revision, against the state: the last one that has begun is the
// state's. One may stand ready for the next revision.
func checkLives(lives []life, st *state) error {
	n := len(lives)
	if n > 0 && lives[n-1].first == st.revision+1 {
		n--
	}
	if n == 0 || lives[n-1].first > st.revision || lives[n-1].lineage != st.lineage {
		return damagedf("the lineages do not lead to the state's %s at revision %d", st.lineage, st.revision)
	}
	return nil
}

func (t *tally) record(key, sealed []byte) error {
	value, err := recordValue(key, sealed)
	t.records++
	t.recordDigest += recordDigest(key, value)
	return err
}
