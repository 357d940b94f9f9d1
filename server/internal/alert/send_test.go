package alert

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// parseMail returns a mail and the text of its parts, decoded.
func parseMail(t testing.TB, text string) (*mail.Message, string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("the mail is %q, %v", kind, err)
	}
	var parts []string
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body := io.Reader(p)
		if p.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
			body = quotedprintable.NewReader(p)
		}
		content, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, p.Header.Get("Content-Type")+"\n"+string(content))
	}
	if len(parts) != 2 || !strings.HasPrefix(parts[0], "text/plain") || !strings.HasPrefix(parts[1], "text/html") {
		t.Fatalf("the parts are %q", parts)
	}
	return m, strings.Join(parts, "\n")
}

var links = regexp.MustCompile(`https://akin\.example/alerts/[a-z]+/[A-Za-z0-9_-]+`)

// visit asks a page of the alerts by the URL that a mail or a subscription names.
func (r *rig) visit(method, link string) (int, string) {
	r.t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		r.t.Fatal(err)
	}
	w := httptest.NewRecorder()
	req := httptest.NewRequest(method, u.Path, strings.NewReader("List-Unsubscribe=One-Click"))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.alerts.Handler().ServeHTTP(w, req)
	return w.Code, w.Body.String()
}

func newMailRig(t *testing.T) (*rig, *mailServer) {
	t.Helper()
	m := startMail(t)
	return newRig(t, Config{PublicURL: "https://akin.example/", SMTP: m.smtp(t)}), m
}

func mailed(id, filter string, s Schedule) *Subscription {
	out := byFilter(id, filter)
	out.Schedule, out.Sinks = s, []Sink{{Kind: Email, Address: "ada@example.org"}}
	return out
}

// confirmed makes the mailbox of mailed say yes.
func (m *mailServer) confirmed(r *rig) {
	r.t.Helper()
	_, text := m.take(r)
	if code, page := r.visit("POST", links.FindString(text)); code != http.StatusOK ||
		!strings.Contains(page, "ada@example.org") {
		r.t.Fatalf("confirming says %d %s", code, page)
	}
}

