package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// Reconnecting.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 3 * time.Second
	// firstContact is how long an import tries to reach a server that has never answered.
	firstContact = 5 * time.Second
	// oddFailures is how often in a row a stream may end with an error that is no plain outage, without progress.
	oddFailures = 4
)

// connect opens one stream after the other until everything is acknowledged, and returns why it gave up otherwise.
func (r *importRun) connect(ctx context.Context) error {
	var (
		answered bool          // some stream has acknowledged something
		outage   time.Time     // since when nothing moves; zero while it does
		pause    time.Duration // before the next attempt
		odd      int
	)
	for {
		moved, err := r.stream(ctx)
		answered = answered || moved
		if r.window.complete() {
			return nil
		}
		if r.window.failure() != nil || ctx.Err() != nil {
			return callError("import", ctx.Err())
		}
		var fault *Error
		if errors.As(err, &fault) {
			return fault // the server broke the contract, which another stream does not mend
		}
		failure := callError("import", err)
		if moved {
			outage, pause, odd = time.Time{}, 0, 0
		}
		if outage.IsZero() {
			outage = time.Now()
		}
		kind := recoverable(failure)
		if kind == oddOutage {
			odd++
		}
		patience := r.cfg.patience
		if !answered {
			patience = min(patience, firstContact)
		}
		if kind == final || odd > oddFailures || time.Since(outage) > patience {
			return r.gaveUp(failure, kind)
		}
		r.update(func(rep *ImportReport) { rep.Reconnects++; rep.Waiting = failure }, true)
		pause = min(max(firstPause, pause*2), longestPause)
		wait := pause/2 + rand.N(pause)
		var typed *Error
		if errors.As(failure, &typed) {
			wait = max(wait, typed.RetryAfter)
		}
		if !sleep(ctx, wait) {
			return callError("import", ctx.Err())
		}
	}
}

// gaveUp says where an import stands when it ends early.
func (r *importRun) gaveUp(err error, kind recovery) error {
	item := r.window.oldest()
	if kind == final || item == 0 {
		return err
	}
	return fmt.Errorf("%w (everything before item %d is stored; running the import again is safe)", err, item)
}

// recovery says what a broken stream means.
type recovery int

const (
	final     recovery = iota // the server refuses: trying again does not help
	outage                    // the server is away: wait for it
	oddOutage                 // perhaps away, perhaps the item at the front breaks it: a few more attempts
)

func recoverable(err error) recovery {
	switch status.Code(err) {
	case codes.Unavailable, codes.Aborted:
		return outage
	case codes.Internal, codes.Unknown, codes.ResourceExhausted, codes.Canceled, codes.DeadlineExceeded:
		return oddOutage // the caller's own context is checked before
	default:
		return final
	}
}

// stream runs one stream to its end. moved says whether an acknowledgement came; the error is nil when the server
// closed the stream in good order.
func (r *importRun) stream(ctx context.Context) (moved bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := r.client.papers.ImportPapers(ctx)
	if err != nil {
		return false, err
	}
	number := r.window.restart()
	type end struct {
		moved bool
		err   error
	}
	received := make(chan end, 1)
	go func() {
		moved, err := r.receive(stream.Recv)
		r.window.abandon()
		received <- end{moved, err}
	}()
	for {
		req := r.window.next(number)
		if req == nil {
			break
		}
		if stream.Send(req) != nil {
			break // the receiver learns why
		}
	}
	_ = stream.CloseSend() // an error here is the stream's, which the receiver returns
	if r.window.failure() != nil {
		cancel()
	}
	e := <-received
	return e.moved, e.err
}

// receive takes acknowledgements until the stream ends.
func (r *importRun) receive(recv func() (*akinv1.ImportPapersResponse, error)) (moved bool, err error) {
	for {
		res, err := recv()
		if errors.Is(err, io.EOF) {
			if r.window.complete() {
				return moved, nil
			}
			return moved, io.EOF // closed by a server that shuts down
		}
		if err != nil {
			return moved, err
		}
		for _, e := range res.GetErrors() {
			if r.window.failedOnce(e.GetItem()) {
				r.failed(&ItemError{Item: e.GetItem(), ID: e.GetPaperId(), Err: itemError("import", e.GetStatus())})
			}
		}
		n, err := r.window.acknowledge(res.GetAcknowledgedItem())
		if err != nil {
			return moved, err
		}
		moved = moved || n > 0
		r.update(func(rep *ImportReport) {
			rep.Written += res.GetWritten()
			rep.Unchanged += res.GetUnchanged()
			rep.Waiting = nil
		}, true)
	}
}
