package service

import (
	"crypto/rand"
	"encoding/base64"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/alert"
	"github.com/akin-search/akin/server/internal/engine"
)

// This file holds both directions of the messages of alerts.

// Limits of subscriptions, as the contract states them.
const (
	maxNameBytes    = 256
	maxSubjectBytes = 16 << 10
	maxBest         = 100
	maxAddressBytes = 254
	maxWebhookBytes = 2 << 10
	maxLast         = 100_000
	defaultLast     = 1000
	minPeriod       = time.Hour
	maxPeriod       = 10 * 366 * 24 * time.Hour
)

// subscriptionMask is a set of parts of a subscription.
type subscriptionMask []string

// wholeSubscription has all parts, as an update may name them.
var wholeSubscription = subscriptionMask{
	"display_name", "subject", "filter", "strictness", "best", "schedule", "sinks", "paused", "once_a_paper",
}

func (m subscriptionMask) has(part string) bool { return slices.Contains(m, part) }

// subjects and strictnesses are fields of the oneofs, which a mask may name as well.
var partOfField = map[string]string{
	"text": "subject", "paper_id": "subject", "profile_id": "subject", "rising": "subject",
	"one_in": "strictness", "min_cosine": "strictness",
}

func decodeUpdateMask(req *akinv1.UpdateSubscriptionRequest) (subscriptionMask, error) {
	if len(req.GetUpdateMask().GetPaths()) == 0 {
		return wholeSubscription, nil
	}
	var c validator
	var mask subscriptionMask
	for i, path := range req.GetUpdateMask().GetPaths() {
		part := path
		if p, ok := partOfField[path]; ok {
			part = p
		}
		switch {
		case path == "*":
			return wholeSubscription, nil
		case !wholeSubscription.has(part):
			c.addf(at("update_mask.paths", i), "is %s: use %s", quoted(path), strings.Join(wholeSubscription, ", "))
		default:
			mask = append(mask, part)
		}
	}
	return mask, c.err()
}

// apply returns a subscription with the parts of the mask taken from a message.
func (m subscriptionMask) apply(have *alert.Subscription, from *akinv1.Subscription) (*alert.Subscription, error) {
	given, err := decodeSubscription(from, m)
	if err != nil {
		return nil, err
	}
	next := *have
	if m.has("display_name") {
		next.Name = given.Name
	}
	if m.has("subject") {
		next.Kind, next.Text, next.PaperID, next.ProfileID, next.Period = given.Kind, given.Text, given.PaperID,
			given.ProfileID, given.Period
	}
	if m.has("filter") {
		next.Filter = given.Filter
	}
	if m.has("strictness") || next.Kind != have.Kind {
		next.OneIn, next.MinCosine = given.OneIn, given.MinCosine
	}
	if m.has("best") || next.Kind != have.Kind {
		next.Best = given.Best
	}
	if m.has("schedule") {
		next.Schedule = given.Schedule
	}
	if m.has("sinks") {
		next.Sinks = given.Sinks
		for i := range next.Sinks { // what was there keeps its secret
			for _, old := range have.Sinks {
				if s := &next.Sinks[i]; s.Kind == old.Kind && s.URL == old.URL && s.Address == old.Address && s.Secret == "" {
					s.Secret = old.Secret
				}
			}
		}
	}
	if m.has("paused") {
		next.Paused = given.Paused
	}
	if m.has("once_a_paper") {
		next.Once = given.Once
	}
	var c validator
	c.combination(&next)
	return &next, c.err()
}

// decodeSubscription checks the parts of a mask; the whole of it must make sense together as well.
func decodeSubscription(m *akinv1.Subscription, mask subscriptionMask) (*alert.Subscription, error) {
	const path = "subscription"
	var c validator
	if m == nil {
		c.addf(path, "is required")
		return nil, c.err()
	}
	s := &alert.Subscription{ID: m.GetSubscriptionId(), Name: m.GetDisplayName(), Paused: m.GetPaused(),
		Once: m.GetOnceAPaper()}
	if s.ID == "" {
		s.ID = strings.ToLower(rand.Text()[:16])
	}
	c.id(path+".subscription_id", s.ID)
	if c.size(path+".display_name", s.Name, maxNameBytes) && strings.ContainsAny(s.Name, "\r\n") {
		c.addf(path+".display_name", "has more than one line")
	}
	c.subject(path, m, s)
	if c.filter(path+".filter", m.GetFilter()); c.ok() {
		s.Filter = m.GetFilter()
	}
	c.strictness(path, m, s)
	s.Best = c.choice(path+".best", m.GetBest(), alert.DefaultBest, 1, maxBest)
	s.Schedule = c.schedule(path+".schedule", m.GetSchedule())
	if c.count(path+".sinks", len(m.GetSinks()), 0, alert.MaxSinks) {
		for i, sink := range m.GetSinks() {
			s.Sinks = append(s.Sinks, c.sink(at(path+".sinks", i), sink, s.Sinks))
		}
	}
	if len(mask) == len(wholeSubscription) {
		c.combination(s)
	}
	return s, c.err()
}

