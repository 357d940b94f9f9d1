package replog

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// mendLimit bounds how long a node tries to get one message from the others.
const mendLimit = 2 * time.Minute

// nameDamage tells the operator.
func (l *Log) nameDamage(n uint64, err error) {
	l.log.Error("this node's replica of the log is damaged: the message is read from another node", "cluster",
		l.cfg.Cluster, "node", l.cfg.Node, "folder", l.cfg.Dir, "message", n, "error", err)
}

// hasLater reports whether the nearest replica has a message behind one that it does not give.
func (l *Log) hasLater(ctx context.Context, n uint64) (later bool) {
	_ = l.read(ctx, n+1, lastSilence, func([]byte, uint64) error { // a failure to read shows nothing
		later = true
		return errHole
	})
	return later
}

// mend reads the message behind a place from another node than this one, verifies it and hands it to handle. A node
// that leads the log gives that up first, since the leader is asked.
func (l *Log) mend(ctx context.Context, present Mark, handle func(*Message) error) (Mark, error) {
	limited, cancel := context.WithTimeout(ctx, mendLimit)
	defer cancel()
	n := present.Sequence + 1
	for again := false; ; again = true {
		if info, err := l.info(limited); err == nil && info.State.FirstSeq > n {
			return present, fmt.Errorf("%w: it begins at %d, and %d was applied", ErrTrimmed, info.State.FirstSeq,
				present.Sequence)
		}
		raw, err := l.readElsewhere(limited, n, again)
		if err == nil {
			m, next, fault := l.verify(raw, present)
			if fault == nil {
				l.mended.Add(1)
				return next, handle(m)
			}
			err = fault
		}
		if ctx.Err() != nil {
			return present, ctx.Err()
		}
		if limited.Err() != nil {
			return present, fmt.Errorf("%w: message %d cannot be read from any node: %w", ErrDamaged, n, err)
		}
		pause(limited, 100*time.Millisecond)
	}
}

// readElsewhere reads a message from the leader of the log, which another node is made where it is this one. Where
// others keep the log, it is another one when the first could not give the message.
func (l *Log) readElsewhere(ctx context.Context, n uint64, again bool) ([]byte, error) {
	if l.server != nil && l.Leads() || l.server == nil && again {
		l.stepDown(ctx)
	}
	return l.readLeader(ctx, n)
}

// readLeader reads a message from the leader of the log.
func (l *Log) readLeader(ctx context.Context, n uint64) ([]byte, error) {
	request, err := json.Marshal(map[string]uint64{"seq": n})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	answer, err := l.conn.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+streamName(l.cfg.Cluster), request)
	if err != nil {
		return nil, err
	}
	var found struct {
		Error   *jetstream.APIError `json:"error"`
		Message *struct {
			Sequence uint64 `json:"seq"`
			Data     []byte `json:"data"`
		} `json:"message"`
	}
	switch err := json.Unmarshal(answer.Data, &found); {
	case err != nil:
		return nil, err
	case found.Error != nil:
		return nil, found.Error
	case found.Message == nil || found.Message.Sequence != n:
		return nil, jetstream.ErrMsgNotFound
	}
	return found.Message.Data, nil
}

// stepDown gives the leadership of the log to another node.
func (l *Log) stepDown(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	subject := "$JS.API.STREAM.LEADER.STEPDOWN." + streamName(l.cfg.Cluster)
	if _, err := l.conn.RequestWithContext(ctx, subject, nil); err != nil {
		l.log.Warn("giving up the leadership of the log", "error", err)
	}
}
