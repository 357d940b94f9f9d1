package replog

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// minNodes is the fewest nodes of a cluster: of three, one can be lost.
const minNodes = 3

// Config says how a node takes part in the log. The fields of the first group are needed.
type Config struct {
	Cluster string            // name; nodes of other names are not talked to
	Node    string            // name of this node, one of Peers
	Peers   map[string]string // node -> host:port on which it listens for the others
	Dir     string            // folder of the log's files
	TLS     *tls.Config       // proves this node to the others, and asks them for the same: see Keys

	// Where papers are spread over shards: the one that this node holds, from 1, of how many, and where other nodes call
	// it for them. All nodes that serve are told of it. 0: every node holds all papers.
	Shard, Shards int
	Calls         string

	External *External // servers that keep the log; nil: those inside the nodes

	MaxBytes int64        // of the log; default DefaultMaxBytes. Counts where the stream is made
	Logger   *slog.Logger // default slog.Default()
}

const (
	// DefaultMaxBytes is the size at which the log takes no more messages.
	DefaultMaxBytes = 16 << 30
	// LeastMaxBytes is eight of the largest messages: with less, no room is left between the sizes at which the log is
	// trimmed and at which it refuses.
	LeastMaxBytes = 8 * MaxMessage
)

var nodeName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_-]{0,62}$`)

// Check reports what is wrong with the settings.
func (c *Config) Check() error {
	for _, name := range []string{c.Cluster, c.Node} {
		if !nodeName.MatchString(name) {
			return fmt.Errorf("%q is no name of a cluster or a node: use 1 to 63 letters, digits, - and _", name)
		}
	}
	if _, ok := c.Peers[c.Node]; !ok {
		return fmt.Errorf("the node %s is not among the peers", c.Node)
	}
	if len(c.Peers) < minNodes {
		return fmt.Errorf("a cluster has %d nodes or more, so that one can be lost; the peers are %d", minNodes, len(c.Peers))
	}
	for node, addr := range c.Peers {
		if !nodeName.MatchString(node) {
			return fmt.Errorf("%q is no name of a node: use 1 to 63 letters, digits, - and _", node)
		}
		if _, _, err := splitAddress(addr); err != nil {
			return fmt.Errorf("the peer %s: %w", node, err)
		}
	}
	if c.Shards < 0 || c.Shards > len(c.Peers) || c.Shard < min(1, c.Shards) || c.Shard > c.Shards {
		return fmt.Errorf("shard %d of %d, of %d nodes: each shard needs a node of its own", c.Shard, c.Shards, len(c.Peers))
	}
	at := map[string]string{}
	for _, node := range slices.Sorted(maps.Keys(c.Peers)) {
		if other, taken := at[c.Peers[node]]; taken {
			return fmt.Errorf("the peers %s and %s are both at %s: each node listens at an address of its own", other, node,
				c.Peers[node])
		}
		at[c.Peers[node]] = node
	}
	if c.MaxBytes != 0 && c.MaxBytes < LeastMaxBytes {
		return fmt.Errorf("a log of %d bytes: it needs %d MiB or more", c.MaxBytes, LeastMaxBytes>>20)
	}
	return nil
}

func splitAddress(addr string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err == nil {
		port, err = strconv.Atoi(text)
	}
	if err != nil || port < 1 || port > 1<<16-1 || host == "" {
		return "", 0, fmt.Errorf("%q: give host:port, as the other nodes reach it", addr)
	}
	return host, port, nil
}

// startTimeout bounds the start of the server inside the node, which does not wait for other nodes.
const startTimeout = 2 * time.Minute

// startServer starts the server inside the node. The node alone talks to it, in the process, and other nodes' servers
// over mutual TLS. Its routes wait for a listener for clients, so there is one, on loopback, that lets nobody in: the
// secret that it asks for is drawn here and leaves this process for nowhere.
func startServer(ctx context.Context, c *Config) (s *server.Server, secret string, err error) {
	secret = rand.Text()
	host, port, err := splitAddress(c.Peers[c.Node])
	if err != nil {
		return nil, "", err
	}
	// The server itself would log that the port is taken, and wait.
	probe, err := net.Listen("tcp", c.Peers[c.Node])
	if err != nil {
		return nil, "", fmt.Errorf("the address of %s, at which it listens for the other nodes: %w", c.Node, err)
	}
	if err := probe.Close(); err != nil {
		return nil, "", err
	}
	var routes []*url.URL
	for node, addr := range c.Peers {
		if node != c.Node {
			routes = append(routes, &url.URL{Scheme: "nats-route", Host: addr})
		}
	}
	opts := &server.Options{
		ServerName:    c.Node,
		Host:          "127.0.0.1",
		Port:          server.RANDOM_PORT,
		Authorization: secret,
		NoSigs:        true,
		NoLog:         true,
		MaxPayload:    MaxMessage,
		MaxPending:    64 << 20,
		JetStream:     true,
		StoreDir:      c.Dir,
		SyncAlways:    true, // the default lost the log when all nodes lost power; no setting changes this

		JetStreamMaxMemory:     256 << 20,
		JetStreamMaxStore:      4*c.MaxBytes + 64<<30, // reservations; what counts is the stream's own bound
		DisableJetStreamBanner: true,
		Cluster: server.ClusterOpts{
			Name: c.Cluster, Host: host, Port: port, Advertise: c.Peers[c.Node],
			TLSConfig: c.TLS, TLSTimeout: 10, AuthTimeout: 12,
		},
		Routes: routes,
	}
	if s, err = server.NewServer(opts); err != nil {
		return nil, "", err
	}
	s.SetLoggerV2(&serverLog{log: c.Logger, peers: c.Peers}, false, false, false)
	go s.Start()
	deadline := time.Now().Add(startTimeout)
	for !s.ReadyForConnections(100 * time.Millisecond) {
		if err := ctx.Err(); err != nil || time.Now().After(deadline) {
			stopServer(s)
			return nil, "", errors.Join(fmt.Errorf("the server of the log did not start: is %s taken?", c.Peers[c.Node]), err)
		}
	}
	return s, secret, nil
}

func stopServer(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}

// connect joins the node to the server inside it.
func connect(s *server.Server, secret string, log *slog.Logger) (*nats.Conn, error) {
	return nats.Connect("", nats.InProcessServer(s), nats.Token(secret), nats.MaxReconnects(-1),
		nats.ReconnectWait(50*time.Millisecond),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { log.Warn("the log", "error", err) }))
}
