package main

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/akin-search/akin/server/internal/replog"
)

// clusterSettings are the flags of a node of a cluster.
type clusterSettings struct {
	name  string // empty: the server stands alone, and none of the others may be given
	node  string
	peers []string // node=host:port
	keys  string   // folder
	ack   string   // ackLocal or ackAll
	size  string   // of the log, such as 16GiB
	shard string   // i/N; empty: the node holds all papers
	calls string   // host:port
	log   logSettings
}

const defaultLogSize = "16GiB"

// What --ack may be.
const (
	ackLocal = "local"
	ackAll   = "all"
)

func (s *clusterSettings) register(f *pflag.FlagSet) {
	f.StringVar(&s.name, "cluster", "", "name of the cluster that this server is a node of (default: it stands alone)")
	f.StringVar(&s.node, "node", "", "name of this node, one of --peers")
	f.StringSliceVar(&s.peers, "peers", nil,
		"all nodes and where they listen for one another, as n1=host:port with commas: three or more")
	f.StringVar(&s.keys, "cluster-keys", "",
		"folder with authority.crt, and this node's certificate and key, as \"akin-server cluster-keys\" makes them")
	s.log.register(f)
	f.StringVar(&s.size, "log-size", defaultLogSize, "size at which the cluster's log refuses writes; it is trimmed from "+
		"half of it on, and counts when the log is made")
	f.StringVar(&s.shard, "shard", "", "the shard of the papers that this node holds, as 1/3: the first of three. Each "+
		"has a node at least, and nodes of one shard hold the same (default: all nodes hold all papers)")
	f.StringVar(&s.calls, "shard-addr", "", "host:port on which other nodes call this one for its shard (default: the "+
		"host of its entry in --peers, at any port; the nodes tell one another)")
	f.StringVar(&s.ack, "ack", ackLocal, "when a write is answered: local, once it is on the disks of two nodes and "+
		"visible at the one that was asked; all, once it is visible at every node that answers reads")
}

// config checks the settings; nil for a server that stands alone.
func (s *clusterSettings) config(data string, log *slog.Logger) (*clusterConfig, error) {
	external, err := s.log.external()
	if err != nil {
		return nil, err
	}
	if s.name == "" {
		if external != nil {
			return nil, errors.New("--log needs --cluster")
		}
		if s.node != "" || len(s.peers) > 0 || s.keys != "" || s.ack != ackLocal ||
			s.size != defaultLogSize || s.shard != "" || s.calls != "" {
			return nil, errors.New("--node, --peers, --cluster-keys, --log-size, --ack, --shard and --shard-addr need --cluster")
		}
		return nil, nil
	}
	if s.node == "" || len(s.peers) == 0 {
		return nil, errors.New("--cluster needs --node, the name of this node, and --peers, all nodes and where they " +
			"listen, as n1=host:port with commas")
	}
	peers, err := parsePeers(s.peers)
	if err != nil {
		return nil, err
	}
	c := &clusterConfig{all: s.ack == ackAll, calls: s.calls, Config: replog.Config{
		Cluster: s.name, Node: s.node, Peers: peers, Dir: filepath.Join(data, logFolder), Logger: log, External: external,
	}}
	if c.Shard, c.Shards, err = parseShard(s.shard); err != nil {
		return nil, err
	}
	if c.Shards == 0 && s.calls != "" {
		return nil, errors.New("--shard-addr needs --shard: nodes that hold all papers call no other")
	}
	if c.Shards > 0 && s.calls != "" && !isAddress(s.calls) {
		return nil, fmt.Errorf("--shard-addr %q: give host:port", s.calls)
	}
	if s.ack != ackLocal && s.ack != ackAll {
		return nil, fmt.Errorf("--ack %q: use %s or %s", s.ack, ackLocal, ackAll)
	}
	if c.MaxBytes, err = parseBytes(s.size); err != nil {
		return nil, fmt.Errorf("--log-size: %w; give one such as %s", err, defaultLogSize)
	}
	if c.MaxBytes < replog.LeastMaxBytes {
		return nil, fmt.Errorf("--log-size %s: the log needs %dMiB or more", s.size, replog.LeastMaxBytes>>20)
	}
	if err := c.Check(); err != nil {
		return nil, fmt.Errorf("--cluster, --node, --peers, --shard: %w", err)
	}
	if s.keys == "" && external != nil && c.Shards == 0 {
		return c, nil // the servers of the log say who may talk to them
	}
	if s.keys == "" {
		return nil, errors.New("--cluster needs --cluster-keys: nodes talk to those alone who have a key of " +
			"their authority; \"akin-server cluster-keys\" makes them")
	}
	if c.TLS, err = replog.Keys(s.keys, s.node); err != nil {
		return nil, fmt.Errorf("--cluster-keys: %w", err)
	}
	return c, nil
}

// clusterConfig is how this server is a node.
type clusterConfig struct {
	replog.Config
	all   bool   // acknowledge a write once it is visible everywhere
	calls string // where other nodes are to call this one for its shard; empty: at any port
}

// parsePeers reads a list of n1=host:port.
func parsePeers(list []string) (map[string]string, error) {
	peers := map[string]string{}
	for _, entry := range list {
		node, addr, ok := strings.Cut(strings.TrimSpace(entry), "=")
		if _, twice := peers[node]; !ok || twice {
			return nil, fmt.Errorf("--peers: %q: give each node once, as n1=host:port", entry)
		}
		peers[node] = addr
	}
	return peers, nil
}

// newClusterKeys is the command that makes the keys of a cluster.
func newClusterKeys() *cobra.Command {
	cluster := "akin"
	cmd := &cobra.Command{
		Use:   "cluster-keys DIR NODE=HOST:PORT...",
		Short: "Make the keys by which the nodes of a cluster know one another",
		Long: `cluster-keys makes an authority of the cluster's own, and for each node a certificate that it has signed,
with its key. A node needs authority.crt and its own two files, as --cluster-keys. Keep authority.key elsewhere: it
signs further nodes, and whoever has it can be one.`,
		Example: `  akin-server cluster-keys keys n1=127.0.0.1:7701 n2=127.0.0.1:7702 n3=127.0.0.1:7703`,
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			peers, err := parsePeers(args[1:])
			if err != nil {
				return err
			}
			if err := replog.MakeKeys(args[0], cluster, peers); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s holds an authority and keys of %d nodes.\n", args[0], len(peers))
			return nil
		},
	}
	cmd.Flags().StringVar(&cluster, "cluster", cluster, "name of the cluster, which the authority bears")
	return cmd
}
