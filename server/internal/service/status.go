package service

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/admit"
	"github.com/akin-search/akin/server/internal/alert"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/profile"
)

// Reasons of errors that arise in this package. Like those of the table below they are part of the contract: clients
// switch on them, so they never change.
const (
	reasonInvalidField  = "INVALID_FIELD"
	reasonInvalidFilter = "INVALID_FILTER"
	reasonItemOrder     = "ITEM_ORDER"
	reasonLoading       = "LOADING"
	reasonShuttingDown  = "SHUTTING_DOWN"
	reasonDeadline      = "DEADLINE_EXCEEDED"
	reasonCancelled     = "CANCELLED"
	reasonInternal      = "INTERNAL"
	reasonShard         = "SHARD_UNAVAILABLE"
)

// outcomes maps the engine's sentinels to what callers see.
var outcomes = []struct {
	sentinel error
	code     codes.Code
	reason   string
	detail   bool                               // the text around the sentinel is for the caller: it holds no internals
	field    func(request proto.Message) string // names the faulty field of an INVALID_ARGUMENT
}{
	{engine.ErrShardUnavailable, codes.Unavailable, reasonShard, false, nil},
	{engine.ErrNotFound, codes.NotFound, "PAPER_NOT_FOUND", true, nil},
	{engine.ErrNoWords, codes.InvalidArgument, "NO_WORDS", true, queryField},
	{engine.ErrInvalidVector, codes.InvalidArgument, "INVALID_VECTOR", true, field("vector.values")},
	{engine.ErrInvalidPageToken, codes.InvalidArgument, "INVALID_PAGE_TOKEN", true, field("page_token")},
	{engine.ErrModelMismatch, codes.FailedPrecondition, "MODEL_MISMATCH", true, nil},
	{engine.ErrPageExpired, codes.Aborted, "PAGE_EXPIRED", true, nil},
	{engine.ErrTrainingRuns, codes.FailedPrecondition, "TRAINING_RUNS", true, nil},
	{engine.ErrTooManyDuplicates, codes.FailedPrecondition, "TOO_MANY_DUPLICATES", true, nil},
	{engine.ErrNoMap, codes.FailedPrecondition, "NO_MAP", true, nil},
	{engine.ErrTooFewPapers, codes.FailedPrecondition, "TOO_FEW_PAPERS", true, nil},
	{engine.ErrLineageChanged, codes.FailedPrecondition, "LINEAGE_CHANGED", true, nil},
	{engine.ErrBehind, codes.Unavailable, "BEHIND", true, nil},
	{engine.ErrLagging, codes.Unavailable, "LAGGING", true, nil},
	{engine.ErrNotOrdered, codes.FailedPrecondition, "NOT_IN_CLUSTER", true, nil},
	{engine.ErrTrainingLost, codes.Unavailable, "TRAINING_LOST", true, nil},
	{engine.ErrLogFull, codes.ResourceExhausted, "LOG_FULL", true, nil},
	{engine.ErrNotAcknowledged, codes.Unavailable, "NOT_ACKNOWLEDGED", false, nil},
	{engine.ErrDiskFull, codes.Unavailable, "DISK_FULL", false, nil},
	{engine.ErrReadOnly, codes.Unavailable, "READ_ONLY", false, nil},
	{profile.ErrNotFound, codes.NotFound, "PROFILE_NOT_FOUND", true, nil},
	{profile.ErrFull, codes.ResourceExhausted, "PROFILE_FULL", true, nil},
	{alert.ErrNotFound, codes.NotFound, "SUBSCRIPTION_NOT_FOUND", true, nil},
	{alert.ErrExists, codes.AlreadyExists, "SUBSCRIPTION_EXISTS", true, nil},
	{alert.ErrFull, codes.ResourceExhausted, "TOO_MANY_SUBSCRIPTIONS", true, nil},
	{alert.ErrNotConfigured, codes.FailedPrecondition, "SINK_NOT_CONFIGURED", true, nil},
	{alert.ErrCursor, codes.InvalidArgument, "INVALID_CURSOR", true, field("cursor")},
	{alert.ErrClosed, codes.Unavailable, reasonShuttingDown, false, nil},
	{engine.ErrFull, codes.ResourceExhausted, "INDEX_FULL", true, nil},
	{engine.ErrOverloaded, codes.ResourceExhausted, "OVERLOADED", false, nil},
	{engine.ErrClosed, codes.Unavailable, reasonShuttingDown, false, nil},
	{context.DeadlineExceeded, codes.DeadlineExceeded, reasonDeadline, false, nil},
	{context.Canceled, codes.Canceled, reasonCancelled, false, nil},
}