// TestADigestFromTheQuestionToTheEnd goes the way of a subscriber: one question, a page that changes nothing by being
// looked at, a digest of two subscriptions, and the end by one click.
func TestADigestFromTheQuestionToTheEnd(t *testing.T) {
	r, m := newMailRig(t)
	daily := Schedule{Every: Daily, Minute: 8 * 60, Zone: "Europe/Berlin"}
	r.create(mailed("graphs", `categories:"graphs"`, daily))
	r.create(mailed("soils", `categories:"soils"`, daily)) // the same mailbox: no second question
	question, text := m.take(r)
	if to := question.Header.Get("To"); to != "<ada@example.org>" || question.Header.Get("List-Unsubscribe") != "" {
		t.Errorf("the question goes to %s", to)
	}
	confirm := links.FindString(text)
	if code, page := r.visit("GET", confirm); code != http.StatusOK || !strings.Contains(page, `<form method="post">`) {
		t.Errorf("the page says %d %s", code, page)
	}
	r.write(slices.Concat(onTopic("graphs", 0, 2), onTopic("soils", 0, 1))...)
	r.caughtUp()
	r.move(22 * time.Hour)
	r.eventually("the day is over", func() bool { return r.state("graphs").Next.After(r.clock.Now()) })
	if sink := r.state("graphs").Reports[0]; sink.Standing != SinkUnconfirmed || sink.Pending != 2 || m.waiting() > 0 {
		t.Errorf("before the answer: %+v, %d mails", sink, m.waiting())
	}
	if code, _ := r.visit("POST", confirm); code != http.StatusOK {
		t.Fatalf("confirming says %d", code)
	}
	digest, text := m.take(r)
	for _, want := range []string{"graphs of number0", "graphs of number1", "soils of number0", "Passes the filter",
		"text/html"} {
		if !strings.Contains(text, want) {
			t.Errorf("the digest lacks %q:\n%s", want, text)
		}
	}
	if subject := digest.Header.Get("Subject"); subject !=
		`3 new papers: Papers with categories:"graphs" and 1 more alerts` &&
		subject != `3 new papers: Papers with categories:"soils" and 1 more alerts` {
		t.Errorf("its subject is %q", subject)
	}
	if digest.Header.Get("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click" ||
		digest.Header.Get("Message-Id") == "" {
		t.Errorf("its headers are %v", digest.Header)
	}
	r.eventually("it is noted", func() bool { return r.state("graphs").Reports[0].Delivered == 2 })

	leave := strings.Trim(digest.Header.Get("List-Unsubscribe"), "<>")
	if code, page := r.visit("GET", leave); code != http.StatusOK || !strings.Contains(page, "Unsubscribe") {
		t.Errorf("looking says %d %s", code, page)
	}
	if sink := r.state("graphs").Reports[0]; sink.Standing != SinkActive {
		t.Errorf("looking has unsubscribed: %+v", sink)
	}
	if code, _ := r.visit("POST", leave); code != http.StatusOK {
		t.Errorf("one click says %d", code)
	}
	r.write(onTopic("graphs", 2, 4)...)
	r.caughtUp()
	r.move(48 * time.Hour)
	r.eventually("a day is over", func() bool { return r.state("graphs").Next.After(r.clock.Now()) })
	for _, id := range []string{"graphs", "soils"} {
		if sink := r.state(id).Reports[0]; sink.Standing != SinkUnsubscribed || sink.Pending != 0 {
			t.Errorf("%s after one click: %+v", id, sink)
		}
	}
	if m.waiting() > 0 {
		t.Error("a mail came after the end")
	}
	if code, _ := r.visit("POST", leave[:len(leave)-1]); code != http.StatusNotFound {
		t.Errorf("a link that was cut says %d", code)
	}
	if code, _ := r.visit("POST", strings.Replace(leave, "unsubscribe", "confirm", 1)); code != http.StatusNotFound {
		t.Errorf("a link to unsubscribe confirms: %d", code)
	}
	// Who has unsubscribed is not asked again at once.
	r.create(mailed("again", `categories:"graphs"`, daily))
	r.move(time.Minute)
	if m.waiting() > 0 {
		t.Error("the mailbox is asked again")
	}
}

func TestOneSubscriptionIsLeft(t *testing.T) {
	r, m := newMailRig(t)
	r.create(mailed("graphs", `categories:"graphs"`, Schedule{}))
	r.create(mailed("soils", `categories:"soils"`, Schedule{}))
	m.confirmed(r)
	r.write(onTopic("graphs", 0, 1)...)
	_, text := m.take(r)
	// A mailbox rests for a minute from here on, not from when the mail came.
	r.eventually("it is delivered", func() bool { return r.state("graphs").Reports[0].Delivered == 1 })
	at := strings.Index(text, "Unsubscribe from this alert: ")
	if code, _ := r.visit("POST", links.FindString(text[at:])); code != http.StatusOK {
		t.Fatalf("unsubscribing says %d", code)
	}
	r.eventually("it is noted", func() bool { return r.state("graphs").Reports[0].Standing == SinkUnsubscribed })
	r.move(2 * time.Minute)
	r.write(slices.Concat(onTopic("graphs", 1, 2), onTopic("soils", 0, 1))...)
	if _, text = m.take(r); strings.Contains(text, "graphs of") || !strings.Contains(text, "soils of") {
		t.Errorf("the next mail is\n%s", text)
	}
}

// TestAMailServerThatIsAwayForADay loses nothing, and is not sent the same twice.
func TestAMailServerThatIsAwayForADay(t *testing.T) {
	r, m := newMailRig(t)
	r.create(mailed("graphs", `categories:"graphs"`, Schedule{}))
	m.confirmed(r)
	m.stop()
	r.write(onTopic("graphs", 0, 3)...)
	r.eventually("it fails", func() bool { return r.state("graphs").Reports[0].Standing == SinkFailing })
	tried := r.alerts.Attempts(Email, OutcomeFailed)
	for range 24 {
		r.write(onTopic("graphs", 3, 4)...)
		r.caughtUp()
		r.move(time.Hour)
		r.eventually("it is tried again", func() bool { return r.alerts.Attempts(Email, OutcomeFailed) > tried })
		tried = r.alerts.Attempts(Email, OutcomeFailed)
	}
	state := r.state("graphs").Reports[0]
	if state.Error == "" || !state.Retry.After(r.clock.Now()) || state.Pending != 4 {
		t.Errorf("after a day: %+v", state)
	}
	if r.alerts.Stats().Failing != 1 {
		t.Errorf("the statistics say %+v", r.alerts.Stats())
	}
	m.start(t)
	r.move(time.Hour)
	seen := 0
	for seen < 4 { // what was under way, and in another mail what came meanwhile; when each is due is not the point
		r.eventually("a mail comes", func() bool { r.move(time.Minute); return m.waiting() > 0 })
		_, text := m.take(r)
		seen += strings.Count(text, "* graphs of number")
	}
	if seen != 4 {
		t.Errorf("%d papers came of 4", seen)
	}
	r.eventually("it is noted", func() bool { return r.state("graphs").Reports[0].Delivered == 4 })
	if state = r.state("graphs").Reports[0]; state.Standing != SinkActive || state.Dropped != 0 || m.waiting() > 0 {
		t.Errorf("in the end: %+v", state)
	}
}

func TestMailThatCannotBeDeliveredIsDroppedAndCounted(t *testing.T) {
	r, m := newMailRig(t)
	r.create(mailed("graphs", `categories:"graphs"`, Schedule{}))
	m.confirmed(r)
	m.stop()
	r.write(onTopic("graphs", 0, 3)...)
	r.eventually("it fails", func() bool { return r.state("graphs").Reports[0].Standing == SinkFailing })
	r.move(KeepMail)
	r.eventually("it is dropped", func() bool { return r.state("graphs").Reports[0].Dropped == 3 })
	if got := r.alerts.Stats(); got.Dropped != 3 || got.Pending != 0 {
		t.Errorf("the statistics say %+v", got)
	}
	// A mailbox that the mail server refuses is given up at once.
	m.start(t)
	m.mu.Lock()
	m.refuses = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such mailbox"}
	m.mu.Unlock()
	r.write(onTopic("graphs", 3, 4)...)
	r.eventually("it is refused", func() bool { return r.state("graphs").Reports[0].Standing == SinkDisabled })
	if sink := r.state("graphs").Reports[0]; !strings.Contains(sink.Error, "no such mailbox") || sink.Dropped != 4 {
		t.Errorf("refused: %+v", sink)
	}
}

// receiver is a webhook that keeps what it is sent.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	got    []*http.Request
	bodies [][]byte
}

