package gateway

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/akin-search/akin/server/internal/admit"
)

// Codes and reasons of this package's own refusals. The reasons are the server's, which clients switch on.
const (
	codeInvalid       = codes.InvalidArgument
	codeExhausted     = codes.ResourceExhausted
	codeUnimplemented = codes.Unimplemented

	reasonMessage      = "INVALID_MESSAGE"
	reasonField        = "INVALID_FIELD"
	reasonTooLarge     = admit.ReasonTooLarge
	reasonOverloaded   = admit.ReasonOverloaded
	reasonReceive      = admit.ReasonReceiveTimeout
	reasonShuttingDown = "SHUTTING_DOWN"
	reasonMethod       = "NO_METHOD"    // no such path, or not by this verb
	reasonContentType  = "CONTENT_TYPE" // of the request
	reasonCompression  = "COMPRESSION"  // of the request
	reasonTimeout      = "INVALID_TIMEOUT"
	reasonHost         = "HOST_REFUSED"
	reasonOrigin       = "ORIGIN_REFUSED"
)

// failed makes a refusal.
func failed(code codes.Code, reason, message string) error {
	return admit.Refuse(code, reason, message, 0)
}

// outcomes are Connect's names of the codes, and the HTTP statuses that go with them
// (https://connectrpc.com/docs/protocol#error-codes).
var outcomes = map[codes.Code]struct {
	name   string
	status int
}{
	codes.Canceled:           {"canceled", 499},
	codes.Unknown:            {"unknown", http.StatusInternalServerError},
	codes.InvalidArgument:    {"invalid_argument", http.StatusBadRequest},
	codes.DeadlineExceeded:   {"deadline_exceeded", http.StatusGatewayTimeout},
	codes.NotFound:           {"not_found", http.StatusNotFound},
	codes.AlreadyExists:      {"already_exists", http.StatusConflict},
	codes.PermissionDenied:   {"permission_denied", http.StatusForbidden},
	codes.ResourceExhausted:  {"resource_exhausted", http.StatusTooManyRequests},
	codes.FailedPrecondition: {"failed_precondition", http.StatusBadRequest},
	codes.Aborted:            {"aborted", http.StatusConflict},
	codes.OutOfRange:         {"out_of_range", http.StatusBadRequest},
	codes.Unimplemented:      {"unimplemented", http.StatusNotImplemented},
	codes.Internal:           {"internal", http.StatusInternalServerError},
	codes.Unavailable:        {"unavailable", http.StatusServiceUnavailable},
	codes.DataLoss:           {"data_loss", http.StatusInternalServerError},
	codes.Unauthenticated:    {"unauthenticated", http.StatusUnauthorized},
}

// statuses are of reasons for which HTTP has a better status than for their code.
var statuses = map[string]int{
	reasonTooLarge:    http.StatusRequestEntityTooLarge,
	reasonContentType: http.StatusUnsupportedMediaType,
	reasonHost:        http.StatusMisdirectedRequest,
}

// failure is an error as JSON: code, message and details as Connect has them, and what the details say in words.
type failure struct {
	Code            string            `json:"code"`
	Message         string            `json:"message,omitempty"`
	Reason          string            `json:"reason,omitempty"`
	FieldViolations []violation       `json:"fieldViolations,omitempty"`
	Metadata        map[string]string `json:"metadata,omitempty"`
	RetryAfter      string            `json:"retryAfter,omitempty"` // such as 1s or 0.1s
	Details         []detail          `json:"details,omitempty"`

	status int
	retry  time.Duration
}

// violation is one faulty field of the request.
type violation struct {
	Field       string `json:"field"`
	Description string `json:"description"`
}

// detail is one detail of an error as Connect has it.
type detail struct {
	Type  string          `json:"type"`
	Value string          `json:"value"` // base64 without padding
	Debug json.RawMessage `json:"debug,omitempty"`
}

// describe turns an error of a call into its JSON.
func describe(err error) *failure {
	st := status.Convert(err)
	if st.Code() == codes.Unavailable && len(st.Details()) == 0 { // of the inside connection, as good as the server
		st = status.Convert(admit.Refuse(codes.Unavailable, reasonShuttingDown, "the server is shutting down", time.Second))
	}
	outcome, ok := outcomes[st.Code()]
	if !ok {
		outcome = outcomes[codes.Unknown]
	}
	f := &failure{Code: outcome.name, Message: st.Message(), status: outcome.status}
	for i, known := range st.Details() {
		raw := st.Proto().GetDetails()[i]
		d := detail{Type: string(raw.MessageName()), Value: base64.RawStdEncoding.EncodeToString(raw.GetValue())}
		if m, ok := known.(protoreflect.ProtoMessage); ok {
			if debug, err := protojson.Marshal(m); err == nil { // else the bytes speak for themselves
				d.Debug = debug
			}
		}
		f.Details = append(f.Details, d)
		switch known := known.(type) {
		case *errdetails.ErrorInfo:
			f.Reason, f.Metadata = known.GetReason(), known.GetMetadata()
		case *errdetails.BadRequest:
			for _, v := range known.GetFieldViolations() {
				f.FieldViolations = append(f.FieldViolations, violation{v.GetField(), v.GetDescription()})
			}
		case *errdetails.RetryInfo:
			f.retry = known.GetRetryDelay().AsDuration()
			f.RetryAfter = strconv.FormatFloat(f.retry.Seconds(), 'f', -1, 64) + "s"
		}
	}
	if better, ok := statuses[f.Reason]; ok {
		f.status = better
	}
	return f
}

// fail answers with an error.
func fail(w http.ResponseWriter, err error) {
	describe(err).write(w)
}

func (f *failure) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", typeJSON)
	h.Del("Content-Encoding")
	if f.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(f.retry.Seconds()))))
	}
	if f.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	body, err := json.Marshal(f)
	if err != nil { // what it holds always marshals
		body = []byte(`{"code":"internal"}`)
	}
	patient(w)
	w.WriteHeader(f.status)
	_, _ = w.Write(append(body, '\n')) // whoever does not take it has gone
}

// violations collects what is wrong with a request, at most maxViolations of it.
type violations []*errdetails.BadRequest_FieldViolation

const maxViolations = 16

func (v *violations) add(field, description string) {
	if len(*v) < maxViolations {
		*v = append(*v, &errdetails.BadRequest_FieldViolation{Field: cut(field), Description: description})
	}
}

// err is nil where nothing is wrong.
func (v violations) err() error {
	if len(v) == 0 {
		return nil
	}
	var texts []string
	for _, one := range v {
		texts = append(texts, one.GetField()+" "+one.GetDescription())
	}
	return admit.Status(codeInvalid, reasonField, strings.Join(slices.Compact(texts), "; "),
		&errdetails.BadRequest{FieldViolations: v})
}

// cut shortens a caller's text that an error repeats.
func cut(s string) string {
	const most = 64
	if len(s) <= most {
		return strings.ToValidUTF8(s, "\ufffd")
	}
	return strings.ToValidUTF8(s[:most], "\ufffd") + "…"
}
