package replog

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// routeSilence is how long nothing further is logged of the routes to a peer: they are tried every second.
const routeSilence = 30 * time.Second

// serverLog writes what the server inside the node says. Its notices are for those who look for them.
type serverLog struct {
	log   *slog.Logger
	peers map[string]string // node -> address

	mu   sync.Mutex
	said map[string]time.Time // of routes: when, by address or kind of message
}

func (l *serverLog) Noticef(format string, v ...any) {
	l.log.Debug("log: " + fmt.Sprintf(format, v...))
}
func (l *serverLog) Warnf(format string, v ...any)  { l.write(slog.LevelWarn, format, v) }
func (l *serverLog) Errorf(format string, v ...any) { l.write(slog.LevelError, format, v) }
func (l *serverLog) Fatalf(format string, v ...any) { l.write(slog.LevelError, format, v) }
func (l *serverLog) Debugf(format string, v ...any) {}
func (l *serverLog) Tracef(format string, v ...any) {}

func (l *serverLog) write(level slog.Level, format string, v []any) {
	if text := fmt.Sprintf(format, v...); l.passes(format, text, time.Now()) {
		l.log.Log(context.Background(), level, "log: "+text)
	}
}

// passes reports whether a message is not of a route that was told of lately.
func (l *serverLog) passes(format, text string, now time.Time) bool {
	if !strings.Contains(strings.ToLower(text), "rout") {
		return true
	}
	key := format
	for _, addr := range l.peers {
		if strings.Contains(text, addr) {
			key = addr
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if last, ok := l.said[key]; ok && now.Sub(last) < routeSilence {
		return false
	}
	if l.said == nil {
		l.said = map[string]time.Time{}
	}
	l.said[key] = now
	return true
}

// waitEvery is how often a node that starts says for whom it waits.
const waitEvery = 10 * time.Second

// tellWaiting says for whom a node that starts waits, until ctx ends.
func tellWaiting(ctx context.Context, s *server.Server, c *Config) {
	tick := time.NewTicker(waitEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		routes, err := s.Routez(nil)
		if err != nil {
			continue // it stops
		}
		var heard []string
		for _, r := range routes.Routes {
			heard = append(heard, r.RemoteName)
		}
		c.Logger.Info(waitingFor(c, heard), "cluster", c.Cluster)
	}
}

// waitingFor says what the log of a node that starts lacks.
func waitingFor(c *Config, heard []string) string {
	var missing []string
	for node := range c.Peers {
		if node != c.Node && !slices.Contains(heard, node) {
			missing = append(missing, node)
		}
	}
	slices.Sort(missing)
	if len(c.Peers)-len(missing) > len(c.Peers)/2 {
		return "waiting for the log: a majority of the nodes is there, and chooses who leads"
	}
	return fmt.Sprintf("waiting for a majority of nodes: %s are not heard", strings.Join(missing, ", "))
}
