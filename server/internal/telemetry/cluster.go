package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Cluster is how a node stands in its cluster.
type Cluster struct {
	Nodes, Heard   int           // of the cluster, and those heard of lately, this one included
	Applied, Known uint64        // numbers of the newest writes of the log: visible here, and known of here
	Lag            time.Duration // since a majority was last known to have no more than this node
	Leads, Leased  bool
	Bytes, Limit   int64  // of the log
	Mended         uint64 // messages of the log that were read from another node
}

var (
	clusterNodes   = gauge("akin_cluster_nodes", "Nodes of the cluster.")
	clusterHeard   = gauge("akin_cluster_heard_nodes", "Nodes heard of in the last two seconds, this one included.")
	clusterApplied = gauge("akin_cluster_applied_writes", "Number of the newest write of the log that is visible here.")
	clusterKnown   = gauge("akin_cluster_known_writes", "Number of the newest write of the log that this node knows of.")
	clusterLag     = gauge("akin_cluster_lag_seconds",
		"Since a majority of the nodes was last known to have no more than this one.")
	clusterLeads  = gauge("akin_cluster_leads", "1 on the node that leads the log.")
	clusterLeased = gauge("akin_cluster_leased",
		"1 while this node holds a lease: it has what was acknowledged everywhere.")
	clusterBytes  = gauge("akin_cluster_log_bytes", "Bytes of the log.")
	clusterLimit  = gauge("akin_cluster_log_limit_bytes", "Bytes at which the log is full.")
	clusterMended = counter("akin_cluster_mended_messages_total",
		"Messages of the log that this node had to read from another one.")
	allCluster = []fixed{
		clusterNodes, clusterHeard, clusterApplied, clusterKnown, clusterLag, clusterLeads, clusterLeased, clusterBytes,
		clusterLimit, clusterMended,
	}
)

// standing shows a node's place in its cluster.
type standing struct{ *Metrics }

// Describe implements prometheus.Collector.
func (standing) Describe(out chan<- *prometheus.Desc) { describe(out, allCluster...) }

// Collect implements prometheus.Collector.
func (m standing) Collect(out chan<- prometheus.Metric) {
	ask := m.cluster.Load()
	if ask == nil {
		return
	}
	c := (*ask)()
	one := map[bool]float64{true: 1}
	clusterNodes.send(out, float64(c.Nodes))
	clusterHeard.send(out, float64(c.Heard))
	clusterApplied.send(out, float64(c.Applied))
	clusterKnown.send(out, float64(c.Known))
	clusterLag.send(out, c.Lag.Seconds())
	clusterLeads.send(out, one[c.Leads])
	clusterLeased.send(out, one[c.Leased])
	clusterBytes.send(out, float64(c.Bytes))
	clusterLimit.send(out, float64(c.Limit))
	clusterMended.send(out, float64(c.Mended))
}

// WatchCluster shows a node of a cluster; ask is called whenever metrics are asked for.
func (m *Metrics) WatchCluster(ask func() Cluster) { m.cluster.Store(&ask) }