// statusOf turns any error of a handler into the status that the caller sees. A status passes as it is. What no
// sentinel explains is INTERNAL without its text, which belongs in the log and not on the wire.
func statusOf(err error, request proto.Message) error {
	if err == nil || isStatus(err) {
		return err
	}
	var missing *engine.MissingError
	if errors.As(err, &missing) {
		return notStored(missing)
	}
	var shard *engine.ShardError
	if errors.As(err, &shard) {
		return failure(codes.Unavailable, reasonShard, shard.Public())
	}
	for _, o := range outcomes {
		if !errors.Is(err, o.sentinel) {
			continue
		}
		text := o.sentinel.Error()
		if o.detail {
			text = err.Error()
		}
		if o.field == nil {
			return failure(o.code, o.reason, text)
		}
		violation := &errdetails.BadRequest_FieldViolation{Field: o.field(request), Description: "is refused: " + text}
		return invalid(o.reason, []*errdetails.BadRequest_FieldViolation{violation}, 0)
	}
	return failure(codes.Internal, reasonInternal, "internal error: the server's log says more")
}

// retryDelay is when a call that the state of the server stands against may be tried again.
const retryDelay = time.Second

// failure makes a status with its ErrorInfo, and RetryInfo where waiting helps.
func failure(code codes.Code, reason, message string) error {
	retry := time.Duration(0)
	if code == codes.Unavailable || code == codes.ResourceExhausted {
		retry = retryDelay
	}
	return admit.Refuse(code, reason, message, retry)
}

// maxMetadata bounds the ids in the metadata of an error: they travel in a header.
const maxMetadata = 4 << 10

// notStored names the missing papers in the metadata of the error, as a JSON array of as many as fit.
func notStored(missing *engine.MissingError) error {
	n, size := 0, 0
	for ; n < len(missing.IDs); n++ {
		if size += len(missing.IDs[n]) + 3; size > maxMetadata {
			break
		}
	}
	list, err := json.Marshal(missing.IDs[:n])
	if err != nil {
		return err // strings always marshal
	}
	st := status.New(codes.NotFound, missing.Error())
	full, err := st.WithDetails(&errdetails.ErrorInfo{
		Reason: "PAPER_NOT_FOUND", Domain: admit.ErrorDomain,
		Metadata: map[string]string{"missing_paper_ids": string(list), "missing_count": strconv.Itoa(len(missing.IDs))},
	})
	if err != nil {
		return st.Err()
	}
	return full.Err()
}

// reasonIn is the reason that a status gives, or empty.
func reasonIn(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

// fieldsIn names the fields that a status finds fault with.
func fieldsIn(err error) (fields []string) {
	for _, detail := range status.Convert(err).Details() {
		if bad, ok := detail.(*errdetails.BadRequest); ok {
			for _, v := range bad.GetFieldViolations() {
				fields = append(fields, v.GetField())
			}
		}
	}
	return fields
}

// isStatus reports whether err was made by the status package. Wrapped statuses do not count: no one here wraps them.
func isStatus(err error) bool {
	_, ok := err.(interface{ GRPCStatus() *status.Status })
	return ok
}

// itemStatus is the status of one item of a call that has many.
func itemStatus(err error) *akinv1.Status {
	st := status.Convert(err).Proto()
	return &akinv1.Status{Code: st.GetCode(), Message: st.GetMessage(), Details: st.GetDetails()}
}

// field names the same field for every request.
func field(name string) func(proto.Message) string {
	return func(proto.Message) string { return name }
}

// queryField names the field of a request that holds its words.
func queryField(request proto.Message) string {
	switch r := request.(type) {
	case *akinv1.RecommendPapersRequest:
		return "likes"
	case interface{ GetSubscription() *akinv1.Subscription }:
		return "subscription.text"
	case interface{ GetPaperId() string }:
		if r.GetPaperId() != "" {
			return "paper_id"
		}
	}
	return "text"
}
