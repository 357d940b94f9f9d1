package service

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/admit"
	"github.com/akin-search/akin/server/internal/alert"
	"github.com/akin-search/akin/server/internal/engine"
)

// CreateSubscription makes a subscription of the caller's.
func (s *Server) CreateSubscription(ctx context.Context, req *akinv1.CreateSubscriptionRequest) (
	*akinv1.CreateSubscriptionResponse, error) {
	sub, err := decodeSubscription(req.GetSubscription(), wholeSubscription)
	if err != nil {
		return nil, err
	}
	if err := s.scopeSubscription(ctx, sub); err != nil {
		return nil, err
	}
	made, err := s.alerts().Create(ctx, sub)
	if err != nil {
		return nil, err
	}
	return &akinv1.CreateSubscriptionResponse{Subscription: encodeSubscription(&made, sub)}, nil
}

// scopeSubscription binds a subscription to its caller: the paper that it goes by must be one that the caller may see.
func (s *Server) scopeSubscription(ctx context.Context, sub *alert.Subscription) error {
	sub.Owner = admit.PrincipalOf(ctx).Name
	if sub.Kind != alert.ByPaper {
		return nil
	}
	if err := s.resolve(ctx, &sub.PaperID); err != nil {
		return err
	}
	if err := s.mustSee(ctx, sub.PaperID); err != nil {
		return err
	}
	stored, err := s.engine().Stored(ctx, []string{sub.PaperID})
	if err == nil && !stored[0] {
		err = fmt.Errorf("%w: %q", engine.ErrNotFound, sub.PaperID)
	}
	return err
}

// GetSubscription returns a subscription of the caller's.
func (s *Server) GetSubscription(ctx context.Context,
	req *akinv1.GetSubscriptionRequest) (*akinv1.GetSubscriptionResponse, error) {
	if err := decodeID("subscription_id", req.GetSubscriptionId()); err != nil {
		return nil, err
	}
	state, err := s.alerts().Get(ctx, admit.PrincipalOf(ctx).Name, req.GetSubscriptionId())
	if err != nil {
		return nil, err
	}
	return &akinv1.GetSubscriptionResponse{Subscription: encodeSubscription(&state, nil)}, nil
}

// ListSubscriptions lists the caller's subscriptions.
func (s *Server) ListSubscriptions(ctx context.Context, req *akinv1.ListSubscriptionsRequest) (
	*akinv1.ListSubscriptionsResponse, error) {
	var c validator
	size := c.pageSize(req.GetPageSize(), defaultListed)
	if c.pageToken(req.GetPageToken()); !c.ok() {
		return nil, c.err()
	}
	list, next, err := s.alerts().List(ctx, admit.PrincipalOf(ctx).Name, req.GetPageToken(), size)
	if err != nil {
		return nil, err
	}
	out := &akinv1.ListSubscriptionsResponse{NextPageToken: next}
	for i := range list {
		out.Subscriptions = append(out.Subscriptions, encodeSubscription(&list[i], nil))
	}
	if n := fitting(out.GetSubscriptions(), maxResponseBytes-maxPageTokenBytes, 1); n < len(list) {
		out.Subscriptions, out.NextPageToken = out.GetSubscriptions()[:n], alert.ListToken(list[n-1].ID)
	}
	return out, nil
}

// UpdateSubscription changes a subscription of the caller's.
func (s *Server) UpdateSubscription(ctx context.Context, req *akinv1.UpdateSubscriptionRequest) (
	*akinv1.UpdateSubscriptionResponse, error) {
	if err := decodeID("subscription.subscription_id", req.GetSubscription().GetSubscriptionId()); err != nil {
		return nil, err
	}
	mask, err := decodeUpdateMask(req)
	if err != nil {
		return nil, err
	}
	var next *alert.Subscription
	state, err := s.alerts().Update(ctx, admit.PrincipalOf(ctx).Name, req.GetSubscription().GetSubscriptionId(),
		func(have *alert.Subscription) error {
			if next, err = mask.apply(have, req.GetSubscription()); err != nil {
				return err
			}
			if mask.has("subject") {
				if err := s.scopeSubscription(ctx, next); err != nil {
					return err
				}
			}
			*have = *next
			return nil
		})
	if err != nil {
		return nil, err
	}
	return &akinv1.UpdateSubscriptionResponse{Subscription: encodeSubscription(&state, next)}, nil
}

