package replog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

// ErrTrimmed: the log no longer has what this node lacks. It must begin with a backup of another node.
var ErrTrimmed = errors.New("the log no longer has the messages that this node lacks")

const (
	readMessages = 256
	readBytes    = 4 << 20
	// firstSilence and lastSilence bound how long a node that was asked for messages may say nothing: it may have ended
	// after the question had reached it, and then nobody else takes it up. Each silence doubles the next, for nodes that
	// are slow.
	firstSilence = 500 * time.Millisecond
	lastSilence  = 5 * time.Second
	readTimeout  = 10 * time.Second // of one question with all its answers

	// idlePoll is how often a node looks for messages that it was not told of.
	idlePoll = 250 * time.Millisecond
	// firstLook and lastLook bound the pauses between two looks for a message that is on its way to this replica: the
	// leader tells of it before the others have it. A look costs some .2 ms of processor time.
	firstLook = time.Millisecond
	lastLook  = 16 * time.Millisecond
	// stalledAfter is how long a message that others have may be missing here before it is read from them.
	stalledAfter = 3 * time.Second
)

// wake is told by the log of each message that was added to it.
func (l *Log) wake(m *nats.Msg) {
	if n, err := strconv.ParseUint(m.Header.Get("Nats-Sequence"), 10, 64); err == nil {
		l.heard(n)
	}
}

// heard notes that there is a message n.
func (l *Log) heard(n uint64) {
	for {
		end := l.end.Load()
		if n <= end {
			return
		}
		if l.end.CompareAndSwap(end, n) {
			break
		}
	}
	select {
	case l.woken <- struct{}{}:
	default:
	}
}

// Follow calls handle with every message behind a place, in order and each once, until ctx ends or handle fails. Each
// message has been verified: its number follows the one before, its checksum, its lineage and its anchor are right.
// ErrTrimmed, ErrDiverged, ErrDamaged and ErrNewerFormat end it: nothing is passed over. One Follow runs at a time.
func (l *Log) Follow(ctx context.Context, from Mark, handle func(*Message) error) error {
	if err := l.resume(ctx, from); err != nil {
		return err
	}
	l.anchors.reset(from)
	present := from
	wait, silence := firstLook, firstSilence
	for stalled := (time.Time{}); ; {
		before := present
		err := l.read(ctx, present.Sequence+1, silence, func(raw []byte, sequence uint64) error {
			if sequence != present.Sequence+1 {
				return errHole
			}
			m, next, err := l.verify(raw, present)
			if err != nil {
				return err
			}
			present = next
			return handle(m)
		})
		if present != before {
			stalled, wait, silence = time.Time{}, firstLook, firstSilence
		} else if errors.Is(err, errSilent) {
			silence = min(2*silence, lastSilence)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errHole), errors.Is(err, ErrDamaged):
			l.nameDamage(present.Sequence+1, err)
			if present, err = l.mend(ctx, present, handle); err != nil {
				return err
			}
			continue
		case err != nil && !unread(err):
			return err
		}
		if present.Sequence < l.end.Load() {
			if stalled.IsZero() {
				stalled = time.Now()
			}
			if time.Since(stalled) < stalledAfter {
				if present == before { // this replica has not got it yet
					pause(ctx, wait)
					wait = min(2*wait, lastLook)
				}
				continue
			}
			stalled = time.Time{}
			if l.hasLater(ctx, present.Sequence+1) {
				l.nameDamage(present.Sequence+1, errHole)
			} else {
				l.log.Warn("this node's replica of the log is behind: the message is read from another node",
					"cluster", l.cfg.Cluster, "node", l.cfg.Node, "message", present.Sequence+1)
			}
			if present, err = l.mend(ctx, present, handle); err != nil {
				return err
			}
			continue
		}
		l.await(ctx)
	}
}

// await returns when there may be a further message.
func (l *Log) await(ctx context.Context) {
	timer := time.NewTimer(idlePoll)
	defer timer.Stop()
	select {
	case <-l.woken:
	case <-timer.C:
	case <-ctx.Done():
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// verify decodes a message and finds the place behind it.
func (l *Log) verify(raw []byte, present Mark) (*Message, Mark, error) {
	m, err := decode(raw)
	if err != nil {
		return nil, present, fmt.Errorf("message %d: %w", present.Sequence+1, err)
	}
	if m.Lineage != l.lineage {
		return nil, present, fmt.Errorf("%w: message %d is of lineage %s", ErrDiverged, present.Sequence+1, m.Lineage)
	}
	if err := l.anchors.check(m.Anchor); err != nil {
		return nil, present, fmt.Errorf("message %d: %w", present.Sequence+1, err)
	}
	m.Mark = present.next(raw)
	l.anchors.add(m.Mark)
	return m, m.Mark, nil
}

// resume holds a place against the log: the last message that was applied must be the one that the log has there.
func (l *Log) resume(ctx context.Context, from Mark) error {
	if from.Sequence == 0 {
		if from != l.Start() {
			return fmt.Errorf("%w: the place does not begin it", ErrDiverged)
		}
	}
	for {
		info, err := asked(ctx, l.info)
		switch {
		case err != nil:
			return err
		case info.State.FirstSeq > from.Sequence+1:
			return fmt.Errorf("%w: it begins at %d, and %d was applied", ErrTrimmed, info.State.FirstSeq, from.Sequence)
		case from.Sequence == 0 || info.State.FirstSeq > from.Sequence:
			return nil // nothing to compare
		case info.State.LastSeq < from.Sequence:
			l.log.Warn("the log ends before what this node has applied: waiting for the rest", "cluster", l.cfg.Cluster,
				"end", info.State.LastSeq, "applied", from.Sequence)
			pause(ctx, time.Second)
			continue
		}
		raw, err := asked(ctx, func(ctx context.Context) ([]byte, error) { return l.readLeader(ctx, from.Sequence) })
		if err != nil {
			return err
		}
		if !from.holds(raw) {
			return fmt.Errorf("%w: message %d is not the one that was applied", ErrDiverged, from.Sequence)
		}
		return nil
	}
}

// errHole: a replica has a later message than the next one.
var errHole = errors.New("a message is missing")

// errSilent: the node that was asked for messages does not answer.
var errSilent = errors.New("the node that was asked says nothing")

// read calls fn with messages of the nearest replica from a number on, as many as one answer holds; maybe none. It
// gives up once nothing has come for silence.
func (l *Log) read(
	ctx context.Context, from uint64, silence time.Duration, fn func(raw []byte, sequence uint64) error,
) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	ctx, giveUp := context.WithCancelCause(ctx)
	silent := time.AfterFunc(silence, func() { giveUp(errSilent) })
	defer silent.Stop()
	batch, err := jetstreamext.GetBatch(ctx, l.js, streamName(l.cfg.Cluster), readMessages,
		jetstreamext.GetBatchSeq(from), jetstreamext.GetBatchMaxBytes(readBytes))
	if err != nil {
		return readFault{err}
	}
	for m, err := range batch {
		silent.Stop() // fn takes its time
		if err != nil {
			return readFault{err}
		}
		if err := fn(m.Data, m.Sequence); err != nil {
			return err
		}
		silent.Reset(silence)
	}
	if cause := context.Cause(ctx); cause != nil { // the batch only ends then
		return readFault{cause}
	}
	return nil
}

// readFault is a failure to read, which says nothing about the message.
type readFault struct{ error }

func (e readFault) Unwrap() error { return e.error }

// unread reports whether reading itself failed: there is no message yet, or no replica answered.
func unread(err error) bool {
	return errors.As(err, new(readFault))
}
