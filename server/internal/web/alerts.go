package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// alertItem is a subscription as the page shows it.
type alertItem struct {
	ID, Name, Path string
	Subject        string
	Filter         string
	When           string
	Paused         bool
	Problem        string
	Found          int64
	Last           string // when a paper matched last; empty: none has
	Next           string // when matches are sent next
	Sinks          []alertSink
}

// alertSink is a place that matches are sent to.
type alertSink struct {
	Name  string
	Href  string // of a feed
	State string // empty: all is well
}

// alertsPage lists subscriptions.
type alertsPage struct {
	Items []alertItem
	Next  string
}

// alertPage shows one, with what it has found.
type alertPage struct {
	Item    alertItem
	List    *list
	Preview bool  // the list is what would have matched
	Looked  int32 // at so many papers
	Would   int32 // have matched
}

const (
	latestMatches = 50   // that the page of a subscription shows
	previewDepth  = 1000 // papers written last that a preview looks at
)

// listAlerts lists the caller's subscriptions.
func (v *visit) listAlerts() error {
	answer, err := v.site.alerts.ListSubscriptions(v.ctx, &akinv1.ListSubscriptionsRequest{
		PageSize: perPage, PageToken: v.query.Get("token"),
	})
	if err != nil {
		return err
	}
	var body alertsPage
	for _, s := range answer.GetSubscriptions() {
		body.Items = append(body.Items, alertOf(s))
	}
	if next := answer.GetNextPageToken(); next != "" {
		body.Next = "/alerts?" + url.Values{"token": {next}}.Encode()
	}
	return v.render(http.StatusOK, "alerts", frame{Title: "Alerts", Section: "alerts", Body: body})
}

// alertOf says of a subscription what people want to know.
func alertOf(s *akinv1.Subscription) alertItem {
	form := subscribeForm{Text: s.GetText(), Paper: s.GetPaperId(), Collection: s.GetProfileId()}
	item := alertItem{
		ID: s.GetSubscriptionId(), Name: s.GetDisplayName(), Path: alertPath(s.GetSubscriptionId()), Subject: form.Subject(),
		Filter: s.GetFilter(), Paused: s.GetPaused(), Problem: s.GetProblem(), Found: s.GetMatchCount(),
		When: scheduled(s.GetSchedule()),
	}
	if s.GetRising() != nil {
		item.Subject = "What is rising"
	}
	if n := s.GetOneIn(); n > 0 && form.Nearness() {
		item.Subject += ", as the nearest " + rarity(n)
	}
	if item.Name == "" {
		item.Name = item.Subject
	}
	const minute = "2 January 2006, 15:04 MST"
	if s.GetLastMatchTime().IsValid() {
		item.Last = s.GetLastMatchTime().AsTime().Format(minute)
	}
	if s.GetNextSendTime().IsValid() {
		next := s.GetNextSendTime().AsTime()
		if zone, err := time.LoadLocation(s.GetSchedule().GetTimeZone()); err == nil {
			next = next.In(zone)
		}
		item.Next = next.Format(minute)
	}
	for _, sink := range s.GetSinks() {
		item.Sinks = append(item.Sinks, sinkOf(sink))
	}
	return item
}

func sinkOf(s *akinv1.Sink) alertSink {
	out := alertSink{State: map[akinv1.SinkState]string{
		akinv1.SinkState_SINK_STATE_UNCONFIRMED:  "waits for the confirmation that was asked for by e-mail",
		akinv1.SinkState_SINK_STATE_UNSUBSCRIBED: "has unsubscribed",
		akinv1.SinkState_SINK_STATE_FAILING:      "the last attempt failed: " + s.GetLastError(),
		akinv1.SinkState_SINK_STATE_DISABLED:     "was given up: " + s.GetLastError(),
	}[s.GetState()]}
	switch kind := s.GetKind().(type) {
	case *akinv1.Sink_Feed:
		out.Name, out.Href = "Feed", kind.Feed.GetUrl()
	case *akinv1.Sink_Email:
		out.Name = "E-mail to " + kind.Email.GetAddress()
	case *akinv1.Sink_Webhook:
		out.Name = "Webhook " + kind.Webhook.GetUrl()
	}
	return out
}

// scheduled says when matches are sent.
func scheduled(s *akinv1.Schedule) string {
	at := s.GetTimeOfDay()
	if zone := s.GetTimeZone(); zone != "" {
		at += " " + zone
	} else if at != "" {
		at += " UTC"
	}
	switch s.GetEvery() {
	case akinv1.Every_EVERY_HOURLY:
		return "hourly"
	case akinv1.Every_EVERY_DAILY:
		return "daily at " + at
	case akinv1.Every_EVERY_WEEKLY:
		return time.Weekday(s.GetWeekday()%7).String() + "s at " + at
	}
	return "at once"
}