func startReceiver(t *testing.T) *receiver {
	t.Helper()
	v := &receiver{status: http.StatusNoContent}
	v.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		v.mu.Lock()
		defer v.mu.Unlock()
		v.got, v.bodies = append(v.got, r), append(v.bodies, body)
		if v.status == http.StatusFound {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(v.status)
	}))
	t.Cleanup(v.Close)
	return v
}

func (v *receiver) answer(status int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.status = status
}

func (v *receiver) count() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.got)
}

func hooked(id, url string) *Subscription {
	s := byFilter(id, `categories:"graphs"`)
	s.Sinks = []Sink{{Kind: Webhook, URL: url}}
	return s
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

func TestAWebhookIsSignedAndTriedUnderOneID(t *testing.T) {
	v := startReceiver(t)
	v.answer(http.StatusInternalServerError)
	r := newRig(t, Config{WebhookAllow: loopback})
	state := r.create(hooked("hook", v.URL+"/in"))
	secret := state.Sinks[0].Secret
	r.write(onTopic("graphs", 0, 2)...)
	r.eventually("it fails", func() bool { return r.state("hook").Reports[0].Standing == SinkFailing })
	if sink := r.state("hook").Reports[0]; !strings.Contains(sink.Error, "500") {
		t.Errorf("failing: %+v", sink)
	}
	v.answer(http.StatusNoContent)
	r.write(onTopic("graphs", 2, 3)...) // is not a part of what is under way
	r.caughtUp()
	r.move(time.Minute)
	r.eventually("it is delivered", func() bool { return r.state("hook").Reports[0].Delivered == 3 })
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.got) != 3 || v.got[0].Header.Get("webhook-id") != v.got[1].Header.Get("webhook-id") ||
		v.got[1].Header.Get("webhook-id") == v.got[2].Header.Get("webhook-id") {
		t.Fatalf("%d requests", len(v.got))
	}
	for i, req := range v.got {
		want, err := sign(secret, req.Header.Get("webhook-id"), req.Header.Get("webhook-timestamp"), v.bodies[i])
		if err != nil || req.Header.Get("webhook-signature") != want || req.URL.Path != "/in" ||
			req.Method != http.MethodPost {
			t.Errorf("request %d: %v, %v", i, req.Header, err)
		}
	}
	var body hookBody
	if err := json.Unmarshal(v.bodies[1], &body); err != nil || body.Type != "matches" || len(body.Data.Matches) != 2 ||
		body.Data.Matches[0].Paper.ID != "graphs-000" || body.Data.Matches[0].ID == "" {
		t.Errorf("the body is %s, %v", v.bodies[1], err)
	}
}

