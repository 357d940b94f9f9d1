package alert

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/mail"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/filter"
	"github.com/akin-search/akin/server/internal/paper"
)

// clock is one that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock(text string) *clock {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return &clock{now: at}
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// rig is an engine with alerts, which may be closed and opened again.
type rig struct {
	t      testing.TB
	folder string
	clock  *clock
	config Config
	hook   func(point string) error
	engine *engine.Engine
	alerts *Alerts
	first  string // model of the engine when it was opened
}

func newRig(t testing.TB, cfg Config) *rig {
	t.Helper()
	r := &rig{t: t, folder: t.TempDir(), clock: newClock("2026-11-27T10:00:00Z"), config: cfg}
	r.config.Now, r.config.Logger = r.clock.Now, slog.New(slog.DiscardHandler)
	r.open()
	t.Cleanup(r.close)
	return r
}

func (r *rig) open() {
	r.t.Helper()
	var err error
	r.engine, err = engine.Open(context.Background(), engine.Config{
		Dir: r.folder, Index: "flat", TrainAt: -1, Now: r.clock.Now, Logger: slog.New(slog.DiscardHandler),
		Hook: func(point string) error {
			if r.hook != nil {
				return r.hook(point)
			}
			return nil
		},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.first = r.engine.Model()
	if r.alerts, err = Open(r.engine, r.config); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) close() {
	r.t.Helper()
	if r.engine == nil {
		return
	}
	r.alerts.Close()
	if err := r.engine.Close(context.Background()); err != nil {
		r.t.Error(err)
	}
	r.engine = nil
}

// move sets the clock forward and makes the sender look at it.
func (r *rig) move(d time.Duration) {
	r.clock.mu.Lock()
	r.clock.now = r.clock.now.Add(d)
	r.clock.mu.Unlock()
	r.alerts.Poke()
}

func (r *rig) write(papers ...*paper.Paper) {
	r.t.Helper()
	if _, err := r.engine.Upsert(context.Background(), papers); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) create(s *Subscription) State {
	r.t.Helper()
	state, err := r.alerts.Create(context.Background(), s)
	if err != nil {
		r.t.Fatal(err)
	}
	return state
}

// patience ends a test that waits for what never comes.
const patience = 5 * time.Minute

// eventually waits for a condition that work in the background brings about.
func (r *rig) eventually(what string, holds func() bool) {
	r.t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("never: %s", what)
		}
	}
}

// counted waits until the engine has counted the words of what was written first, which makes another model: nearness
// is measured anew by it, so that a test of nearness must know under which model it runs.
func (r *rig) counted() {
	r.t.Helper()
	r.eventually("words are counted", func() bool { return r.engine.Model() != r.first })
}

// caughtUp waits until everything written has been matched.
func (r *rig) caughtUp() {
	r.t.Helper()
	r.eventually("all papers are matched", func() bool { return r.alerts.cursor.Load() >= r.engine.Revision() })
}

func (r *rig) state(id string) State {
	r.t.Helper()
	s, err := r.alerts.Get(context.Background(), "", id)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// matched are the ids of the papers that a subscription has kept, in their order.
func (r *rig) matched(id string) (ids []string) {
	r.t.Helper()
	for _, m := range r.kept(id) {
		ids = append(ids, m.Paper.ID)
	}
	return ids
}

// kept are the matches of a subscription whose papers are there, once all papers are matched.
func (r *rig) kept(id string) (list []*Match) {
	r.t.Helper()
	r.caughtUp()
	st := r.state(id)
	head := st.Head
	if st.First > head {
		return nil
	}
	enough := io.EOF
	err := r.alerts.Watch(context.Background(), "", id, "", func(m *Match) error {
		if m.Paper != nil {
			list = append(list, m)
		}
		if m.seq == head {
			return enough
		}
		return nil
	})
	if err != enough {
		r.t.Fatal(err)
	}
	return list
}

// onTopic makes papers about a topic whose words are of its own.
func onTopic(topic string, from, to int) (papers []*paper.Paper) {
	for i := from; i < to; i++ {
		papers = append(papers, &paper.Paper{
			ID: fmt.Sprintf("%s-%03d", topic, i), Title: fmt.Sprintf("%s of number%d", topic, i),
			Abstract:   fmt.Sprintf("This is about %s, in the way number%d, with detail%d.", topic, i, i%7),
			Categories: []string{topic},
		})
	}
	return papers
}

func byText(id, text string) *Subscription {
	return &Subscription{ID: id, Kind: ByText, Text: text, OneIn: 10}
}

func byFilter(id, text string) *Subscription {
	return &Subscription{ID: id, Kind: ByFilter, Filter: text}
}

// bound forces a filter on an owner.
func bound(t testing.TB, owner, text string) func(string) (*filter.Filter, bool) {
	t.Helper()
	f, err := filter.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return func(name string) (*filter.Filter, bool) {
		if name == owner {
			return f, true
		}
		return nil, name == ""
	}
}

// mailServer is a real server of SMTP that keeps what it is given.
type mailServer struct {
	addr string

	mu      sync.Mutex
	server  *smtp.Server
	mails   []received
	refuses error // of every recipient
}

type received struct {
	to   []string
	text string
}

func startMail(t testing.TB) *mailServer {
	t.Helper()
	m := &mailServer{addr: "127.0.0.1:0"}
	m.start(t)
	t.Cleanup(m.stop)
	return m
}

func (m *mailServer) start(t testing.TB) {
	t.Helper()
	listener, err := net.Listen("tcp", m.addr)
	if err != nil {
		t.Fatal(err)
	}
	m.addr = listener.Addr().String()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.server = smtp.NewServer(m)
	m.server.Domain = "localhost"
	server := m.server
	go func() { _ = server.Serve(listener) }() // ends with stop
}

func (m *mailServer) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.server != nil {
		_ = m.server.Close() // it may be closed
	}
}

func (m *mailServer) smtp(t testing.TB) SMTP {
	t.Helper()
	host, port, err := net.SplitHostPort(m.addr)
	if err != nil {
		t.Fatal(err)
	}
	out := SMTP{Host: host, From: "alerts@akin.example", Security: "none"}
	if _, err := fmt.Sscan(port, &out.Port); err != nil {
		t.Fatal(err)
	}
	return out
}

// NewSession implements smtp.Backend.
func (m *mailServer) NewSession(*smtp.Conn) (smtp.Session, error) {
	return &mailSession{server: m}, nil
}

type mailSession struct {
	server *mailServer
	to     []string
}

func (s *mailSession) Reset()                               {}
func (s *mailSession) Logout() error                        { return nil }
func (s *mailSession) Mail(string, *smtp.MailOptions) error { return nil }

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.to = append(s.to, to)
	return s.server.refuses
}

func (s *mailSession) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.mails = append(s.server.mails, received{s.to, string(text)})
	s.to = nil
	return nil
}

// take returns the next mail, once it has come.
func (m *mailServer) take(r *rig) (*mail.Message, string) {
	r.t.Helper()
	var one received
	r.eventually("a mail comes", func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		if len(m.mails) == 0 {
			return false
		}
		one, m.mails = m.mails[0], slices.Clone(m.mails[1:])
		return true
	})
	return parseMail(r.t, one.text)
}

func (m *mailServer) waiting() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.mails)
}
