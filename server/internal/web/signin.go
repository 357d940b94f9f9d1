package web

import (
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// maxToken is how long a token may be, in bytes.
const maxToken = 4 << 10

// signInForm is what the page that asks for a token shows.
type signInForm struct {
	Next   string
	Ended  bool   // a session was over
	Fault  string // why the token was not taken
	Needed bool   // whether the server asks for tokens at all
}

// askToken shows the form.
func (v *visit) askToken() error {
	form := signInForm{Next: v.query.Get("next"), Ended: v.query.Get("ended") != "", Needed: true}
	err := v.site.knows(v)
	if status.Code(err) != codes.Unauthenticated && v.session == nil {
		form.Needed = false
	}
	return v.render(http.StatusOK, "signin", frame{Title: "Sign in", Section: "signin", OwnSearch: true, Body: form})
}

// knows makes a call that every caller who is known may make, or is refused for its role alone.
func (s *Site) knows(v *visit) error {
	_, err := s.profiles.ListProfiles(v.ctx, &akinv1.ListProfilesRequest{PageSize: 1})
	return err
}

// signIn tries a token, and begins a session with it.
func (v *visit) signIn() error {
	next := v.r.PostFormValue("next")
	token := strings.TrimSpace(v.r.PostFormValue("token"))
	form := signInForm{Next: next, Needed: true}
	switch {
	case token == "":
		form.Fault = "Paste the token that you were given."
	case len(token) > maxToken || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		form.Fault = "That is no token: it has signs that none has. Paste it again, without spaces or line breaks."
	default:
		v.ctx = metadata.NewOutgoingContext(v.ctx, metadata.Pairs("authorization", "Bearer "+token))
		err := v.site.knows(v)
		switch status.Code(err) {
		case codes.OK, codes.PermissionDenied:
			v.site.sessions.end(v.w, v.r) // a number that someone may have planted does not become that of a session
			v.site.sessions.begin(v.w, v.r, token)
			v.back(next, "")
			return nil
		case codes.Unauthenticated:
			form.Fault = "The server does not know this token. It may have been withdrawn, or part of it is missing."
		default:
			return err
		}
	}
	v.session = nil
	return v.render(http.StatusUnprocessableEntity, "signin",
		frame{Title: "Sign in", Section: "signin", OwnSearch: true, Body: form})
}

// signOut ends the session.
func (v *visit) signOut() error {
	v.site.sessions.end(v.w, v.r)
	v.session = nil
	v.back("/signin", "")
	return nil
}