// TestTheSignatureIsThatOfStandardWebhooks checks the example of its specification.
func TestTheSignatureIsThatOfStandardWebhooks(t *testing.T) {
	got, err := sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330",
		[]byte(`{"test": 2432232314}`))
	if err != nil || got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("%s, %v", got, err)
	}
}

func TestWebhooksReachNoPrivateAddress(t *testing.T) {
	v := startReceiver(t)
	r := newRig(t, Config{})
	// A name that leads to this machine is refused where it is dialled, whatever it says.
	for id, url := range map[string]string{"address": v.URL, "name": strings.Replace(v.URL, "127.0.0.1", "localhost", 1)} {
		r.create(hooked(id, url))
	}
	r.write(onTopic("graphs", 0, 1)...)
	for _, id := range []string{"address", "name"} {
		r.eventually("it fails", func() bool { return r.state(id).Reports[0].Standing == SinkFailing })
		if sink := r.state(id).Reports[0]; !strings.Contains(sink.Error, "--webhook-allow") {
			t.Errorf("%s: %+v", id, sink)
		}
	}
	r.move(time.Hour)
	r.eventually("it is tried again", func() bool { return r.alerts.Attempts(Webhook, OutcomeFailed) >= 4 })
	if v.count() > 0 {
		t.Error("a private address was reached")
	}
	for _, text := range []string{
		"127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.1.1", "224.0.0.1",
		"255.255.255.255",
		"::1", "::", "fe80::1", "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
		"198.18.0.1", "192.0.2.1",
	} {
		if public(netip.MustParseAddr(text)) {
			t.Errorf("%s is taken for a public address", text)
		}
	}
	for _, text := range []string{"1.1.1.1", "93.184.216.34", "2606:4700::1111"} {
		if !public(netip.MustParseAddr(text)) {
			t.Errorf("%s is not taken for a public address", text)
		}
	}
}

func TestRedirectsOfWebhooksAreNotFollowed(t *testing.T) {
	for _, follow := range []bool{false, true} {
		v := startReceiver(t)
		v.answer(http.StatusFound)
		r := newRig(t, Config{WebhookAllow: loopback, WebhookRedirects: follow})
		r.create(hooked("hook", v.URL+"/in"))
		r.write(onTopic("graphs", 0, 1)...)
		r.eventually("it fails", func() bool { return r.state("hook").Reports[0].Standing == SinkFailing })
		if n := v.count(); n > 1 != follow {
			t.Errorf("redirects allowed: %v; %d requests", follow, n)
		}
	}
}

