package replog

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// External is a cluster of servers of NATS JetStream that others run, which keeps the log instead of the servers inside
// the nodes. What a node can see of it is checked at its start, and one that is set up otherwise is refused.
type External struct {
	URLs        []string    // nats://host:4222 or tls://, with a user where the servers ask for one
	Credentials string      // file of a user; empty: none, or in the URLs
	TLS         *tls.Config // nil: as the URLs say, with the system's authorities

	// Monitors are the monitoring addresses of all its servers, http://host:8222, at which it is seen that every message
	// is synced. Synced is the operator's word for it instead.
	Monitors []string
	Synced   bool
}

// oldestServer is the first release of servers that can be read by number, many messages at a time.
var oldestServer = [2]int{2, 11}

// check reports what is missing.
func (e *External) check() error {
	if len(e.URLs) == 0 {
		return errors.New("no server of the log is named")
	}
	if len(e.Monitors) == 0 && !e.Synced {
		return fmt.Errorf("%w: its servers must sync every message before they acknowledge it (jetstream { sync_interval: "+
			"always }): by default they do so every two minutes, and lose what a power failure catches in between. Give "+
			"the monitoring addresses of all of them, or confirm it", ErrSetup)
	}
	return nil
}

// connectExternal joins the node to the servers of the log, and waits for them.
func connectExternal(ctx context.Context, c *Config) (*nats.Conn, error) {
	e := c.External
	if err := e.check(); err != nil {
		return nil, err
	}
	options := []nats.Option{
		nats.Name("akin " + c.Cluster + " " + c.Node), nats.MaxReconnects(-1), nats.ReconnectWait(50 * time.Millisecond),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { c.Logger.Warn("the log", "error", err) }),
	}
	if e.Credentials != "" {
		options = append(options, nats.UserCredentials(e.Credentials))
	}
	if e.TLS != nil {
		options = append(options, nats.Secure(e.TLS))
	}
	told := false
	for {
		conn, err := nats.Connect(strings.Join(e.URLs, ","), options...)
		switch {
		case err == nil:
			if err := checkServer(conn.ConnectedServerName(), conn.ConnectedServerVersion(), conn.MaxPayload()); err != nil {
				conn.Close()
				return nil, err
			}
			if _, _, err := e.seen(ctx); err != nil {
				conn.Close()
				return nil, err
			}
			return conn, nil
		case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired):
			return nil, fmt.Errorf("%w: its servers do not let this node in: %w", ErrSetup, err)
		}
		if !told {
			told = true
			c.Logger.Warn("waiting for a server of the log", "cluster", c.Cluster, "error", err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("no server of the log can be reached: %w", errors.Join(err, ctx.Err()))
		case <-time.After(time.Second):
		}
	}
}

// checkServer refuses a server that is too old or takes no message as large as a write.
func checkServer(name, version string, payload int64) error {
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	number := [2]int{}
	for i := range min(len(parts), len(number)) {
		number[i], _ = strconv.Atoi(parts[i]) // what is no number is too old
	}
	if slices.Compare(number[:], oldestServer[:]) < 0 {
		return fmt.Errorf("%w: the server %s is of release %s: it must be %d.%d or later", ErrSetup, name, version,
			oldestServer[0], oldestServer[1])
	}
	if payload < MaxMessage {
		return fmt.Errorf("%w: the server %s takes messages of at most %d bytes: it needs max_payload: %d", ErrSetup, name,
			payload, MaxMessage)
	}
	return nil
}

// Codes of servers that cannot keep the log in three copies.
var codesAlone = []jetstream.ErrorCode{
	10005, // no suitable peers for placement
	10074, // replicas > 1 not supported in non-clustered mode
}

// explain tells a failure to make the log on external servers in the words of what is missing.
func (e *External) explain(err error) error {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return err
	}
	switch {
	case slices.Contains(codesAlone, api.ErrorCode):
		return fmt.Errorf("%w: it needs three servers of JetStream that form a cluster, so that one can be lost: %w",
			ErrSetup, err)
	case api.ErrorCode == jetstream.JSErrCodeJetStreamNotEnabled,
		api.ErrorCode == jetstream.JSErrCodeJetStreamNotEnabledForAccount:
		return fmt.Errorf("%w: its servers keep no streams for this user: %w", ErrSetup, err)
	}
	return err
}

// monitorTimeout bounds one question to a monitoring address.
const monitorTimeout = 5 * time.Second

// checkSynced sees at the monitoring addresses that every server which has a copy of the log syncs every message. One
// that is down cannot be asked, and may be the one whose copy nobody answers for: it is looked at by the next start.
func (e *External) checkSynced(ctx context.Context, info *jetstream.StreamInfo) error {
	if info.Cluster == nil || len(info.Cluster.Replicas)+1 < replicas {
		return fmt.Errorf("%w: %s: its servers form no cluster of %d", ErrSetup, info.Config.Name, replicas)
	}
	if len(e.Monitors) == 0 {
		return nil // the operator has given their word
	}
	if info.Cluster.Leader == "" {
		return errors.New("the log has no leader yet")
	}
	synced, silent, err := e.seen(ctx)
	if err != nil {
		return err
	}
	copies := []string{info.Cluster.Leader}
	for _, r := range info.Cluster.Replicas {
		copies = append(copies, r.Name)
	}
	unseen := slices.DeleteFunc(copies, func(name string) bool { return slices.Contains(synced, name) })
	if len(unseen) > silent {
		return fmt.Errorf("%w: servers that have a copy of the log, and whose monitoring addresses are not among those "+
			"given: %s", ErrSetup, strings.Join(unseen, ", "))
	}
	return nil
}

// seen asks all monitoring addresses, and names the servers that sync every message. silent is how many do not answer.
func (e *External) seen(ctx context.Context) (servers []string, silent int, err error) {
	for _, monitor := range e.Monitors {
		name, err := syncs(ctx, monitor)
		switch {
		case errors.Is(err, ErrSetup):
			return nil, 0, err
		case err != nil:
			silent++
		default:
			servers = append(servers, name)
		}
	}
	return servers, silent, nil
}

// syncs asks a server at its monitoring address who it is, and refuses one that does not sync every message.
func syncs(ctx context.Context, monitor string) (name string, err error) {
	ctx, cancel := context.WithTimeout(ctx, monitorTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(monitor, "/")+"/varz", nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", errors.New(response.Status)
	}
	var varz struct {
		Name      string `json:"server_name"`
		Version   string `json:"version"`
		Payload   int64  `json:"max_payload"`
		JetStream struct {
			Config *struct {
				SyncAlways bool `json:"sync_always"`
			} `json:"config"`
		} `json:"jetstream"`
	}
	if err := json.NewDecoder(response.Body).Decode(&varz); err != nil {
		return "", err
	}
	if err := checkServer(varz.Name, varz.Version, varz.Payload); err != nil {
		return "", err
	}
	if varz.JetStream.Config == nil {
		return "", fmt.Errorf("%w: the server %s keeps no streams: it needs jetstream", ErrSetup, varz.Name)
	}
	if !varz.JetStream.Config.SyncAlways {
		return "", fmt.Errorf("%w: the server %s does not sync every message: it needs jetstream { sync_interval: always }",
			ErrSetup, varz.Name)
	}
	return varz.Name, nil
}