// combination checks what only makes sense together.
func (c *validator) combination(s *alert.Subscription) {
	if s.Kind == alert.ByFilter && s.Filter == "" {
		c.addf("subscription.filter", "is required where there is no text, paper_id, profile_id or rising")
	}
	if s.Kind.Ranked() && !s.Schedule.Periodic() {
		c.addf("subscription.schedule.every",
			"must be HOURLY, DAILY or WEEKLY: the best of a period can be told when it is over")
	}
	if !s.Kind.Nearness() {
		s.OneIn, s.MinCosine = 0, nil
	} else if s.OneIn == 0 && s.MinCosine == nil {
		s.OneIn = alert.DefaultOneIn
	}
	if !s.Kind.Ranked() {
		s.Best = 0
	} else if s.Best == 0 {
		s.Best = alert.DefaultBest
	}
}

func (c *validator) subject(path string, m *akinv1.Subscription, s *alert.Subscription) {
	s.Kind = alert.ByFilter
	switch subject := m.GetSubject().(type) {
	case *akinv1.Subscription_Text:
		s.Kind, s.Text = alert.ByText, subject.Text
		if c.size(path+".text", s.Text, maxSubjectBytes) {
			c.text(path+".text", s.Text)
		}
	case *akinv1.Subscription_PaperId:
		s.Kind, s.PaperID = alert.ByPaper, subject.PaperId
		c.id(path+".paper_id", s.PaperID)
	case *akinv1.Subscription_ProfileId:
		s.Kind, s.ProfileID = alert.ByProfile, subject.ProfileId
		c.id(path+".profile_id", s.ProfileID)
	case *akinv1.Subscription_Rising:
		s.Kind, s.Period = alert.Rising, c.period(path+".rising.period", subject.Rising.GetPeriod())
	}
}

func (c *validator) period(path string, d *durationpb.Duration) time.Duration {
	if d == nil {
		return alert.DefaultPeriod
	}
	if d.CheckValid() != nil || d.AsDuration() < minPeriod || d.AsDuration() > maxPeriod {
		c.addf(path, "must be from an hour to ten years")
	}
	return d.AsDuration()
}

func (c *validator) strictness(path string, m *akinv1.Subscription, s *alert.Subscription) {
	switch strictness := m.GetStrictness().(type) {
	case *akinv1.Subscription_OneIn:
		s.OneIn = int(strictness.OneIn)
		c.number(path+".one_in", float64(s.OneIn), 1, maxOneIn)
	case *akinv1.Subscription_MinCosine:
		s.MinCosine = &strictness.MinCosine
		c.number(path+".min_cosine", strictness.MinCosine, -1, 1)
	}
}

func (c *validator) schedule(path string, m *akinv1.Schedule) alert.Schedule {
	s := alert.Schedule{Every: alert.AtOnce}
	if every := m.GetEvery(); every < 0 || every > akinv1.Every_EVERY_WEEKLY {
		c.addf(path+".every", "is %d, which is no Every", every)
	} else if every != 0 {
		s.Every = alert.Every(every)
	}
	minute := alert.DefaultMinute
	if text := m.GetTimeOfDay(); text != "" {
		at, err := time.Parse("15:04", text)
		if err != nil || len(text) != 5 {
			c.addf(path+".time_of_day", "is %s: give HH:MM from 00:00 to 23:59", quoted(text))
		}
		minute = at.Hour()*60 + at.Minute()
	}
	if c.size(path+".time_zone", m.GetTimeZone(), maxAttributeName) {
		if _, err := alert.Zone(m.GetTimeZone()); err != nil {
			c.addf(path+".time_zone", "is %s, which is no name in the IANA database, such as Europe/Berlin",
				quoted(m.GetTimeZone()))
		}
	}
	day := m.GetWeekday()
	if day < 0 || day > akinv1.Weekday_WEEKDAY_SUNDAY {
		c.addf(path+".weekday", "is %d, which is no Weekday", day)
	}
	if s.Every >= alert.Daily {
		s.Minute, s.Zone = minute, m.GetTimeZone()
	}
	if s.Every == alert.Weekly {
		s.Weekday = time.Weekday(max(1, day) % 7)
	}
	return s
}

