package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/akin-search/akin/server/internal/service"
)

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
	clusterSent = counter("akin_cluster_sent_messages_total",
		"Messages that this node has sent to the log's servers, announcements among them; no read sends one.")
	clusterInfo = gauge("akin_cluster_info", "1, with the names of the cluster and of this node.", "cluster", "node")
	memberHeard = gauge("akin_cluster_node_heard",
		"1 when a node was heard of in the last two seconds, as by this one.", "node")
	memberLeads   = gauge("akin_cluster_node_leads", "1 for the node that says it leads the log.", "node")
	memberApplied = gauge("akin_cluster_node_applied_writes",
		"Number of the newest write that was visible on a node when it was last heard.", "node")
	memberModel = gauge("akin_cluster_node_model",
		"1, with the fingerprint of the model that served on a node when it was last heard.", "node", "fingerprint")
	allCluster = []fixed{
		clusterInfo, memberHeard, memberLeads, memberApplied, memberModel, clusterNodes, clusterHeard, clusterApplied,
		clusterKnown, clusterLag, clusterLeads, clusterLeased, clusterBytes, clusterLimit, clusterMended,
		clusterSent,
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
	clusterInfo.send(out, 1, c.Cluster, c.Node)
	leads := false
	for i := range c.Members {
		m := &c.Members[i]
		leads = leads || m.Leads && m.Node == c.Node
		memberHeard.send(out, one[m.Heard()], m.Node)
		memberLeads.send(out, one[m.Leads && m.Heard()], m.Node)
		memberApplied.send(out, float64(m.Applied), m.Node)
		if m.Model != "" {
			memberModel.send(out, 1, m.Node, m.Model)
		}
	}
	clusterNodes.send(out, float64(len(c.Members)))
	clusterHeard.send(out, float64(c.Heard()))
	clusterApplied.send(out, float64(c.Applied))
	clusterKnown.send(out, float64(c.Known))
	clusterLag.send(out, c.Lag.Seconds())
	clusterLeads.send(out, one[leads])
	clusterLeased.send(out, one[c.Leased])
	clusterBytes.send(out, float64(c.Bytes))
	clusterLimit.send(out, float64(c.Limit))
	clusterMended.send(out, float64(c.Mended))
	clusterSent.send(out, float64(c.Sent))
}

// WatchCluster shows a node of a cluster; ask is called whenever metrics are asked for.
func (m *Metrics) WatchCluster(ask func() service.Standing) { m.cluster.Store(&ask) }
