package main

import (
	"fmt"
	"time"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/service"
)

// standing is what statistics and metrics tell of this node.
func (n *node) standing() service.Standing {
	s := n.writes.Status()
	return service.Standing{
		Cluster: n.cfg.Cluster, Node: n.cfg.Node, Applied: n.live.Sequence(), Known: s.Known, Lag: n.writes.Lag(),
		Leased: n.writes.Leased(), Bytes: s.Bytes, Limit: s.Limit, Mended: s.Mended, Sent: s.Sent,
		Members: n.writes.Members(),
	}
}

// lagMost is how far a node may be behind the others and still be asked.
const lagMost = 5 * time.Second

// current says why other nodes should be asked instead of this one.
func (n *node) current() error { return asked(n.writes.Lag(), n.writes.Leased()) }

// asked says why other nodes should be asked instead of one with a lag, with a lease or without.
func asked(lag time.Duration, leased bool) error {
	switch {
	case lag > lagMost:
		return fmt.Errorf("%w: for %s no majority of the cluster has been known to have no more than it", engine.ErrLagging,
			lag.Round(time.Second))
	case !leased:
		return fmt.Errorf("%w: it does not hear everyone whom the others hear, or is not heard", engine.ErrLagging)
	}
	return nil
}
