package alert

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"
)

// Root is the path under which Handler serves.
const Root = "/alerts"

// Handler serves what links in mails lead to, and feeds, under Root. It asks for no token of the server's: a link is
// signed, and the URL of a feed is a secret. A GET changes nothing, since programs that look at mails follow links:
// what is done is done by a POST, from the button of a page or by the mail program as RFC 8058 has it.
func (a *Alerts) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Root+"/confirm/{token}", a.askPage)
	mux.HandleFunc("POST "+Root+"/confirm/{token}", a.actPage)
	mux.HandleFunc("GET "+Root+"/unsubscribe/{token}", a.askPage)
	mux.HandleFunc("POST "+Root+"/unsubscribe/{token}", a.actPage)
	mux.HandleFunc("GET "+Root+"/feed/{token}", a.feedPage)
	return mux
}

var pageTemplate = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">
<title>{{.Title}}</title></head><body style="font-family:sans-serif;max-width:40em;margin:3em auto;padding:0 1em">
<h1 style="font-size:1.3em">{{.Title}}</h1><p>{{.Text}}</p>
{{with .Button}}<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click">
<button>{{.}}</button></form>{{end}}
</body></html>
`))

type pageData struct{ Title, Text, Button string }

func writePage(w http.ResponseWriter, status int, data pageData) {
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, data); err != nil {
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy",
		"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "same-origin") // the URL is a secret; the button's own request names its origin
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // whoever does not take it is gone
}

// linked reads the link of a request. One that was not made here, or does something else than its path says, is told.
func (a *Alerts) linked(w http.ResponseWriter, r *http.Request) (what byte, subject string, ok bool) {
	what, subject, ok = a.follow(r.PathValue("token"))
	if ok = ok && (what == linkConfirm) == strings.HasPrefix(r.URL.Path, Root+"/confirm/"); !ok {
		writePage(w, http.StatusNotFound, pageData{Title: "This link is not valid",
			Text: "Perhaps it was cut. Open it from the mail again."})
	}
	return what, subject, ok
}

// askPage shows the button of a link.
func (a *Alerts) askPage(w http.ResponseWriter, r *http.Request) {
	what, subject, ok := a.linked(w, r)
	if !ok {
		return
	}
	data := pageData{Title: "Unsubscribe", Text: "Send no more of this alert?", Button: "Unsubscribe"}
	_, address, _ := strings.Cut(subject, "\x00")
	switch what {
	case linkConfirm:
		data = pageData{Title: "Confirm alerts", Text: "Send alerts of new papers to " + address + "?", Button: "Confirm"}
	case linkLeave:
		data.Text = "Send no more alerts to " + address + "?"
	}
	writePage(w, http.StatusOK, data)
}

// actPage does what a link says.
func (a *Alerts) actPage(w http.ResponseWriter, r *http.Request) {
	what, subject, ok := a.linked(w, r)
	if !ok {
		return
	}
	text, err := a.act(what, subject)
	if err != nil {
		a.log.Error("what a link says could not be done", "error", err)
		writePage(w, http.StatusServiceUnavailable, pageData{Title: "That did not work",
			Text: "Please try again in a while."})
		return
	}
	writePage(w, http.StatusOK, pageData{Title: "Done", Text: text})
}

const feedMatches = 100 // that a feed shows, the latest

type atomFeed struct {
	XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	ID      string      `xml:"id"`
	Title   string      `xml:"title"`
	Updated string      `xml:"updated"`
	Author  atomPerson  `xml:"author"`
	Links   []atomLink  `xml:"link"`
	Entries []atomEntry `xml:"entry"`
}

type atomPerson struct {
	Name string `xml:"name"`
}

type atomLink struct {
	Rel  string `xml:"rel,attr,omitempty"`
	Href string `xml:"href,attr"`
}

type atomEntry struct {
	ID      string       `xml:"id"`
	Title   string       `xml:"title"`
	Updated string       `xml:"updated"`
	Authors []atomPerson `xml:"author"`
	Links   []atomLink   `xml:"link"`
	Summary string       `xml:"summary"`
}

// feedPage shows the latest matches of a subscription as an Atom feed (RFC 4287).
func (a *Alerts) feedPage(w http.ResponseWriter, r *http.Request) {
	token := strings.TrimSuffix(r.PathValue("token"), ".atom")
	a.mu.RLock()
	e := a.feeds[token]
	var sub *Subscription
	var st standing
	if e != nil {
		sub, st = e.sub, e.standing
	}
	a.mu.RUnlock()
	if sub == nil {
		http.Error(w, "there is no such feed", http.StatusNotFound)
		return
	}
	list, err := a.matches(sub, st.Head-min(st.Head, feedMatches), st.Head, feedMatches)
	if err == nil {
		err = a.writeFeed(w, r, sub, &st, list)
	}
	if err != nil {
		a.log.Error("a feed could not be made", "error", err)
		http.Error(w, "the feed could not be made", http.StatusServiceUnavailable)
	}
}

func (a *Alerts) writeFeed(w http.ResponseWriter, r *http.Request, sub *Subscription, st *standing,
	list []*match) error {
	updated := sub.Created
	if st.LastMatch.After(updated) {
		updated = st.LastMatch
	}
	shown, err := a.show(r.Context(), sub, list)
	if err != nil {
		return err
	}
	feed := atomFeed{
		ID: "urn:akin:subscription:" + sub.UID.String(), Title: sub.DisplayName(), Updated: updated.Format(time.RFC3339),
		Author: atomPerson{"Akin"}, Links: []atomLink{{"self", a.page("/feed", r.PathValue("token"))}},
	}
	for i := len(shown) - 1; i >= 0; i-- {
		m := shown[i]
		if m.Paper == nil {
			continue
		}
		entry := atomEntry{
			ID: "urn:akin:match:" + m.ID, Title: titleOf(m.Paper), Updated: m.Time.Format(time.RFC3339), Summary: why(sub, m),
		}
		for _, name := range m.Paper.Authors {
			entry.Authors = append(entry.Authors, atomPerson{name})
		}
		if link := linkOf(m.Paper); link != "" {
			entry.Links = []atomLink{{Href: link}}
		}
		feed.Entries = append(feed.Entries, entry)
	}
	text, err := xml.Marshal(&feed)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/atom+xml; charset=utf-8")
	h.Set("Cache-Control", "private, max-age=60")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("ETag", fmt.Sprintf(`"%x"`, checksum(text)))
	http.ServeContent(w, r, "", updated, bytes.NewReader(append([]byte(xml.Header), text...)))
	return nil
}
