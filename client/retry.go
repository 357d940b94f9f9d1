package client

import (
	"context"
	crand "crypto/rand"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// idempotent lists the methods that are safe to send twice. Upserts are: identical content is a no-op, and so
// is an event that is recorded again. DeletePaper is
// not, since the second attempt would answer NOT_FOUND for a deletion that happened; PurgePapers would count anew;
// TrainModel would train twice. ImportPapers and WatchMatches resume by themselves, and CreateSubscription might make
// two.
var idempotent = []string{
	akinv1.PaperService_UpsertPaper_FullMethodName,
	akinv1.PaperService_BatchUpsertPapers_FullMethodName,
	akinv1.PaperService_GetPaper_FullMethodName,
	akinv1.PaperService_BatchGetPapers_FullMethodName,
	akinv1.PaperService_ListPapers_FullMethodName,
	akinv1.PaperService_ExportPapers_FullMethodName,
	akinv1.SimilarityService_SearchPapers_FullMethodName,
	akinv1.SimilarityService_BatchSearchPapers_FullMethodName,
	akinv1.SimilarityService_RecommendPapers_FullMethodName,
	akinv1.SimilarityService_ExplainSimilarity_FullMethodName,
	akinv1.SimilarityService_FindDuplicates_FullMethodName,
	akinv1.SimilarityService_EmbedTexts_FullMethodName,
	akinv1.IndexService_GetIndexStats_FullMethodName,
	akinv1.IndexService_EvaluateRecall_FullMethodName,
	akinv1.IndexService_GetMap_FullMethodName,
	akinv1.IndexService_Backup_FullMethodName,
	akinv1.ProfileService_RecordEvents_FullMethodName,
	akinv1.AlertService_GetSubscription_FullMethodName,
	akinv1.AlertService_ListSubscriptions_FullMethodName,
	akinv1.AlertService_UpdateSubscription_FullMethodName,
	akinv1.AlertService_PreviewSubscription_FullMethodName,
	akinv1.AlertService_ListRisingPapers_FullMethodName,
	akinv1.ProfileService_GetProfile_FullMethodName,
	akinv1.ProfileService_ListProfiles_FullMethodName,
	akinv1.ProfileService_ListEvents_FullMethodName,
}

// serviceConfig has round robin over the addresses of a name, and for idempotent methods up to four attempts while the
// server is unavailable, about .7 s in all. Streams are retried only until their first message arrives. The throttle
// stops retries while most calls fail.
var serviceConfig = func() string {
	names := make([]string, len(idempotent))
	for i, method := range idempotent {
		service, name, _ := strings.Cut(method[1:], "/")
		names[i] = `{"service":"` + service + `","method":"` + name + `"}`
	}
	return `{"loadBalancingConfig":[{"round_robin":{}}],` +
		`"retryThrottling":{"maxTokens":100,"tokenRatio":0.1},` +
		`"methodConfig":[{"name":[` + strings.Join(names, ",") + `],` +
		`"retryPolicy":{"maxAttempts":4,"initialBackoff":"0.1s","maxBackoff":"2s","backoffMultiplier":2,` +
		`"retryableStatusCodes":["UNAVAILABLE"]}}]}`
}()

// Trying again.
const (
	// CallPatience is how long a call that is safe to repeat goes on trying while a server that has answered before is
	// away, as a rule for a restart. A deadline that comes earlier ends it: a call without one of its own gets that of
	// [WithTimeout], [DefaultTimeout] unless it is changed.
	CallPatience = 90 * time.Second
	// maxAsked is how often a call comes back to a server that is there and has too much to do.
	maxAsked = 3
	// firstWait and longestWait bound the waits between attempts while the server is away.
	firstWait   = 100 * time.Millisecond
	longestWait = 2 * time.Second
	// deadlineSlack is how much earlier than this side the server may see a deadline pass.
	deadlineSlack = 100 * time.Millisecond
)

var idempotentSet = func() map[string]bool {
	set := make(map[string]bool, len(idempotent))
	for _, method := range idempotent {
		set[method] = true
	}
	return set
}()

// retrier repeats idempotent unary calls: those that failed with google.rpc.RetryInfo after the time it names, and
// those that met no server, or one that starts or ends, for as long as the deadline or CallPatience leaves room.
// (gRPC's own retries, beneath, end after .7 s and know only its grpc-retry-pushback-ms trailer.) A server that has
// never answered is not waited for: its address may be wrong.
type retrier struct {
	answered atomic.Bool
	onWait   func(Wait) // nil: nobody hears
}

func (r *retrier) call(
	ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker,
	opts ...grpc.CallOption,
) error {
	if slices.Contains(named, method) {
		ctx = withRequestID(ctx)
	}
	began := time.Now()
	end := began.Add(CallPatience)
	if deadline, has := ctx.Deadline(); has && deadline.Before(end) {
		end = deadline
	}
	asked, wait := 0, firstWait
	var before error // of the last attempt but this one
	for {
		err := invoke(ctx, method, req, reply, cc, opts...)
		delay, hasDelay := askedDelay(err)
		if err == nil || hasDelay || status.Code(err) != codes.Unavailable {
			r.answered.Store(true)
		}
		away := status.Code(err) == codes.Unavailable && r.answered.Load()
		if err == nil || !idempotentSet[method] || ctx.Err() != nil || !away && (!hasDelay || asked == maxAsked) {
			return withReason(afterDeadline(ctx, err), before)
		}
		if asked++; away {
			delay = max(delay, wait)
			wait = min(2*wait, longestWait)
		} else {
			delay <<= asked - 1 // so that those turned away again and again come less often
		}
		delay += rand.N(delay/4 + time.Millisecond) // callers turned away together do not come back together
		if time.Until(end) <= delay {
			return afterDeadline(ctx, err)
		}
		if r.onWait != nil {
			r.onWait(Wait{Method: method, Attempt: asked, Err: callError("", err), Delay: delay, Waited: time.Since(began)})
		}
		if !sleep(ctx, delay) {
			return afterDeadline(ctx, err)
		}
		before = err
	}
}

// named are the writes that are repeated under one request id, by which the nodes of a cluster know a repetition that
// reaches them on another way.
var named = []string{
	akinv1.PaperService_UpsertPaper_FullMethodName,
	akinv1.PaperService_BatchUpsertPapers_FullMethodName,
	akinv1.ProfileService_RecordEvents_FullMethodName,
}

// requestHeader names a request.
const requestHeader = "x-request-id"

// withRequestID gives a call a request id, where the caller has not.
func withRequestID(ctx context.Context) context.Context {
	if sent, _ := metadata.FromOutgoingContext(ctx); len(sent.Get(requestHeader)) > 0 {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, requestHeader, crand.Text())
}

// afterDeadline says that a deadline has passed where gRPC tells how it ended the stream.
func afterDeadline(ctx context.Context, err error) error {
	deadline, has := ctx.Deadline()
	if !has || time.Until(deadline) > deadlineSlack || !strings.Contains(status.Convert(err).Message(), "RST_STREAM") {
		return err
	}
	return status.Error(codes.DeadlineExceeded, deadlinePassed)
}

// deadlinePassed is the message of a call whose deadline passed while the server was at it.
const deadlinePassed = "the deadline passed before the server answered"

// withReason adds why the attempt before failed to the error of one that the deadline ended.
func withReason(err, before error) error {
	if before == nil || status.Code(err) != codes.DeadlineExceeded {
		return err
	}
	return status.Error(codes.DeadlineExceeded,
		status.Convert(err).Message()+"; the attempt before failed: "+callError("", before).Error())
}

// askedDelay returns the wait that an error's RetryInfo names.
func askedDelay(err error) (time.Duration, bool) {
	st, ok := status.FromError(err)
	if !ok {
		return 0, false
	}
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok && info.GetRetryDelay().IsValid() {
			return max(0, info.GetRetryDelay().AsDuration()), true
		}
	}
	return 0, false
}

// sleep waits, or returns false when the context ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
