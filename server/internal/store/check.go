package store

import (
	"context"
	"errors"
	"fmt"
)

// maxProblems is how many a Check reports before it gives up.
const maxProblems = 20

// Check reads every record of the last durable state and holds the buckets against each other: ids, heads, abstracts,
// superseded records, change log and counts must tell one story. The error wraps ErrDamaged and names up to 20 places.
// It pins the state it checks, so the file grows under writes meanwhile.
func (s *Store) Check(ctx context.Context) error {
	return s.read(func(v *snapshot) error { return v.check(ctx) })
}

// checker collects what is wrong.
type checker struct {
	*snapshot
	ctx      context.Context
	problems []error
	waiting  map[uint64]uint64 // superseded ordinal -> revision of its successor
	live     uint64
	heads    uint64
	digest   uint64
	content  uint64

	recordCount, recordDigest uint64
}

var errEnough = errors.New("more problems are not listed")

// report notes a problem; the error it returns, if any, ends the check.
func (c *checker) report(err error) error {
	if err == nil {
		return c.ctx.Err()
	}
	if c.problems = append(c.problems, err); len(c.problems) >= maxProblems {
		return errEnough
	}
	return nil
}

func (c *checker) reportf(format string, args ...any) error {
	return c.report(damagedf(format, args...))
}

// check runs all parts. A cancelled context is no finding about the store.
func (v *snapshot) check(ctx context.Context) error {
	c := &checker{snapshot: v, ctx: ctx, waiting: make(map[uint64]uint64)}
	for _, part := range []func() error{
		c.checkSuperseded, c.checkHeads, c.checkAbstracts, c.checkIDs, c.checkLog, c.checkLineages, c.checkRecords,
		c.checkCounts,
	} {
		if err := part(); err != nil {
			c.problems = append(c.problems, err)
			break
		}
	}
	return errors.Join(c.problems...)
}

func (c *checker) checkSuperseded() error {
	return c.superseded.ForEach(func(key, value []byte) error {
		revision, ok := parseNumber(key)
		if !ok || revision > c.state.revision {
			return c.reportf("bucket superseded has the key %x", key)
		}
		ordinal, err := decodeSuperseded(key, value)
		if err != nil {
			return c.report(err)
		}
		if _, twice := c.waiting[ordinal]; twice {
			return c.reportf("ordinal %d is superseded twice", ordinal)
		}
		c.waiting[ordinal] = revision
		if c.heads64(ordinal) == nil {
			return c.reportf("the superseded ordinal %d has no head", ordinal)
		}
		return c.ctx.Err()
	})
}

// heads64 finds a head's bytes by number.
func (c *checker) heads64(ordinal uint64) []byte { return c.snapshot.heads.Get(number(ordinal)) }

func (c *checker) checkHeads() error {
	return c.snapshot.heads.ForEach(func(key, value []byte) error {
		c.heads++
		ordinal, ok := parseNumber(key)
		if !ok || ordinal == 0 || ordinal >= c.state.nextOrdinal {
			return c.reportf("bucket heads has the key %x", key)
		}
		p, err := c.decode(key, value, true)
		if err != nil {
			return c.report(err)
		}
		if p.Revision == 0 || p.Revision > c.state.revision || p.UpdateTime.Before(p.CreateTime) {
			return c.reportf("ordinal %d has revision %d, created %s, updated %s", ordinal, p.Revision, p.CreateTime,
				p.UpdateTime)
		}
		present, err := c.ordinal(p.ID)
		if err != nil {
			return c.report(err)
		}
		successor, waits := c.waiting[ordinal]
		switch {
		case waits && present == ordinal:
			return c.reportf("ordinal %d of %q is superseded and live", ordinal, p.ID)
		case waits && successor <= p.Revision:
			return c.reportf("ordinal %d has revision %d and was superseded at %d", ordinal, p.Revision, successor)
		case !waits && present != ordinal:
			return c.reportf("ordinal %d of %q is neither live (that is %d) nor superseded", ordinal, p.ID, present)
		}
		if !waits {
			c.content += VersionDigest(ordinal, p.Revision)
		}
		if p.Revision >= c.state.oldestLog {
			e, err := decodeLog(number(p.Revision), c.log.Get(number(p.Revision)))
			if err != nil || e.New != ordinal || e.ID != p.ID {
				return c.reportf("ordinal %d of %q does not match the change log's revision %d", ordinal, p.ID, p.Revision)
			}
		}
		return c.ctx.Err()
	})
}

