package akintest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// subscription is one with its matches. Subscriptions that go by profiles, or by what is rising, match nothing here:
// their periods do not end. Nothing is sent anywhere.
type subscription struct {
	*akinv1.Subscription
	matches []*akinv1.Match
	since   uint64        // revision
	changed chan struct{} // closed when there is another match
}

// CreateSubscription implements akinv1.AlertServiceServer.
func (s *Server) CreateSubscription(_ context.Context,
	req *akinv1.CreateSubscriptionRequest) (*akinv1.CreateSubscriptionResponse, error) {
	sub, err := s.checkSubscription(req.GetSubscription())
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if sub.GetSubscriptionId() == "" {
		sub.SubscriptionId = "subscription-" + strconv.Itoa(len(s.subscriptions)+1)
	}
	if s.subscriptions[sub.GetSubscriptionId()] != nil {
		return nil, Fail(codes.AlreadyExists, "there is a subscription of that id", "SUBSCRIPTION_EXISTS")
	}
	s.subscriptions[sub.GetSubscriptionId()] = &subscription{Subscription: sub, since: s.revision,
		changed: make(chan struct{})}
	return &akinv1.CreateSubscriptionResponse{Subscription: proto.CloneOf(sub)}, nil
}

// checkSubscription returns a subscription with its defaults.
func (s *Server) checkSubscription(given *akinv1.Subscription) (*akinv1.Subscription, error) {
	if given == nil {
		return nil, Invalid("subscription", "is required")
	}
	sub := proto.CloneOf(given)
	if sub.GetSchedule().GetEvery() == 0 {
		sub.Schedule = &akinv1.Schedule{Every: akinv1.Every_EVERY_AT_ONCE}
	}
	ranked := false
	switch subject := sub.GetSubject().(type) {
	case *akinv1.Subscription_Text:
		if strings.TrimSpace(subject.Text) == "" {
			return nil, Invalid("subscription.text", "is empty")
		}
	case *akinv1.Subscription_PaperId:
		if _, err := s.find(subject.PaperId); err != nil {
			return nil, err
		}
	case *akinv1.Subscription_ProfileId, *akinv1.Subscription_Rising:
		ranked = true
	default:
		if sub.GetFilter() == "" {
			return nil, Invalid("subscription.filter", "is required")
		}
	}
	if ranked && sub.GetSchedule().GetEvery() == akinv1.Every_EVERY_AT_ONCE {
		return nil, Invalid("subscription.schedule.every", "must be HOURLY, DAILY or WEEKLY")
	}
	if sub.GetStrictness() == nil && (sub.GetText() != "" || sub.GetPaperId() != "") {
		sub.Strictness = &akinv1.Subscription_OneIn{OneIn: 1000}
	}
	if _, err := s.accepted("subscription.filter", sub.GetFilter()); err != nil {
		return nil, err
	}
	for _, sink := range sub.GetSinks() {
		if sink.GetWebhook() == nil {
			return nil, Fail(codes.FailedPrecondition, "the server is not set up for that sink", "SINK_NOT_CONFIGURED")
		}
		sink.State = akinv1.SinkState_SINK_STATE_ACTIVE
	}
	if sub.GetDisplayName() == "" {
		sub.DisplayName = cmp.Or(sub.GetText(), sub.GetPaperId(), sub.GetProfileId(), sub.GetFilter(), "Rising papers")
	}
	sub.CreateTime, sub.UpdateTime = timestamppb.Now(), timestamppb.Now()
	return sub, nil
}

func noSubscription(id string) error {
	return Fail(codes.NotFound, "subscription not found: "+strconv.Quote(id), "SUBSCRIPTION_NOT_FOUND")
}

// GetSubscription implements akinv1.AlertServiceServer.
func (s *Server) GetSubscription(_ context.Context,
	req *akinv1.GetSubscriptionRequest) (*akinv1.GetSubscriptionResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := s.subscriptions[req.GetSubscriptionId()]
	if sub == nil {
		return nil, noSubscription(req.GetSubscriptionId())
	}
	return &akinv1.GetSubscriptionResponse{Subscription: sub.shown()}, nil
}

// shown is the subscription as callers see it; the caller holds the lock of the server.
func (sub *subscription) shown() *akinv1.Subscription {
	out := proto.CloneOf(sub.Subscription)
	out.MatchCount = int64(len(sub.matches))
	if n := len(sub.matches); n > 0 {
		out.Cursor, out.LastMatchTime = strconv.Itoa(n), sub.matches[n-1].GetMatchTime()
	}
	for _, sink := range out.GetSinks() {
		sink.GetWebhook().Secret = ""
		sink.PendingCount = out.GetMatchCount()
	}
	return out
}

