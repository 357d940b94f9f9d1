package replog

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// A node asks another for work that takes minutes, such as to learn a model for all:
//
//	ask       akin.CLUSTER.ask.NODE   headers What, Call: a name that the asker chose, Kind: first, again or stop; the
//	                                  body is the request
//	answers   to the asker's inbox    header Kind: progress, alive, end or unknown; the body is what the work says
//
// Both sides say every second that they are there. Work whose last asker has said stop, or nothing for askSilence, is
// cancelled; an asker that hears nothing for as long takes the other for gone. Askers under one name share one piece of
// work. An answer that the work calls good is kept for as long as a request is known again: who asks twice gets it.

// ErrGone: the node that was asked is gone, or has begun anew. What it was asked for is not done any more.
var ErrGone = errors.New("the node that was asked is gone")

const (
	askEvery   = time.Second
	askSilence = 10 * time.Second
)

const (
	headerCall = "Akin-Call"
	headerKind = "Akin-Kind"
)

// The kinds of messages.
const (
	callFirst = "first"
	callAgain = "again"
	callStop  = "stop"

	answerProgress = "progress"
	answerAlive    = "alive"
	answerEnd      = "end"
	answerUnknown  = "unknown"
)

func askSubject(cluster, node string) string { return "akin." + cluster + ".ask." + node }

// Work answers what it is asked for. ctx ends when nobody waits for it any more. progress may be called on the way.
type Work func(ctx context.Context, request []byte, progress func([]byte)) (answer []byte, good bool)

// jobs are the work of this node for others.
type jobs struct {
	mu    sync.Mutex
	does  map[string]Work
	calls map[string]*job // by name
}

// job is one piece of work. Its fields are guarded by jobs.mu.
type job struct {
	askers map[string]time.Time // by inbox: when it was last heard
	cancel context.CancelFunc
	ended  bool   // well
	answer []byte // once it has
}

// Does lets other nodes ask for work.
func (l *Log) Does(what string, work Work) {
	l.jobs.mu.Lock()
	defer l.jobs.mu.Unlock()
	l.jobs.does[what] = work
}

// offerWork answers other nodes.
func (l *Log) offerWork() error {
	l.jobs.does, l.jobs.calls = map[string]Work{}, map[string]*job{}
	_, err := l.conn.Subscribe(askSubject(l.cfg.Cluster, l.cfg.Node), l.hearAsker)
	return err
}

func (l *Log) hearAsker(m *nats.Msg) {
	a := &l.jobs
	what, name, kind := m.Header.Get(headerWhat), m.Header.Get(headerCall), m.Header.Get(headerKind)
	a.mu.Lock()
	defer a.mu.Unlock()
	c, work := a.calls[name], a.does[what]
	switch {
	case kind == callStop:
		if c != nil && !c.ended {
			delete(c.askers, m.Reply)
			a.giveUp(name, c)
		}
		return
	case c == nil && (kind != callFirst || work == nil):
		l.answer(m.Reply, answerUnknown, nil)
		return
	case c == nil:
		c = &job{askers: map[string]time.Time{}}
		a.calls[name] = c
		var ctx context.Context
		ctx, c.cancel = context.WithCancel(l.background)
		l.workers.Go(func() { l.work(ctx, name, c, work, m.Data) })
	case c.ended:
		l.answer(m.Reply, answerEnd, c.answer)
		return
	}
	c.askers[m.Reply] = time.Now()
}

// giveUp cancels work that nobody waits for. Called under mu.
func (a *jobs) giveUp(name string, c *job) {
	if len(c.askers) > 0 {
		return
	}
	c.cancel()
	a.forget(name, c)
}

// forget makes the next asker begin anew. Called under mu.
func (a *jobs) forget(name string, c *job) {
	if a.calls[name] == c {
		delete(a.calls, name)
	}
}

func (l *Log) answer(inbox, kind string, body []byte) {
	m := nats.NewMsg(inbox)
	m.Header.Set(headerKind, kind)
	m.Data = body
	_ = l.conn.PublishMsg(m) // who asked asks again
}

// work does one piece of work and tells its askers.
func (l *Log) work(ctx context.Context, name string, c *job, work Work, request []byte) {
	defer c.cancel()
	a := &l.jobs
	tell := func(kind string, body []byte) {
		a.mu.Lock()
		defer a.mu.Unlock()
		for inbox, heard := range c.askers {
			if time.Since(heard) > askSilence {
				delete(c.askers, inbox)
				continue
			}
			l.answer(inbox, kind, body)
		}
		if !c.ended {
			a.giveUp(name, c)
		}
	}
	type outcome struct {
		answer []byte
		good   bool
	}
	done := make(chan outcome, 1)
	go func() {
		answer, good := work(ctx, request, func(body []byte) { tell(answerProgress, body) })
		done <- outcome{answer, good}
	}()
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			tell(answerAlive, nil)
			continue
		case end := <-done:
			a.mu.Lock()
			if c.ended, c.answer = end.good, end.answer; !end.good {
				a.forget(name, c)
			}
			a.mu.Unlock()
			tell(answerEnd, end.answer)
			_ = l.conn.Flush() // before a log that closes; a connection that is lost loses the asker too
			time.AfterFunc(duplicateWindow, func() {
				a.mu.Lock()
				defer a.mu.Unlock()
				a.forget(name, c)
			})
			return
		}
	}
}

// Ask has another node, or this one, do a piece of work, and returns its answer. progress is told on the way, by one
// goroutine. Calls of one name are one piece of work. The end of ctx ends the work, unless others have asked for it
// too. ErrGone when the node is silent.
func (l *Log) Ask(ctx context.Context, node, what, name string, request []byte, progress func([]byte)) ([]byte, error) {
	answers := make(chan *nats.Msg, 64)
	inbox := nats.NewInbox()
	sub, err := l.conn.ChanSubscribe(inbox, answers)
	if err != nil {
		return nil, err
	}
	defer func() { _ = sub.Unsubscribe() }() // it fails on a connection that is closed
	say := func(kind string) error {
		m := nats.NewMsg(askSubject(l.cfg.Cluster, node))
		m.Reply = inbox
		m.Header.Set(headerWhat, what)
		m.Header.Set(headerCall, name)
		m.Header.Set(headerKind, kind)
		m.Data = request
		return l.conn.PublishMsg(m)
	}
	if err := say(callFirst); err != nil {
		return nil, err
	}
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	heard, kind := time.Now(), callFirst // until it has come: a node that has just started may not be known yet
	for {
		select {
		case m := <-answers:
			said := m.Header.Get(headerKind)
			if said != "" { // otherwise it is the server of the log, who says that nobody listens there now
				heard, kind = time.Now(), callAgain
			}
			switch said {
			case answerProgress:
				progress(m.Data)
			case answerEnd:
				return m.Data, nil
			case answerUnknown:
				return nil, ErrGone
			}
		case <-tick.C:
			if time.Since(heard) > askSilence {
				return nil, ErrGone
			}
			if err := say(kind); err != nil {
				return nil, err
			}
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), say(callStop))
		case <-l.background.Done():
			return nil, ErrGone
		}
	}
}