func (c *validator) sink(path string, m *akinv1.Sink, before []alert.Sink) alert.Sink {
	var s alert.Sink
	switch kind := m.GetKind().(type) {
	case *akinv1.Sink_Email:
		s.Kind, s.Address = alert.Email, kind.Email.GetAddress()
		if c.size(path+".email.address", s.Address, maxAddressBytes) && !isAddress(s.Address) {
			c.addf(path+".email.address", "is %s, which is no address such as ada@example.org", quoted(s.Address))
		}
	case *akinv1.Sink_Webhook:
		s.Kind, s.URL, s.Secret = alert.Webhook, kind.Webhook.GetUrl(), kind.Webhook.GetSecret()
		if c.size(path+".webhook.url", s.URL, maxWebhookBytes) && !isWebhook(s.URL) {
			c.addf(path+".webhook.url", "is %s: give an http or https URL without a user and a fragment", quoted(s.URL))
		}
		if s.Secret != "" && !isSecret(s.Secret) {
			c.addf(path+".webhook.secret", "is none: give whsec_ and 24 to 64 bytes in base64, or nothing")
		}
	case *akinv1.Sink_Feed:
		s.Kind = alert.Feed
	default:
		c.addf(path, "is empty: set one of email, webhook and feed")
	}
	for _, other := range before {
		if other.Kind == s.Kind && other.Address == s.Address && other.URL == s.URL && s.Kind != 0 {
			c.addf(path, "is there twice")
		}
	}
	return s
}

func isAddress(text string) bool {
	a, err := mail.ParseAddress(text)
	return err == nil && a.Name == "" && a.Address == text && !strings.ContainsAny(text, " \"<>(),;:\\")
}

func isWebhook(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil &&
		u.Fragment == ""
}

func isSecret(text string) bool {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "whsec_"))
	return err == nil && strings.HasPrefix(text, "whsec_") && len(key) >= 24 && len(key) <= 64
}

func decodePreview(req *akinv1.PreviewSubscriptionRequest) (s *alert.Subscription, last, size int, err error) {
	var c validator
	last = c.choice("last", req.GetLast(), defaultLast, 1, maxLast)
	size = c.choice("page_size", req.GetPageSize(), defaultHits, 1, maxPageSize)
	if !c.ok() {
		return nil, 0, 0, c.err()
	}
	m := req.GetSubscription()
	if m != nil && m.GetSchedule().GetEvery() <= akinv1.Every_EVERY_AT_ONCE { // no one waits for it
		plain := &akinv1.Subscription{
			DisplayName: m.GetDisplayName(), Subject: m.GetSubject(), Filter: m.GetFilter(), Strictness: m.GetStrictness(),
			Best:     m.GetBest(),
			Schedule: &akinv1.Schedule{Every: akinv1.Every_EVERY_DAILY},
		}
		m = plain
	}
	s, err = decodeSubscription(m, wholeSubscription)
	return s, last, size, err
}

func decodeRising(req *akinv1.ListRisingPapersRequest) (engine.RisingQuery, error) {
	var c validator
	q := engine.RisingQuery{
		Period: c.period("period", req.GetPeriod()),
		Filter: c.filter("filter", req.GetFilter()),
		Size:   c.choice("page_size", req.GetPageSize(), defaultHits, 1, maxBest),
	}
	if t := req.GetEndTime(); t != nil {
		if err := t.CheckValid(); err != nil {
			c.addf("end_time", "is no time: %v", err)
		}
		q.End = t.AsTime()
	}
	return q, c.err()
}