func TestAWebhookThatFailsForTooLongIsDisabled(t *testing.T) {
	v := startReceiver(t)
	v.answer(http.StatusBadGateway)
	r := newRig(t, Config{WebhookAllow: loopback})
	r.create(hooked("hook", v.URL))
	r.write(onTopic("graphs", 0, 2)...)
	r.eventually("it fails", func() bool { return r.state("hook").Reports[0].Standing == SinkFailing })
	r.move(KeepWebhook)
	r.eventually("it is disabled", func() bool { return r.state("hook").Reports[0].Standing == SinkDisabled })
	if sink := r.state("hook").Reports[0]; sink.Dropped != 2 || sink.Pending != 0 || r.alerts.Stats().Disabled != 1 {
		t.Errorf("disabled: %+v", sink)
	}
	// Left out and put in again it begins anew.
	v.answer(http.StatusOK)
	for _, sinks := range [][]Sink{nil, {{Kind: Webhook, URL: v.URL}}} {
		if _, err := r.alerts.Update(context.Background(), "", "hook",
			func(s *Subscription) error { s.Sinks = sinks; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	r.write(onTopic("graphs", 2, 3)...)
	r.eventually("it is delivered", func() bool { return r.state("hook").Reports[0].Delivered == 1 })
}

func TestAPausedSubscriptionSendsAfterwards(t *testing.T) {
	v := startReceiver(t)
	r := newRig(t, Config{WebhookAllow: loopback})
	s := hooked("hook", v.URL)
	s.Paused = true
	r.create(s)
	r.write(onTopic("graphs", 0, 2)...)
	r.caughtUp()
	r.move(time.Hour)
	if sink := r.state("hook").Reports[0]; sink.Pending != 2 || v.count() > 0 {
		t.Errorf("paused: %+v, %d requests", sink, v.count())
	}
	if _, err := r.alerts.Update(context.Background(), "", "hook",
		func(s *Subscription) error { s.Paused = false; return nil }); err != nil {
		t.Fatal(err)
	}
	r.eventually("it is delivered", func() bool { return r.state("hook").Reports[0].Delivered == 2 })
}

func TestAFeedShowsTheLatestMatches(t *testing.T) {
	r := newRig(t, Config{PublicURL: "https://akin.example"})
	s := byFilter("feed", `categories:"graphs"`)
	s.Sinks = []Sink{{Kind: Feed}}
	link := r.create(s).Reports[0].URL
	papers := onTopic("graphs", 0, 3)
	papers[0].URL, papers[1].URL = "https://example.org/0", "javascript:alert(1)"
	papers[2].Title, papers[2].Authors = "A < B & C", []string{"A. Author"}
	r.write(papers...)
	r.caughtUp()
	code, text := r.visit("GET", link)
	for _, want := range []string{
		`<feed xmlns="http://www.w3.org/2005/Atom">`, "A &lt; B &amp; C", "<name>A. Author</name>", "urn:akin:match:" +
			r.kept("feed")[0].ID,
		`href="https://example.org/0"`,
	} {
		if code != http.StatusOK || !strings.Contains(text, want) {
			t.Errorf("the feed (%d) lacks %q:\n%s", code, want, text)
		}
	}
	if strings.Contains(text, "javascript") || strings.Index(text, "A &lt; B") > strings.Index(text, "graphs of number0") {
		t.Errorf("the feed is\n%s", text)
	}
	if code, _ := r.visit("GET", link[:len(link)-8]+"aaa.atom"); code != http.StatusNotFound {
		t.Errorf("another URL shows a feed: %d", code)
	}
	if _, err := r.alerts.Update(context.Background(), "", "feed",
		func(s *Subscription) error { s.Sinks = nil; return nil }); err != nil {
		t.Fatal(err)
	}
	if code, _ := r.visit("GET", link); code != http.StatusNotFound {
		t.Errorf("a feed that was removed is shown: %d", code)
	}
}

func TestSinksThatTheServerIsNotSetUpForAreRefused(t *testing.T) {
	r := newRig(t, Config{})
	for _, sink := range []Sink{{Kind: Email, Address: "ada@example.org"}, {Kind: Feed}} {
		s := byFilter("s", "id:*")
		s.Sinks = []Sink{sink}
		if _, err := r.alerts.Create(context.Background(), s); !errors.Is(err, ErrNotConfigured) ||
			!strings.Contains(err.Error(), "--public-url") {
			t.Errorf("%v: %v", sink.Kind, err)
		}
	}
}
