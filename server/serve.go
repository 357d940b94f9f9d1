package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/akin-search/akin/server/internal/admit"
	"github.com/akin-search/akin/server/internal/alert"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/service"
	"github.com/akin-search/akin/server/internal/telemetry"
)

// closeGrace is how long the engine may take to write its checkpoint at the end; the papers themselves are on disk all
// the time, and without a checkpoint the next start only takes longer.
const closeGrace = 30 * time.Second

// background runs f on a goroutine of its own. What it returns ends f's context and waits for f.
func background(ctx context.Context, f func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// serve runs the server until a signal.
func serve(ctx context.Context, s *settings) error {
	if err := s.check(); err != nil {
		return err
	}
	passed, err := inherited()
	if err != nil {
		return err
	}
	local := isLoopback(s.addr)
	if passed != nil {
		s.addr, local = passed.Addr().String(), localOnly(passed)
	}
	if err := s.checkExposure(local); err != nil {
		return err
	}
	log, err := s.logger()
	if err != nil {
		return err
	}
	if err := limitMemory(s.memory); err != nil {
		return err
	}
	defer background(ctx, boundGarbage)()
	token, err := s.token()
	if err != nil {
		return err
	}
	cfg := service.Config{Logger: log, Version: version(), HealthNeedsWrites: s.healthNeedsWrites}
	cfg.Admit.Cores = spareProcessor()
	if cfg.Admit.Keys, err = admit.NewKeyring(s.tokensFile, token, log); err != nil {
		return fmt.Errorf("--tokens-file: %w", err)
	}
	alerting, err := s.alerts.config()
	if err != nil {
		return err
	}
	var encryption *tls.Config
	if s.tlsCert != "" {
		if encryption, err = serverTLS(s.tlsCert, s.tlsKey, log); err != nil {
			return err
		}
	}
	if s.tlsClientCA != "" {
		if err := askForCertificates(encryption, s.tlsClientCA); err != nil {
			return err
		}
	}
	s.traces.Version, s.traces.Logger = version(), log
	traced, err := s.traces.Traced()
	if err != nil {
		return fmt.Errorf("traces: %w", err)
	}
	cluster, err := s.cluster.config(s.data, log)
	if err != nil {
		return err
	}
	if s.checkConfig {
		log.Info("the settings are right", "address", s.addr, "data", s.data, "tokens", cfg.Admit.Keys != nil,
			"encrypted", encryption != nil)
		return nil
	}
	var metrics *telemetry.Metrics
	if s.debugAddr != "" || s.metricsAddr != "" {
		metrics = telemetry.New()
	}
	var traces *telemetry.Traces
	if traced {
		if traces, err = telemetry.NewTraces(ctx, s.traces); err != nil {
			return fmt.Errorf("traces: %w", err)
		}
		defer closeTraces(traces, log)
	}
	watch := telemetry.Join(metrics, traces)
	cfg.Begin, cfg.Observe = watch.Begin, watch.Ended
	if s.metricsAddr != "" {
		stop, err := serveMetrics(s.metricsAddr, metrics.Handler(), log)
		if err != nil {
			return err
		}
		defer stop()
	}
	if s.debugAddr != "" {
		stop, err := serveDebug(s.debugAddr, metrics.Handler(), log)
		if err != nil {
			return err
		}
		defer stop()
	}
	if s.insecure && !local {
		log.Warn("open to the network by --insecure", "address", s.addr, "tokens", cfg.Admit.Keys != nil,
			"encrypted", encryption != nil)
	}

	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	if term.IsTerminal(int(os.Stderr.Fd())) {
		signal.Notify(signals, syscall.SIGHUP) // the terminal is gone, and nobody is left who could end the server
	} else {
		defer background(ctx, func(ctx context.Context) { hearHangups(ctx, log) })()
	}
	r := &runner{addr: s.addr, data: s.data, index: s.index, drain: s.drain, cfg: cfg, log: log, signals: signals}
	r.connections, r.passed, r.metrics, r.watch, r.configure = s.connections, passed, metrics, watch, s.configure
	r.tls, r.hosts, r.origins, r.alerting = encryption, s.allowedHosts, s.corsOrigins, alerting
	if u, err := url.Parse(alerting.PublicURL); err == nil && u.Host != "" {
		r.hosts = append(slices.Clip(r.hosts), u.Host) // links lead there
	}
	r.cluster = cluster
	r.cfg.Sharded = cluster != nil && cluster.Shards > 0
	r.page = s.web == webOn || s.web == webAuto && local
	return r.run(ctx)
}

// hearHangups survives SIGHUP, by which other servers are told to read their files again, until ctx ends.
func hearHangups(ctx context.Context, log *slog.Logger) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
			log.Info("hangup: tokens and certificates are read again when they change, other settings at the next start")
		}
	}
}

