package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"

	"github.com/spf13/pflag"

	"github.com/akin-search/akin/server/internal/replog"
)

// logSettings are the flags of a log that servers of NATS JetStream keep which run elsewhere.
type logSettings struct {
	urls        []string // none: the nodes keep it
	credentials string   // file
	authority   string   // file
	monitors    []string
	synced      bool
}

func (s *logSettings) register(f *pflag.FlagSet) {
	f.StringSliceVar(&s.urls, "log", nil, "servers of NATS JetStream that keep the cluster's log, as nats://host:4222 or "+
		"tls://host:4222 with commas (default: servers inside the nodes)")
	f.StringVar(&s.credentials, "log-credentials", "", "file with the credentials of a user of --log")
	f.StringVar(&s.authority, "log-ca", "", "file with the certificate of the authority of --log (default: the system's)")
	f.StringSliceVar(&s.monitors, "log-monitor", nil, "monitoring addresses of all servers of --log, as "+
		"http://host:8222, at which a node sees that they sync every message")
	f.BoolVar(&s.synced, "log-synced", false, "your word that all servers of --log sync every message before they "+
		"acknowledge it, where --log-monitor cannot be given")
}

// external checks the settings; nil where the nodes keep the log.
func (s *logSettings) external() (*replog.External, error) {
	if len(s.urls) == 0 {
		if s.credentials != "" || s.authority != "" || len(s.monitors) > 0 || s.synced {
			return nil, errors.New("--log-credentials, --log-ca, --log-monitor and --log-synced need --log")
		}
		return nil, nil
	}
	for _, text := range s.urls {
		if u, err := url.Parse(text); err != nil || u.Host == "" || u.Scheme != "nats" && u.Scheme != "tls" {
			return nil, errors.New("--log: give each server as nats://host:4222 or tls://host:4222") // it may hold a password
		}
	}
	for _, text := range s.monitors {
		if u, err := url.Parse(text); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("--log-monitor %q: give http://host:8222", text)
		}
	}
	if len(s.monitors) == 0 && !s.synced {
		return nil, errors.New("--log needs --log-monitor, at which the node sees that the servers sync every message " +
			"(jetstream { sync_interval: always }), or your word for it, --log-synced: by default they do so every two " +
			"minutes, and lose what a power failure catches in between")
	}
	e := &replog.External{URLs: s.urls, Credentials: s.credentials, Monitors: s.monitors, Synced: s.synced}
	if s.credentials != "" {
		if _, err := os.Stat(s.credentials); err != nil {
			return nil, fmt.Errorf("--log-credentials: %w", err)
		}
	}
	if s.authority != "" {
		text, err := os.ReadFile(s.authority)
		if err != nil {
			return nil, fmt.Errorf("--log-ca: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("--log-ca: %s holds no certificate", s.authority)
		}
		e.TLS = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return e, nil
}
