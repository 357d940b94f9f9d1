package client

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"
)

// Defaults of an import.
const (
	// DefaultWindowItems is how many papers may be on the way at most, sent but not acknowledged.
	DefaultWindowItems = 8192
	// DefaultWindowBytes is how many bytes of papers may be on the way at most.
	DefaultWindowBytes = 16 << 20
	// DefaultPatience is how long an import outlasts a server that cannot be reached.
	DefaultPatience = 2 * time.Minute
)

// ImportReport counts what became of the papers of an import.
type ImportReport struct {
	// Read from the iterator.
	Read int64
	// Written anew or with new content. A paper whose acknowledgement was lost with its stream is sent again and then
	// counts as unchanged; Written + Unchanged + Failed is always exact.
	Written int64
	// Unchanged: the same content was stored already.
	Unchanged int64
	// Failed: not stored, each reported to [OnItemError].
	Failed int64
	// Reconnects is how often the import tried to open its stream again.
	Reconnects int
	// Waiting is why the stream broke, while an import that runs waits to reconnect; nil otherwise.
	Waiting error
}

// Done is how many papers have an outcome.
func (r ImportReport) Done() int64 { return r.Written + r.Unchanged + r.Failed }

// ItemError says why one paper of an import was not stored.
type ItemError struct {
	Item int64  // place in the iteration, from 1
	ID   string // of the paper, possibly shortened
	Err  *Error // with the code, reason and fields that Upsert would have returned
}

// Error implements error.
func (e *ItemError) Error() string {
	return fmt.Sprintf("item %d (%s): %s", e.Item, e.ID, e.Err.Message)
}

// Unwrap returns the outcome.
func (e *ItemError) Unwrap() error { return e.Err }

// ImportOption configures Import.
type ImportOption func(*importConfig)

type importConfig struct {
	items    int
	bytes    int
	patience time.Duration
	onError  func(*ItemError)
	progress func(ImportReport)
}

// OnItemError is called for each paper that is not stored. Calls of it and of [OnProgress] come one at a time, from
// goroutines of the import, and hold up acknowledgements while they run. Default: failures are only counted.
func OnItemError(f func(*ItemError)) ImportOption { return func(c *importConfig) { c.onError = f } }

// OnProgress is called after each acknowledgement, and when the stream breaks and is back. Default: nobody hears.
func OnProgress(f func(ImportReport)) ImportOption { return func(c *importConfig) { c.progress = f } }

// Window bounds what is kept for sending again: papers and bytes not yet acknowledged. Values below 1 stand for the
// defaults, DefaultWindowItems and DefaultWindowBytes. A paper above the bytes goes alone.
func Window(items, bytes int) ImportOption {
	return func(c *importConfig) {
		if items > 0 {
			c.items = items
		}
		if bytes > 0 {
			c.bytes = bytes
		}
	}
}

// Patience is how long an import tries to reconnect without any progress. Default DefaultPatience. Before the server
// has answered at all, an import tries at most 5 s.
func Patience(d time.Duration) ImportOption { return func(c *importConfig) { c.patience = d } }

// Papers makes an iterator for Import of papers at hand.
func Papers(papers ...*Paper) iter.Seq2[*Paper, error] {
	return func(yield func(*Paper, error) bool) {
		for _, p := range papers {
			if !yield(p, nil) {
				return
			}
		}
	}
}

// Import stores all papers of an iterator, in its order. A paper that fails is reported to [OnItemError] and does not
// stop the others. When Import returns without an error, every paper is durable and visible, or counted as failed.
//
// Memory is bounded: a paper is kept until it is acknowledged, and the iterator waits while [Window] is full. When the
// connection breaks or the server restarts, Import reconnects with growing pauses and sends what is not acknowledged
// again; what the server had stored already is a no-op there, so nothing is lost and nothing is doubled. The same holds
// for a whole import that is run again.
//
// An error that the iterator yields ends the reading; what was read before is still stored, then that error is
// returned. A cancelled context ends everything at once. A paper must not be changed once it has been yielded.
func (c *Client) Import(
	ctx context.Context, papers iter.Seq2[*Paper, error], opts ...ImportOption,
) (ImportReport, error) {
	cfg := importConfig{items: DefaultWindowItems, bytes: DefaultWindowBytes, patience: DefaultPatience}
	for _, opt := range opts {
		opt(&cfg)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	run := &importRun{client: c, cfg: cfg, window: newWindow(cfg.items, cfg.bytes)}
	defer context.AfterFunc(ctx, func() { run.window.fail(callError("import", ctx.Err())) })()

	done := make(chan struct{})
	go func() {
		defer close(done)
		run.window.fail(run.connect(ctx)) // nil when everything is acknowledged
	}()
	readErr := run.read(papers)
	run.window.endInput()
	<-done
	report, err := run.snapshot(), run.window.failure()
	if err == nil && readErr != nil {
		err = fmt.Errorf("import: reading paper %d: %w", report.Read+1, readErr)
	}
	return report, err
}

// importRun is one call of Import. The caller's goroutine reads the iterator into the window; one goroutine opens
// streams and sends from the window; one goroutine a stream receives acknowledgements.
type importRun struct {
	client *Client
	cfg    importConfig
	window *window

	mu     sync.Mutex // guards report, and makes callbacks come one at a time
	report ImportReport
}

// read fills the window until the iterator ends or the import fails. It returns the iterator's own error.
func (r *importRun) read(papers iter.Seq2[*Paper, error]) error {
	var item int64
	for p, err := range papers {
		if err != nil {
			return err
		}
		item++
		r.update(func(rep *ImportReport) { rep.Read = item }, false)
		size, fault := checkItem(p)
		if fault != nil {
			r.failed(&ItemError{Item: item, ID: shortID(p.GetId()), Err: fault})
			continue
		}
		if !r.window.push(item, p, size) {
			return nil // the window knows why
		}
	}
	return nil
}

func (r *importRun) snapshot() ImportReport {
	r.mu.Lock()
	defer r.mu.Unlock()
	report := r.report
	report.Waiting = nil // it ended, so it waits no more
	return report
}

// update changes the report and, if told to, shows it to the caller.
func (r *importRun) update(change func(*ImportReport), show bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.report)
	if show && r.cfg.progress != nil {
		r.cfg.progress(r.report)
	}
}

func (r *importRun) failed(e *ItemError) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Failed++
	if r.cfg.onError != nil {
		r.cfg.onError(e)
	}
}
