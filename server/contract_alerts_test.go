package main

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/akin-search/akin/client"
	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

func textSubscription(id, text string) *client.Subscription {
	return &client.Subscription{
		SubscriptionId: id, Subject: &akinv1.Subscription_Text{Text: text},
		Strictness: &akinv1.Subscription_MinCosine{MinCosine: .2},
	}
}

func contractSubscriptions(t *testing.T, ctx context.Context, c *client.Client) {
	if got := gather(t, c.Subscriptions(ctx)); len(got) > 0 {
		t.Fatalf("there are %v", got)
	}
	made, err := c.Subscribe(ctx, textSubscription("b", "attention over graphs"))
	if err != nil || made.GetSubscriptionId() != "b" || made.GetDisplayName() == "" || !made.GetCreateTime().IsValid() ||
		made.GetSchedule().GetEvery() != akinv1.Every_EVERY_AT_ONCE {
		t.Fatalf("made %v, %v", made, err)
	}
	_, err = c.Subscribe(ctx, textSubscription("b", "anything"))
	wantReason(t, err, "SUBSCRIPTION_EXISTS")
	if made, err = c.Subscribe(ctx, &client.Subscription{SubscriptionId: "a",
		Subject: &akinv1.Subscription_PaperId{PaperId: "graphs"}}); err != nil ||
		made.GetOneIn() != 1000 {
		t.Errorf("made %v, %v", made, err)
	}
	if made, err = c.Subscribe(ctx, &client.Subscription{Filter: `categories:"cs.CL"`}); err != nil ||
		made.GetSubscriptionId() == "" {
		t.Errorf("made %v, %v", made, err)
	}
	var ids []string
	for _, s := range gather(t, c.Subscriptions(ctx)) {
		ids = append(ids, s.GetSubscriptionId())
	}
	if !slices.IsSorted(ids) || len(ids) != 3 {
		t.Errorf("listed %v", ids)
	}
	paused, err := c.UpdateSubscription(ctx, &client.Subscription{SubscriptionId: "b", Paused: true}, "paused")
	if err != nil || !paused.GetPaused() || paused.GetText() != "attention over graphs" {
		t.Errorf("paused %v, %v", paused, err)
	}
	if got, err := c.Subscription(ctx, "b"); err != nil || !got.GetPaused() {
		t.Errorf("got %v, %v", got, err)
	}
	for _, id := range ids {
		if err := c.Unsubscribe(ctx, id); err != nil {
			t.Error(err)
		}
	}
	wantError(t, c.Unsubscribe(ctx, "b"), client.ErrNotFound, "SUBSCRIPTION_NOT_FOUND", "")
	_, err = c.Subscription(ctx, "b")
	wantError(t, err, client.ErrNotFound, "SUBSCRIPTION_NOT_FOUND", "")
}

// wantReason checks the reason of an error alone.
func wantReason(t *testing.T, err error, reason string) {
	t.Helper()
	var e *client.Error
	if !errors.As(err, &e) || e.Reason != reason {
		t.Errorf("the error %v has not the reason %s", err, reason)
	}
}

func contractFaultySubscriptions(t *testing.T, ctx context.Context, c *client.Client) {
	edit := func(change func(s *client.Subscription)) *client.Subscription {
		s := textSubscription("faulty", "graphs")
		change(s)
		return s
	}
	for _, f := range []struct {
		subscription *client.Subscription
		reason       string
		field        string
	}{
		{edit(func(s *client.Subscription) { s.Subject = nil }), "INVALID_FIELD", "subscription.filter"},
		{edit(func(s *client.Subscription) { s.Subject = &akinv1.Subscription_Text{Text: " "} }), "INVALID_FIELD",
			"subscription.text"},
		{edit(func(s *client.Subscription) { s.Filter = "???" }), "INVALID_FILTER", "subscription.filter"},
		{edit(func(s *client.Subscription) { s.Subject = &akinv1.Subscription_ProfileId{ProfileId: "ada"} }), "INVALID_FIELD",
			"subscription.schedule.every"},
	} {
		_, err := c.Subscribe(ctx, f.subscription)
		wantError(t, err, client.ErrInvalid, f.reason, f.field)
		_, err = c.UpdateSubscription(ctx, textSubscription("none", "graphs"))
		wantError(t, err, client.ErrNotFound, "SUBSCRIPTION_NOT_FOUND", "")
	}
	_, err := c.Subscribe(ctx,
		edit(func(s *client.Subscription) { s.Subject = &akinv1.Subscription_PaperId{PaperId: "none"} }))
	wantError(t, err, client.ErrNotFound, "PAPER_NOT_FOUND", "")
	for _, sink := range []*client.Sink{client.EmailTo("ada@example.org"), client.AsFeed()} {
		_, err := c.Subscribe(ctx, edit(func(s *client.Subscription) { s.Sinks = []*client.Sink{sink} }))
		wantReason(t, err, "SINK_NOT_CONFIGURED")
	}
}