// ListSubscriptions implements akinv1.AlertServiceServer: one a page.
func (s *Server) ListSubscriptions(_ context.Context,
	req *akinv1.ListSubscriptionsRequest) (*akinv1.ListSubscriptionsResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &akinv1.ListSubscriptionsResponse{}
	for _, id := range slices.Sorted(maps.Keys(s.subscriptions)) {
		switch {
		case id <= req.GetPageToken():
		case len(out.GetSubscriptions()) == 1:
			out.NextPageToken = out.GetSubscriptions()[0].GetSubscriptionId()
		default:
			out.Subscriptions = append(out.Subscriptions, s.subscriptions[id].shown())
		}
	}
	return out, nil
}

// UpdateSubscription implements akinv1.AlertServiceServer: of a mask it knows whole subscriptions and "paused" alone.
func (s *Server) UpdateSubscription(ctx context.Context,
	req *akinv1.UpdateSubscriptionRequest) (*akinv1.UpdateSubscriptionResponse, error) {
	id := req.GetSubscription().GetSubscriptionId()
	have, err := s.GetSubscription(ctx, &akinv1.GetSubscriptionRequest{SubscriptionId: id})
	if err != nil {
		return nil, err
	}
	next := have.GetSubscription()
	switch paths := req.GetUpdateMask().GetPaths(); {
	case len(paths) == 0:
		if next, err = s.checkSubscription(req.GetSubscription()); err != nil {
			return nil, err
		}
	case slices.Equal(paths, []string{"paused"}):
		next.Paused = req.GetSubscription().GetPaused()
	default:
		return nil, Invalid("update_mask.paths[0]", "is not known here")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscriptions[id].Subscription = next
	return &akinv1.UpdateSubscriptionResponse{Subscription: s.subscriptions[id].shown()}, nil
}

// DeleteSubscription implements akinv1.AlertServiceServer.
func (s *Server) DeleteSubscription(_ context.Context,
	req *akinv1.DeleteSubscriptionRequest) (*akinv1.DeleteSubscriptionResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := s.subscriptions[req.GetSubscriptionId()]
	if sub == nil {
		return nil, noSubscription(req.GetSubscriptionId())
	}
	delete(s.subscriptions, req.GetSubscriptionId())
	close(sub.changed)
	return &akinv1.DeleteSubscriptionResponse{}, nil
}

// notify holds a paper that was written against all subscriptions; the caller holds the lock.
func (s *Server) notify(p *akinv1.Paper) {
	for _, sub := range s.subscriptions {
		if m := s.match(sub, p); m != nil {
			sub.matches = append(sub.matches, m)
			close(sub.changed)
			sub.changed = make(chan struct{})
		}
	}
}

// match returns the match of a paper with a subscription, or nil; the caller holds the lock.
func (s *Server) match(sub *subscription, p *akinv1.Paper) *akinv1.Match {
	if p.GetRevision() <= sub.since || p.GetId() == sub.GetPaperId() || !accepts(sub.GetFilter(), p) {
		return nil
	}
	var subject counts
	switch {
	case sub.GetText() != "":
		subject = countWords(sub.GetText())
	case sub.GetPaperId() != "":
		own := s.papers[sub.GetPaperId()]
		if own == nil {
			return nil
		}
		subject = countWords(own.GetTitle(), own.GetAbstract())
	case sub.GetProfileId() != "" || sub.GetRising() != nil:
		return nil
	}
	cos := 0.
	if subject != nil {
		if cos = cosine(subject, countWords(p.GetTitle(), p.GetAbstract())); cos <= 0 || cos < s.threshold(sub, subject) {
			return nil
		}
	}
	sum := sha256.Sum256([]byte(sub.GetSubscriptionId() + "\x00" + p.GetId() + "\x00" + p.GetTitle() + "\x00" +
		p.GetAbstract()))
	m := &akinv1.Match{
		MatchId: hex.EncodeToString(sum[:16]), SubscriptionId: sub.GetSubscriptionId(), Paper: withoutAbstract(p),
		Cosine:    cos,
		MatchTime: timestamppb.Now(),
	}
	for _, before := range sub.matches {
		if before.GetMatchId() == m.GetMatchId() || before.GetPaper().GetId() == p.GetId() && sub.GetOnceAPaper() {
			return nil
		}
		m.Updated = m.GetUpdated() || before.GetPaper().GetId() == p.GetId()
	}
	return m
}

// threshold is the cosine that a paper must reach; the caller holds the lock.
func (s *Server) threshold(sub *subscription, subject counts) float64 {
	if sub.GetOneIn() == 0 {
		return sub.GetMinCosine()
	}
	var cosines []float64
	for id, p := range s.papers {
		if id != sub.GetPaperId() {
			cosines = append(cosines, cosine(subject, countWords(p.GetTitle(), p.GetAbstract())))
		}
	}
	slices.Sort(cosines)
	return cosines[len(cosines)-max(1, len(cosines)/int(sub.GetOneIn()))]
}

// PreviewSubscription implements akinv1.AlertServiceServer.
func (s *Server) PreviewSubscription(_ context.Context,
	req *akinv1.PreviewSubscriptionRequest) (*akinv1.PreviewSubscriptionResponse, error) {
	given := proto.CloneOf(req.GetSubscription())
	if given != nil && given.GetSchedule().GetEvery() <= akinv1.Every_EVERY_AT_ONCE {
		given.Schedule = &akinv1.Schedule{Every: akinv1.Every_EVERY_DAILY}
	}
	sub, err := s.checkSubscription(given)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	papers := slices.SortedFunc(maps.Values(s.papers), func(a, b *akinv1.Paper) int {
		return cmp.Compare(b.GetRevision(),
			a.GetRevision())
	})
	papers = papers[:min(len(papers), int(cmp.Or(req.GetLast(), 1000)))]
	out := &akinv1.PreviewSubscriptionResponse{LookedAt: int32(len(papers))}
	for _, p := range papers {
		if m := s.match(&subscription{Subscription: sub}, p); m != nil {
			out.Matches = append(out.Matches, m)
		}
	}
	out.MatchCount = int32(len(out.GetMatches()))
	slices.SortStableFunc(out.GetMatches(), func(a, b *akinv1.Match) int {
		return cmp.Compare(b.GetCosine(),
			a.GetCosine())
	})
	out.Matches = out.GetMatches()[:min(len(out.GetMatches()), int(cmp.Or(req.GetPageSize(), 10)))]
	return out, nil
}

// WatchMatches implements akinv1.AlertServiceServer. A cursor is the number of matches seen.
func (s *Server) WatchMatches(req *akinv1.WatchMatchesRequest,
	stream grpc.ServerStreamingServer[akinv1.WatchMatchesResponse]) error {
	at, err := strconv.Atoi(cmp.Or(req.GetCursor(), "0"))
	if err != nil || at < 0 {
		return violation("cursor", "is refused: invalid cursor", "INVALID_CURSOR")
	}
	for {
		s.mu.Lock()
		sub := s.subscriptions[req.GetSubscriptionId()]
		if sub == nil {
			s.mu.Unlock()
			return noSubscription(req.GetSubscriptionId())
		}
		list, changed := sub.matches[min(at, len(sub.matches)):], sub.changed
		var out []*akinv1.WatchMatchesResponse
		for i, m := range list {
			one := &akinv1.WatchMatchesResponse{Cursor: strconv.Itoa(at + i + 1)}
			if s.papers[m.GetPaper().GetId()] != nil {
				one.Match = proto.CloneOf(m)
			}
			out = append(out, one)
		}
		s.mu.Unlock()
		for _, one := range out {
			if err := stream.Send(one); err != nil {
				return err
			}
			at++
		}
		select {
		case <-changed:
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

// ListRisingPapers implements akinv1.AlertServiceServer: papers by the LIKE and READ events of all time, and nothing
// without one.
func (s *Server) ListRisingPapers(_ context.Context,
	req *akinv1.ListRisingPapersRequest) (*akinv1.ListRisingPapersResponse, error) {
	if _, err := s.accepted("filter", req.GetFilter()); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := map[string]float64{}
	for _, events := range s.profiles {
		for _, e := range events {
			switch e.GetKind() {
			case akinv1.EventKind_EVENT_KIND_LIKE:
				counts[e.GetPaperId()]++
			case akinv1.EventKind_EVENT_KIND_READ:
				counts[e.GetPaperId()] += .5
			}
		}
	}
	out := &akinv1.ListRisingPapersResponse{Basis: akinv1.RisingBasis_RISING_BASIS_NEIGHBOURS}
	if len(counts) > 0 {
		out.Basis = akinv1.RisingBasis_RISING_BASIS_EVENTS
	}
	for id, n := range counts {
		if p := s.papers[id]; p != nil && accepts(req.GetFilter(), p) {
			out.Papers = append(out.Papers, &akinv1.RisingPaper{Paper: withoutAbstract(p), Rise: n, Recent: n})
		}
	}
	slices.SortFunc(out.GetPapers(), func(a, b *akinv1.RisingPaper) int {
		return cmp.Or(cmp.Compare(b.GetRise(), a.GetRise()), cmp.Compare(a.GetPaper().GetId(), b.GetPaper().GetId()))
	})
	out.Papers = out.GetPapers()[:min(len(out.GetPapers()), int(cmp.Or(req.GetPageSize(), 10)))]
	return out, nil
}
