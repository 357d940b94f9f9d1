package admit

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
)

// RequestHeader is the metadata in which a caller may name its request, and in which the server says what the request
// is called: by the name that was sent where it is well formed, else by one of the server's own.
const RequestHeader = "x-request-id"

// maxRequestID is the longest name in bytes that a caller may give to a request.
const maxRequestID = 64

// requestID is the first well-formed one of the names sent, or a new one of 16 hexadecimal digits.
func requestID(sent []string) string {
	for _, id := range sent {
		if wellFormed(id) {
			return id
		}
	}
	var number [8]byte
	binary.BigEndian.PutUint64(number[:], rand.Uint64()) //nolint:gosec // a name and no secret
	var text [2 * len(number)]byte
	hex.Encode(text[:], number[:])
	return string(text[:])
}

// wellFormed allows letters, digits and ._- of ASCII: a name stands in logs as it is.
func wellFormed(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// RequestID is what the call is called in responses, logs and traces; empty outside of a call.
func (c *Call) RequestID() string {
	if c == nil {
		return ""
	}
	return c.ID
}

// Named adds a RequestInfo with a request's id to a status. Nil stays nil, and an error that is no status as it is.
func Named(err error, id string) error {
	if err == nil || id == "" || !isStatus(err) {
		return err
	}
	full := status.Convert(err).Proto() // a copy
	detail, failed := anypb.New(&errdetails.RequestInfo{RequestId: id})
	if failed != nil {
		return err // a message of plain text always marshals
	}
	full.Details = append(full.Details, detail)
	return status.ErrorProto(full)
}
