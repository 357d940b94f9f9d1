package web

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// subscribeForm is what the form of a subscription holds: what it goes by, which the page around it says, and how
// matches come. Numbers stay as they were typed, so that a form that is refused comes back as it was.
type subscribeForm struct {
	ID         string // of the subscription to be: a form that is sent twice makes one
	Text       string // at most one of Text, Paper and Collection; none: the filter alone
	Paper      string
	Collection string
	Filter     string // of the contract
	From       string // address of the page that it stood on

	Name  string
	OneIn string // of a text or a paper
	Best  string // of a collection: papers a period
	Every string // now, day or week
	At    string // HH:MM
	Zone  string // IANA
	Email string // empty: none
	Feed  bool
}

// subscribePage is a form of a subscription that was refused.
type subscribePage struct {
	Form     *subscribeForm
	Problems []string
	Made     string // address of the subscription that the form has made already; empty: none
}

var everies = map[string]akinv1.Every{
	"now": akinv1.Every_EVERY_AT_ONCE, "day": akinv1.Every_EVERY_DAILY, "week": akinv1.Every_EVERY_WEEKLY,
}

// newSubscribe completes a form that says what it goes by.
func (v *visit) newSubscribe(f subscribeForm) *subscribeForm {
	f.ID, f.From = newSubscriptionID(), v.here()
	f.OneIn, f.Best, f.Every, f.At, f.Zone = "1000", "10", "day", "08:00", "UTC"
	return &f
}

func newSubscriptionID() string { return "page-" + strings.ToLower(rand.Text()[:16]) }

// Nearness reports whether the form asks how near a paper must be.
func (f *subscribeForm) Nearness() bool { return f.Text != "" || f.Paper != "" }

// Subject says what the subscription goes by.
func (f *subscribeForm) Subject() string {
	switch {
	case f.Text != "":
		return "Papers near to “" + shortened(oneLine(f.Text), 120) + "”"
	case f.Paper != "":
		return "Papers near to " + f.Paper
	case f.Collection != "":
		return "The best of each period for the collection “" + f.Collection + "”"
	}
	return "All papers that the filter accepts"
}

// formSent reads the form of a subscription.
func (v *visit) formSent() *subscribeForm {
	text := func(name string) string { return strings.TrimSpace(v.r.PostFormValue(name)) }
	return &subscribeForm{
		ID: text("id"), Text: text("text"), Paper: v.r.PostFormValue("paper"),
		Collection: v.r.PostFormValue("collection"), Filter: text("filter"), From: v.r.PostFormValue("from"),
		Name: text("name"), OneIn: text("one_in"), Best: text("best"), Every: text("every"), At: text("at"),
		Zone: text("zone"), Email: text("email"), Feed: text("feed") != "",
	}
}

// subscription is what the form asks for, or what is wrong with it. The server checks the rest.
func (f *subscribeForm) subscription() (*akinv1.Subscription, []string) {
	var faults []string
	whole := func(what, text string) int32 {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			faults = append(faults, what+" is a whole number, such as 100.")
		}
		return int32(n)
	}
	every, ok := everies[f.Every]
	if !ok {
		faults = append(faults, "Choose when matches are sent.")
	}
	s := &akinv1.Subscription{
		SubscriptionId: f.ID, DisplayName: f.Name, Filter: f.Filter, Schedule: &akinv1.Schedule{Every: every},
	}
	if f.Every != "now" {
		s.Schedule.TimeOfDay, s.Schedule.TimeZone = f.At, f.Zone
	}
	switch {
	case f.Text != "":
		s.Subject = &akinv1.Subscription_Text{Text: f.Text}
	case f.Paper != "":
		s.Subject = &akinv1.Subscription_PaperId{PaperId: f.Paper}
	case f.Collection != "":
		s.Subject = &akinv1.Subscription_ProfileId{ProfileId: f.Collection}
		s.Best = whole("How many papers", f.Best)
	}
	if f.Nearness() {
		s.Strictness = &akinv1.Subscription_OneIn{OneIn: whole("How near", f.OneIn)}
	}
	if f.Feed {
		s.Sinks = append(s.Sinks, &akinv1.Sink{Kind: &akinv1.Sink_Feed{Feed: &akinv1.FeedSink{}}})
	}
	if f.Email != "" {
		s.Sinks = append(s.Sinks, &akinv1.Sink{Kind: &akinv1.Sink_Email{Email: &akinv1.EmailSink{Address: f.Email}}})
	}
	return s, faults
}

// subscribe makes a subscription of a form. A form that is refused comes back with what is wrong.
func (v *visit) subscribe() error {
	f := v.formSent()
	body := &subscribePage{Form: f}
	if err := v.r.ParseForm(); err != nil || f.ID == "" {
		return &refusal{status: http.StatusBadRequest, title: "That was not understood",
			text: "The form came incomplete. Open the page anew and try again."}
	}
	s, faults := f.subscription()
	if body.Problems = faults; len(faults) > 0 {
		return v.askAgain(http.StatusUnprocessableEntity, body)
	}
	_, err := v.site.alerts.CreateSubscription(v.ctx, &akinv1.CreateSubscriptionRequest{Subscription: s})
	switch {
	case err == nil:
		v.back(alertPath(f.ID), "")
		return nil
	case status.Code(err) == codes.AlreadyExists:
		body.Made = alertPath(f.ID)
		f.ID = newSubscriptionID()
		return v.askAgain(http.StatusConflict, body)
	case status.Code(err) == codes.InvalidArgument:
		body.Problems = subscribeProblems(err)
		return v.askAgain(http.StatusUnprocessableEntity, body)
	case reasonOf(err) == "SINK_NOT_CONFIGURED":
		_, missing, _ := strings.Cut(status.Convert(err).Message(), ": ")
		body.Problems = []string{"This server is not set up for that yet: " + missing + ". Leave it out: " +
			"what matches is kept, and listed under Alerts."}
		return v.askAgain(http.StatusConflict, body)
	}
	return err
}

func (v *visit) askAgain(code int, body *subscribePage) error {
	return v.render(code, "subscribe", frame{Title: "Subscribe", Section: "alerts", Body: body})
}

// subscribeProblems are the server's complaints, in the words of the form.
func subscribeProblems(err error) []string {
	var out []string
	for _, s := range violationsOf(err) {
		field, text, _ := strings.Cut(s, " ")
		field = field[strings.LastIndexByte(field, '.')+1:]
		if name, ok := map[string]string{
			"display_name": "The name", "one_in": "How near", "best": "How many papers", "time_of_day": "The time",
			"time_zone": "The time zone", "address": "The e-mail address", "filter": "The filter", "text": "The text",
			"every": "When they are sent", "paper_id": "The paper's id", "profile_id": "The collection's name",
		}[field]; ok {
			field = name
		}
		out = append(out, field+" "+strings.TrimSuffix(text, ".")+".")
	}
	if len(out) == 0 {
		out = append(out, status.Convert(err).Message())
	}
	return out
}

// alertPath is the address of a subscription's page.
func alertPath(id string) string { return "/alert?" + url.Values{"subscription": {id}}.Encode() }