// tracesGrace is how long the last traces may take to reach the collector.
const tracesGrace = 5 * time.Second

func closeTraces(t *telemetry.Traces, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), tracesGrace)
	defer cancel()
	if err := t.Close(ctx); err != nil {
		log.Warn("traces", "error", err)
	}
}

// runner is one life of the server.
type runner struct {
	addr        string
	data        string
	index       string
	drain       time.Duration
	cfg         service.Config
	tls         *tls.Config        // nil: plain text
	hosts       []string           // names besides loopback by which HTTP may be asked
	origins     []string           // of other sites whose pages may use the JSON
	page        bool               // whether HTTP shows the papers to people
	connections int                // at most; 0: any number
	passed      net.Listener       // by systemd; nil: listen on addr
	metrics     *telemetry.Metrics // nil: none
	watch       telemetry.Watch
	alerting    alert.Config   // how matches are sent
	cluster     *clusterConfig // nil: the server stands alone
	pages       alertPages
	log         *slog.Logger
	signals     <-chan os.Signal
	configure   func(*engine.Config) // of run
	ready       func(addr net.Addr)  // called once calls are answered, on a goroutine of its own; nil: nothing
}

// run listens, loads, serves and drains. It listens first, so that a taken port is told before anything is loaded, and
// health checks are answered meanwhile. The end of ctx drains as a first signal does.
func (r *runner) run(ctx context.Context) error {
	if r.cluster == nil {
		if err := standsAlone(r.data); err != nil {
			return err
		}
	}
	listener := r.passed
	var err error
	if listener == nil {
		if listener, err = listen(r.addr); err != nil {
			return err
		}
	}
	var joined atomic.Pointer[node] // once there is one to ask
	if r.cluster != nil {
		r.cfg.Readable = func() error { return joined.Load().readable() }
		r.cfg.Current = func() error { return joined.Load().healthy() }
		r.cfg.Standing = func() service.Standing { return joined.Load().standing() }
	}
	server := service.New(r.cfg)
	accepting := listener
	if r.connections > 0 {
		limited := admit.Listen(listener, r.connections, r.log)
		accepting = limited
		if r.metrics != nil {
			r.metrics.WatchAdmission(server.Gate(), limited)
		}
	}
	edge, err := r.openEdge(server, accepting)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer edge.stop() // for the ways out before the drain; a second drain returns at once

	// Loading a large folder takes seconds, and a signal ends that too.
	loadCtx, stopLoading := context.WithCancel(ctx)
	defer stopLoading()
	opened := make(chan error, 1)
	var live *engine.Engine
	var member *node // of a cluster; nil: none
	closeEngine := func() error {
		if member != nil {
			return member.close(r.closeEngine)
		}
		return r.closeEngine(live)
	}
	go func() {
		var err error
		cfg := engine.Config{Dir: r.data, Index: r.index, Cores: r.cfg.Admit.Cores, Logger: r.log}
		cfg.GiveWay = server.Gate().GiveWay
		cfg.Observe, cfg.Committed, cfg.Worked = r.watch.StageEnded, r.watch.Committed, r.watch.Worked
		if r.configure != nil {
			r.configure(&cfg)
		}
		if r.cluster == nil {
			live, err = engine.Open(loadCtx, cfg)
		} else if member, err = openNode(loadCtx, r.cluster, cfg, r.openAlerts); err == nil {
			live = member.live
		}
		opened <- err
	}()
	select {
	case err = <-opened:
	case sig := <-r.signals:
		r.log.Info("stopping while loading", "signal", sig.String())
		stopLoading()
		if err = <-opened; err == nil {
			return closeEngine()
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", r.data, err)
	}
	var alerts *alert.Alerts
	failed := make(<-chan error)
	if member == nil {
		if alerts, err = r.openAlerts(live, nil); err != nil {
			return errors.Join(fmt.Errorf("open %s: %w", r.data, err), closeEngine())
		}
	} else {
		alerts = member.alerts
		failed = member.failed
		joined.Store(member)
	}
	server.ReadyAlerts(alerts)
	if member != nil && member.shards != nil {
		server.Ready(member.shards.front.Load())
	} else {
		server.Ready(live)
	}
	stopWatching := func() {}
	if r.metrics != nil {
		stopWatching = r.metrics.Watch(live, r.log)
		r.metrics.WatchAlerts(alerts)
		if member != nil {
			r.metrics.WatchCluster(member.standing)
		}
	}
	r.announce(ctx, listener.Addr(), live)
	if r.ready != nil {
		go r.ready(listener.Addr())
	}

	select {
	case sig := <-r.signals:
		r.log.Info("draining: a second signal stops at once", "signal", sig.String(), "at_most", r.drain)
	case <-ctx.Done():
	case err = <-edge.failed:
	case err = <-failed:
	}
	r.drainEdge(edge)
	stopWatching()
	if alerts != nil {
		alerts.Close()
	}
	return errors.Join(err, closeEngine())
}

// listen opens the port, and says what to do when another server has it.
func listen(addr string) (net.Listener, error) {
	if path, ok := strings.CutPrefix(addr, unixPrefix); ok {
		return listenUnix(path)
	}
	listener, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is taken, perhaps by a server that runs already: stop that one, "+
			"or give another address with --addr", addr)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return listener, nil
}