// showAlert shows one subscription with the papers that matched last, or, while there are none, those that would have.
func (v *visit) showAlert() error {
	id := v.query.Get("subscription")
	answer, err := v.site.alerts.GetSubscription(v.ctx, &akinv1.GetSubscriptionRequest{SubscriptionId: id})
	if status.Code(err) == codes.NotFound || id == "" {
		return &refusal{status: http.StatusNotFound, title: "There is no such subscription",
			text: "It may have been deleted, or belong to someone else. The page Alerts lists yours."}
	}
	if err != nil {
		return err
	}
	if err := v.taste(); err != nil {
		return err
	}
	s := answer.GetSubscription()
	body := &alertPage{Item: alertOf(s)}
	matches, err := v.latest(s)
	if err != nil {
		return err
	}
	if len(matches) == 0 && s.GetProblem() == "" {
		would, err := v.site.alerts.PreviewSubscription(v.ctx, &akinv1.PreviewSubscriptionRequest{
			Subscription: s, Last: previewDepth, PageSize: 10,
		})
		if err != nil {
			return err
		}
		body.Preview, body.Looked, body.Would = true, would.GetLookedAt(), would.GetMatchCount()
		matches = would.GetMatches()
	}
	body.List, err = v.matched(s, matches)
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, "alert", frame{Title: body.Item.Name, Section: "alerts", Body: body})
}

// latest returns the last matches that are kept, newest first. The contract streams from the oldest: the stream is read
// up to the match that was the last one when the subscription was read.
func (v *visit) latest(s *akinv1.Subscription) ([]*akinv1.Match, error) {
	if s.GetCursor() == "" {
		return nil, nil
	}
	ctx, cancel := context.WithCancel(v.ctx)
	defer cancel()
	stream, err := v.site.alerts.WatchMatches(ctx, &akinv1.WatchMatchesRequest{SubscriptionId: s.GetSubscriptionId()})
	if err != nil {
		return nil, err
	}
	var last []*akinv1.Match
	for {
		next, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if next.GetMatch() != nil {
			if last = append(last, next.GetMatch()); len(last) >= 2*latestMatches {
				last = append(last[:0], last[latestMatches:]...)
			}
		}
		if next.GetCursor() == s.GetCursor() {
			break
		}
	}
	last = last[max(0, len(last)-latestMatches):]
	slices.Reverse(last)
	return last, nil
}

// matched lists the papers of matches.
func (v *visit) matched(s *akinv1.Subscription, matches []*akinv1.Match) (*list, error) {
	out := &list{Empty: "No paper has matched yet. Papers that are added from now on are held against it."}
	ids := make([]string, len(matches))
	for i, m := range matches {
		ids[i] = m.GetPaper().GetId()
	}
	papers, err := v.site.fetch(v.ctx, unique(ids))
	if err != nil {
		return nil, err
	}
	for _, m := range matches {
		p := papers[m.GetPaper().GetId()]
		if p == nil {
			continue // deleted since
		}
		c := v.card(len(out.Cards)+1, p)
		if m.GetCosine() != 0 {
			score := m.GetScore()
			if score == 0 {
				score = m.GetCosine()
			}
			c.Hit = &likeness{score, m.GetCosine(), m.GetOneIn()}
		}
		switch {
		case s.GetText() != "":
			c.Why = whyPath(s.GetText(), "", c.ID)
		case s.GetPaperId() != "":
			c.Why = whyPath("", s.GetPaperId(), c.ID)
		}
		out.Cards = append(out.Cards, c)
	}
	return out, nil
}

// pauseAlert pauses a subscription, or has it go on.
func (v *visit) pauseAlert() error {
	id := v.r.PostFormValue("subscription")
	_, err := v.site.alerts.UpdateSubscription(v.ctx, &akinv1.UpdateSubscriptionRequest{
		Subscription: &akinv1.Subscription{SubscriptionId: id, Paused: v.r.PostFormValue("do") == "pause"},
		UpdateMask:   &fieldmaskpb.FieldMask{Paths: []string{"paused"}},
	})
	if err != nil {
		return err
	}
	v.back(v.r.PostFormValue("from"), "")
	return nil
}

// deleteAlert removes a subscription. It may be gone already.
func (v *visit) deleteAlert() error {
	id := v.r.PostFormValue("subscription")
	_, err := v.site.alerts.DeleteSubscription(v.ctx, &akinv1.DeleteSubscriptionRequest{SubscriptionId: id})
	if err != nil && status.Code(err) != codes.NotFound {
		return err
	}
	v.back("/alerts", "")
	return nil
}
