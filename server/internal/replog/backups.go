package replog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// A node that has lost its papers, or that the log has run away from, begins with a backup of another node; models come
// from others in the same way. It asks for a piece at a time, so that neither end holds more than one:
//
//	request    akin.CLUSTER.backup.NODE   headers What: PAPERS or a model, Backup: a name drawn by the asker,
//	                                      Piece: 0, 1, 2, ...
//	answer     the piece; header Last: true with the last one, Error: text in place of one
//
// Pieces travel between the servers inside the nodes, and so over the same mutual TLS as the log.
const (
	backupPiece   = 1 << 20
	backupIdle    = time.Minute // after which a backup that nobody asks for more of is given up
	backupTimeout = 30 * time.Second
)

const (
	headerWhat   = "Akin-What"
	headerBackup = "Akin-Backup"
	headerPiece  = "Akin-Piece"
	headerLast   = "Akin-Last"
	headerError  = "Akin-Error"
)

func backupSubject(cluster, node string) string { return "akin." + cluster + ".backup." + node }

// backups are those that this node is giving to others.
type backups struct {
	mu    sync.Mutex
	write func(ctx context.Context, what string, w io.Writer) error // nil until the node has something to give
	open  map[string]*givenBackup
}

type givenBackup struct {
	mu     sync.Mutex // held while a piece is read
	reader *io.PipeReader
	next   int    // number of the piece to be read
	last   []byte // the one before, which may be asked for once more
	ended  bool
	stop   context.CancelFunc
	idle   *time.Timer
}

// Papers is what a backup of papers is asked for by.
const Papers = "papers"

// GiveBackups lets other nodes have what write writes: for Papers a backup of this node's papers with its place in the
// log, for the fingerprint of a model that model.
func (l *Log) GiveBackups(write func(ctx context.Context, what string, w io.Writer) error) {
	l.backups.mu.Lock()
	defer l.backups.mu.Unlock()
	l.backups.write = write
}

// offerBackups answers other nodes.
func (l *Log) offerBackups() error {
	l.backups.open = map[string]*givenBackup{}
	_, err := l.conn.Subscribe(backupSubject(l.cfg.Cluster, l.cfg.Node), func(m *nats.Msg) {
		l.workers.Go(func() { l.givePiece(m) })
	})
	return err
}

func (l *Log) givePiece(m *nats.Msg) {
	answer := nats.NewMsg(m.Reply)
	piece, last, err := l.piece(m.Header.Get(headerWhat), m.Header.Get(headerBackup), m.Header.Get(headerPiece))
	switch {
	case err != nil:
		answer.Header.Set(headerError, err.Error())
	case last:
		answer.Header.Set(headerLast, "true")
		fallthrough
	default:
		answer.Data = piece
	}
	_ = l.conn.PublishMsg(answer) // who asked asks again
}

// piece reads one piece of a backup, which begins with the first.
func (l *Log) piece(what, name, number string) (data []byte, last bool, err error) {
	n, err := strconv.Atoi(number)
	if err != nil || name == "" {
		return nil, false, errors.New("no piece of a backup is asked for")
	}
	b, err := l.given(what, name, n)
	if err != nil {
		return nil, false, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.idle.Reset(backupIdle)
	if n == b.next-1 {
		return b.last, b.ended, nil
	}
	if n != b.next || b.ended {
		return nil, false, fmt.Errorf("piece %d of the backup is not the next one", n)
	}
	piece := make([]byte, backupPiece)
	read, err := io.ReadFull(b.reader, piece)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, false, err
	}
	b.next, b.last, b.ended = n+1, piece[:read], err != nil
	return b.last, b.ended, nil
}

// given finds a backup, or begins it with its first piece.
func (l *Log) given(what, name string, n int) (*givenBackup, error) {
	s := &l.backups
	s.mu.Lock()
	defer s.mu.Unlock()
	if b, ok := s.open[name]; ok {
		return b, nil
	}
	switch {
	case n != 0:
		return nil, errors.New("the backup was given up")
	case s.write == nil:
		return nil, errors.New("this node has nothing to give yet")
	case len(s.open) >= 4:
		return nil, errors.New("this node gives too many backups already")
	}
	ctx, stop := context.WithCancel(l.background)
	reader, writer := io.Pipe()
	b := &givenBackup{reader: reader, stop: stop}
	b.idle = time.AfterFunc(backupIdle, func() {
		s.mu.Lock()
		delete(s.open, name)
		s.mu.Unlock()
		stop()
		reader.CloseWithError(context.Canceled)
	})
	s.open[name] = b
	write := s.write
	l.workers.Go(func() {
		defer context.AfterFunc(ctx, func() { reader.CloseWithError(context.Canceled) })()
		writer.CloseWithError(write(ctx, what, writer))
	})
	return b, nil
}

// Take reads what another node gives: Papers of one of this node's shard that the log goes on from, or the model of a
// fingerprint of one that has it. It fails where no node does.
func (l *Log) Take(ctx context.Context, what string, read func(r io.Reader) error) error {
	var faults []error
	for _, m := range l.Members() {
		has := m.Model == what || m.Ready == what
		if what == Papers {
			has = m.Shard == l.cfg.Shard && m.Applied+1 >= l.size.first.Load()
		}
		if m.Node == l.cfg.Node || !m.Heard() || !has {
			continue
		}
		err := l.takeFrom(ctx, m.Node, what, read)
		if err == nil || ctx.Err() != nil {
			return err
		}
		faults = append(faults, fmt.Errorf("%s: %w", m.Node, err))
	}
	if len(faults) == 0 {
		return errors.New("no other node is up that could give it")
	}
	return errors.Join(faults...)
}

func (l *Log) takeFrom(ctx context.Context, node, what string, read func(r io.Reader) error) error {
	reader, writer := io.Pipe()
	defer reader.Close()
	name := nats.NewInbox()
	go func() { writer.CloseWithError(l.fetchBackup(ctx, node, what, name, writer)) }()
	if what == Papers {
		l.log.Info("this node begins with a backup of another", "cluster", l.cfg.Cluster, "node", l.cfg.Node, "of", node)
	}
	return read(reader)
}

// fetchBackup asks for pieces until the last one. A piece that does not come is asked for again.
func (l *Log) fetchBackup(ctx context.Context, node, what, name string, w io.Writer) error {
	for n := 0; ; n++ {
		var answer *nats.Msg
		var err error
		for attempt := range 3 {
			if attempt > 0 {
				pause(ctx, time.Second)
			}
			request := nats.NewMsg(backupSubject(l.cfg.Cluster, node))
			request.Header.Set(headerWhat, what)
			request.Header.Set(headerBackup, name)
			request.Header.Set(headerPiece, strconv.Itoa(n))
			limited, cancel := context.WithTimeout(ctx, backupTimeout)
			answer, err = l.conn.RequestMsgWithContext(limited, request)
			cancel()
			if err == nil || ctx.Err() != nil {
				break
			}
		}
		if err != nil {
			return err
		}
		if text := answer.Header.Get(headerError); text != "" {
			return errors.New(text)
		}
		if _, err := w.Write(answer.Data); err != nil {
			return err
		}
		if answer.Header.Get(headerLast) != "" {
			return nil
		}
	}
}
