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

// trimmable is the number below which messages may go, 0 for none: two nodes have applied and stored them, and enough
// is kept for others.
func trimmable(applied []uint64, first, last uint64, share float64) uint64 {
	if share < trimAt || len(applied) < 2 || last < first {
		return 0
	}
	slices.Sort(applied)
	kept := uint64(float64(last-first+1) * trimKeep / share)
	through := min(applied[len(applied)-2], last-min(last, kept))
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
	var applied []uint64
	for _, m := range l.Members() {
		applied = append(applied, m.Applied)
	}
	below := trimmable(applied, info.State.FirstSeq, info.State.LastSeq, l.size.share())
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
