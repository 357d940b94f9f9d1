package client

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// idempotent lists the methods that are safe to send twice. Upserts are: identical content is a no-op. DeletePaper is
// not, since the second attempt would answer NOT_FOUND for a deletion that happened; PurgePapers would count anew;
// TrainModel would train twice. ImportPapers resumes by itself.
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
	akinv1.IndexService_Backup_FullMethodName,
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

// maxAsked is how often a call waits because the server asked for it.
const maxAsked = 3

var idempotentSet = func() map[string]bool {
	set := make(map[string]bool, len(idempotent))
	for _, method := range idempotent {
		set[method] = true
	}
	return set
}()

// retryAsAsked repeats an idempotent unary call that failed with google.rpc.RetryInfo, after the time it names, as long
// as the deadline leaves room for it. (gRPC's own retries know only its grpc-retry-pushback-ms trailer.)
func retryAsAsked(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	for asked := 0; ; asked++ {
		err := invoke(ctx, method, req, reply, cc, opts...)
		if err == nil || asked == maxAsked || !idempotentSet[method] {
			return err
		}
		wait, ok := askedDelay(err)
		if !ok {
			return err
		}
		wait += rand.N(wait/4 + time.Millisecond) // callers turned away together do not come back together
		if deadline, has := ctx.Deadline(); has && time.Until(deadline) <= wait {
			return err
		}
		if !sleep(ctx, wait) {
			return err
		}
	}
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
