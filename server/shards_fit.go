package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/akin-search/akin/server/internal/replog"
)

// startFault says why a node that has not settled must end. It must fit the nodes that have settled; where none has, as
// at the first start of a cluster, all nodes must fit one another.
func startFault(own string, members []replog.Member) error {
	at := slices.IndexFunc(members, func(m replog.Member) bool { return m.Node == own })
	self := members[at]
	taken, settled := false, false
	for _, m := range members {
		if m.Node == own || !m.Settled {
			continue
		}
		if m.Shards != self.Shards {
			return otherNumber(m, self)
		}
		settled, taken = true, taken || m.Shard == self.Shard
	}
	if !settled {
		return shardFault(self, members)
	}
	if !taken {
		return nil // whoever has the wrong shard is another one
	}
	fit := slices.Clone(members)
	for i := range fit {
		fit[i].Never = fit[i].Never || fit[i].Shards != self.Shards // it ends: its next start may be right
	}
	return shardFault(self, fit)
}

// shardFault says what is wrong with the shards of nodes, as far as they were heard.
func shardFault(self replog.Member, members []replog.Member) error {
	heard := 0
	has := map[int]bool{}
	var told []string
	for _, m := range members {
		if m.Never {
			continue
		}
		heard++
		if m.Shards != self.Shards {
			return otherNumber(m, self)
		}
		has[m.Shard] = true
		told = append(told, fmt.Sprintf("%s has %d", m.Node, m.Shard))
	}
	if heard < len(members) {
		return nil // another one may have what is missing
	}
	for i := 1; i <= self.Shards; i++ {
		if !has[i] {
			return fmt.Errorf("no node has shard %d of %d: %s", i, self.Shards, strings.Join(told, ", "))
		}
	}
	return nil
}

// otherNumber says that a node was started with another number of shards than this one.
func otherNumber(m, self replog.Member) error {
	with := func(m replog.Member) string {
		if m.Shards == 0 {
			return "without --shard"
		}
		return fmt.Sprintf("with --shard %d/%d", m.Shard, m.Shards)
	}
	return fmt.Errorf("%s was started %s, and this node %s: start all nodes with one number of shards", m.Node, with(m),
		with(self))
}

// fits returns once this node has heard the others, or for lagMost has not: an error where it does not fit them.
func (n *node) fits(ctx context.Context) error {
	for patience := time.Now().Add(lagMost); ; {
		if err := startFault(n.cfg.Node, n.writes.Members()); err != nil {
			return err
		}
		if n.writes.Leased() || time.Now().After(patience) {
			return nil
		}
		select {
		case <-time.After(hearPoll):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// fitting is how a node minds whether the nodes fit one another, once it follows the log. One goroutine uses it.
type fitting struct {
	settled bool
	said    string // what was wrong when it was last said
}

// mind ends a node that has not settled and does not fit, and says of one that has what is wrong, once.
func (n *node) mind(f *fitting) {
	members := n.writes.Members()
	if !f.settled {
		if err := startFault(n.cfg.Node, members); err != nil {
			n.fail(err)
			return
		}
		if n.serves.Load() && n.complete() {
			f.settled = true
			n.writes.Settle()
		}
		return
	}
	if said := f.next(n.cfg.Node, members); said != "" {
		n.log.Error("the nodes of the cluster do not fit together; this one goes on", "reason", said)
	}
}

// next is what a settled node has to say that it has not said.
func (f *fitting) next(own string, members []replog.Member) string {
	self := members[slices.IndexFunc(members, func(m replog.Member) bool { return m.Node == own })]
	for i := range members { // what was heard of a node that is gone says nothing of its next start
		members[i].Never = !members[i].Heard()
	}
	said := ""
	if err := shardFault(self, members); err != nil {
		said = err.Error()
	}
	if said == f.said {
		return ""
	}
	f.said = said
	return said
}

// complete reports whether the shards of a cluster are seen to be as they are meant: there are papers, or every shard
// has a node that is up.
func (n *node) complete() bool {
	return n.shards == nil || n.live.Sequence() > 0 || n.shards.front.Load().Up(nil) == nil
}
