package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/checkpoint"
	"github.com/akin-search/akin/server/internal/index/engines"
	"github.com/akin-search/akin/server/internal/profile"
	"github.com/akin-search/akin/server/internal/store"
)

// Config says how an engine runs. Zero fields take the defaults named here.
type Config struct {
	Dir   string       // the data folder; made when missing
	Index string       // engines.Auto (default), or one of engines.Names
	Embed embed.Config // default embed.DefaultConfig()

	Cores           int           // of the machine that background work may use; default runtime.GOMAXPROCS(0)
	TailLimit       int           // vectors waiting for the graph that make writers wait; default 1,048,576
	TrainAt         int           // papers at which a model is first trained by itself; default 1,000, below 0 never
	GivenModel      bool          // models come from ActivateModel alone: none is made by itself, TrainAt or not
	Idle            time.Duration // without writes before the engine trains by itself; default 30 s
	CheckpointEvery uint64        // revisions between checkpoints; default: one when a start would replay for a second
	NoMap           bool          // draw none
	NoCheckpoints   bool          // keep none: every start then builds the index from the store

	// Order is a log that orders writes together with other nodes. Nil: the store of this engine orders them.
	Order *Order

	// Hook is called at named points of writing (store.Point*, checkpoint.Point*, and those of this package), for tests
	// that fail or kill there. Nil: no hook.
	Hook func(point string) error

	// Observe is told of every stage of a query that has ended, from many goroutines at once. Nil: no one.
	Observe func(ctx context.Context, stage string, begin time.Time)
	// Worked is told of all work in the background that has ended, from many goroutines at once. Nil: no one.
	Worked func(task string, begin time.Time, err error)
	// GiveWay is called again and again by trainings, rebuilds and the work for the map, from many goroutines at once.
	// It may take some milliseconds, in which they do not compute. Nil: they never give way.
	GiveWay func()
	// Committed is told of every transaction of the store, as store.Options.Committed. Nil: no one.
	Committed func(store.Commit)

	Logger *slog.Logger     // default slog.Default()
	Now    func() time.Time // default time.Now
}

