package service

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

func byText(text string) *akinv1.Subscription {
	return &akinv1.Subscription{SubscriptionId: "s", Subject: &akinv1.Subscription_Text{Text: text}}
}

func TestFaultySubscriptionsNameTheField(t *testing.T) {
	edit := func(change func(s *akinv1.Subscription)) *akinv1.Subscription {
		s := byText("graphs")
		change(s)
		return s
	}
	daily := func(change func(s *akinv1.Schedule)) *akinv1.Subscription {
		return edit(func(s *akinv1.Subscription) {
			s.Schedule = &akinv1.Schedule{Every: akinv1.Every_EVERY_DAILY}
			change(s.GetSchedule())
		})
	}
	sink := func(sinks ...*akinv1.Sink) *akinv1.Subscription {
		return edit(func(s *akinv1.Subscription) { s.Sinks = sinks })
	}
	email := func(address string) *akinv1.Sink {
		return &akinv1.Sink{Kind: &akinv1.Sink_Email{Email: &akinv1.EmailSink{Address: address}}}
	}
	hook := func(url, secret string) *akinv1.Sink {
		return &akinv1.Sink{Kind: &akinv1.Sink_Webhook{Webhook: &akinv1.WebhookSink{Url: url, Secret: secret}}}
	}
	for _, c := range []struct {
		subscription *akinv1.Subscription
		field, text  string
	}{
		{nil, "subscription", "required"},
		{edit(func(s *akinv1.Subscription) { s.SubscriptionId = "a\x00" }), "subscription.subscription_id", "control"},
		{edit(func(s *akinv1.Subscription) { s.DisplayName = strings.Repeat("x", 257) }), "subscription.display_name", "256"},
		{edit(func(s *akinv1.Subscription) { s.DisplayName = "a\r\nBcc: b" }), "subscription.display_name", "one line"},
		{edit(func(s *akinv1.Subscription) { s.Subject = nil }), "subscription.filter", "required"},
		{byText(" "), "subscription.text", "empty"},
		{byText(strings.Repeat("x", 16<<10+1)), "subscription.text", "16384"},
		{edit(func(s *akinv1.Subscription) { s.Subject = &akinv1.Subscription_PaperId{} }), "subscription.paper_id",
			"required"},
		{edit(func(s *akinv1.Subscription) { s.Subject = &akinv1.Subscription_ProfileId{ProfileId: "a"} }),
			"subscription.schedule.every", "HOURLY"},
		{edit(func(s *akinv1.Subscription) {
			s.Subject = &akinv1.Subscription_Rising{Rising: &akinv1.RisingSubject{Period: durationpb.New(1)}}
			s.Schedule = &akinv1.Schedule{Every: akinv1.Every_EVERY_DAILY}
		}), "subscription.rising.period", "hour"},
		{edit(func(s *akinv1.Subscription) { s.Strictness = &akinv1.Subscription_OneIn{} }), "subscription.one_in", "1e+06"},
		{edit(func(s *akinv1.Subscription) { s.Strictness = &akinv1.Subscription_MinCosine{MinCosine: 2} }),
			"subscription.min_cosine", "1"},
		{edit(func(s *akinv1.Subscription) { s.Best = 101 }), "subscription.best", "100"},
		{edit(func(s *akinv1.Subscription) { s.Schedule = &akinv1.Schedule{Every: 9} }), "subscription.schedule.every",
			"no Every"},
		{daily(func(s *akinv1.Schedule) { s.TimeOfDay = "8:00" }), "subscription.schedule.time_of_day", "HH:MM"},
		{daily(func(s *akinv1.Schedule) { s.TimeOfDay = "24:00" }), "subscription.schedule.time_of_day", "HH:MM"},
		{daily(func(s *akinv1.Schedule) { s.TimeZone = "Local" }), "subscription.schedule.time_zone", "IANA"},
		{daily(func(s *akinv1.Schedule) { s.Weekday = 8 }), "subscription.schedule.weekday", "no Weekday"},
		{sink(email("ada")), "subscription.sinks[0].email.address", "no address"},
		{sink(email("Ada <ada@example.org>")), "subscription.sinks[0].email.address", "no address"},
		{sink(email("ada@example.org\r\nBcc: b@example.org")), "subscription.sinks[0].email.address", "no address"},
		{sink(hook("ftp://example.org", "")), "subscription.sinks[0].webhook.url", "http"},
		{sink(hook("https://u:p@example.org/", "")), "subscription.sinks[0].webhook.url", "without a user"},
		{sink(hook("https://example.org/", "whsec_short")), "subscription.sinks[0].webhook.secret", "24 to 64"},
		{sink(hook("https://example.org/", ""), hook("https://example.org/", "")), "subscription.sinks[1]", "twice"},
		{sink(&akinv1.Sink{}), "subscription.sinks[0]", "empty"},
	} {
		t.Run(c.field+" "+c.text, func(t *testing.T) {
			_, err := decodeSubscription(c.subscription, wholeSubscription)
			wantViolation(t, err, "INVALID_FIELD", c.field, c.text)
		})
	}
	_, err := decodeSubscription(edit(func(s *akinv1.Subscription) { s.Filter = "nope = 1" }), wholeSubscription)
	wantViolation(t, err, "INVALID_FILTER", "subscription.filter", "nope")
	mask := &fieldmaskpb.FieldMask{Paths: []string{"owner"}}
	_, err = decodeUpdateMask(&akinv1.UpdateSubscriptionRequest{UpdateMask: mask})
	wantViolation(t, err, "INVALID_FIELD", "update_mask.paths[0]", "owner")
	_, err = decodeRising(&akinv1.ListRisingPapersRequest{PageSize: 101})
	wantViolation(t, err, "INVALID_FIELD", "page_size", "100")
	_, err = decodeRising(&akinv1.ListRisingPapersRequest{EndTime: &timestamppb.Timestamp{Seconds: 1 << 60}})
	wantViolation(t, err, "INVALID_FIELD", "end_time", "no time")
	for _, req := range []*akinv1.PreviewSubscriptionRequest{{Last: -1}, {Last: 100_001}, {PageSize: 1001}} {
		if _, _, _, err := decodePreview(req); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%v is taken: %v", req, err)
		}
	}
}

