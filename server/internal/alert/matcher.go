package alert

import (
	"context"
	"errors"
	"time"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/filter"
	"github.com/akin-search/akin/server/internal/paper"
)

const (
	batchPapers = 1000                   // papers that are held against all subscriptions at once
	gather      = 20 * time.Millisecond  // that the matcher lets papers come in, since a batch costs a commit
	pouring     = 250 * time.Millisecond // since the last write: less, and papers pour in
	yieldShare  = 19                     // times its cost that the matcher rests after a batch while papers pour in
	restMost    = 2 * time.Second
	cursorRest  = 5 * time.Second  // in a cluster, between two cursors in its log while nothing matches
	retryAfter  = 10 * time.Second // that a batch which failed is left alone
)

// matchLoop holds papers against the subscriptions as they come, until the alerts close. While papers pour in it takes
// a twentieth of a core's time and falls behind, and catches up when they do not: writers are not held up.
func (a *Alerts) matchLoop() {
	for a.awaitLead(a.takeOver) {
		if err := a.engine.AwaitRevision(a.ctx, a.cursor.Load()+1); err != nil {
			if a.ctx.Err() == nil && !errors.Is(err, engine.ErrClosed) {
				a.log.Error("matching has ended", "error", err)
			}
			return
		}
		if !a.leads() {
			continue
		}
		begin := time.Now()
		worked, err := a.matchBatch(a.ctx)
		rest := gather
		switch {
		case a.ctx.Err() != nil:
			return
		case errors.Is(err, engine.ErrRecordsChanged): // they are held against what the subscriptions are now
			rest = 0
		case err != nil:
			a.log.Error("papers could not be matched; they are tried again", "after", retryAfter.String(), "error", err)
			rest = retryAfter
		case worked && a.engine.Idle() < pouring:
			rest = min(restMost, max(gather, yieldShare*time.Since(begin)))
		}
		if !pause(a.ctx, rest) {
			return
		}
	}
}

// takeOver goes on where the node that led before has come to, as its records tell.
func (a *Alerts) takeOver() {
	a.resume()
	signal(a.sweep)
}

// pause waits, or reports false when the context ends first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// look begins to look at papers for subscriptions, which list returns as they are at a later moment, and finds the
// papers that they go by. In this order no subscription is missed: one that list does not know yet begins at a revision
// that the lens does not see behind. The caller closes the lens.
func (a *Alerts) look(ctx context.Context, list func() []candidate) (*engine.Lens, []candidate, error) {
	for {
		lens := a.engine.Lens()
		subs := list()
		ids := make([]string, len(subs))
		for i := range subs {
			ids[i] = subs[i].sub.PaperID
		}
		slots, seen, err := lens.Slots(ids)
		if err == nil && seen {
			for i := range subs {
				subs[i].slot = slots[i]
			}
			if err = a.hideSubjects(ctx, subs); err == nil {
				return lens, subs, nil
			}
		}
		lens.Close()
		if err == nil {
			err = a.engine.WaitToSee(ctx)
		}
		if err != nil {
			return nil, nil, err
		}
	}
}

// hideSubjects takes away the papers to go by that the owners of subscriptions may not see.
func (a *Alerts) hideSubjects(ctx context.Context, subs []candidate) error {
	for i := range subs {
		c := &subs[i]
		if c.forced == nil || c.slot == engine.NoSlot {
			continue
		}
		papers, err := a.engine.Visible(ctx, c.forced, []string{c.sub.PaperID})
		if err != nil {
			return err
		}
		if papers[0] == nil {
			c.slot = engine.NoSlot
		}
	}
	return nil
}

// candidate is a subscription that papers are held against: what it is at that moment, whatever becomes of it.
type candidate struct {
	entry  *entry
	sub    *Subscription
	slot   uint32         // of the paper it goes by, or engine.NoSlot
	forced *filter.Filter // on its owner; nil: nothing
}

// accepts reports whether a subscription may match a paper, apart from its nearness.
func (c *candidate) accepts(p *paper.Paper) bool {
	return p.Revision > c.sub.Since && p.ID != c.sub.PaperID &&
		(c.sub.filter == nil || c.sub.filter.Match(p)) && (c.forced == nil || c.forced.Match(p))
}

