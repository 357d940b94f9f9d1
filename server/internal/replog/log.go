package replog

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/akin-search/akin/server/internal/paper"
)

// Log is one node's part in the log of a cluster. Methods may be called from many goroutines at once.
type Log struct {
	cfg     Config
	log     *slog.Logger
	lineage paper.Lineage

	server *server.Server // inside this node; nil where others keep the log
	conn   *nats.Conn
	js     jetstream.JetStream
	stream jetstream.Stream

	anchors anchors
	end     atomic.Uint64 // number of the newest message that this node has heard of
	woken   chan struct{} // has an element after end has risen
	size    logSize
	members members
	backups backups
	jobs    jobs
	mended  atomic.Uint64 // messages that had to be read from another node

	background context.Context
	stop       context.CancelFunc
	workers    sync.WaitGroup
}

// Open starts the node's part in the log and waits until the log can be reached, which takes a majority of its nodes.
// create lets it make a log where there is none, for a node that holds no papers. ctx bounds the opening only.
func Open(ctx context.Context, cfg Config, create bool) (_ *Log, err error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = DefaultMaxBytes
	}
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	l := &Log{cfg: cfg, log: cfg.Logger, woken: make(chan struct{}, 1)}
	l.members.init(&cfg)
	l.background, l.stop = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	if l.conn, err = l.join(ctx); err != nil {
		return nil, err
	}
	if l.js, err = jetstream.New(l.conn, jetstream.WithDefaultTimeout(apiTimeout)); err != nil {
		return nil, err
	}
	if l.server != nil {
		waiting, reached := context.WithCancel(ctx)
		defer reached()
		l.workers.Go(func() { tellWaiting(waiting, l.server, &l.cfg) })
	}
	if l.stream, l.lineage, err = openStream(ctx, l.js, &l.cfg, create); err != nil {
		return nil, err
	}
	if size := l.stream.CachedInfo().Config.MaxBytes; size != cfg.MaxBytes {
		l.log.Warn("the log keeps the size that it was made with, which is not the one that this node was given", "cluster",
			cfg.Cluster, "bytes", size, "given", cfg.MaxBytes)
	}
	l.anchors.reset(start(l.lineage))
	if err := l.listen(); err != nil {
		return nil, err
	}
	l.workers.Go(l.watchSize)
	l.workers.Go(l.announce)
	return l, nil
}

// join connects to the servers of the log, of which one is started inside this node unless others keep it.
func (l *Log) join(ctx context.Context) (*nats.Conn, error) {
	if l.cfg.External != nil {
		return connectExternal(ctx, &l.cfg)
	}
	var secret string
	var err error
	if l.server, secret, err = startServer(ctx, &l.cfg); err != nil {
		return nil, err
	}
	return connect(l.server, secret, l.log)
}

// listen hears of new messages and of the other nodes.
func (l *Log) listen() error {
	if _, err := l.conn.Subscribe(wakeSubject(l.cfg.Cluster), l.wake); err != nil {
		return err
	}
	if _, err := l.conn.Subscribe(nodeSubject(l.cfg.Cluster, "*"), l.members.hear); err != nil {
		return err
	}
	if err := errors.Join(l.offerBackups(), l.offerWork()); err != nil {
		return err
	}
	return l.conn.Flush()
}

// Close takes the node out of the log. Follow must have ended.
func (l *Log) Close() error {
	l.stop()
	l.workers.Wait()
	if l.conn != nil {
		l.conn.Close()
	}
	if l.server != nil {
		stopServer(l.server)
	}
	return nil
}

// Lineage is the history that the log orders.
func (l *Log) Lineage() paper.Lineage { return l.lineage }

// Start is the place before the first message.
func (l *Log) Start() Mark { return start(l.lineage) }

// Leads reports whether this node does what one does for all. It is the one whose replica of the log decides the order
// of messages; where others keep the log, the first by name of those that hear a majority. For moments there may be two
// or none.
func (l *Log) Leads() bool {
	if l.server == nil {
		return l.members.first(time.Now())
	}
	return l.server.JetStreamIsStreamLeader(server.DEFAULT_GLOBAL_ACCOUNT, streamName(l.cfg.Cluster))
}

// Lacks reports whether the log no longer has the message behind a number, so that a node that is there needs a backup
// of another one. It waits for an answer of the log.
func (l *Log) Lacks(ctx context.Context, sequence uint64) (bool, error) {
	info, err := asked(ctx, l.info)
	if err != nil {
		return false, err
	}
	return info.State.FirstSeq > sequence+1, nil
}

// Newest is the number of the newest message. It waits for an answer of the log.
func (l *Log) Newest(ctx context.Context) (uint64, error) {
	info, err := asked(ctx, l.info)
	if err != nil {
		return 0, err
	}
	return info.State.LastSeq, nil
}

const (
	// apiTimeout bounds one question to the log's servers.
	apiTimeout = 5 * time.Second
	// firstTry bounds the first attempt of a question that is repeated: what reaches a server that starts, or one that
	// ends just then, is never answered. Each attempt may take twice as long as the one before.
	firstTry = 300 * time.Millisecond
	// askAgain is the pause between two attempts.
	askAgain = 50 * time.Millisecond
)

// asked repeats a question until it is answered; it fails when ctx ends.
func asked[T any](ctx context.Context, question func(ctx context.Context) (T, error)) (T, error) {
	for limit := firstTry; ; {
		limited, cancel := context.WithTimeout(ctx, limit)
		answer, err := question(limited)
		if limited.Err() != nil {
			limit = min(2*limit, apiTimeout)
		}
		cancel()
		if err == nil {
			return answer, nil
		}
		if ctx.Err() != nil {
			return answer, errors.Join(err, ctx.Err())
		}
		pause(ctx, askAgain)
	}
}

// Status is how the log stands, for those who watch it.
type Status struct {
	Known        uint64 // number of the newest message that this node has heard of
	Bytes, Limit int64
	Mended       uint64 // messages that this node had to read from another one
	Sent         uint64 // messages to the log's servers: writes, questions and announcements
}

// Status is how the log stands.
func (l *Log) Status() Status {
	return Status{
		Known: l.end.Load(), Bytes: l.size.bytes.Load(), Limit: l.size.limit.Load(), Mended: l.mended.Load(),
		Sent: l.conn.Stats().OutMsgs,
	}
}
