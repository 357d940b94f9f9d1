package store

import (
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/paper/wire"
)

// maxRead is the most records that one call reads, and with it how long a snapshot is held.
const maxRead = 1000

// atMost is a caller's limit within maxRead; 0 and less stand for all of it.
func atMost(limit int) int {
	if limit <= 0 {
		return maxRead
	}
	return min(limit, maxRead)
}

// maxScanBytes ends a call of Scan early, since abstracts can be long.
const maxScanBytes = 4 << 20

// IDOrdinal is a live paper's id and ordinal.
type IDOrdinal struct {
	ID      string
	Ordinal uint64
}

// Ordinals finds the ordinals of ids; dst, of the same length, gets 0 where an id is unknown.
func (s *Store) Ordinals(ids []string, dst []uint64) error {
	return s.read(func(v *snapshot) (err error) {
		for i, id := range ids {
			if dst[i], err = v.ordinal(id); err != nil {
				return err
			}
		}
		return nil
	})
}

// ordinal is 0 where id is unknown.
func (v *snapshot) ordinal(id string) (uint64, error) {
	if id == "" {
		return 0, nil
	}
	value := v.ids.Get([]byte(id))
	if value == nil {
		return 0, nil
	}
	return decodeOrdinal([]byte(id), value)
}

// Papers appends the papers of ordinals to dst, nil where there is none (any more), all of one snapshot. The papers are
// the caller's own.
func (s *Store) Papers(ordinals []uint64, abstracts bool, dst []*paper.Paper) ([]*paper.Paper, error) {
	err := s.read(func(v *snapshot) error {
		for _, ordinal := range ordinals {
			p, err := v.paper(ordinal, abstracts)
			if err != nil {
				return err
			}
			dst = append(dst, p)
		}
		return nil
	})
	return dst, err
}

// Brief is the id and the title of a paper.
type Brief struct{ ID, Title string }

// Briefs appends ids and titles of ordinals to dst, the zero Brief where there is none (any more), all of one snapshot.
func (s *Store) Briefs(ordinals []uint64, dst []Brief) ([]Brief, error) {
	err := s.read(func(v *snapshot) error {
		var key [8]byte
		for _, ordinal := range ordinals {
			binary.BigEndian.PutUint64(key[:], ordinal)
			value := v.heads.Get(key[:])
			if value == nil {
				dst = append(dst, Brief{})
				continue
			}
			head, _, err := openHead(key[:], value)
			if err != nil {
				return err
			}
			id, title, err := wire.DecodeBrief(head)
			if err != nil {
				return fmt.Errorf("%w: the head of ordinal %d: %w", ErrDamaged, ordinal, err)
			}
			dst = append(dst, Brief{id, title})
		}
		return nil
	})
	return dst, err
}

// BriefsFrom appends ids and titles of n successive ordinals to dst, the zero Brief where there is none (any more), or
// where it is damaged, which Briefs would tell. later: there are records behind them.
func (s *Store) BriefsFrom(first uint64, n int, dst []Brief) (_ []Brief, later bool, err error) {
	begin := len(dst)
	dst = append(dst, make([]Brief, n)...)
	err = s.read(func(v *snapshot) error {
		cursor := v.heads.Cursor()
		for key, value := cursor.Seek(number(first)); key != nil; key, value = cursor.Next() {
			ordinal, ok := parseNumber(key)
			if !ok {
				return damagedf("bucket heads has the key %x", key)
			}
			if later = ordinal >= first+uint64(n); later {
				break
			}
			head, _, err := openHead(key, value)
			if err != nil {
				continue
			}
			if id, title, err := wire.DecodeBrief(head); err == nil {
				dst[begin+int(ordinal-first)] = Brief{id, title}
			}
		}
		return nil
	})
	return dst, later, err
}

// paper is nil where there is none.
func (v *snapshot) paper(ordinal uint64, abstract bool) (*paper.Paper, error) {
	key := number(ordinal)
	value := v.heads.Get(key)
	if value == nil {
		return nil, nil
	}
	return v.decode(key, value, abstract)
}

