package service

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/admit"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/paper"
)

// An import is a pipeline, each stage one goroutine, joined by channels that carry batches in the order of the stream:
//
//	receive   reads and checks items, one at a time
//	collect   gathers them into batches and starts to prepare each: analysis and embedding, importAhead batches at once
//	submit    hands prepared batches to the engine in order, which fixes their revisions
//	acknowledge  waits for each until it is durable and visible, and tells the client
//
// Memory is bounded by the channels: about importAhead + importPending + 3 batches of at most importBytes each, and
// importItems items between receive and collect. When the engine's queue is full, submit waits, and so in the end does
// the client. What items hold is counted against the server's budget of bytes until they are acknowledged, and an
// import waits for room in it. The stream ends, once all that was received before is acknowledged, when the client
// closes its side, when an item number does not rise, or when the server drains; it ends at once when the client
// cancels or the engine fails.
const (
	importItems   = 32
	importAhead   = 2
	importPending = 4
	importBatch   = 500
	importBytes   = 4 << 20
)

// A batch that is not full waits for further items: importLinger when nothing of its import is under way, at most
// importGather as long as something is. What pours in then comes to the store in few large commits, each of which
// writes the pages of ids that it touches once; and a paper that comes alone waits for nobody.
const (
	importLinger = 4 * time.Millisecond
	importGather = 100 * time.Millisecond
)

// importItem is one item off the stream: a paper, an error that is the item's own, or, in the last one, how the stream
// ended.
type importItem struct {
	number int64
	id     string
	paper  *paper.Paper
	bytes  int
	err    error // a status
	end    error // io.EOF when the client closed its side
}

// importRun is a run of items that are stored and acknowledged together.
type importRun struct {
	last   int64 // number of its last item
	papers []*paper.Paper
	errors []*akinv1.ImportError
	bytes  int

	ready    chan struct{} // closed when prepared and failed are set
	prepared *engine.Batch
	failed   error
	pending  *engine.Pending
}

// ImportPapers stores a stream of papers.
func (s *Server) ImportPapers(stream akinv1.PaperService_ImportPapersServer) error {
	// The receiver may sit in Recv until the handler has returned, so the others do not wait for it.
	items := make(chan importItem, importItems)
	go s.receiveItems(stream, items)

	group, ctx := errgroup.WithContext(stream.Context())
	collected := make(chan *importRun, importAhead)
	submitted := make(chan *importRun, importPending)
	var end error             // set by collect, read when all have ended
	var underWay atomic.Int64 // runs that are collected and not acknowledged
	group.Go(recovered(func() (err error) {
		defer close(collected)
		end, err = s.collectItems(ctx, group, items, collected, &underWay)
		return err
	}))
	group.Go(recovered(func() error {
		defer close(submitted)
		return submitRuns(ctx, collected, submitted)
	}))
	group.Go(recovered(func() error { return s.acknowledgeRuns(ctx, submitted, &underWay, stream) }))
	if err := group.Wait(); err != nil {
		return err
	}
	return end
}

// receiveItems reads the stream until it ends or an item breaks its order.
func (s *Server) receiveItems(stream akinv1.PaperService_ImportPapersServer, items chan<- importItem) {
	last := int64(0)
	for {
		item := receiveItem(stream, last)
		if item.end == nil {
			item.end = s.gate.Hold(stream.Context(), item.bytes) // until it is acknowledged
		}
		select {
		case items <- item:
		case <-stream.Context().Done():
			return
		}
		if item.end != nil {
			return
		}
		last = item.number
	}
}

func receiveItem(stream akinv1.PaperService_ImportPapersServer, last int64) importItem {
	req, err := stream.Recv()
	if err != nil {
		return importItem{end: err}
	}
	item := importItem{number: req.GetItem(), id: req.GetPaper().GetId(), bytes: proto.Size(req)}
	if item.number <= last {
		violation := &errdetails.BadRequest_FieldViolation{
			Field: "item", Description: "does not rise: numbers start at 1 or later and rise from item to item",
		}
		return importItem{end: invalid(reasonItemOrder, []*errdetails.BadRequest_FieldViolation{violation}, 0)}
	}
	if violations := brokenText(req); len(violations) > 0 {
		item.err = invalid(reasonInvalidField, violations, 0)
		return item
	}
	item.paper, item.err = decodePaper("paper", req.GetPaper())
	return item
}

