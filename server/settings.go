package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/gateway"
	"github.com/akin-search/akin/server/internal/index/engines"
	"github.com/akin-search/akin/server/internal/telemetry"
)

// settings are the flags of the serving command.
type settings struct {
	addr  string // host:port to listen on
	data  string // folder; empty: the user's data folder
	index string // auto, or one of engines.Names

	tlsCert     string // file; both or none
	tlsKey      string
	tlsClientCA string // file of the authority that signed clients' certificates; empty: none are asked for
	tokenFile   string // empty: the environment variable AKIN_TOKEN, or no token
	tokensFile  string // of principals; empty: none
	insecure    bool   // listen beyond this machine without encryption or tokens

	connections int // at most

	web          string   // webAuto, webOn or webOff
	allowedHosts []string // names besides loopback by which HTTP may be asked
	corsOrigins  []string // of pages that may use the JSON

	healthNeedsWrites bool // of the whole server

	alerts  alertSettings
	cluster clusterSettings

	drain       time.Duration // how long running calls may take to finish
	memory      string        // soft limit, such as 2GiB; empty: none
	debugAddr   string        // of pprof and metrics; empty: off
	metricsAddr string        // of metrics alone; empty: off
	logLevel    string
	traces      telemetry.TracesConfig
	logFormat   string

	configure   func(*engine.Config) // of run; nil: nothing
	config      string               // file of settings; empty: none
	checkConfig bool
}

// What --web may be.
const (
	webAuto = "auto"
	webOn   = "on"
	webOff  = "off"
)

// defaultAddr is Akin's port on this machine only: a server without token and TLS is nobody else's business.
const defaultAddr = "127.0.0.1:7700"

// unixPrefix begins the address of a socket in the file system.
const unixPrefix = "unix:"

// tokenVariable is the environment variable that may hold the token; a flag would show in the list of processes.
const tokenVariable = "AKIN_TOKEN"

func (s *settings) register(f *pflag.FlagSet) {
	f.SortFlags = false
	f.StringVar(&s.config, "config", "", "TOML file of settings, each under the name of its flag")
	f.BoolVar(&s.checkConfig, "check-config", false,
		"say whether the settings and the files that they name are right, and end")
	f.StringVar(&s.addr, "addr", defaultAddr, "address to listen on, host:port (port 0 picks a free one) or unix:PATH "+
		"of a socket for this user and group")
	f.StringVar(&s.data, "data", "", "folder of the papers (default "+describeDataFolder()+")")
	f.StringVar(&s.index, "index", engines.Auto, "vector index: "+engines.Usage())
	f.StringVar(&s.tlsCert, "tls-cert", "", "PEM file of the certificate chain; read again when it changes")
	f.StringVar(&s.tlsKey, "tls-key", "", "PEM file of the certificate's key")
	f.StringVar(&s.tokenFile, "token-file", "", "file with the bearer token that callers must bring (default: "+
		"the variable "+tokenVariable+", or no token)")
	f.StringVar(&s.tokensFile, "tokens-file", "",
		"TOML file of principals with roles, made with \"akin-server token new\"; read again when it changes")
	f.StringVar(&s.tlsClientCA, "tls-client-ca", "",
		"PEM file of the authority that signs clients' certificates; their subjects stand in --tokens-file")
	f.BoolVar(&s.insecure, "insecure", false, "listen to the network although calls are unencrypted or need no token")
	f.IntVar(&s.connections, "max-connections", 1024, "connections at a time; further ones are closed at once")
	f.StringVar(&s.web, "web", webAuto, "the page for people, over HTTP on the same port: on, off, or auto: on where the "+
		"address is of this machine only")
	f.StringSliceVar(&s.allowedHosts, "allowed-hosts", nil,
		"names or addresses, besides those of loopback, under which HTTP answers (host or host:port, with commas; *: any)")
	f.StringSliceVar(&s.corsOrigins, "cors-origins", nil,
		"origins of other sites whose pages may call the JSON over HTTP, such as https://example.org, "+
			"with commas (default: none)")
	f.BoolVar(&s.healthNeedsWrites, "health-needs-writes", false,
		"the health of the whole server (the empty name) needs writes too, not reads alone")
	s.alerts.register(f)
	s.cluster.register(f)
	f.DurationVar(&s.drain, "drain", 10*time.Second, "how long running calls may take to finish at the end")
	f.StringVar(&s.memory, "memory-limit", "", "soft limit of memory, such as 2GiB: "+
		"the collector works harder near it (default: none)")
	f.StringVar(&s.debugAddr, "debug-addr", "", "loopback address for profiles (/debug/pprof/) and metrics (/metrics) "+
		"over HTTP (default: off)")
	f.StringVar(&s.metricsAddr, "metrics-addr", "",
		"address for metrics (/metrics, for Prometheus) over HTTP, which may be any; it asks for no token (default: off)")
	f.StringVar(&s.traces.Endpoint, "traces-endpoint", "",
		"collector of traces (OTLP over gRPC), such as http://127.0.0.1:4317 (default: "+
			"what OTEL_EXPORTER_OTLP_ENDPOINT says, or off)")
	f.Float64Var(&s.traces.Share, "traces-share", telemetry.DefaultShare,
		"share of calls that are traced; OTEL_TRACES_SAMPLER holds where this is not given")
	f.StringVar(&s.logLevel, "log-level", "info", "debug (every call), info (failed calls), warn or error")
	f.StringVar(&s.logFormat, "log-format", "text", "text or json")
	nameVariables(f)
}