// decode reads a head and, when asked, its abstract.
func (v *snapshot) decode(key, value []byte, abstract bool) (*paper.Paper, error) {
	head, size, err := openHead(key, value)
	if err != nil {
		return nil, err
	}
	p, err := decodeHead(key, head)
	if err != nil || !abstract {
		return p, err
	}
	text, err := openAbstract(key, v.abstracts.Get(key), size)
	if err != nil {
		return nil, err
	}
	p.Abstract = string(text)
	return p, nil
}

// Scan calls fn for live papers, abstracts included, in ascending order of ordinals above after, for at most limit of
// them (0: no limit of its own) and at most 1,000 records of the file. It returns the last ordinal it passed: the
// caller goes on from there until last comes back equal to after. fn runs outside of the snapshot and may take its
// time; its error ends the scan.
func (s *Store) Scan(after uint64, limit int, fn func(ordinal uint64, p *paper.Paper) error) (last uint64, err error) {
	type row struct {
		ordinal uint64
		paper   *paper.Paper
	}
	limit = atMost(limit)
	rows := make([]row, 0, limit)
	last = after
	err = s.read(func(v *snapshot) error {
		size := 0
		c := v.heads.Cursor()
		key, value := c.Seek(number(after + 1))
		for seen := 0; key != nil && seen < maxRead && len(rows) < limit && size < maxScanBytes; seen++ {
			ordinal, ok := parseNumber(key)
			if !ok {
				return damagedf("bucket heads has the key %x", key)
			}
			p, err := v.decode(key, value, true)
			if err != nil {
				return err
			}
			live, err := v.live(p.ID, ordinal)
			if err != nil {
				return err
			}
			if live {
				rows = append(rows, row{ordinal, p})
				size += len(value) + len(p.Abstract)
			}
			last = ordinal
			key, value = c.Next()
		}
		return nil
	})
	if err != nil {
		return after, err
	}
	for _, r := range rows {
		if err := fn(r.ordinal, r.paper); err != nil {
			return r.ordinal, err
		}
	}
	return last, nil
}

// live reports whether a record is its paper's present version.
func (v *snapshot) live(id string, ordinal uint64) (bool, error) {
	if v.state.superseded == 0 {
		return true, nil
	}
	present, err := v.ordinal(id)
	return present == ordinal, err
}

// IDs returns up to limit live papers, at most (and for 0) 1,000, in ascending byte order of ids above after.
func (s *Store) IDs(after string, limit int) ([]IDOrdinal, error) {
	limit = atMost(limit)
	rows := make([]IDOrdinal, 0, limit)
	err := s.read(func(v *snapshot) error {
		c := v.ids.Cursor()
		key, value := seekAfter(c, after)
		for ; key != nil && len(rows) < limit; key, value = c.Next() {
			ordinal, err := decodeOrdinal(key, value)
			if err != nil {
				return err
			}
			rows = append(rows, IDOrdinal{string(key), ordinal})
		}
		return nil
	})
	return rows, err
}

// seekAfter moves to the first key above after, or to the first of all.
func seekAfter(c *bolt.Cursor, after string) (key, value []byte) {
	if after == "" {
		return c.First()
	}
	key, value = c.Seek([]byte(after))
	if string(key) == after {
		return c.Next()
	}
	return key, value
}

// Log returns up to limit entries, at most (and for 0) 1,000, of the revisions above after, without gaps. ErrTrimmed
// when the first of them is gone.
func (s *Store) Log(after uint64, limit int) ([]Entry, error) {
	limit = atMost(limit)
	var entries []Entry
	err := s.read(func(v *snapshot) error {
		if after+1 < v.state.oldestLog {
			return fmt.Errorf("%w: it begins at revision %d, not at %d", ErrTrimmed, v.state.oldestLog, after+1)
		}
		if after >= v.state.revision {
			return nil
		}
		entries = make([]Entry, 0, min(uint64(limit), v.state.revision-after))
		c := v.log.Cursor()
		key, value := c.Seek(number(after + 1))
		for want := after + 1; want <= v.state.revision && len(entries) < limit; want++ {
			if key == nil {
				return damagedf("the change log lacks revision %d", want)
			}
			e, err := decodeLog(key, value)
			if err != nil {
				return err
			}
			if e.Revision != want {
				return damagedf("the change log lacks revision %d", want)
			}
			entries = append(entries, e)
			key, value = c.Next()
		}
		return nil
	})
	return entries, err
}
