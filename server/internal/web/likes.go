package web

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// collection is a profile as the page shows it: what is liked, and what is of no interest.
type collection struct {
	Name   string
	likes  map[string]*akinv1.ProfilePreference // by paper
	hidden map[string]*akinv1.ProfilePreference
	order  []*akinv1.ProfilePreference // likes, newest first
}

// collectionCookie holds the name of the collection that likes go to, in base64. It is a preference and opens nothing.
const collectionCookie = "akin-collection"

// firstCollection takes likes until another one is chosen.
const firstCollection = "likes"

// maxName is how long the name of a collection may be, in bytes: that of a profile.
const maxName = 256

// activeName is the collection that likes of this browser go to.
func (v *visit) activeName() string {
	c, err := v.r.Cookie(collectionCookie)
	if err != nil {
		return firstCollection
	}
	name, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil || nameFault(string(name)) != "" {
		return firstCollection
	}
	return string(name)
}

// choose makes a collection the one that likes go to.
func (v *visit) choose(name string) {
	value := base64.RawURLEncoding.EncodeToString([]byte(name))
	http.SetCookie(v.w, cookie(v.r, collectionCookie, value, 365*24*time.Hour))
}

// nameFault says why a name is none, or "".
func nameFault(name string) string {
	switch {
	case strings.TrimSpace(name) == "":
		return "Give the collection a name."
	case len(name) > maxName:
		return "The name is too long: 256 bytes at most."
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return "The name has signs that cannot be shown."
	}
	return ""
}

// taste reads the collection that likes go to, so that lists can mark what is liked.
func (v *visit) taste() error {
	var err error
	v.active, err = v.collectionOf(v.activeName())
	return err
}

// collectionOf reads a collection. One of which nothing is stored is empty.
func (v *visit) collectionOf(name string) (*collection, error) {
	answer, err := v.site.profiles.GetProfile(v.ctx, &akinv1.GetProfileRequest{ProfileId: name})
	if err != nil {
		return nil, err
	}
	p := answer.GetProfile()
	c := &collection{
		Name: name, order: p.GetLikes(),
		likes:  make(map[string]*akinv1.ProfilePreference, len(p.GetLikes())),
		hidden: make(map[string]*akinv1.ProfilePreference, len(p.GetDislikes())),
	}
	for _, like := range p.GetLikes() {
		c.likes[like.GetPaperId()] = like
	}
	for _, dislike := range p.GetDislikes() {
		c.hidden[dislike.GetPaperId()] = dislike
	}
	return c, nil
}

// Count is how many papers are liked.
func (c *collection) Count() int { return len(c.order) }

// Hidden is how many are of no interest.
func (c *collection) Hidden() int { return len(c.hidden) }

// like records what a button of a list says: "like 3 ID", where 3 is the paper's place in the list.
func (v *visit) like() error {
	what, rest, _ := strings.Cut(v.r.PostFormValue("do"), " ")
	place, id, _ := strings.Cut(rest, " ")
	name := v.r.PostFormValue("collection")
	if name == "" {
		name = v.activeName()
	}
	if id == "" || nameFault(name) != "" {
		return &refusal{status: http.StatusBadRequest, title: "That was not understood",
			text: "The form came without a paper. Open the page anew and try again."}
	}
	c, err := v.collectionOf(name)
	if err != nil {
		return err
	}
	kind, ok := map[string]akinv1.EventKind{
		"like": akinv1.EventKind_EVENT_KIND_LIKE,
		"hide": akinv1.EventKind_EVENT_KIND_NOT_INTERESTED,
		"undo": akinv1.EventKind_EVENT_KIND_UNSPECIFIED,
	}[what]
	if !ok {
		return &refusal{status: http.StatusBadRequest, title: "That was not understood",
			text: "The form says neither like, hide nor undo. Open the page anew and try again."}
	}
	if events := c.say(id, kind); len(events) > 0 {
		if _, err := v.site.profiles.RecordEvents(v.ctx, &akinv1.RecordEventsRequest{Events: events}); err != nil {
			return err
		}
	}
	v.back(v.r.PostFormValue("from"), anchor(place))
	return nil
}

// say makes the events after which a paper is of a kind in the collection, or of none: what was said before is taken
// back, so that it does not count again once this is. Said already, there are none: a form may come twice.
func (c *collection) say(id string, kind akinv1.EventKind) []*akinv1.Event {
	var events []*akinv1.Event
	for _, said := range []*akinv1.ProfilePreference{c.likes[id], c.hidden[id]} {
		if said == nil {
			continue
		}
		if said.GetKind() == kind {
			return nil
		}
		events = append(events, &akinv1.Event{ProfileId: c.Name, EventId: "page-" + rand.Text(),
			Kind: akinv1.EventKind_EVENT_KIND_UNDO, Undoes: said.GetEventId()})
	}
	if kind != akinv1.EventKind_EVENT_KIND_UNSPECIFIED {
		events = append(events, &akinv1.Event{ProfileId: c.Name, EventId: "page-" + rand.Text(), Kind: kind, PaperId: id})
	}
	return events
}

// anchor is where a list goes on after a like without a script.
func anchor(place string) string {
	if place == "" || place == "0" || len(place) > 6 || strings.Trim(place, "0123456789") != "" {
		return ""
	}
	return "p" + place
}
