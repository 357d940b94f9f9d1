package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/shard"
	"github.com/akin-search/akin/server/internal/store"
)

// shardFile of the data folder says which shard its papers are of, as --shard does.
const shardFile = "shard"

// parseShard reads i/N, from 1; zeros for a node that holds all papers.
func parseShard(s string) (shard, shards int, err error) {
	if s == "" {
		return 0, 0, nil
	}
	left, right, ok := strings.Cut(s, "/")
	shard, failed := strconv.Atoi(left)
	shards, alsoFailed := strconv.Atoi(right)
	if !ok || failed != nil || alsoFailed != nil || shard < 1 || shard > shards {
		return 0, 0, fmt.Errorf("--shard %q: give which shard of how many, from 1/%d to %d/%d", s, max(2, shards),
			max(2, shards), max(2, shards))
	}
	if shards == 1 {
		return 0, 0, nil
	}
	return shard, shards, nil
}

// claimFolder refuses a data folder that holds the papers of another shard, or of all: it is of one in its life.
func claimFolder(dir string, own, of int) error {
	held, err := shardOf(dir)
	if err != nil {
		return err
	}
	want := shardName(own, of)
	switch {
	case held == want && want != "":
		return nil
	case held != "" && want == "":
		return fmt.Errorf("%s holds the papers of shard %[2]s: start it with --shard %[2]s, or give an empty folder",
			dir, held)
	case held != "":
		return fmt.Errorf("%s holds the papers of shard %s, and --shard says %s: give the right one, or an empty folder",
			dir, held, want)
	case want == "":
		return nil
	}
	stored, err := store.Exists(dir)
	if err != nil {
		return err
	}
	if stored {
		return fmt.Errorf("%s holds papers that are not of a shard: give an empty folder, and bring them in by "+
			"\"akin export\" and \"akin import\"", dir)
	}
	return nil
}

// markFolder notes in a folder that was claimed of which shard its papers will be.
func markFolder(dir string, own, of int) error {
	if of == 0 {
		return nil
	}
	return os.WriteFile(filepath.Join(dir, shardFile), []byte(shardName(own, of)+"\n"), 0o600)
}

// shardOf is the shard whose papers a folder holds, as --shard says it; empty: of none.
func shardOf(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, shardFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(text)), err
}

func shardName(own, of int) string {
	if of == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%d", own, of)
}

// shards is a node's part in a cluster whose papers are spread over shards: it answers other nodes for its own shard,
// and users for all.
type shards struct {
	node     *node
	papers   shard.Map
	listener net.Listener // for other nodes
	server   *grpc.Server
	serving  atomic.Pointer[engine.Engine] // nil until other nodes may ask
	front    atomic.Pointer[shard.Front]   // nil until the engine is open
	turn     atomic.Uint64                 // which replica is asked first

	mu    sync.Mutex
	conns map[string]*remoteNode // by node
}

// remoteNode is another node as this one calls it.
type remoteNode struct {
	addr string
	conn *grpc.ClientConn
	node *shard.Remote
}

// listenForNodes opens the port on which other nodes call this one for its shard, and sets c.Calls to where that is.
func listenForNodes(n *node) (*shards, error) {
	c := n.cfg
	addr := c.calls
	if addr == "" { // where the others reach this node already, at any port
		host, _, err := net.SplitHostPort(c.Peers[c.Node])
		if err != nil {
			return nil, err
		}
		addr = net.JoinHostPort(host, "0")
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("--shard-addr: %w", err)
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	c.Config.Calls = net.JoinHostPort(host, port)
	s := &shards{node: n, papers: shard.NewMap(c.Shards), listener: listener, conns: map[string]*remoteNode{}}
	s.server, err = shard.NewServer(c.TLS, func() (shard.Node, error) {
		live := s.serving.Load()
		if live == nil {
			return nil, nil // it is loading
		}
		return shard.Local{Engine: live}, n.readable()
	})
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	go func() {
		if err := s.server.Serve(listener); err != nil {
			n.fail(fmt.Errorf("the port for other nodes: %w", err))
		}
	}()
	return s, nil
}

// part is the engine's part of the papers.
func (s *shards) part() *engine.Part {
	own := s.node.cfg.Shard - 1
	return &engine.Part{
		Shards: s.papers.Shards(),
		Owns:   func(id string) bool { return s.papers.Of(id) == own },
		Elsewhere: func(ctx context.Context, sequence uint64, ids []string) ([]engine.Outcome, error) {
			return s.front.Load().Outcomes(ctx, sequence, ids) // writes are taken once there is a front
		},
		Corpus: func(ctx context.Context, texts bool) (*embed.Frequencies, []*paper.Paper, error) {
			front := s.front.Load()
			if front == nil {
				return nil, nil, errors.New("this node is loading")
			}
			return front.Corpus(ctx, texts)
		},
	}
}

// open begins to answer for all shards from an engine that is open. What it returns ends that.
func (s *shards) open(live *engine.Engine) (stop func()) {
	front := shard.New(shard.Config{
		Map: s.papers, Replicas: s.replicas, Local: live, Own: s.node.cfg.Shard - 1, Logger: s.node.log,
	})
	s.front.Store(front)
	return background(context.Background(), front.Run)
}

// replicas are the nodes of a shard that are up: this one first, the others in turns.
func (s *shards) replicas(of int) []shard.Node {
	var nodes, others []shard.Node
	for _, m := range s.node.writes.Members() {
		switch {
		case m.Shard != of+1 || !m.Heard():
		case m.Node == s.node.cfg.Node:
			nodes = append(nodes, shard.Local{Engine: s.node.live})
		default:
			if remote := s.reach(m.Node, m.Calls); remote != nil {
				others = append(others, remote)
			}
		}
	}
	if n := len(others); n > 1 {
		first := int(s.turn.Add(1) % uint64(n))
		others = append(others[first:n:n], others[:first]...)
	}
	return append(nodes, others...)
}

// reach is the client of another node; nil where it cannot be made.
func (s *shards) reach(node, addr string) *shard.Remote {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.conns[node]
	if known != nil && known.addr == addr {
		return known.node
	}
	conn, err := shard.Dial(addr, s.node.cfg.TLS)
	if err != nil {
		s.node.log.Warn("a node cannot be called", "node", node, "address", addr, "error", err)
		return nil
	}
	if known != nil { // it was started anew: nobody answers at the old place
		_ = known.conn.Close()
	}
	s.conns[node] = &remoteNode{addr, conn, shard.NewRemote(conn)}
	return s.conns[node].node
}

// shardsPatient is how long a node that starts waits to hear of a node of every shard.
const shardsPatient = 10 * time.Second

// await returns once every shard has a node that is up, or when it is no use to wait any longer.
func (s *shards) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, shardsPatient)
	defer cancel()
	for {
		if err := startFault(s.node.cfg.Node, s.node.writes.Members()); err != nil {
			return err
		}
		missing := s.front.Load().Up(nil)
		if missing == nil {
			return nil
		}
		select {
		case <-time.After(hearPoll):
		case err := <-s.node.failed:
			return err
		case <-ctx.Done():
			s.node.log.Warn("serving, but not for all papers", "reason", missing)
			return nil
		}
	}
}

// close stops answering other nodes.
func (s *shards) close() {
	s.server.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, known := range s.conns {
		_ = known.conn.Close()
	}
}
