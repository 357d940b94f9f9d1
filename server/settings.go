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
)

// settings are the flags of the serving command.
type settings struct {
	addr  string // host:port to listen on
	data  string // folder; empty: the user's data folder
	index string // auto, flat, hnsw or coder

	tlsCert   string // file; both or none
	tlsKey    string
	tokenFile string // empty: the environment variable AKIN_TOKEN, or no token

	drain     time.Duration // how long running calls may take to finish
	memory    string        // soft limit, such as 2GiB; empty: none
	debugAddr string        // of pprof and metrics; empty: off
	logLevel  string
	logFormat string
}

// defaultAddr is Akin's port on this machine only: a server without token and TLS is nobody else's business.
const defaultAddr = "127.0.0.1:7700"

// tokenVariable is the environment variable that may hold the token; a flag would show in the list of processes.
const tokenVariable = "AKIN_TOKEN"

var indexKinds = []string{"auto", "flat", "hnsw", "coder"}

func (s *settings) register(f *pflag.FlagSet) {
	f.SortFlags = false
	f.StringVar(&s.addr, "addr", defaultAddr, "address to listen on, host:port; port 0 picks a free one")
	f.StringVar(&s.data, "data", "", "folder of the papers (default "+describeDataFolder()+")")
	f.StringVar(&s.index, "index", "auto", "vector index: auto, flat (exact scan), hnsw (graph) or coder (github.com/coder/hnsw)")
	f.StringVar(&s.tlsCert, "tls-cert", "", "PEM file of the certificate chain; read again when it changes")
	f.StringVar(&s.tlsKey, "tls-key", "", "PEM file of the certificate's key")
	f.StringVar(&s.tokenFile, "token-file", "", "file with the bearer token that callers must bring (default: the variable "+tokenVariable+", or no token)")
	f.DurationVar(&s.drain, "drain", 10*time.Second, "how long running calls may take to finish at the end")
	f.StringVar(&s.memory, "memory-limit", "", "soft limit of memory, such as 2GiB: the collector works harder near it (default: none)")
	f.StringVar(&s.debugAddr, "debug-addr", "", "loopback address for profiles (/debug/pprof/) and metrics (/metrics) over HTTP (default: off)")
	f.StringVar(&s.logLevel, "log-level", "info", "debug (every call), info (failed calls), warn or error")
	f.StringVar(&s.logFormat, "log-format", "text", "text or json")
}

// check finds what is wrong before anything is opened, and fills in what has no constant default.
func (s *settings) check() error {
	if _, _, err := net.SplitHostPort(s.addr); err != nil {
		return fmt.Errorf("--addr %q: give host:port, for example %s", s.addr, defaultAddr)
	}
	if !slices.Contains(indexKinds, s.index) {
		return fmt.Errorf("--index %q: use one of %s", s.index, strings.Join(indexKinds, ", "))
	}
	if (s.tlsCert == "") != (s.tlsKey == "") {
		return errors.New("--tls-cert and --tls-key go together: give both or none")
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

// logger writes to standard error as the flags say.
func (s *settings) logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.logLevel)); err != nil {
		return nil, fmt.Errorf("--log-level %q: use debug, info, warn or error", s.logLevel)
	}
	options := &slog.HandlerOptions{Level: level}
	switch s.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(os.Stderr, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(os.Stderr, options)), nil
	}
	return nil, fmt.Errorf("--log-format %q: use text or json", s.logFormat)
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

// isLoopback reports whether an address to listen on is reachable from this machine only.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
