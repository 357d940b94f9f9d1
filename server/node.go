package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/akin-search/akin/server/internal/admit"
	"github.com/akin-search/akin/server/internal/alert"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/replog"
	"github.com/akin-search/akin/server/internal/store"
)

// node is this server's part in a cluster: it follows the log into the engine.
type node struct {
	cfg  *clusterConfig
	data string
	log  *slog.Logger

	writes   *replog.Log
	lock     io.Closer // of the data folder; nil before it is taken
	shards   *shards   // nil: every node holds all papers
	live     *engine.Engine
	alerts   *alert.Alerts
	serves   atomic.Bool
	prepared string // fingerprint of the newest model that was prepared; of adopt

	failed chan error // why the log cannot be followed any further; the server must end
	stop   func()     // ends following; nil before it began
}

// openNode joins the cluster, opens the engine and follows the log to where it ended when the node had joined.
// alerts begins those of the engine, which go through the log too.
func openNode(ctx context.Context, c *clusterConfig, cfg engine.Config, alerts openAlerts) (_ *node, err error) {
	n := &node{cfg: c, data: cfg.Dir, log: cfg.Logger, failed: make(chan error, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.close(nil))
		}
	}()
	if err := n.takeFolder(); err != nil { // before anything is written into it
		return nil, err
	}
	if c.Shards > 0 {
		if n.shards, err = listenForNodes(n); err != nil {
			return nil, err
		}
	}
	held, err := store.Exists(cfg.Dir)
	if err != nil {
		return nil, err
	}
	resync := exists(filepath.Join(cfg.Dir, resyncFile))
	if n.writes, err = replog.Open(ctx, c.Config, !held && !resync); err != nil {
		return nil, err
	}
	if !held { // before it takes papers that are not for it; a folder with papers knows its shard
		if err := n.fits(ctx); err != nil {
			return nil, err
		}
	}
	if err := markFolder(cfg.Dir, c.Shard, c.Shards); err != nil {
		return nil, err
	}
	if resync || !held {
		if err := n.takeBackup(ctx, resync); err != nil {
			return nil, err
		}
	}
	cfg.Order = n.order()
	if n.live, err = engine.Open(ctx, cfg); err != nil {
		return nil, n.otherHistory(err)
	}
	from, err := n.mark()
	if err != nil {
		return nil, err
	}
	lacks, err := n.writes.Lacks(ctx, from.Sequence)
	if err != nil {
		return nil, err
	}
	if lacks {
		n.log.Warn("the log has run away from this node: its papers are taken from another one", "applied", from.Sequence)
		if err := n.live.Close(ctx); err != nil {
			return nil, err
		}
		n.live = nil
		if err := n.takeBackup(ctx, true); err != nil {
			return nil, err
		}
		if n.live, err = engine.Open(ctx, cfg); err != nil {
			return nil, err
		}
	}
	n.writes.GiveBackups(func(ctx context.Context, what string, w io.Writer) error {
		if what != replog.Papers {
			return n.live.WriteModelOf(what, w)
		}
		return n.live.Backup(ctx, w, nil)
	})
	if n.shards == nil { // a node that holds a part of the papers has no alerts
		if n.alerts, err = alerts(n.live, n.writes.Leads); err != nil { // before anything is applied: they follow that
			return nil, err
		}
	}
	n.writes.Does(learnWork, n.learnForAll)
	fronting := func() {}
	if n.shards != nil {
		fronting = n.shards.open(n.live)
	}
	following := background(context.Background(), n.follow)
	adopting := background(context.Background(), n.adopt)
	n.stop = func() {
		adopting()
		following()
		fronting()
	}
	if err := n.catchUp(ctx); err != nil {
		return nil, err
	}
	if err := startFault(c.Node, n.writes.Members()); err != nil {
		return nil, err
	}
	if n.shards != nil {
		n.shards.serving.Store(n.live)
		if err := n.shards.await(ctx); err != nil {
			return nil, err
		}
	}
	n.serves.Store(true)
	return n, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// takeBackup takes the papers of another node in place of what there is, where that is asked for or the log no longer
// begins at its beginning. The log's own files stay.
func (n *node) takeBackup(ctx context.Context, replace bool) error {
	if lacks, err := n.writes.Lacks(ctx, 0); err != nil || !lacks && !replace {
		return err
	}
	// Said first, so that a node that is killed on the way begins anew.
	if err := os.WriteFile(filepath.Join(n.data, resyncFile), nil, 0o600); err != nil {
		return err
	}
	entries, err := os.ReadDir(n.data)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if name := entry.Name(); !slices.Contains(nodeFiles, name) {
			if err := os.RemoveAll(filepath.Join(n.data, name)); err != nil {
				return err
			}
		}
	}
	for {
		lacks, err := n.writes.Lacks(ctx, 0)
		if err != nil {
			return err
		}
		if !lacks {
			break // the log has everything
		}
		err = n.writes.Take(ctx, replog.Papers, func(r io.Reader) error {
			info, err := store.Restore(ctx, r, n.data, store.RestoreOptions{Replace: true,
				Options: store.Options{Lineage: n.writes.Lineage(), Logger: n.log}})
			if err == nil {
				n.log.Info("the papers of another node are here", "papers", info.Papers, "revision", info.Revision)
			}
			return err
		})
		if err == nil {
			break
		}
		n.log.Warn("no backup of another node yet", "error", err)
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(time.Second):
		}
	}
	return os.Remove(filepath.Join(n.data, resyncFile))
}