// DeleteSubscription removes a subscription of the caller's.
func (s *Server) DeleteSubscription(ctx context.Context, req *akinv1.DeleteSubscriptionRequest) (
	*akinv1.DeleteSubscriptionResponse, error) {
	if err := decodeID("subscription_id", req.GetSubscriptionId()); err != nil {
		return nil, err
	}
	if err := s.alerts().Delete(admit.PrincipalOf(ctx).Name, req.GetSubscriptionId()); err != nil {
		return nil, err
	}
	return &akinv1.DeleteSubscriptionResponse{}, nil
}

// PreviewSubscription says what a subscription would have matched.
func (s *Server) PreviewSubscription(ctx context.Context, req *akinv1.PreviewSubscriptionRequest) (
	*akinv1.PreviewSubscriptionResponse, error) {
	sub, last, size, err := decodePreview(req)
	if err != nil {
		return nil, err
	}
	if err := s.scopeSubscription(ctx, sub); err != nil {
		return nil, err
	}
	preview, err := s.alerts().Preview(ctx, sub, last, size)
	if err != nil {
		return nil, err
	}
	out := &akinv1.PreviewSubscriptionResponse{
		MatchCount: int32(preview.Found), LookedAt: int32(preview.LookedAt), Threshold: preview.Threshold,
	}
	for _, m := range preview.Matches {
		if m.Paper != nil {
			out.Matches = append(out.Matches, encodeMatch(m))
		}
	}
	out.Matches = out.GetMatches()[:fitting(out.GetMatches(), maxResponseBytes, 1)]
	return out, nil
}

// WatchMatches streams the matches of a subscription of the caller's.
func (s *Server) WatchMatches(req *akinv1.WatchMatchesRequest, stream akinv1.AlertService_WatchMatchesServer) error {
	var c validator
	c.id("subscription_id", req.GetSubscriptionId())
	if c.size("cursor", req.GetCursor(), maxPageTokenBytes); !c.ok() {
		return c.err()
	}
	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-s.draining:
			cancel(errWatchEnds)
		case <-stop:
		}
	}()
	err := s.alerts().Watch(ctx, admit.PrincipalOf(ctx).Name, req.GetSubscriptionId(), req.GetCursor(),
		func(m *alert.Match) error {
			out := &akinv1.WatchMatchesResponse{Cursor: m.Cursor}
			if m.Paper != nil {
				out.Match = encodeMatch(m)
			}
			return stream.Send(out)
		})
	if errors.Is(context.Cause(ctx), errWatchEnds) {
		return errWatchEnds
	}
	return err
}

var errWatchEnds = failure(codes.Unavailable, reasonShuttingDown,
	"the server is shutting down: go on with the last cursor")

// ListRisingPapers returns what is rising.
func (s *Server) ListRisingPapers(ctx context.Context,
	req *akinv1.ListRisingPapersRequest) (*akinv1.ListRisingPapersResponse, error) {
	q, err := decodeRising(req)
	if err != nil {
		return nil, err
	}
	q.Filter = scoped(ctx, q.Filter)
	risen, err := s.alerts().Rising(ctx, admit.PrincipalOf(ctx).Name, q)
	if err != nil {
		return nil, err
	}
	out := &akinv1.ListRisingPapersResponse{Basis: akinv1.RisingBasis_RISING_BASIS_NEIGHBOURS}
	if risen.ByEvents {
		out.Basis = akinv1.RisingBasis_RISING_BASIS_EVENTS
	}
	for _, p := range risen.Papers {
		out.Papers = append(out.Papers, &akinv1.RisingPaper{
			Paper: exceptText.encode(p.Paper), Rise: p.Rise, Recent: p.Recent, Expected: p.Expected,
		})
	}
	out.Papers = out.GetPapers()[:fitting(out.GetPapers(), maxResponseBytes, 1)]
	return out, nil
}