func (c *checker) checkAbstracts() error {
	return c.abstracts.ForEach(func(key, _ []byte) error {
		if value := c.snapshot.heads.Get(key); value == nil {
			return c.reportf("the abstract of ordinal %x has no head", key)
		} else if _, size, err := openHead(key, value); err == nil && size == 0 {
			return c.reportf("ordinal %x has an abstract that its head does not know of", key)
		}
		return c.ctx.Err()
	})
}

func (c *checker) checkIDs() error {
	return c.ids.ForEach(func(key, value []byte) error {
		c.live++
		ordinal, err := decodeOrdinal(key, value)
		if err != nil {
			return c.report(err)
		}
		c.digest += pairDigest(key, ordinal)
		p, err := c.paper(ordinal, false)
		if err != nil {
			return c.report(err)
		}
		if p == nil || p.ID != string(key) {
			return c.reportf("id %q leads to ordinal %d, which is not its own", key, ordinal)
		}
		return c.ctx.Err()
	})
}

func (c *checker) checkLog() error {
	want := c.state.oldestLog
	err := c.log.ForEach(func(key, value []byte) error {
		e, err := decodeLog(key, value)
		if err != nil {
			return c.report(err)
		}
		if e.Revision != want {
			return c.reportf("the change log goes on with revision %d, not %d", e.Revision, want)
		}
		want++
		if e.Old == 0 && e.New == 0 || e.New >= c.state.nextOrdinal || e.New != 0 && e.New <= e.Old {
			return c.reportf("revision %d replaces ordinal %d by %d", e.Revision, e.Old, e.New)
		}
		return c.ctx.Err()
	})
	if err != nil || want == c.state.revision+1 {
		return err
	}
	return c.reportf("the change log ends before revision %d, the last one is %d", want, c.state.revision)
}

func (c *checker) checkLineages() error {
	var lives []life
	err := c.lineages.ForEach(func(key, value []byte) error {
		first, ok := parseNumber(key)
		if !ok {
			return c.reportf("bucket lineages has the key %x", key)
		}
		l, err := decodeLineage(key, value)
		lives = append(lives, life{first, l})
		return c.report(err)
	})
	if err != nil {
		return err
	}
	return c.report(checkLives(lives, &c.state))
}

func (c *checker) checkRecords() error {
	return c.records.ForEach(func(key, sealed []byte) error {
		value, err := recordValue(key, sealed)
		if err != nil {
			return c.report(err)
		}
		c.recordCount++
		c.recordDigest += recordDigest(key, value)
		return c.ctx.Err()
	})
}

func (c *checker) checkCounts() error {
	st := &c.state
	for _, n := range []struct {
		what       string
		have, want uint64
	}{
		{"live papers", c.live, st.count},
		{"superseded records", uint64(len(c.waiting)), st.superseded},
		{"records", c.heads, st.count + st.superseded},
		{"the digest of ids", c.digest, st.digest},
		{"the digest of contents", c.content, st.content},
		{"records beside the papers", c.recordCount, st.records},
		{"the digest of records", c.recordDigest, st.recordDigest},
	} {
		if n.have != n.want {
			err := c.report(fmt.Errorf("%w: %s: found %d, the state says %d", ErrDamaged, n.what, n.have, n.want))
			if err != nil {
				return err
			}
		}
	}
	return nil
}
