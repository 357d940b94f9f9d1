package client

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// Sentinels for errors.Is: about what was asked for.
var (
	// ErrInvalid: a field of the request is at fault; see [Error.Fields].
	ErrInvalid = errors.New("invalid argument")
	// ErrNotFound: no paper has the id.
	ErrNotFound = errors.New("not found")
	// ErrModelMismatch: a vector was made by a model that is no longer the live one; embed the text again.
	ErrModelMismatch = errors.New("vector is of another model")
	// ErrPageExpired: the pages of this search are gone; start again from the first.
	ErrPageExpired = errors.New("page expired")
	// ErrLineageChanged: the server's store was restored or rolled back since what the read was to include, so writes that
	// were acknowledged before may be gone.
	ErrLineageChanged = errors.New("the server's history has changed")
	// ErrTrainingRuns: one training runs already.
	ErrTrainingRuns = errors.New("a training runs already")
	// ErrUnauthenticated: the token is missing or wrong.
	ErrUnauthenticated = errors.New("not authenticated")
	// ErrPermission: the token does not allow this.
	ErrPermission = errors.New("permission denied")
)

// Sentinels for errors.Is: about the state of the server.
var (
	// ErrUnavailable: the server cannot be reached, is loading, or is shutting down.
	ErrUnavailable = errors.New("server unavailable")
	// ErrOverloaded: the server has too much to do; try again later.
	ErrOverloaded = errors.New("server overloaded")
	// ErrUnimplemented: the server is older than the call.
	ErrUnimplemented = errors.New("not implemented by this server")
)

// errorDomain marks the reasons that belong to this service.
const errorDomain = "akin"

// byCode and byReason say which sentinel an error is.
var (
	byCode = map[codes.Code]error{
		codes.InvalidArgument:   ErrInvalid,
		codes.NotFound:          ErrNotFound,
		codes.Unavailable:       ErrUnavailable,
		codes.ResourceExhausted: ErrOverloaded,
		codes.Unauthenticated:   ErrUnauthenticated,
		codes.PermissionDenied:  ErrPermission,
		codes.Unimplemented:     ErrUnimplemented,
		codes.Canceled:          context.Canceled,
		codes.DeadlineExceeded:  context.DeadlineExceeded,
	}
	byReason = map[string]error{
		"MODEL_MISMATCH": ErrModelMismatch,
		"PAGE_EXPIRED":   ErrPageExpired,
		"TRAINING_RUNS":  ErrTrainingRuns,

		"LINEAGE_CHANGED": ErrLineageChanged,
	}
)

// Error is the error of a call. Find it with errors.As, or compare with errors.Is and the sentinels.
type Error struct {
	// Op is the call that failed, such as "search".
	Op string
	// Code is the status code of gRPC.
	Code codes.Code
	// Reason is the server's stable upper-case reason, such as "MODEL_MISMATCH"; empty when the error is not from the
	// service itself.
	Reason string
	// Message says what is wrong and what to do, in English.
	Message string
	// Metadata is what the server adds to its reason; nil when nothing.
	Metadata map[string]string
	// RetryAfter is the wait the server asks for before another attempt; 0 when it asks for none.
	RetryAfter time.Duration
	// RequestID is what the server's log and traces call the request; empty when the error is not from the service itself.
	// A caller may choose it with the metadata x-request-id.
	RequestID string

	fields []FieldViolation
	cause  error
}

// FieldViolation says what is wrong with one field of a request.
type FieldViolation struct {
	Field       string // path of the field, such as "paper.title" or "likes[2].weight"
	Description string // what is wrong with it
}

// Error implements error: the call, the message, and the fields that the message does not name.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Op != "" {
		b.WriteString(e.Op)
		b.WriteString(": ")
	}
	b.WriteString(e.Message)
	for _, f := range e.fields {
		if !strings.Contains(e.Message, f.Description) {
			b.WriteString("; ")
			b.WriteString(f.Field)
			b.WriteString(": ")
			b.WriteString(f.Description)
		}
	}
	return b.String()
}

// Fields returns the fields at fault, in the server's order; nil when the error is not about fields.
func (e *Error) Fields() []FieldViolation { return e.fields }

// Is implements errors.Is for the sentinels of this package and those of package context.
func (e *Error) Is(target error) bool {
	if reason, ok := byReason[e.Reason]; ok && reason == target {
		return true
	}
	code, ok := byCode[e.Code]
	return ok && code == target
}

// Unwrap returns the error of gRPC beneath.
func (e *Error) Unwrap() error { return e.cause }

// GRPCStatus lets status.FromError and status.Code see the status beneath.
func (e *Error) GRPCStatus() *status.Status {
	if st, ok := status.FromError(e.cause); ok && e.cause != nil {
		return st
	}
	return status.New(e.Code, e.Message)
}

// callError makes an Error of what a call returned; nil stays nil.
func callError(op string, err error) error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	if errors.Is(err, io.EOF) {
		return &Error{Op: op, Code: codes.Unavailable, Message: "the server closed the stream too early", cause: err}
	}
	e := fromStatus(op, status.Convert(err))
	e.cause = err
	if e.Code == codes.Unknown {
		e.Code = status.FromContextError(err).Code()
	}
	if _, last, cut := strings.Cut(e.Message, lastAttempt); cut && strings.HasPrefix(e.Message, attemptsOver) {
		e.Message = last
	}
	if _, reason, dialing := strings.Cut(e.Message, dialFailed); dialing && e.Code == codes.Unavailable {
		reason = strings.TrimSuffix(strings.TrimPrefix(reason, "Error while dialing: "), `"`)
		e.Message = "cannot reach the server: " + reason
	}
	if e.Code == codes.Internal && strings.Contains(e.Message, "invalid UTF-8") {
		// The message could not be encoded, so it never left this process.
		e.Code, e.Message = codes.InvalidArgument, "a text of the request is not valid UTF-8"
	}
	return e
}

// itemError makes an Error of the outcome of one item.
func itemError(op string, st *akinv1.Status) *Error {
	s := status.FromProto(&spb.Status{Code: st.GetCode(), Message: st.GetMessage(), Details: st.GetDetails()})
	e := fromStatus(op, s)
	e.cause = s.Err()
	return e
}

// How gRPC words the end of its own attempts, in front of what the last one failed with, and a connection that never
// came about.
const (
	attemptsOver = "max retries exhausted: "
	lastAttempt  = " desc = "
	dialFailed   = `connection error: desc = "transport: `
)

func fromStatus(op string, st *status.Status) *Error {
	e := &Error{Op: op, Code: st.Code(), Message: st.Message()}
	switch {
	case e.Message == "":
		e.Message = st.Code().String()
	case e.Code == codes.DeadlineExceeded && strings.Contains(e.Message, "RST_STREAM"):
		e.Message = deadlinePassed
	}
	for _, detail := range st.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			if d.GetDomain() == errorDomain {
				e.Reason, e.Metadata = d.GetReason(), d.GetMetadata()
			}
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				e.fields = append(e.fields, FieldViolation{Field: v.GetField(), Description: v.GetDescription()})
			}
		case *errdetails.RequestInfo:
			e.RequestID = d.GetRequestId()
		case *errdetails.RetryInfo:
			e.RetryAfter = max(0, d.GetRetryDelay().AsDuration())
		}
	}
	return e
}