// check finds what is wrong before anything is opened, and fills in what has no constant default.
func (s *settings) check() error {
	if path, local := strings.CutPrefix(s.addr, unixPrefix); local && path == "" {
		return fmt.Errorf("--addr %q: the path of the socket is missing", s.addr)
	} else if !local && !isAddress(s.addr) {
		return fmt.Errorf("--addr %q: give host:port, for example %s, or unix:PATH", s.addr, defaultAddr)
	}
	for flag, addr := range map[string]string{"--metrics-addr": s.metricsAddr, "--debug-addr": s.debugAddr} {
		if addr != "" && !isAddress(addr) {
			return fmt.Errorf("%s %q: give host:port, for example 127.0.0.1:9464", flag, addr)
		}
	}
	if _, err := engines.Resolve(s.index); err != nil {
		return fmt.Errorf("--index: %w", err)
	}
	if (s.tlsCert == "") != (s.tlsKey == "") {
		return errors.New("--tls-cert and --tls-key go together: give both or none")
	}
	if s.tlsClientCA != "" && (s.tlsCert == "" || s.tokensFile == "") {
		return errors.New("--tls-client-ca needs --tls-cert and --tls-key, " +
			"and --tokens-file to say which subject may do what")
	}
	if !slices.Contains([]string{webAuto, webOn, webOff}, s.web) {
		return fmt.Errorf("--web %q: use %s, %s or %s", s.web, webAuto, webOn, webOff)
	}
	if s.connections < 1 {
		return fmt.Errorf("--max-connections %d: it must be 1 or more", s.connections)
	}
	if err := gateway.CheckHosts(s.allowedHosts); err != nil {
		return fmt.Errorf("--allowed-hosts %w", err)
	}
	if err := gateway.CheckOrigins(s.corsOrigins); err != nil {
		return fmt.Errorf("--cors-origins %w", err)
	}
	if s.drain < 0 {
		return fmt.Errorf("--drain %v: it cannot be negative", s.drain)
	}
	if s.debugAddr != "" && !isLoopback(s.debugAddr) {
		return fmt.Errorf("--debug-addr %q: profiles and metrics are for this machine only, use 127.0.0.1:PORT", s.debugAddr)
	}
	if s.data == "" {
		folder, err := dataFolder()
		if err != nil {
			return err
		}
		s.data = folder
	}
	return nil
}

// checkExposure refuses to open the papers to a network by accident. local says that the address is of this machine.
func (s *settings) checkExposure(local bool) error {
	if s.insecure || local {
		return nil
	}
	tokens := s.tokenFile != "" || s.tokensFile != "" || strings.TrimSpace(os.Getenv(tokenVariable)) != ""
	switch {
	case !tokens && s.tlsCert == "":
		return fmt.Errorf("--addr %s is open to the network: everyone who reaches it could read, "+
			"change and delete papers, unencrypted. "+
			"Give --tls-cert and --tls-key and a --token-file or --tokens-file, or --insecure if that is meant", s.addr)
	case !tokens:
		return fmt.Errorf("--addr %s is open to the network: everyone who reaches it could read, change and delete papers. "+
			"Give a --token-file or --tokens-file, or --insecure if that is meant", s.addr)
	case s.tlsCert == "":
		return fmt.Errorf("--addr %s is open to the network, and tokens would travel unencrypted. "+
			"Give --tls-cert and --tls-key, or --insecure if something before the server encrypts", s.addr)
	}
	return nil
}

// logger writes to standard error as the flags say.
func (s *settings) logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.logLevel)); err != nil {
		return nil, fmt.Errorf("--log-level %q: use debug, info, warn or error", s.logLevel)
	}
	log, err := telemetry.NewLogger(os.Stderr, s.logFormat, level)
	if err != nil {
		return nil, fmt.Errorf("--log-format: %w", err)
	}
	return log, nil
}

// token is what callers must bring, or empty.
func (s *settings) token() (string, error) {
	token := os.Getenv(tokenVariable)
	if s.tokenFile != "" {
		content, err := os.ReadFile(s.tokenFile)
		if err != nil {
			return "", fmt.Errorf("--token-file: %w", err)
		}
		if token = strings.TrimSpace(string(content)); token == "" {
			return "", fmt.Errorf("--token-file %s is empty: put the token into it", s.tokenFile)
		}
	}
	return token, nil
}

// dataFolder is where papers are kept when no flag says otherwise.
func dataFolder() (string, error) {
	if base := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(base) {
		return filepath.Join(base, "akin"), nil
	}
	if base := os.Getenv("LOCALAPPDATA"); runtime.GOOS == "windows" && base != "" {
		return filepath.Join(base, "akin"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no folder for the papers: name one with --data (%w)", err)
	}
	return filepath.Join(home, ".local", "share", "akin"), nil
}

func describeDataFolder() string {
	folder, err := dataFolder()
	if err != nil {
		return "none here"
	}
	return folder
}

// isAddress reports whether something is an address of TCP to listen on: host:port, of which the host may be empty.
func isAddress(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	_, err = net.LookupPort("tcp", port)
	return err == nil
}

// isLoopback reports whether an address to listen on is reachable from this machine only.
func isLoopback(addr string) bool {
	if strings.HasPrefix(addr, unixPrefix) {
		return true
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