// encodeSubscription describes a subscription. fresh is what the caller has just given, whose secrets it is told; nil:
// none.
func encodeSubscription(s *alert.State, fresh *alert.Subscription) *akinv1.Subscription {
	out := &akinv1.Subscription{
		SubscriptionId: s.ID,
		DisplayName:    s.DisplayName(),
		Filter:         s.Filter,
		Best:           int32(s.Best),
		Schedule:       encodeSchedule(s.Schedule),
		Paused:         s.Paused,
		OnceAPaper:     s.Once,
		Principal:      s.Owner,
		CreateTime:     timestamppb.New(s.Created),
		UpdateTime:     timestamppb.New(s.Updated),
		Threshold:      s.Threshold,
		Problem:        s.Problem,
		MatchCount:     int64(s.Head),
		LastMatchTime:  encodeTime(s.LastMatch),
		Cursor:         s.Cursor,
	}
	if !s.Paused {
		out.NextSendTime = encodeTime(s.Next)
	}
	switch s.Kind {
	case alert.ByText:
		out.Subject = &akinv1.Subscription_Text{Text: s.Text}
	case alert.ByPaper:
		out.Subject = &akinv1.Subscription_PaperId{PaperId: s.PaperID}
	case alert.ByProfile:
		out.Subject = &akinv1.Subscription_ProfileId{ProfileId: s.ProfileID}
	case alert.Rising:
		out.Subject = &akinv1.Subscription_Rising{Rising: &akinv1.RisingSubject{Period: durationpb.New(s.Period)}}
	}
	if s.MinCosine != nil {
		out.Strictness = &akinv1.Subscription_MinCosine{MinCosine: *s.MinCosine}
	} else if s.OneIn > 0 {
		out.Strictness = &akinv1.Subscription_OneIn{OneIn: int32(s.OneIn)}
	}
	for i := range s.Sinks {
		out.Sinks = append(out.Sinks, encodeSink(&s.Sinks[i], &s.Reports[i], fresh))
	}
	return out
}

func encodeSchedule(s alert.Schedule) *akinv1.Schedule {
	out := &akinv1.Schedule{Every: akinv1.Every(s.Every)}
	if s.Every >= alert.Daily {
		out.TimeOfDay = time.Date(0, 1, 1, 0, s.Minute, 0, 0, time.UTC).Format("15:04")
		out.TimeZone = s.Zone
	}
	if s.Every == alert.Weekly {
		out.Weekday = akinv1.Weekday((int(s.Weekday)+6)%7 + 1)
	}
	return out
}

// Standings have the same numbers in the contract and in package alert.
func encodeSink(s *alert.Sink, r *alert.SinkState, fresh *alert.Subscription) *akinv1.Sink {
	out := &akinv1.Sink{
		State:            akinv1.SinkState(r.Standing),
		DeliveredCount:   r.Delivered,
		DroppedCount:     r.Dropped,
		PendingCount:     r.Pending,
		LastDeliveryTime: encodeTime(r.Last),
		LastError:        r.Error,
		NextAttemptTime:  encodeTime(r.Retry),
	}
	switch s.Kind {
	case alert.Email:
		out.Kind = &akinv1.Sink_Email{Email: &akinv1.EmailSink{Address: s.Address}}
	case alert.Webhook:
		hook := &akinv1.WebhookSink{Url: s.URL}
		if fresh != nil && slices.ContainsFunc(fresh.Sinks, func(f alert.Sink) bool {
			return f.Kind == s.Kind && f.URL == s.URL && f.Secret == "" // the server made it
		}) {
			hook.Secret = s.Secret
		}
		out.Kind = &akinv1.Sink_Webhook{Webhook: hook}
	case alert.Feed:
		out.Kind = &akinv1.Sink_Feed{Feed: &akinv1.FeedSink{Url: r.URL}}
	}
	return out
}

func encodeMatch(m *alert.Match) *akinv1.Match {
	return &akinv1.Match{
		MatchId:         m.ID,
		SubscriptionId:  m.SubscriptionID,
		Paper:           exceptText.encode(m.Paper),
		Cosine:          m.Cosine,
		OneIn:           int32(m.OneIn),
		Score:           m.Score,
		Words:           shortened(m.Words),
		BecausePaperIds: m.Because,
		Updated:         m.Updated,
		MatchTime:       encodeTime(m.Time),
	}
}

func encodeAlertStats(s alert.Stats) *akinv1.AlertStats {
	return &akinv1.AlertStats{
		Subscriptions: s.Subscriptions, UnmatchedPapers: s.Unmatched, Matches: s.Matches, Pending: s.Pending,
		Delivered: s.Delivered, Dropped: s.Dropped, FailingSinks: s.Failing, DisabledSinks: s.Disabled,
	}
}
