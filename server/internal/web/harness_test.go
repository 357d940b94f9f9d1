package web

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/timestamppb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/admit"
	"github.com/akin-search/akin/server/internal/alert"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/filter"
	"github.com/akin-search/akin/server/internal/sample"
	"github.com/akin-search/akin/server/internal/service"
)

// rig is a whole server in memory with the page before it, and a browser of a kind: a client of HTTP with a jar of
// cookies, which follows redirects.
type rig struct {
	t      testing.TB
	ctx    context.Context // of calls beside the page
	conn   *grpc.ClientConn
	papers akinv1.PaperServiceClient
	server *service.Server
	site   *Site
	web    *httptest.Server
	client *http.Client
	log    *logBuffer
	now    *clock
}

// clock is the time of a page under test.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// logBuffer collects what is logged.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newRig serves without papers; keys may be nil.
func newRig(t testing.TB, keys *admit.Keyring) *rig {
	t.Helper()
	return newAlertRig(t, keys, alert.Config{})
}

// newAlertRig serves without papers, with alerts as they are configured.
func newAlertRig(t testing.TB, keys *admit.Keyring, cfg alert.Config) *rig {
	t.Helper()
	r := newLoadingRig(t, keys)
	quiet := slog.New(slog.DiscardHandler)
	live, err := engine.Open(context.Background(), engine.Config{Dir: t.TempDir(), Index: "auto", Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := live.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	r.server.Ready(live)
	cfg.Logger = quiet
	if keys != nil {
		cfg.Filter = func(owner string) (*filter.Filter, bool) {
			if p := keys.Known(owner); p != nil {
				return p.Filter, true
			}
			return nil, false
		}
	}
	alerts, err := alert.Open(live, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(alerts.Close)
	r.server.ReadyAlerts(alerts)
	return r
}

// newLoadingRig serves without an engine.
func newLoadingRig(t testing.TB, keys *admit.Keyring) *rig {
	t.Helper()
	now := &clock{t: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)}
	r := &rig{t: t, ctx: context.Background(), log: &logBuffer{}, now: now}
	cfg := service.Config{Logger: slog.New(slog.DiscardHandler), Version: "v1.2.3"}
	cfg.Admit.Keys = keys
	r.server = service.New(cfg)
	listener := bufconn.Listen(1 << 20)
	served := make(chan error, 1)
	go func() { served <- r.server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///page", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		cut, cancel := context.WithCancel(context.Background())
		cancel()
		r.server.Drain(cut)
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	r.conn, r.papers = conn, akinv1.NewPaperServiceClient(conn)
	r.site = New(Config{Conn: conn, Logger: slog.New(slog.NewTextHandler(r.log, nil)), Version: "v1.2.3", Now: r.now.Now})
	r.web = httptest.NewServer(r.site)
	t.Cleanup(r.web.Close)
	r.client = r.newClient()
	return r
}

// newClient is another browser, with no cookie.
func (r *rig) newClient() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return &http.Client{Jar: jar, Timeout: time.Minute}
}

// store puts papers in.
func (r *rig) store(papers ...*akinv1.Paper) {
	r.t.Helper()
	for len(papers) > 0 {
		n := min(len(papers), 1000)
		req := &akinv1.BatchUpsertPapersRequest{Papers: papers[:n]}
		if _, err := r.papers.BatchUpsertPapers(r.ctx, req); err != nil {
			r.t.Fatal(err)
		}
		papers = papers[n:]
	}
}

// storeSample puts the papers of the demo in, each with a year, and learns a model of them.
func (r *rig) storeSample() {
	r.t.Helper()
	papers, err := sample.Papers()
	if err != nil {
		r.t.Fatal(err)
	}
	var messages []*akinv1.Paper
	for i, p := range papers {
		messages = append(messages, &akinv1.Paper{
			Id: p.ID, Title: p.Title, Abstract: p.Abstract, Categories: p.Categories,
			PublishTime: timestamppb.New(time.Date(2015+i%10, time.Month(1+i%12), 1+i%27, 0, 0, 0, 0, time.UTC)),
		})
	}
	r.store(messages...)
	index := akinv1.NewIndexServiceClient(r.conn)
	train, err := index.TrainModel(context.Background(), &akinv1.TrainModelRequest{Epochs: 2})
	if err != nil {
		r.t.Fatal(err)
	}
	for {
		if _, err := train.Recv(); err == io.EOF {
			return
		} else if err != nil {
			if reasonOf(err) == "TRAINING_RUNS" { // of the server's own accord: that is as good
				return
			}
			r.t.Fatal(err)
		}
	}
}

// answer is what came back.
type answer struct {
	status int
	path   string // after redirects, with its query
	header http.Header
	body   string
}

func (r *rig) do(req *http.Request) answer {
	r.t.Helper()
	res, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Request.URL.RequestURI(), res.Header, string(body)}
}

// get asks for a page.
func (r *rig) get(path string) answer {
	r.t.Helper()
	req, err := http.NewRequest(http.MethodGet, r.web.URL+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.do(req)
}

// post sends a form as a page of the site does. Fields are names and values in turn.
func (r *rig) post(path string, fields ...string) answer {
	r.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	req, err := http.NewRequest(http.MethodPost, r.web.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	req.Header.Set("Origin", r.web.URL)
	return r.do(req)
}

// wants fails the test where an answer lacks a status or a text.
func (a answer) wants(t testing.TB, status int, texts ...string) {
	t.Helper()
	if a.status != status {
		t.Errorf("%s: status %d, wants %d", a.path, a.status, status)
	}
	for _, text := range texts {
		if !strings.Contains(a.body, text) {
			t.Errorf("%s: lacks %q in\n%.3000s", a.path, text, a.main())
		}
	}
}

// lacks fails the test where an answer has a text.
func (a answer) lacks(t testing.TB, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(a.body, text) {
			t.Errorf("%s: has %q", a.path, text)
		}
	}
}

// main is the part of a page between head and foot.
func (a answer) main() string {
	_, rest, ok := strings.Cut(a.body, `<main id="main"`)
	if !ok {
		return a.body
	}
	rest, _, _ = strings.Cut(rest, "</main>")
	return rest
}
