package service

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/replog"
)

// Standing is how a node stands in its cluster.
type Standing struct {
	Cluster, Node string
	Applied       uint64        // number of the newest write of the log that is visible here
	Known         uint64        // number of the newest write that this node knows of
	Lag           time.Duration // since a majority was last known to have no more than this node
	Leased        bool          // whether it has everything that was acknowledged everywhere
	Bytes, Limit  int64         // of the log
	Mended        uint64        // messages of the log that were read from another node
	Sent          uint64        // messages that this node has sent to the log's servers

	Members []replog.Member // in the order of their names, this node among them
}

// Heard counts the nodes that were heard lately, this one included.
func (s *Standing) Heard() (n int) {
	for i := range s.Members {
		if s.Members[i].Heard() {
			n++
		}
	}
	return n
}

// Leader is the node that leads the log; empty while none is heard.
func (s *Standing) Leader() string {
	for i := range s.Members {
		if m := &s.Members[i]; m.Leads && m.Heard() {
			return m.Node
		}
	}
	return ""
}

func encodeStanding(s *Standing) *akinv1.ClusterInfo {
	out := &akinv1.ClusterInfo{
		Name: s.Cluster, Node: s.Node, Leader: s.Leader(), AppliedWrites: int64(s.Applied),
		KnownWrites: int64(max(s.Known, s.Applied)), Lag: durationpb.New(s.Lag), Leased: s.Leased, LogBytes: s.Bytes,
		LogLimitBytes: s.Limit,
	}
	for i := range s.Members {
		m := &s.Members[i]
		node := &akinv1.ClusterNode{
			Node: m.Node, Heard: m.Heard(), AppliedWrites: int64(m.Applied), ModelFingerprint: m.Model,
			PreparedFingerprint: m.Ready, Shard: int32(m.Shard),
		}
		if m.Node == s.Node {
			out.Shards = int32(m.Shards)
		}
		if !m.Never {
			node.Silence = durationpb.New(m.Silent)
		}
		out.Nodes = append(out.Nodes, node)
	}
	return out
}