// order is how the engine's writes go into the log.
func (n *node) order() *engine.Order {
	o := &engine.Order{
		Lineage:   n.writes.Lineage(),
		Append:    n.append,
		Leads:     n.writes.Leads,
		Learn:     n.learn,
		Share:     n.share,
		Applied:   n.report,
		RequestID: func(ctx context.Context) string { return admit.CallOf(ctx).RequestID() },
	}
	if n.cfg.all {
		o.Everywhere = n.writes.Everywhere
	}
	if n.shards != nil {
		o.Part = n.shards.part()
	}
	return o
}

// append tells the log's errors in the engine's words.
func (n *node) append(ctx context.Context, id string, body []byte) (uint64, bool, error) {
	place, err := n.writes.Append(ctx, id, body)
	switch {
	case errors.Is(err, replog.ErrFull):
		err = fmt.Errorf("%w: %w", engine.ErrLogFull, err)
	case errors.Is(err, replog.ErrUnknown) && ctx.Err() == nil:
		err = fmt.Errorf("%w: %w", engine.ErrNotAcknowledged, err)
	}
	return place.Sequence, place.Duplicate, err
}

// mark is the place in the log up to which the engine has applied it.
func (n *node) mark() (replog.Mark, error) {
	sequence, mark, err := n.live.Mark()
	if err != nil || sequence == 0 {
		return n.writes.Start(), err
	}
	return replog.DecodeMark(mark)
}

// report tells the other nodes how far this one is.
func (n *node) report(mark []byte) {
	if m, err := replog.DecodeMark(mark); err == nil {
		n.writes.Report(m, n.live.Model())
	}
}

// hearPoll is how often a node that joins looks whether it has heard of the others.
const hearPoll = 20 * time.Millisecond

// followPause is the wait before a write that could not be applied is tried again, as on a full disk.
const followPause = time.Second

// follow applies the log until ctx ends, or until it makes no sense here.
func (n *node) follow(ctx context.Context) {
	for {
		from, err := n.mark()
		if err == nil {
			n.writes.Report(from, n.live.Model())
			err = n.writes.Follow(ctx, from, func(m *replog.Message) error {
				return n.live.Apply(ctx, engine.Ordered{
					Sequence: m.Sequence, ID: m.ID, Time: m.Time, Body: m.Body, Mark: m.Mark.Encode(),
				})
			})
		}
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, replog.ErrDiverged), errors.Is(err, replog.ErrTrimmed):
			if failed := os.WriteFile(filepath.Join(n.data, resyncFile), nil, 0o600); failed != nil {
				err = errors.Join(err, failed)
			}
			n.fail(fmt.Errorf("%w; the next start takes the papers of another node", err))
			return
		case errors.Is(err, replog.ErrDamaged), errors.Is(err, replog.ErrNewerFormat), errors.Is(err, engine.ErrUnreadable):
			n.fail(err)
			return
		}
		n.log.Error("a write of the log could not be applied: this node falls behind until it can", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(followPause):
		}
	}
}

// fail ends the server. The first reason counts.
func (n *node) fail(err error) {
	select {
	case n.failed <- err:
	default:
	}
}

// healthy says why others should be asked instead of this node.
func (n *node) healthy() error {
	if err := n.current(); err != nil || n.shards == nil {
		return err
	}
	return n.shards.front.Load().Up(nil)
}

// catchUp returns when the engine has applied what was in the log when it was called.
func (n *node) catchUp(ctx context.Context) error {
	end, err := n.writes.Newest(ctx)
	if err != nil {
		return err
	}
	caught := make(chan error, 1)
	go func() { caught <- n.live.AwaitSequence(ctx, end) }()
	select {
	case err := <-caught:
		if err != nil {
			return err
		}
	case err := <-n.failed:
		return err
	}
	if err := n.awaitModel(ctx); err != nil {
		return err
	}
	patience := time.Now().Add(lagMost)
	// Until the others have been heard. One that hears only some of the others begins without a lease.
	for n.writes.Lag() > lagMost || !n.writes.Leased() && time.Now().Before(patience) {
		select {
		case <-time.After(hearPoll):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// readable says why no read is answered: where writes are acknowledged once they are visible everywhere, a node that
// the others may have stopped to wait for must not answer.
func (n *node) readable() error {
	if n.cfg.all && !n.writes.Leased() {
		return fmt.Errorf("%w: it has lost touch with the cluster", engine.ErrLagging)
	}
	return nil
}

// close leaves the cluster. closeEngine closes the engine; nil: at once.
func (n *node) close(closeEngine func(*engine.Engine) error) error {
	if n.alerts != nil {
		n.alerts.Close()
	}
	if n.stop != nil {
		n.stop()
	}
	if n.shards != nil {
		n.shards.close()
	}
	var errs []error
	if n.live != nil {
		if closeEngine == nil {
			errs = append(errs, n.live.Close(context.Background()))
		} else {
			errs = append(errs, closeEngine(n.live))
		}
	}
	if n.writes != nil {
		errs = append(errs, n.writes.Close())
	}
	if n.lock != nil {
		errs = append(errs, n.lock.Close())
	}
	return errors.Join(errs...)
}
