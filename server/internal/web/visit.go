package web

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strings"

	"google.golang.org/grpc/metadata"
)

// visit is one request of a browser, from its arrival to its answer. It belongs to one goroutine.
type visit struct {
	site    *Site
	ctx     context.Context // with the caller's token, for calls
	w       http.ResponseWriter
	r       *http.Request
	query   url.Values
	session *session // nil: not signed in
	active  *collection
}

// maxForm is how many bytes a POST may have. What is posted are ids and names.
const maxForm = 64 << 10

func (s *Site) visit(ctx context.Context, w http.ResponseWriter, r *http.Request) *visit {
	v := &visit{site: s, ctx: ctx, w: w, r: r, query: r.URL.Query()}
	if r.Body != nil {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	}
	if v.session = s.sessions.find(r); v.session != nil {
		v.ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+v.session.token)
	}
	return v
}

// frame is what every page shows around its own content.
type frame struct {
	Title      string // of the window
	Section    string // of the navigation
	Query      string // in the search field of the head; pages with a field of their own leave it out
	OwnSearch  bool   // whether the page has a search field of its own
	Collection string // that likes go to
	Likes      int    // in it
	SignedIn   bool
	Version    string
	Sharded    bool // there are no map and no alerts
	Refresh    int  // seconds after which the page is asked for again; 0: not
	Here       string
	Body       any
}

// render answers with a page. A fault while rendering becomes an error of its own, since nothing was sent yet.
func (v *visit) render(status int, name string, f frame) error {
	f.SignedIn, f.Version = v.session != nil, v.site.version
	f.Here, f.Sharded = v.here(), v.site.sharded
	if v.active != nil {
		f.Collection, f.Likes = v.active.Name, len(v.active.likes)
	}
	var out bytes.Buffer
	if err := v.site.pages[name].ExecuteTemplate(&out, "page", f); err != nil {
		return err
	}
	v.send(status, "text/html; charset=utf-8", out.Bytes())
	return nil
}

// send answers with a body, compressed where the browser takes that.
func (v *visit) send(status int, kind string, body []byte) {
	h := v.w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "private, no-cache") // it shows what is liked, and what is stored now
	h.Add("Vary", "Accept-Encoding, Cookie")
	sendBody(v.w, v.r, status, body)
}

// here is the address of this page, for forms that come back to it.
func (v *visit) here() string {
	if v.r.Method != http.MethodGet {
		return "/"
	}
	return v.r.URL.RequestURI()
}

// back redirects to an address of this site, given by a form; to the home page where it is none.
func (v *visit) back(to, fragment string) {
	u, err := url.Parse(to)
	own := err == nil && strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//") && !strings.HasPrefix(to, `/\`)
	if !own || u.IsAbs() || u.Host != "" {
		u = &url.URL{Path: "/"}
	}
	u.Fragment = fragment
	http.Redirect(v.w, v.r, u.String(), http.StatusSeeOther)
}

// unknown answers addresses that are none.
func (v *visit) unknown() error {
	return &refusal{status: http.StatusNotFound, title: "There is no such page",
		text: "Nothing stands at this address. A search may find what you look for."}
}

// help shows the keys, and how to search.
func (v *visit) help() error {
	return v.render(http.StatusOK, "help", frame{Title: "Help", Section: "help"})
}
