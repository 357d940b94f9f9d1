package web

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"sync"
	"time"
)

// Limits of sessions.
const (
	maxSessions = 10_000             // of all callers; beyond it the one that was unused for longest ends
	idleTime    = 12 * time.Hour     // unused, a session ends
	lifeTime    = 7 * 24 * time.Hour // used or not, a session ends
)

// Cookies. Under TLS the prefix __Host- has browsers refuse one that another host or an unencrypted page would set.
const (
	sessionCookie       = "akin-session"
	sessionCookieSecure = "__Host-akin-session"
)

// session is someone who signed in. Its token is immutable; its times are under the lock of sessions.
type session struct {
	token      string
	began      time.Time
	lastAction time.Time
}

// sessions are those who are signed in, by the hash of the number in their cookie, so that memory holds no number that
// opens anything. Safe for concurrent use.
type sessions struct {
	now func() time.Time

	mu sync.Mutex
	by map[[sha256.Size]byte]*session
}

func newSessions(now func() time.Time) *sessions {
	return &sessions{now: now, by: make(map[[sha256.Size]byte]*session)}
}

func cookieName(r *http.Request) string {
	if r.TLS != nil {
		return sessionCookieSecure
	}
	return sessionCookie
}

// find returns the session of a request, or nil.
func (s *sessions) find(r *http.Request) *session {
	c, err := r.Cookie(cookieName(r))
	if err != nil {
		return nil
	}
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	key := sha256.Sum256([]byte(c.Value))
	found := s.by[key]
	if found == nil {
		return nil
	}
	if found.ended(now) {
		delete(s.by, key)
		return nil
	}
	found.lastAction = now
	return found
}

func (e *session) ended(now time.Time) bool {
	return now.Sub(e.lastAction) > idleTime || now.Sub(e.began) > lifeTime
}

// begin keeps a token and gives the browser the number of its session.
func (s *sessions) begin(w http.ResponseWriter, r *http.Request, token string) {
	number := make([]byte, 32)
	_, _ = rand.Read(number) // never fails
	text := hex.EncodeToString(number)
	now := s.now()
	s.mu.Lock()
	if len(s.by) >= maxSessions {
		s.makeRoom(now)
	}
	s.by[sha256.Sum256([]byte(text))] = &session{token: token, began: now, lastAction: now}
	s.mu.Unlock()
	http.SetCookie(w, cookie(r, cookieName(r), text, lifeTime))
}

// makeRoom ends what is over, or else the session that was unused for longest. The caller holds the lock.
func (s *sessions) makeRoom(now time.Time) {
	var oldest [sha256.Size]byte
	var at *session
	for key, e := range s.by {
		if e.ended(now) {
			delete(s.by, key)
			continue
		}
		if at == nil || e.lastAction.Before(at.lastAction) {
			oldest, at = key, e
		}
	}
	if len(s.by) >= maxSessions {
		delete(s.by, oldest)
	}
}

// end forgets the session of a request, and has the browser forget its number.
func (s *sessions) end(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(cookieName(r)); err == nil {
		s.mu.Lock()
		delete(s.by, sha256.Sum256([]byte(c.Value)))
		s.mu.Unlock()
	}
	http.SetCookie(w, cookie(r, cookieName(r), "", -time.Second))
}

// cookie is one that scripts cannot read and other sites cannot send along with a POST.
func cookie(r *http.Request, name, value string, life time.Duration) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: int(life / time.Second),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil,
	}
}