func contractMatches(t *testing.T, ctx context.Context, c *client.Client) {
	id := "watched"
	for _, s := range []*client.Subscription{
		textSubscription(id, "attention over graphs"), {SubscriptionId: "labelled", Filter: `categories:"new"`},
	} {
		if _, err := c.Subscribe(ctx, s); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := c.Unsubscribe(ctx, s.GetSubscriptionId()); err != nil {
				t.Error(err)
			}
		}()
	}
	write := func(p *client.Paper) {
		t.Helper()
		if _, err := c.Upsert(ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	one := &client.Paper{Id: "one", Title: "Attention over graphs again", Abstract: "Attention over the nodes of graphs.",
		Categories: []string{"new"}}
	write(&client.Paper{Id: "far", Title: "Soil", Abstract: "Worms in the soil."})
	write(one)
	next := func(cursor string) client.Found {
		t.Helper()
		for m, err := range c.Matches(ctx, id, cursor) {
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		return client.Found{}
	}
	first := next("")
	if first.GetPaper().GetId() != "one" || first.GetPaper().GetAbstract() != "" || first.GetCosine() < .2 ||
		first.GetUpdated() ||
		len(first.GetMatchId()) != 32 || first.GetSubscriptionId() != id || !first.GetMatchTime().IsValid() {
		t.Fatalf("first %v", first.Match)
	}
	if again := next(""); again.GetMatchId() != first.GetMatchId() || again.Cursor != first.Cursor {
		t.Errorf("seen again, %v is another match than %v", again, first)
	}
	// A paper whose text stays as it is does not match again; one whose text changes does, once, under another id.
	labelled := proto.CloneOf(one)
	labelled.Url = "https://example.org/one"
	write(labelled)
	labelled.Abstract = "Attention over the edges of graphs."
	write(labelled)
	second := next(first.Cursor)
	if second.GetPaper().GetId() != "one" || !second.GetUpdated() || second.GetMatchId() == first.GetMatchId() {
		t.Errorf("second %v", second.Match)
	}
	for m, err := range c.Matches(ctx, "labelled", "") {
		if err != nil || m.GetPaper().GetId() != "one" {
			t.Errorf("by its label: %v, %v", m, err)
		}
		break
	}
	got, err := c.Subscription(ctx, id)
	if err != nil || got.GetMatchCount() != 2 || got.GetCursor() != second.Cursor {
		t.Errorf("%v, %v", got, err)
	}
	preview, err := c.PreviewSubscription(ctx, textSubscription("", "attention over graphs"), 2, 0)
	if err != nil || preview.GetLookedAt() != 2 || preview.GetMatchCount() != 1 ||
		preview.GetMatches()[0].GetPaper().GetId() != "one" {
		t.Errorf("preview %v, %v", preview, err)
	}
	if _, err := c.Delete(ctx, "one"); err != nil {
		t.Fatal(err)
	}
	write(&client.Paper{Id: "two", Title: "Graphs under attention", Abstract: "Attention over graphs."})
	if m := next(""); m.GetPaper().GetId() != "two" {
		t.Errorf("with the first paper deleted comes %v", m)
	}
	for _, err := range c.Matches(ctx, id, "nonsense") {
		wantError(t, err, client.ErrInvalid, "INVALID_CURSOR", "cursor")
	}
	for _, err := range c.Matches(ctx, "none", "") {
		wantError(t, err, client.ErrNotFound, "SUBSCRIPTION_NOT_FOUND", "")
	}
}

func contractRising(t *testing.T, ctx context.Context, c *client.Client) {
	one, two := c.Profile(t.Name()+"1"), c.Profile(t.Name()+"2")
	for _, err := range []error{
		one.Like(ctx, "graphs", "images"), two.Like(ctx, "graphs"), two.Read(ctx, "folding"), one.Dislike(ctx, "proteins"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	papers, byEvents, err := c.Rising(ctx, 0, time.Time{}, "", 2)
	if err != nil || !byEvents || len(papers) != 2 || papers[0].GetPaper().GetId() != "graphs" ||
		papers[1].GetPaper().GetId() != "images" ||
		papers[0].GetRecent() != 2 {
		t.Errorf("%v, %v, %v", papers, byEvents, err)
	}
	if papers, _, err = c.Rising(ctx, 0, time.Time{}, `categories:"q-bio"`, 0); err != nil || len(papers) != 1 ||
		papers[0].GetPaper().GetId() != "folding" {
		t.Errorf("of one category: %v, %v", papers, err)
	}
	rising := &client.Subscription{
		SubscriptionId: "rising",
		Subject:        &akinv1.Subscription_Rising{Rising: &akinv1.RisingSubject{Period: durationpb.New(time.Hour)}},
		Schedule:       &client.Schedule{Every: akinv1.Every_EVERY_WEEKLY},
	}
	if made, err := c.Subscribe(ctx, rising); err != nil || made.GetRising().GetPeriod().AsDuration() != time.Hour {
		t.Errorf("%v, %v", made, err)
	}
	for _, err := range []error{c.Unsubscribe(ctx, "rising"), one.Delete(ctx), two.Delete(ctx)} {
		if err != nil {
			t.Error(err)
		}
	}
}
