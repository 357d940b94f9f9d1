package replog

import (
	"context"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// Shares of the log's size: at the first it is trimmed, and the second is kept in any case, for nodes that come back. A
// node that was away for longer than that takes a backup of another.
const (
	trimAt   = .5
	trimKeep = .25
)

// trimmable is the number below which messages may go, 0 for none: two nodes of each shard have applied and stored
// them, or the one that it has, and enough is kept for others.
func trimmable(all []Member, shards int, first, last uint64, share float64) uint64 {
	if share < trimAt || last < first {
		return 0
	}
	kept := uint64(float64(last-first+1) * trimKeep / share)
	through := last - min(last, kept)
	if shards > 0 && slices.ContainsFunc(all, func(m Member) bool { return m.Never }) {
		return 0 // what a node needs that was never heard is not known
	}
	for shard := min(1, shards); shard <= shards; shard++ {
		var applied []uint64
		for _, m := range all {
			if m.Shard == shard {
				applied = append(applied, m.Applied)
			}
		}
		slices.Sort(applied)
		if len(applied) == 0 {
			return 0
		}
		through = min(through, applied[max(0, len(applied)-2)])
	}
	if through < first {
		return 0
	}
	return through + 1
}

// trim removes what is not needed any more, where this node leads the log.
func (l *Log) trim(ctx context.Context, info *jetstream.StreamInfo) {
	if !l.Leads() {
		return
	}
	below := trimmable(l.Members(), l.cfg.Shards, info.State.FirstSeq, info.State.LastSeq, l.size.share())
	if below == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	if err := l.stream.Purge(ctx, jetstream.WithPurgeSequence(below)); err != nil {
		l.log.Warn("the log could not be trimmed", "cluster", l.cfg.Cluster, "error", err)
		return
	}
	l.log.Info("the log is trimmed", "cluster", l.cfg.Cluster, "begins_at", below)
}