// announce logs the one line that says what is served.
func (r *runner) announce(ctx context.Context, addr net.Addr, live *engine.Engine) {
	stats, err := live.Stats(ctx)
	if err != nil {
		r.log.Warn("serving, but the statistics cannot be read", "address", addr.String(), "error", err)
		return
	}
	page := "off"
	if _, tcp := addr.(*net.TCPAddr); tcp && r.page {
		page = r.pageAddress(addr)
	}
	r.log.Info("serving",
		"address", addr.String(),
		"page", page,
		"papers", stats.Papers,
		"model", stats.Model.Fingerprint[:min(8, len(stats.Model.Fingerprint))],
		"trained", stats.Model.Trained,
		"dims", stats.Model.Dims,
		"index", stats.Engine,
		"data", r.data)
}

// pageAddress is where people find the page of a server that listens on addr.
func (r *runner) pageAddress(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	scheme := "http"
	if r.tls != nil {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, port) + "/"
}

// drainEdge lets running calls finish, until the time is over or a second signal comes.
func (r *runner) drainEdge(e *edge) {
	ctx, cancel := context.WithTimeout(context.Background(), r.drain)
	defer cancel()
	drained := make(chan struct{})
	defer close(drained)
	go func() {
		select {
		case <-r.signals:
			cancel()
		case <-drained:
		}
	}()
	e.drain(ctx)
}

// closeEngine writes the checkpoint and closes the store, unless a further signal comes first.
func (r *runner) closeEngine(live *engine.Engine) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	closed := make(chan error, 1)
	go func() { closed <- live.Close(ctx) }()
	var err error
	select {
	case err = <-closed:
	case <-r.signals:
		cancel()
		err = <-closed
	}
	if err != nil {
		return fmt.Errorf("close %s: %w", r.data, err)
	}
	r.log.Info("stopped: everything acknowledged is on disk")
	return nil
}
