package service

import (
	"cmp"
	"fmt"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"

	"github.com/akin-search/akin/server/internal/admit"
)

// Error details travel in HTTP/2 trailers, base64-encoded, and some clients refuse trailers over 8 KiB: so at most this
// many violations are told, and at most this many bytes of them.
const (
	maxViolations     = 16
	maxViolationBytes = 2 << 10
	maxQuoted         = 64 // bytes of a caller's value that a message repeats
)

// validator collects what is wrong with one request. The zero value is ready.
type validator struct {
	violations []*errdetails.BadRequest_FieldViolation
	reason     string // of the first violation; empty: reasonInvalidField
	told       int    // bytes of the violations
	untold     int    // violations beyond the bounds
}

// addf records that a field is faulty. The description continues the field's name: "is empty".
func (c *validator) addf(field, format string, args ...any) {
	v := &errdetails.BadRequest_FieldViolation{Field: field, Description: fmt.Sprintf(format, args...)}
	c.told += len(v.GetField()) + len(v.GetDescription())
	if len(c.violations) > 0 && (len(c.violations) == maxViolations || c.told > maxViolationBytes) {
		c.untold++
		return
	}
	c.violations = append(c.violations, v)
}

// ok reports whether nothing is wrong so far.
func (c *validator) ok() bool { return len(c.violations) == 0 }

// err is nil, or INVALID_ARGUMENT with all that was found.
func (c *validator) err() error {
	if c.ok() {
		return nil
	}
	return invalid(cmp.Or(c.reason, reasonInvalidField), c.violations, c.untold)
}

// invalid makes the INVALID_ARGUMENT status of violations, of which there is at least one.
func invalid(reason string, violations []*errdetails.BadRequest_FieldViolation, untold int) error {
	first := violations[0]
	message := first.GetField() + " " + first.GetDescription()
	if more := len(violations) - 1 + untold; more > 0 {
		message += fmt.Sprintf(" (and %d more faulty fields)", more)
	}
	return admit.Status(codes.InvalidArgument, reason, message, &errdetails.BadRequest{FieldViolations: violations})
}

// quoted is a caller's value, cut so that it can stand in a message.
func quoted(s string) string {
	if len(s) > maxQuoted {
		return fmt.Sprintf("%.*q…", maxQuoted, s)
	}
	return fmt.Sprintf("%q", s)
}