// TestAnUpdateChangesWhatItNames holds an update of each part of a subscription against the rest.
func TestAnUpdateChangesWhatItNames(t *testing.T) {
	r, ctx := newRig(t, Config{}), testContext(t)
	alerts := akinv1.NewAlertServiceClient(r.conn)
	s := byText("graph networks")
	s.Filter, s.DisplayName = `categories:"a"`, "Graphs"
	if _, err := alerts.CreateSubscription(ctx, &akinv1.CreateSubscriptionRequest{Subscription: s}); err != nil {
		t.Fatal(err)
	}
	update := func(to *akinv1.Subscription, fields ...string) *akinv1.Subscription {
		t.Helper()
		to.SubscriptionId = "s"
		res, err := alerts.UpdateSubscription(ctx, &akinv1.UpdateSubscriptionRequest{
			Subscription: to, UpdateMask: &fieldmaskpb.FieldMask{Paths: fields},
		})
		if err != nil {
			t.Fatal(err)
		}
		return res.GetSubscription()
	}
	if got := update(&akinv1.Subscription{Paused: true}, "paused"); !got.GetPaused() ||
		got.GetText() != "graph networks" ||
		got.GetFilter() != `categories:"a"` || got.GetOneIn() != 1000 {
		t.Errorf("paused: %v", got)
	}
	if got := update(&akinv1.Subscription{Strictness: &akinv1.Subscription_OneIn{OneIn: 50}},
		"one_in"); got.GetOneIn() != 50 || !got.GetPaused() {
		t.Errorf("one in 50: %v", got)
	}
	if got := update(&akinv1.Subscription{Schedule: &akinv1.Schedule{
		Every: akinv1.Every_EVERY_WEEKLY, TimeOfDay: "07:30", TimeZone: "Europe/Berlin",
		Weekday: akinv1.Weekday_WEEKDAY_SUNDAY,
	}}, "schedule"); got.GetSchedule().GetWeekday() != akinv1.Weekday_WEEKDAY_SUNDAY ||
		got.GetSchedule().GetTimeOfDay() != "07:30" ||
		got.GetNextSendTime().IsValid() {
		t.Errorf("on Sundays: %v", got)
	}
	if got := update(&akinv1.Subscription{}, "filter", "paused"); got.GetFilter() != "" || got.GetPaused() ||
		!got.GetNextSendTime().IsValid() ||
		got.GetDisplayName() != "Graphs" {
		t.Errorf("without a filter: %v", got)
	}
	_, err := alerts.UpdateSubscription(ctx, &akinv1.UpdateSubscriptionRequest{
		Subscription: &akinv1.Subscription{SubscriptionId: "s"},
		UpdateMask:   &fieldmaskpb.FieldMask{Paths: []string{"subject"}},
	})
	wantViolation(t, err, "INVALID_FIELD", "subscription.filter", "required")
}