func (c *Config) ensureDefaults() {
	if c.Index == "" {
		c.Index = "auto"
	}
	if c.Embed == (embed.Config{}) {
		c.Embed = embed.DefaultConfig()
	}
	if c.Cores == 0 {
		c.Cores = runtime.GOMAXPROCS(0)
	}
	if c.TailLimit == 0 {
		c.TailLimit = 1 << 20
	}
	if c.TrainAt == 0 {
		c.TrainAt = 1000
	}
	if c.GivenModel {
		c.TrainAt = -1
	}
	if c.Idle == 0 {
		c.Idle = 30 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// Engine answers queries about the papers of one data folder. Its methods may be called from many goroutines at once.
type Engine struct {
	cfg   Config
	log   *slog.Logger
	now   func() time.Time
	store *store.Store

	live     atomic.Pointer[Generation]
	previous atomic.Pointer[previous]
	scratch  *sync.Pool // of *scratch
	rankers  *sync.Pool // of *ranker
	readers  *readers
	briefs   briefs
	opened   time.Time // lastWrite counts from it: the clock of this process, which never jumps

	queue       chan []store.Entry // from the store's committer to the applier
	swaps       chan swap
	pace        pace // of writers, while a generation is put in place
	tailPace    tailPace
	applierDone chan struct{}

	background context.Context // of everything the engine runs by itself
	stop       context.CancelFunc
	workers    sync.WaitGroup
	catchup    chan struct{}        // there may be a tail
	building   chan struct{}        // has an element while a generation is being built
	training   atomic.Bool          // someone trains or waits to
	graphMu    sync.Mutex           // held while the tail of the live generation moves into its graph, and by Check
	modelMu    sync.Mutex           // held while a model on disk comes or goes
	kept       checkpoint.ModelFile // the newest model on disk. Under modelMu
	logMu      sync.Mutex           // held while the log is trimmed and while a build notes where it begins
	buildFrom  uint64               // revision behind which a running build needs the log, or noBuild. Under logMu
	prepared   prepared             // the generation that waits to be activated
	sharing    chan struct{}        // has an element while a model is made for all nodes of a log
	answers    answers              // of Duplicates, for their further pages
	activity   atomic.Pointer[activity]
	swapped    atomic.Uint64         // generations put in place of another
	failures   [tasks]atomic.Uint64  // of background work
	underWay   atomic.Int64          // slots that submitted writes may take
	lastWrite  atomic.Int64          // nanoseconds since opened
	unseen     atomic.Uint64         // revision through which superseded records can be removed
	retired    atomic.Uint64         // epoch from which on nobody reads a generation that was replaced; 0: there is none
	atlas      atomic.Pointer[atlas] // the map; nil: there is none yet
	atlasMu    sync.Mutex            // held while papers get places on it, and while it is copied
	checkpoint saved
	speed      replaySpeed

	failed atomic.Pointer[error] // why writes are refused
	closed atomic.Bool

	arrivals arrivals
	ordered  ordering
	outcomes outcomes // of an engine that holds a part of the papers
	records  recordWatch
	profiles *profile.Profiles
	seen     seenCache
}

// Open opens the data folder and makes every paper in it searchable before it returns. ctx bounds the opening only.
func Open(ctx context.Context, cfg Config) (*Engine, error) {
	cfg.ensureDefaults()
	if err := cfg.Embed.Validate(); err != nil {
		return nil, err
	}
	var err error
	if cfg.Index, err = engines.Resolve(cfg.Index); err != nil {
		return nil, err
	}
	e := &Engine{
		cfg:         cfg,
		opened:      time.Now(),
		log:         cfg.Logger,
		now:         cfg.Now,
		scratch:     newScratchPool(cfg.Embed),
		rankers:     newRankerPool(cfg.Embed),
		queue:       make(chan []store.Entry, applyQueue),
		swaps:       make(chan swap),
		applierDone: make(chan struct{}),
		catchup:     make(chan struct{}, 1),
		building:    make(chan struct{}, 1),
		sharing:     make(chan struct{}, 1),
		buildFrom:   noBuild,
	}
	e.background, e.stop = context.WithCancel(context.Background())
	options := store.Options{
		Sink: e.sink, Logger: cfg.Logger, Clock: cfg.Now, Hook: cfg.Hook, Committed: cfg.Committed,
	}
	if cfg.Order != nil {
		options.Lineage = cfg.Order.Lineage
	}
	s, err := store.Open(cfg.Dir, options)
	if err != nil {
		e.stop()
		return nil, err
	}
	e.store = s
	if e.profiles, err = profile.Open(ctx, s, cfg.Now); err != nil && !errors.Is(err, store.ErrReadOnly) {
		e.stop()
		return nil, errors.Join(fmt.Errorf("load the profiles of %s: %w", filepath.Clean(cfg.Dir), err), s.Close())
	}
	g, err := e.load(ctx)
	if err != nil {
		e.stop()
		return nil, errors.Join(fmt.Errorf("load %s: %w", filepath.Clean(cfg.Dir), err), s.Close())
	}
	if g.odds, err = e.oddsAtStart(ctx, g); err != nil {
		e.stop()
		return nil, errors.Join(err, s.Close())
	}
	if _, err := e.keepModel(g); err != nil {
		// Reads go on, at a full disk too.
		e.log.Warn("the model is not on disk: no checkpoint is written until one is", "error", err)
	} else {
		e.pruneModels()
	}
	if !cfg.NoMap {
		e.readAtlas()
	}
	e.live.Store(g)
	e.readers = newReaders(g.revision())
	if cfg.Order != nil {
		if err := e.openOrder(); err != nil {
			e.stop()
			return nil, errors.Join(err, s.Close())
		}
	}
	go e.apply()
	e.workers.Go(e.runBackground)
	e.wakeCatchup() // what was built or replayed is in the tail
	return e, nil
}

// sink hands a durable batch to the applier. The store's committer calls it in the order of revisions.
func (e *Engine) sink(entries []store.Entry) { e.queue <- entries }

// load returns the generation to begin with: the checkpoint's, brought up to date, or one built from the store.
func (e *Engine) load(ctx context.Context) (*Generation, error) {
	e.dropForeignCheckpoint()
	for _, file := range e.storedModels() {
		// The model is read beside the checkpoint, and once.
		model := sync.OnceValues(func() (*embed.Model, error) { return e.readModel(file) })
		if !e.cfg.NoCheckpoints {
			if g := e.loadCheckpoint(ctx, model, file); g != nil {
				e.kept = file
				return g, nil
			}
		}
		m, err := model()
		if err != nil {
			e.log.Warn("a model on disk does not serve", "reason", err)
			continue
		}
		g, err := e.rebuild(ctx, m, file.Created)
		if err == nil {
			e.kept = file
		}
		return g, err
	}
	if e.store.Count() == 0 {
		return e.emptyGeneration()
	}
	m, err := e.firstModel(ctx)
	if err != nil {
		return nil, err
	}
	return e.rebuild(ctx, m, e.now())
}

// rebuild builds the generation to begin with from the store.
func (e *Engine) rebuild(ctx context.Context, model *embed.Model, created time.Time) (*Generation, error) {
	e.log.Info("building the index from the stored papers", "papers", e.store.Count(), "model", model.Fingerprint(),
		"trained", model.Trained())
	return e.build(ctx, e.store.Revision(), model, created, nil)
}

// firstModel is what serves papers of which no model is on disk. Where models are given, it is that of no paper, which
// is the same on every node.
func (e *Engine) firstModel(ctx context.Context) (*embed.Model, error) {
	if e.cfg.GivenModel || e.cfg.Order != nil {
		return embed.NewModel(e.cfg.Embed, embed.NewFrequencies(e.cfg.Embed))
	}
	return e.fit(ctx, nil)
}

// emptyGeneration has the model of a corpus without papers.
func (e *Engine) emptyGeneration() (*Generation, error) {
	model, err := embed.NewModel(e.cfg.Embed, embed.NewFrequencies(e.cfg.Embed))
	if err != nil {
		return nil, err
	}
	g, err := newGeneration(e.cfg.Index, model, e.now())
	if err != nil {
		return nil, err
	}
	g.base = e.store.Revision()
	g.publish(g.base)
	return g, nil
}

// Close stops background work, writes a checkpoint and closes the store. No call of Apply may be under way. Writes that
// were submitted are acknowledged or refused before it returns. ctx bounds the checkpoint: without it the next start
// takes longer, and nothing is lost.
func (e *Engine) Close(ctx context.Context) error {
	if e.closed.Swap(true) {
		return ErrClosed
	}
	e.stop()
	e.workers.Wait()
	e.DropPrepared()
	e.building <- struct{}{} // after a training on request, which e.stop has cancelled; no other begins
	var errs []error
	if !e.cfg.NoCheckpoints && e.Writable() == nil && (e.behind() > 0 || e.unsavedGraph() >= worthSaving) {
		errs = append(errs, e.writeCheckpoint(ctx))
	}
	if e.Writable() == nil && e.unkept() > 0 {
		errs = append(errs, e.keepAtlas())
	}
	errs = append(errs, e.store.Close()) // ends the committer, which is the only sender on the queue
	close(e.queue)
	<-e.applierDone
	if e.cfg.Order != nil {
		close(e.ordered.settling)
		<-e.ordered.settled
	}
	return errors.Join(errs...)
}

// Writable returns nil, or an error that wraps ErrReadOnly or ErrDiskFull and says why writes are refused.
func (e *Engine) Writable() error {
	if err := e.failed.Load(); err != nil {
		return fmt.Errorf("%w: %w; free the disk or mend the fault, then restart the server", ErrReadOnly, *err)
	}
	return storeError(e.store.Writable())
}

// fail refuses all further writes for a reason. The first reason stays.
func (e *Engine) fail(err error) {
	if e.failed.CompareAndSwap(nil, &err) {
		e.log.Error("writes are refused from now on", "error", err)
	}
}
