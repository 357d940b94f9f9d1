package cli

import (
	"fmt"
	"strconv"
	"strings"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// clusterJSON is how a node stands in its cluster, as `akin stats --json` prints it.
type clusterJSON struct {
	Name          string            `json:"name"`
	Node          string            `json:"node"`
	Leader        string            `json:"leader,omitempty"`
	AppliedWrites int64             `json:"applied_writes"`
	KnownWrites   int64             `json:"known_writes"`
	LagSeconds    float64           `json:"lag_seconds"`
	Leased        bool              `json:"leased"`
	LogBytes      int64             `json:"log_bytes"`
	LogLimitBytes int64             `json:"log_limit_bytes"`
	Shards        int32             `json:"shards,omitempty"`
	Nodes         []clusterNodeJSON `json:"nodes"`
}

type clusterNodeJSON struct {
	Node                string   `json:"node"`
	Heard               bool     `json:"heard"`
	Shard               int32    `json:"shard,omitempty"`
	SilenceSeconds      *float64 `json:"silence_seconds,omitempty"`
	AppliedWrites       int64    `json:"applied_writes"`
	ModelFingerprint    string   `json:"model_fingerprint,omitempty"`
	PreparedFingerprint string   `json:"prepared_fingerprint,omitempty"`
}

// clusterOf is nil for a server that stands alone.
func clusterOf(c *akinv1.ClusterInfo) *clusterJSON {
	if c == nil {
		return nil
	}
	out := &clusterJSON{
		Name: c.GetName(), Node: c.GetNode(), Leader: c.GetLeader(), AppliedWrites: c.GetAppliedWrites(),
		KnownWrites: c.GetKnownWrites(), LagSeconds: c.GetLag().AsDuration().Seconds(), Leased: c.GetLeased(),
		LogBytes: c.GetLogBytes(), LogLimitBytes: c.GetLogLimitBytes(), Shards: c.GetShards(), Nodes: []clusterNodeJSON{},
	}
	for _, n := range c.GetNodes() {
		one := clusterNodeJSON{
			Node: n.GetNode(), Heard: n.GetHeard(), Shard: n.GetShard(), AppliedWrites: n.GetAppliedWrites(),
			ModelFingerprint: n.GetModelFingerprint(), PreparedFingerprint: n.GetPreparedFingerprint(),
		}
		if n.GetSilence() != nil {
			silence := n.GetSilence().AsDuration().Seconds()
			one.SilenceSeconds = &silence
		}
		out.Nodes = append(out.Nodes, one)
	}
	return out
}

// clusterRows are the lines of `akin stats` about a cluster: one about this node, and one about each node.
func clusterRows(c *akinv1.ClusterInfo) [][2]string {
	if c == nil {
		return nil
	}
	leader := "no leader is heard"
	if c.GetLeader() != "" {
		leader = c.GetLeader() + " leads"
	}
	lease := ""
	if !c.GetLeased() {
		lease = ", no lease"
	}
	rows := [][2]string{
		{"cluster", fmt.Sprintf("%s, %s; this is %s, %s behind%s", c.GetName(), leader, c.GetNode(),
			span(c.GetLag().AsDuration()), lease)},
		{"log", fmt.Sprintf("%s applied of %s, %s of %s", count(c.GetAppliedWrites()),
			things(c.GetKnownWrites(), "write", "writes"), size(c.GetLogBytes()), size(c.GetLogLimitBytes()))},
	}
	for _, n := range c.GetNodes() {
		text := fmt.Sprintf("%s applied, model %s", things(n.GetAppliedWrites(), "write", "writes"), n.GetModelFingerprint())
		switch {
		case n.GetSilence() == nil:
			text = "not heard yet"
		case !n.GetHeard():
			text = fmt.Sprintf("silent for %s; %s", span(n.GetSilence().AsDuration()), text)
		}
		if n.GetShard() > 0 {
			text = fmt.Sprintf("shard %d of %d, %s", n.GetShard(), c.GetShards(), text)
		}
		if n.GetPreparedFingerprint() != "" {
			text += ", next " + n.GetPreparedFingerprint()
		}
		rows = append(rows, [2]string{n.GetNode(), text})
	}
	return rows
}

// shardNames are shards by their numbers.
func shardNames(numbers []int32) string {
	names := make([]string, len(numbers))
	for i, n := range numbers {
		names[i] = strconv.Itoa(int(n))
	}
	if len(names) == 1 {
		return "shard " + names[0]
	}
	return "shards " + strings.Join(names, ", ")
}
