package replog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Errors of appending.
var (
	// ErrFull: the log has no place for another message.
	ErrFull = errors.New("it has no place for another message")
	// ErrUnknown: it is not known whether the message is in the log. The same request may be sent again.
	ErrUnknown = errors.New("the log did not acknowledge the write in time")
)

// errAlone: nobody else would take the message.
var errAlone = fmt.Errorf("%w: this node has had no majority of the cluster for %v", ErrUnknown, aloneAfter)

// Place is where a message stands.
type Place struct {
	Sequence  uint64
	Duplicate bool // the request was in the log before
}

const (
	// appendTry bounds one attempt: an election takes longer, and the attempt after it finds the new leader.
	appendTry = 2 * time.Second
	// appendLimit bounds all attempts. It is below the time for which the log knows a request id again.
	appendLimit = time.Minute
)

// Append puts a write into the log and returns once two replicas have it on disk. Attempts are repeated under one
// request id, so that the write is in the log once, however often it was sent, for appendLimit, until ctx ends or until
// it is clear that this node is cut off from the majority: ErrUnknown then. ErrFull comes before anything is sent.
func (l *Log) Append(ctx context.Context, id string, body []byte) (Place, error) {
	if err := l.size.refusal(); err != nil {
		return Place{}, err
	}
	known := l.anchors.present()
	m := Message{ID: id, Time: time.Now(), Body: body, Lineage: l.lineage, Anchor: known}
	data, err := m.encode()
	if err != nil {
		return Place{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, appendLimit)
	defer cancel()
	if l.members.alone(time.Now()) {
		return Place{}, errAlone
	}
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, 500*time.Millisecond) {
		place, err := l.try(ctx, id, data)
		switch {
		case err == nil && !place.Duplicate && place.Sequence <= known.Sequence:
			return place, fmt.Errorf("%w: the log gave number %d to a new message, this node has applied %d", ErrDiverged,
				place.Sequence, known.Sequence)
		case err == nil:
			l.heard(place.Sequence)
			return place, nil
		case isFull(err):
			return place, refusedAsFull(err)
		case !passing(err):
			return place, err
		case l.members.alone(time.Now()):
			return place, fmt.Errorf("%w: %w", errAlone, err)
		}
		select {
		case <-ctx.Done():
			return place, fmt.Errorf("%w: %w", ErrUnknown, err)
		case <-l.background.Done():
			return place, fmt.Errorf("%w: the node stops", ErrUnknown)
		case <-time.After(pause):
		}
	}
}

func (l *Log) try(ctx context.Context, id string, data []byte) (Place, error) {
	ctx, cancel := context.WithTimeout(ctx, appendTry)
	defer cancel()
	ack, err := l.js.PublishMsg(ctx, &nats.Msg{Subject: logSubject(l.cfg.Cluster), Data: data}, jetstream.WithMsgID(id),
		jetstream.WithExpectStream(streamName(l.cfg.Cluster)), jetstream.WithRetryAttempts(0))
	if err != nil {
		return Place{}, err
	}
	return Place{Sequence: ack.Sequence, Duplicate: ack.Duplicate}, nil
}

// Codes of the log's servers for a full log or a full disk. They refuse; nothing was written.
var codesFull = []jetstream.ErrorCode{
	10002, // resources of the account
	10023, // resources of the servers
	10047, // storage
	10077, // the store failed; its text says why: "maximum bytes exceeded"
}

func isFull(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && slices.Contains(codesFull, api.ErrorCode)
}

// refusedAsFull says in plain words what the log's servers said of a lack of space.
func refusedAsFull(err error) error {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return fmt.Errorf("%w: its servers say %q (%d); it shrinks as nodes have applied what is in it", ErrFull,
		api.Description, api.ErrorCode)
}

// passing reports whether an attempt failed for a reason that may pass: an election, a lost connection, a node that
// starts.
func passing(err error) bool {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return true
	}
	return api.Code >= 500 || api.Code == 409 || api.Code == 408 || api.ErrorCode == codeInFlight
}

// codeInFlight: the same request is being written just now.
const codeInFlight = 10158

// logSize is how full the log is.
type logSize struct {
	bytes, limit atomic.Int64
	first        atomic.Uint64 // number of the oldest message
}

// Shares of the log's size at which it warns, and refuses: the rest is for what is under way on all nodes.
const (
	warnAt   = .8
	refuseAt = .95
)

func (s *logSize) share() float64 {
	limit := s.limit.Load()
	if limit <= 0 {
		return 0
	}
	return float64(s.bytes.Load()) / float64(limit)
}

func (s *logSize) refusal() error {
	if share := s.share(); share >= refuseAt {
		return fmt.Errorf("%w: %.0f%% of %d bytes are taken; it shrinks as nodes have applied what is in it",
			ErrFull, 100*share, s.limit.Load())
	}
	return nil
}

// sizeEvery is how often the size of the log is asked for.
const sizeEvery = time.Second

// watchSize keeps size, and with it the end of the log for a node that hears of no message.
func (l *Log) watchSize() {
	warned := false
	for {
		if info, err := l.info(l.background); err == nil {
			l.size.bytes.Store(int64(info.State.Bytes))
			l.size.limit.Store(info.Config.MaxBytes)
			l.size.first.Store(info.State.FirstSeq)
			l.heard(info.State.LastSeq)
			if high := l.size.share() >= warnAt; high != warned {
				if warned = high; high {
					l.log.Warn("the log is nearly full: writes are refused at 95%", "bytes", info.State.Bytes,
						"limit", info.Config.MaxBytes)
				}
			}
			l.trim(l.background, info)
		}
		select {
		case <-l.background.Done():
			return
		case <-time.After(sizeEvery):
		}
	}
}

func (l *Log) info(ctx context.Context) (*jetstream.StreamInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	return l.stream.Info(ctx)
}
