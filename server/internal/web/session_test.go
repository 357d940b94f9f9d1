package web

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/admit"
)

// Tokens of the tests: one that may write, and one that may read alone.
const (
	writeToken = "a-token-that-may-write-and-read-1234567890"
	readToken  = "a-token-that-may-read-alone-12345678901234"
)

// newKeys knows both tokens.
func newKeys(t *testing.T) *admit.Keyring {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tokens.toml")
	text := ""
	for _, p := range []struct{ name, roles, token string }{
		{"ada", `"read", "write"`, writeToken}, {"ben", `"read"`, readToken},
	} {
		text += fmt.Sprintf("[[principal]]\nname = %q\nroles = [%s]\nhash = %q\n\n",
			p.name, p.roles, admit.HashToken(p.token))
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := admit.NewKeyring(file, "", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestWhoeverIsNotKnownIsAskedForATokenAndComesBack(t *testing.T) {
	r := newRig(t, newKeys(t))
	a := r.get("/search?q=peat+bogs")
	a.wants(t, http.StatusOK, "Sign in", `name="next" value="/search?q=peat&#43;bogs"`)
	a.lacks(t, "session has ended")
	r.post("/signin", "token", "wrong-token-wrong-token-wrong-token", "next", "/").
		wants(t, http.StatusUnprocessableEntity, "does not know this token", "aria-invalid")
	r.post("/signin", "token", " ", "next", "/").wants(t, http.StatusUnprocessableEntity, "Paste the token")
	r.post("/signin", "token", "a b", "next", "/").wants(t, http.StatusUnprocessableEntity, "That is no token")
	a = r.post("/signin", "token", " "+writeToken+"\n", "next", "/search?q=peat+bogs")
	a.wants(t, http.StatusOK, "Sign out", "No paper fits")
	if a.path != "/search?q=peat+bogs" {
		t.Errorf("came back to %s", a.path)
	}
	r.post("/like", "do", "like 1 x", "from", "/collections").wants(t, http.StatusOK, "1 paper liked")

	old := r.client.Jar.Cookies(mustURL(t, r.web.URL))
	r.post("/signout").wants(t, http.StatusOK, "Sign in")
	for _, c := range old { // the number is of no more use, wherever it was kept
		r.client.Jar.SetCookies(mustURL(t, r.web.URL), []*http.Cookie{c})
	}
	r.get("/collections").wants(t, http.StatusOK, "Your session has ended")
}

func TestTheTokenStaysOnTheServer(t *testing.T) {
	r := newRig(t, newKeys(t))
	for _, secure := range []bool{false, true} {
		req := httptest.NewRequest(http.MethodPost, "/signin", strings.NewReader(url.Values{"token": {writeToken}}.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if secure {
			req.TLS = &tls.ConnectionState{}
		}
		w := httptest.NewRecorder()
		r.site.ServeHTTP(w, req)
		cookies := w.Result().Cookies()
		c := cookies[len(cookies)-1]
		name := map[bool]string{false: "akin-session", true: "__Host-akin-session"}[secure]
		if c.Name != name || len(c.Value) != 64 || c.Path != "/" ||
			!c.HttpOnly || c.Secure != secure || c.SameSite != http.SameSiteLaxMode {
			t.Errorf("cookie %v", c)
		}
		if all := fmt.Sprint(w.Result().Header, w.Body); strings.Contains(all, writeToken) {
			t.Error("the token came back")
		}
	}
}

func TestRolesHoldOnThePageToo(t *testing.T) {
	r := newRig(t, newKeys(t))
	r.post("/signin", "token", readToken, "next", "/")
	r.get("/").wants(t, http.StatusOK, "Find papers")
	r.post("/like", "do", "like 1 x", "from", "/").wants(t, http.StatusForbidden, "needs the role write")
	other := r.newClient()
	mine := r.client
	r.client = other
	r.post("/signin", "token", writeToken, "next", "/")
	r.post("/like", "do", "like 1 x", "from", "/")
	r.get("/collections").wants(t, http.StatusOK, "1 paper liked")
	r.client = mine
	r.get("/collections").wants(t, http.StatusOK, "0 papers liked") // collections are their principal's own
}

func TestSessionsEnd(t *testing.T) {
	r := newRig(t, newKeys(t))
	in := func() bool { return strings.Contains(r.get("/help").body, "Sign out") }
	r.post("/signin", "token", writeToken, "next", "/")
	r.now.advance(idleTime - time.Minute)
	if !in() {
		t.Fatal("ended before its time")
	}
	r.now.advance(idleTime + time.Minute)
	if in() {
		t.Error("goes on although it was unused")
	}
	r.get("/collections").wants(t, http.StatusOK, "Your session has ended")
	r.post("/signin", "token", writeToken, "next", "/")
	for range 15 {
		r.now.advance(idleTime - time.Minute)
		r.get("/help")
	}
	if in() {
		t.Error("goes on for ever")
	}
}

func TestSessionsAreBounded(t *testing.T) {
	now := &clock{t: time.Unix(1e9, 0)}
	s := newSessions(now.Now)
	var first, last *http.Cookie
	for i := range maxSessions + 10 {
		now.advance(time.Millisecond)
		w := httptest.NewRecorder()
		s.begin(w, httptest.NewRequest(http.MethodPost, "/", nil), "t")
		last = w.Result().Cookies()[0]
		if i == 0 {
			first = last
		}
	}
	if len(s.by) != maxSessions {
		t.Errorf("%d sessions", len(s.by))
	}
	for cookie, want := range map[*http.Cookie]bool{first: false, last: true} {
		req := httptest.NewRequest(http.MethodGet, "/", nil)
		req.AddCookie(cookie)
		if got := s.find(req) != nil; got != want {
			t.Errorf("found %v, wants %v", got, want)
		}
	}
}

func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
