package client

import (
	"context"
	"errors"
	"iter"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

type (
	// Subscription says which papers matter, and where they go.
	Subscription = akinv1.Subscription
	// Schedule says when matches are sent.
	Schedule = akinv1.Schedule
	// Sink is a place that matches are sent to; see [EmailTo], [WebhookTo] and [AsFeed].
	Sink = akinv1.Sink
	// Match is a paper that matches a subscription.
	Match = akinv1.Match
	// Preview is what a subscription would have matched.
	Preview = akinv1.PreviewSubscriptionResponse
	// RisingPaper is a paper that matters more lately.
	RisingPaper = akinv1.RisingPaper
)

// EmailTo sends digests to a mailbox, once its owner has confirmed it.
func EmailTo(address string) *Sink {
	return &Sink{Kind: &akinv1.Sink_Email{Email: &akinv1.EmailSink{Address: address}}}
}

// WebhookTo posts matches to a URL, signed with a secret; with an empty one the server makes it, and the answer to the
// call that creates the subscription has it.
func WebhookTo(url, secret string) *Sink {
	return &Sink{Kind: &akinv1.Sink_Webhook{Webhook: &akinv1.WebhookSink{Url: url, Secret: secret}}}
}

// AsFeed shows matches as an Atom feed, whose URL the subscription has.
func AsFeed() *Sink { return &Sink{Kind: &akinv1.Sink_Feed{Feed: &akinv1.FeedSink{}}} }

// Subscribe makes a subscription and returns it as the server has it: with its id and, of webhooks, the secrets that
// the server made. ErrInvalid names the field at fault; an id that is taken has the reason SUBSCRIPTION_EXISTS. It is
// sent once.
func (c *Client) Subscribe(ctx context.Context, s *Subscription) (*Subscription, error) {
	ctx, cancel := c.deadline(ctx)
	defer cancel()
	res, err := c.alerts.CreateSubscription(ctx, &akinv1.CreateSubscriptionRequest{Subscription: s})
	return res.GetSubscription(), callError("subscribe", err)
}

// Subscription returns one of the caller's subscriptions and how it is doing. ErrNotFound.
func (c *Client) Subscription(ctx context.Context, id string) (*Subscription, error) {
	ctx, cancel := c.deadline(ctx)
	defer cancel()
	res, err := c.alerts.GetSubscription(ctx, &akinv1.GetSubscriptionRequest{SubscriptionId: id})
	return res.GetSubscription(), callError("get subscription", err)
}

// Subscriptions yields the caller's subscriptions in ascending byte order of ids. An error is yielded last.
func (c *Client) Subscriptions(ctx context.Context) iter.Seq2[*Subscription, error] {
	return pages(func(token string) ([]*Subscription, string, error) {
		ctx, cancel := c.deadline(ctx)
		defer cancel()
		res, err := c.alerts.ListSubscriptions(ctx, &akinv1.ListSubscriptionsRequest{PageSize: listPageSize,
			PageToken: token})
		return res.GetSubscriptions(), res.GetNextPageToken(), callError("list subscriptions", err)
	})
}

// UpdateSubscription changes the named fields of a subscription, such as "paused"; without names, all. ErrNotFound.
func (c *Client) UpdateSubscription(ctx context.Context, s *Subscription, fields ...string) (*Subscription, error) {
	ctx, cancel := c.deadline(ctx)
	defer cancel()
	res, err := c.alerts.UpdateSubscription(ctx, &akinv1.UpdateSubscriptionRequest{
		Subscription: s, UpdateMask: &fieldmaskpb.FieldMask{Paths: fields},
	})
	return res.GetSubscription(), callError("update subscription", err)
}

// Unsubscribe removes a subscription with all its matches. ErrNotFound. It is sent once.
func (c *Client) Unsubscribe(ctx context.Context, id string) error {
	ctx, cancel := c.deadline(ctx)
	defer cancel()
	_, err := c.alerts.DeleteSubscription(ctx, &akinv1.DeleteSubscriptionRequest{SubscriptionId: id})
	return callError("unsubscribe", err)
}

// PreviewSubscription says what a subscription, which need not exist, would have matched among the last papers written,
// best first: limit of them, 10 for 0. last is 1,000 for 0.
func (c *Client) PreviewSubscription(ctx context.Context, s *Subscription, last, limit int) (*Preview, error) {
	ctx, cancel := c.deadline(ctx)
	defer cancel()
	res, err := c.alerts.PreviewSubscription(ctx, &akinv1.PreviewSubscriptionRequest{
		Subscription: s, Last: int32(last), PageSize: int32(limit),
	})
	return res, callError("preview subscription", err)
}

// Found is a match and the cursor behind it, from which [Client.Matches] goes on.
type Found struct {
	*Match
	Cursor string
}

// Matches yields the matches of a subscription behind a cursor, all that are kept for an empty one, and then each as it
// comes, until the loop or ctx ends. While the server is away it waits, for as long as ctx allows, and goes on where it
// was: a match may come twice then, with the same MatchId, and none is left out. An error that waiting does not mend is
// yielded last; ErrNotFound when the subscription is gone.
func (c *Client) Matches(ctx context.Context, id, cursor string) iter.Seq2[Found, error] {
	return func(yield func(Found, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		for wait := firstWait; ; {
			before := cursor
			err := c.watch(ctx, id, &cursor, yield)
			if err == nil {
				return // the loop has ended
			}
			err = callError("watch matches", err)
			var e *Error
			if ctx.Err() != nil || !errors.As(err, &e) || e.Code != codes.Unavailable && e.Code != codes.ResourceExhausted &&
				e.Code != codes.Aborted {
				yield(Found{}, err)
				return
			}
			if cursor != before {
				wait = firstWait
			}
			if !sleep(ctx, max(wait, e.RetryAfter)) {
				yield(Found{}, callError("watch matches", ctx.Err()))
				return
			}
			wait = min(2*wait, longestWait)
		}
	}
}

// watch is one call of Matches. It returns nil when the loop has ended.
func (c *Client) watch(ctx context.Context, id string, cursor *string, yield func(Found, error) bool) error {
	stream, err := c.alerts.WatchMatches(ctx, &akinv1.WatchMatchesRequest{SubscriptionId: id, Cursor: *cursor})
	if err != nil {
		return err
	}
	for {
		res, err := stream.Recv()
		if err != nil {
			return err
		}
		*cursor = res.GetCursor()
		if res.GetMatch() == nil {
			continue // its paper is gone
		}
		if !yield(Found{res.GetMatch(), res.GetCursor()}, nil) {
			return nil
		}
	}
}

// Rising returns papers that matter more lately: within a period, 7 days for 0, that ends at a time, now for the zero
// time. filter may be empty; limit is 10 for 0. byEvents says that they rise by the likes and reads of the caller's
// profiles, and not by their neighbours.
func (c *Client) Rising(ctx context.Context, period time.Duration, end time.Time, filter string, limit int) (
	papers []*RisingPaper, byEvents bool, err error) {
	ctx, cancel := c.deadline(ctx)
	defer cancel()
	req := &akinv1.ListRisingPapersRequest{Filter: filter, PageSize: int32(limit)}
	if period != 0 {
		req.Period = durationpb.New(period)
	}
	if !end.IsZero() {
		req.EndTime = timestamppb.New(end)
	}
	res, err := c.alerts.ListRisingPapers(ctx, req)
	return res.GetPapers(), res.GetBasis() == akinv1.RisingBasis_RISING_BASIS_EVENTS, callError("list rising papers", err)
}
