package admit

import (
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
)

// ErrorDomain is the domain of every ErrorInfo.
const ErrorDomain = "akin"

// Reasons of this package's refusals. They are part of the contract: clients switch on them, so they never change.
const (
	ReasonUnauthenticated = "UNAUTHENTICATED"
	ReasonPermission      = "PERMISSION_DENIED"
	ReasonFilterForced    = "FILTER_FORCED"  // the principal's filter cannot bind this method
	ReasonRateLimited     = "RATE_LIMITED"   // more calls a second than the principal may make
	ReasonTooManyCalls    = "TOO_MANY_CALLS" // more calls at a time than one principal may have
	ReasonOverloaded      = "OVERLOADED"     // the server cannot answer within the deadline
	ReasonTooLarge        = "MESSAGE_TOO_LARGE"
	ReasonReceiveTimeout  = "RECEIVE_TIMEOUT" // the message did not arrive in time
	ReasonSendTimeout     = "SEND_TIMEOUT"    // the client does not read what it asked for
	reasonMessage         = "INVALID_MESSAGE"
	reasonNoRule          = "NO_RULE"
)

// Refuse makes a status with its ErrorInfo, and RetryInfo when retry is above 0.
func Refuse(code codes.Code, reason, message string, retry time.Duration) error {
	if retry > 0 {
		return Status(code, reason, message, &errdetails.RetryInfo{RetryDelay: durationpb.New(retry)})
	}
	return Status(code, reason, message)
}

// Status makes a status with its ErrorInfo and further details.
func Status(code codes.Code, reason, message string, details ...protoadapt.MessageV1) error {
	st := status.New(code, message)
	info := &errdetails.ErrorInfo{Reason: reason, Domain: ErrorDomain}
	full, err := st.WithDetails(append([]protoadapt.MessageV1{info}, details...)...)
	if err != nil { // only for an OK status or a message that cannot be encoded, and neither is made here
		return st.Err()
	}
	return full.Err()
}

// retryStep and retrySteps are the waits that overloaded names: thousands of calls a second may have to be refused, so
// their statuses are made once.
const (
	retryStep  = 100 * time.Millisecond
	retrySteps = 20
)

var overloads = func() (errs [retrySteps + 1]error) {
	for i := range errs {
		errs[i] = Refuse(codes.ResourceExhausted, ReasonOverloaded,
			"the server has more to do than it can finish in time: try again later", time.Duration(max(1, i))*retryStep)
	}
	return errs
}()

// overloaded refuses a call that would have to wait longer than it may. The client is told to come back when what waits
// now is done.
func overloaded(wait time.Duration) error {
	return overloads[min(retrySteps, max(0, int((wait+retryStep-1)/retryStep)))]
}
