package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"google.golang.org/grpc/codes"

	"github.com/akin-search/akin/client"
)

// Exit codes, documented in the help of the root command.
const (
	exitOK          = 0
	exitError       = 1
	exitUsage       = 2
	exitPartial     = 3
	exitUnavailable = 4
	exitNotFound    = 5
	exitInterrupted = 130
)

// usageError is a fault in flags or arguments.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// partialError says that some items failed and the others did not; what failed has been said already.
type partialError struct{ summary string }

func (e partialError) Error() string { return e.summary }

// exitCode says how a command's error ends the process.
func exitCode(ctx context.Context, err error) int {
	var usage usageError
	var partial partialError
	switch {
	case err == nil, closedPipe(err):
		return exitOK
	case errors.As(err, &usage):
		return exitUsage
	case ctx.Err() != nil:
		return exitInterrupted
	case errors.As(err, &partial):
		return exitPartial
	case errors.Is(err, client.ErrInvalid):
		return exitUsage
	case errors.Is(err, client.ErrUnavailable), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, client.ErrOverloaded):
		return exitUnavailable
	case errors.Is(err, client.ErrNotFound):
		return exitNotFound
	default:
		return exitError
	}
}

// closedPipe reports whether the reader of our output had enough, as head has.
func closedPipe(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe)
}

// reasonAdvice says what to do about reasons whose message does not say it.
var reasonAdvice = map[string]string{
	"LOADING":       "the server has just been started: try again soon",
	"SHUTTING_DOWN": "the server is being stopped: try again once it is back",
	"SHARD_UNAVAILABLE": "start a node of that shard again, or wait until it is back: akin stats says which nodes are " +
		"silent. Searches with --partial go on without it",
	"NOT_ACKNOWLEDGED": "wait for the nodes to choose one that leads, or start those that akin stats calls silent",
	"LAGGING":          "wait until the node has caught up, or choose another with --addr",
	"BEHIND":           "wait until the server has caught up",
}

// advice says what to do about an error, on a line of its own; empty when the error says it all.
func advice(err error, addr string) string {
	var failed *client.Error
	switch {
	case errors.As(err, &failed) && failed.Code == codes.Internal && failed.RequestID != "":
		return "the server's log says more where it has request_id=" + failed.RequestID
	case errors.Is(err, client.ErrUnavailable) &&
		strings.Contains(err.Error(), "first record does not look like a TLS handshake"):
		return "the server at " + addr + " does not speak TLS: try --tls off"
	case errors.Is(err, client.ErrUnavailable) && strings.Contains(err.Error(), "certificate"):
		return "the certificate of " + addr + " is not trusted here: name its authority with --ca FILE"
	case errors.As(err, &failed) && failed.Reason != "": // the server is there, and says what is wrong
		return reasonAdvice[failed.Reason]
	case errors.Is(err, client.ErrUnavailable):
		return "is a server running at " + addr + "? Choose another with --addr, AKIN_ADDR or the config file"
	case errors.Is(err, client.ErrUnauthenticated):
		return "set a valid token with AKIN_TOKEN or in the config file"
	case errors.Is(err, client.ErrUnimplemented):
		return "the server is of an older release than this program"
	default:
		return ""
	}
}

// cleanError is an error's text on one line, or several where it has several, without control characters.
func cleanError(err error) string {
	return string(bytes.Map(func(r rune) rune {
		if r < ' ' && r != '\n' {
			return ' '
		}
		return r
	}, []byte(err.Error())))
}