// boundAlerts tries every way in which a principal with a filter could learn of papers outside of it through alerts,
// and returns the methods that it tried.
func boundAlerts(ctx context.Context, t *testing.T, r *rig, bound, all context.Context) []string {
	t.Helper()
	alerts := akinv1.NewAlertServiceClient(r.conn)
	byPaper := func(id string) *akinv1.Subscription {
		return &akinv1.Subscription{SubscriptionId: "bound", Subject: &akinv1.Subscription_PaperId{PaperId: id}}
	}
	_, err := alerts.CreateSubscription(bound, &akinv1.CreateSubscriptionRequest{Subscription: byPaper("hidden-01")})
	wantStatus(t, err, codes.NotFound, "PAPER_NOT_FOUND")
	_, err = alerts.PreviewSubscription(bound, &akinv1.PreviewSubscriptionRequest{Subscription: byPaper("hidden-01")})
	wantStatus(t, err, codes.NotFound, "PAPER_NOT_FOUND")
	everything := &akinv1.Subscription{
		SubscriptionId: "bound", Subject: &akinv1.Subscription_Text{Text: "graph neural networks"},
		Strictness: &akinv1.Subscription_MinCosine{MinCosine: -1}, Filter: `categories:"closed" OR categories:"open"`,
	}
	preview, err := alerts.PreviewSubscription(bound, &akinv1.PreviewSubscriptionRequest{Subscription: everything,
		PageSize: 100})
	if err != nil || len(preview.GetMatches()) != 20 || strings.Contains(preview.String(), "hidden") {
		t.Errorf("preview: %d matches, %v", len(preview.GetMatches()), err)
	}
	if _, err := alerts.CreateSubscription(bound,
		&akinv1.CreateSubscriptionRequest{Subscription: everything}); err != nil {
		t.Fatal(err)
	}
	_, err = alerts.UpdateSubscription(bound, &akinv1.UpdateSubscriptionRequest{
		Subscription: byPaper("hidden-01"), UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"subject"}},
	})
	wantStatus(t, err, codes.NotFound, "PAPER_NOT_FOUND")
	// Of three new papers one is hidden, and one is hidden once it has matched.
	write := func(id, category string) {
		t.Helper()
		p := testPaper(id, "graph neural networks again", "message passing learns more")
		p.Categories = []string{category}
		if _, err := r.papers.UpsertPaper(all, &akinv1.UpsertPaperRequest{Paper: p}); err != nil {
			t.Fatal(err)
		}
	}
	write("new-0", "open")
	write("hidden-new", "closed")
	write("new-1", "open")
	watch, err := alerts.WatchMatches(bound, &akinv1.WatchMatchesRequest{SubscriptionId: "bound"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"new-0", "new-1"} {
		if got, err := watch.Recv(); err != nil || got.GetMatch().GetPaper().GetId() != want {
			t.Errorf("watching shows %v, %v; want %s", got, err, want)
		}
	}
	write("new-0", "closed")
	if watch, err = alerts.WatchMatches(bound, &akinv1.WatchMatchesRequest{SubscriptionId: "bound"}); err != nil {
		t.Fatal(err)
	}
	if got, err := watch.Recv(); err != nil || got.GetMatch() != nil || got.GetCursor() == "" {
		t.Errorf("a paper that was hidden since is shown: %v, %v", got, err)
	}
	profiles := akinv1.NewProfileServiceClient(r.conn)
	if _, err := profiles.GetProfile(bound, &akinv1.GetProfileRequest{ProfileId: "p"}); err != nil {
		t.Error(err)
	}
	rising, err := alerts.ListRisingPapers(bound, &akinv1.ListRisingPapersRequest{})
	if err != nil || strings.Contains(rising.String(), "hidden") {
		t.Errorf("rising: %v, %v", rising, err)
	}
	// What belongs to another principal is not there for this one.
	_, err = alerts.GetSubscription(all, &akinv1.GetSubscriptionRequest{SubscriptionId: "bound"})
	wantStatus(t, err, codes.NotFound, "SUBSCRIPTION_NOT_FOUND")
	return []string{
		akinv1.AlertService_CreateSubscription_FullMethodName, akinv1.AlertService_UpdateSubscription_FullMethodName,
		akinv1.AlertService_PreviewSubscription_FullMethodName, akinv1.AlertService_WatchMatches_FullMethodName,
		akinv1.AlertService_ListRisingPapers_FullMethodName,
	}
}