// candidates lists the subscriptions that papers are held against as they come, of owners that are known, and the
// version of records that they are of.
func (a *Alerts) candidates() ([]candidate, uint64) {
	a.mu.RLock()
	version := a.version
	list := make([]candidate, 0, len(a.byUID))
	for _, e := range a.byUID {
		if !e.sub.Kind.Ranked() {
			list = append(list, candidate{entry: e, sub: e.sub})
		}
	}
	a.mu.RUnlock()
	return a.bind(list), version
}

// bind finds what is forced on the owners of subscriptions, and leaves out those whose owner is not known.
func (a *Alerts) bind(list []candidate) []candidate {
	type owner struct {
		forced *filter.Filter
		known  bool
	}
	owners := map[string]owner{}
	bound := list[:0]
	for _, c := range list {
		o, asked := owners[c.sub.Owner]
		if !asked {
			o.forced, o.known = a.cfg.Filter(c.sub.Owner)
			owners[c.sub.Owner] = o
		}
		if o.known {
			c.forced = o.forced
			bound = append(bound, c)
		}
	}
	return bound
}

// found is a paper that matches a subscription.
type found struct {
	entry *entry
	sub   *Subscription
	match *match
}

// matchBatch holds the next papers behind the cursor against all subscriptions, keeps what matches, and moves the
// cursor. It reports whether there was anything to do.
func (a *Alerts) matchBatch(ctx context.Context) (worked bool, err error) {
	at, base := a.cursor.Load(), uint64(0)
	lens, subs, err := a.look(ctx, func() []candidate {
		list, version := a.candidates()
		base = version
		return list
	})
	if err != nil {
		return false, err
	}
	defer lens.Close()
	if len(subs) == 0 {
		a.cursor.CompareAndSwap(at, lens.Revision()) // whoever subscribes asks for what comes behind that
		return false, nil
	}
	news, err := lens.News(at, batchPapers)
	if err != nil {
		return false, err
	}
	if len(news.Papers) == 0 {
		a.cursor.CompareAndSwap(at, news.Through) // deletions; on disk with the next papers
		return false, nil
	}
	matches, err := a.match(ctx, lens, &a.scores, &news, subs)
	if err != nil {
		return true, err
	}
	if a.cfg.Leads != nil && len(matches) == 0 && time.Since(a.rested) < cursorRest {
		a.cursor.CompareAndSwap(at, news.Through) // the next node that leads holds some papers again
		return true, nil
	}
	a.rested = time.Now()
	return true, a.keep(base, matches, news.Through)
}

// match holds papers against subscriptions.
func (a *Alerts) match(ctx context.Context, lens *engine.Lens, board *scoreboard, news *engine.News,
	subs []candidate) ([]found, error) {
	if err := board.prepare(lens, subs); err != nil {
		return nil, err
	}
	if err := a.measure(ctx, lens, board.list); err != nil {
		return nil, err
	}
	now := a.cfg.Now().UTC()
	digests := make([]string, len(news.Papers))
	one := func(c *candidate, i int) found {
		p := news.Papers[i]
		if digests[i] == "" {
			digests[i] = digest(p)
		}
		return found{c.entry, c.sub, &match{Paper: p.ID, Content: digests[i], Time: now}}
	}
	var matches []found
	for i := range subs {
		c := &subs[i]
		a.noteProblem(c)
		if c.sub.Kind != ByFilter {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for j, p := range news.Papers {
			if c.accepts(p) {
				matches = append(matches, one(c, j))
			}
		}
	}
	err := board.each(ctx, lens, news.Slots, func(s *scored, cosines []float32) {
		least := s.threshold
		for j, cosine := range cosines {
			if float64(cosine) < least || !s.accepts(news.Papers[j]) || zeroVector(cosine) {
				continue
			}
			m := one(&s.candidate, j)
			m.match.Cosine = float64(cosine)
			m.match.OneIn = lens.OneIn(s.kind, m.match.Cosine)
			matches = append(matches, m)
		}
	})
	return matches, err
}

// zeroVector reports whether a cosine is that of a paper without a vector, of which nothing is known.
func zeroVector(cosine float32) bool { return cosine == 0 }

// noteProblem says on a subscription why nothing can match it.
func (a *Alerts) noteProblem(c *candidate) {
	problem := ""
	if c.sub.Kind == ByPaper && c.slot == engine.NoSlot {
		problem = "the paper that it goes by is not stored: nothing matches until it is again"
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if c.entry.sub == c.sub {
		c.entry.problem = problem
	}
}