// collectItems gathers items into runs and starts to prepare each. It returns how the import is to end once they are
// all acknowledged, or an error that ends it at once.
func (s *Server) collectItems(
	ctx context.Context, group *errgroup.Group, items <-chan importItem, out chan<- *importRun, underWay *atomic.Int64,
) (end, err error) {
	c := collector{
		ctx: ctx, items: items, draining: s.draining, ids: make(map[string]struct{}, importBatch), underWay: underWay,
	}
	for c.end == nil {
		run := c.next()
		if run.last == 0 {
			continue // the stream ended before another item came
		}
		underWay.Add(1)
		// Into the channel first: its room bounds how many are prepared at once.
		select {
		case out <- run:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		group.Go(recovered(func() error {
			defer close(run.ready)
			if len(run.papers) == 0 {
				return nil
			}
			run.failed = errUnprepared // what a panic leaves behind
			return s.gate.Do(ctx, admit.Batch, float64(len(run.papers))/8, func(ctx context.Context) error {
				run.prepared, run.failed = s.engine().Prepare(ctx, run.papers)
				return nil
			})
		}))
	}
	switch {
	case errors.Is(c.end, io.EOF):
		return nil, nil
	case errors.Is(c.end, errDraining):
		return failure(codes.Unavailable, reasonShuttingDown,
			"the server is shutting down: send again what was not acknowledged"), nil
	case status.Code(c.end) == codes.InvalidArgument:
		return c.end, nil
	}
	return nil, c.end // cancelled, or the connection is gone: no one reads acknowledgements any more
}

var (
	errDraining   = errors.New("the server drains")
	errUnprepared = errors.New("a batch was not prepared")
)

// collector makes runs of items.
type collector struct {
	ctx      context.Context
	items    <-chan importItem
	draining <-chan struct{}
	ids      map[string]struct{} // of the papers in the run
	underWay *atomic.Int64       // runs of the import that are not acknowledged
	held     *importItem         // taken from items already, first of the next run
	end      error               // how the stream ended, once it has
}

// next makes one run: as many items as have come when the run is full or has waited long enough. A paper may stand in
// the stream twice, and the later one wins: it begins a new run, since a batch of the engine holds an id once. The run
// is empty, with last 0, when the stream ends before another item.
func (c *collector) next() *importRun {
	run := &importRun{ready: make(chan struct{})}
	clear(c.ids)
	if c.held != nil {
		run.add(*c.held, c.ids)
		c.held = nil
	}
	timer := time.NewTimer(time.Hour) // set when the first item is in
	defer timer.Stop()
	waiting, lingers := false, 1
	for len(run.papers)+len(run.errors) < importBatch && run.bytes < importBytes {
		if !waiting && run.last != 0 {
			timer.Reset(importLinger)
			waiting = true
		}
		select {
		case item := <-c.items:
			if item.end != nil {
				c.end = item.end
				return run
			}
			if _, twice := c.ids[item.id]; twice && item.paper != nil {
				c.held = &item
				return run
			}
			run.add(item, c.ids)
		case <-timer.C:
			if c.underWay.Load() == 0 || lingers == int(importGather/importLinger) {
				return run
			}
			timer.Reset(importLinger)
			lingers++
		case <-c.draining:
			c.end = errDraining
			return run
		case <-c.ctx.Done():
			c.end = c.ctx.Err()
			return run
		}
	}
	return run
}

// add takes an item in.
func (r *importRun) add(item importItem, ids map[string]struct{}) {
	r.last = item.number
	r.bytes += item.bytes
	if item.err != nil {
		r.errors = append(r.errors, &akinv1.ImportError{
			Item:    item.number,
			PaperId: cutID(item.id),
			Status:  itemStatus(item.err),
		})
		return
	}
	ids[item.id] = struct{}{}
	r.papers = append(r.papers, item.paper)
}

// submitRuns hands runs to the engine in order.
func submitRuns(ctx context.Context, in <-chan *importRun, out chan<- *importRun) error {
	for run := range in {
		select {
		case <-run.ready:
		case <-ctx.Done():
			return ctx.Err()
		}
		if run.failed != nil {
			return run.failed
		}
		if run.prepared != nil {
			pending, err := run.prepared.Submit(ctx)
			if err != nil {
				return err
			}
			run.pending = pending
		}
		select {
		case out <- run:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// acknowledgeRuns tells the client about each run once it is durable and visible.
func (s *Server) acknowledgeRuns(
	ctx context.Context, in <-chan *importRun, underWay *atomic.Int64, stream akinv1.PaperService_ImportPapersServer,
) error {
	var position *akinv1.Position // of everything acknowledged so far
	for run := range in {
		response := &akinv1.ImportPapersResponse{AcknowledgedItem: run.last, Errors: run.errors}
		if run.pending != nil {
			written, err := run.pending.Wait(ctx)
			if err != nil {
				return err
			}
			position = encodePosition(written.Position)
			for _, r := range written.Results {
				if r.Unchanged {
					response.Unchanged++
				} else {
					response.Written++
				}
			}
		}
		response.Position = position
		if err := stream.Send(response); err != nil {
			return err
		}
		s.gate.Return(ctx, run.bytes)
		underWay.Add(-1)
	}
	return nil
}
