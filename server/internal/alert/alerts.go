package alert

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/filter"
	"github.com/akin-search/akin/server/internal/store"
)

// Config says how alerts run. Zero fields take the defaults named here.
type Config struct {
	Logger *slog.Logger     // default slog.Default()
	Now    func() time.Time // default time.Now. Tests that move it call Poke

	// Filter returns what is forced on a principal, nil for nothing; ok is false for one that is not known any more.
	// Default: nothing is forced on anyone.
	Filter func(owner string) (f *filter.Filter, ok bool)

	PublicURL string // of the server, without its path Root; empty: no mail and no feeds
	SMTP      SMTP   // zero: no mail

	WebhookAllow     []netip.Prefix // networks besides the public internet that webhooks may reach
	WebhookRedirects bool           // follow redirects of webhooks

	// Leads says whether this node of a cluster is the one that matches and sends. Subscriptions and what became of their
	// matches are the same on all nodes, and the next one that leads goes on where the last one was. Nil: there is no
	// other.
	Leads func() bool

	Keep time.Duration // how long matches are kept, for feeds and watchers; default 90 days
	Most uint64        // matches of one subscription that are kept at most; default 10,000
}

func (c *Config) ensureDefaults() {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Filter == nil {
		c.Filter = func(string) (*filter.Filter, bool) { return nil, true }
	}
	if c.Keep == 0 {
		c.Keep = 90 * 24 * time.Hour
	}
	if c.Most == 0 {
		c.Most = 10_000
	}
}

// Alerts are those of one engine. Methods may be called from many goroutines at once.
type Alerts struct {
	cfg    Config
	engine *engine.Engine
	log    *slog.Logger

	changes sync.Mutex // held for a commit and for what changes in memory with it

	mu      sync.RWMutex // guards the fields below; taken inside of changes
	version uint64       // of the records that they are of
	stored  uint64       // the cursor on disk
	byName  map[string]*entry
	byUID   map[UID]*entry
	owned   map[string]int // subscriptions of each owner
	feeds   map[string]*entry
	outbox  map[string]*delivery // by the key of its row

	mailboxes map[string]mailbox   // by the key of its row
	lastMail  map[string]time.Time // likewise; since the start

	cursor atomic.Uint64 // revision: papers up to it were matched
	rested time.Time     // when the cursor was last put on disk without a match. Of the matcher
	scores scoreboard    // of the matcher
	counts counts
	poke   chan struct{} // has an element when the sender has something to look at
	sweep  chan struct{} // likewise, when there are rows to remove
	slots  chan struct{} // has an element for each delivery that runs
	hooks  *http.Client

	keyOnce sync.Mutex // guards key
	key     []byte     // of the signatures in links; nil before it is asked for

	ctx     context.Context
	stop    context.CancelFunc
	workers sync.WaitGroup
}

// counts are since the start.
type counts struct {
	matches   atomic.Int64
	delivered atomic.Int64
	dropped   atomic.Int64
	attempts  [len(SinkKinds) + 1][outcomes]atomic.Int64
}

// entry is a subscription in memory. Its fields are guarded by Alerts.mu.
type entry struct {
	sub      *Subscription
	standing standing
	gone     bool
	changed  chan struct{} // closed when there are new matches, or the subscription has changed or gone

	problem  string // why nothing can match
	measured measured
}

// Open reads the subscriptions of an engine and begins to match and to send. Close comes before the engine's.
func Open(e *engine.Engine, cfg Config) (*Alerts, error) {
	cfg.ensureDefaults()
	a := &Alerts{
		cfg: cfg, engine: e, log: cfg.Logger,
		byName: map[string]*entry{}, byUID: map[UID]*entry{}, owned: map[string]int{},
		feeds: map[string]*entry{}, outbox: map[string]*delivery{}, mailboxes: map[string]mailbox{},
		lastMail: map[string]time.Time{},
		poke:     make(chan struct{}, 1), sweep: make(chan struct{}, 1), slots: make(chan struct{}, senders),
		hooks: newHookClient(&cfg),
	}
	a.ctx, a.stop = context.WithCancel(context.Background())
	e.WatchRecords(a.absorb)
	if err := errors.Join(a.load(), a.loadOutbox(), a.loadMailboxes()); err != nil {
		a.stop()
		return nil, fmt.Errorf("load the subscriptions: %w", err)
	}
	signal(a.sweep)
	a.workers.Go(a.matchLoop)
	a.workers.Go(a.sendLoop)
	a.workers.Go(a.sweepLoop)
	return a, nil
}

// Close ends matching and sending, and waits for both. What was not delivered is delivered after the next Open.
func (a *Alerts) Close() {
	a.stop()
	a.workers.Wait()
	a.hooks.CloseIdleConnections()
}

// Poke makes the sender look at the clock.
func (a *Alerts) Poke() { signal(a.poke) }

// signal wakes a goroutine that waits on a channel of capacity one, without waiting.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// load reads everything into memory.
func (a *Alerts) load() error {
	version, err := a.engine.RecordsVersion()
	if err != nil {
		return err
	}
	a.version = version
	err = a.each(store.SubscriptionTable, nil, func(r store.Record) error {
		s, err := decodeSubscription(r.Value)
		if err != nil {
			return err
		}
		e := &entry{sub: s, changed: make(chan struct{})}
		row, err := a.engine.Record(store.StandingTable, s.UID[:])
		if err != nil {
			return err
		}
		if err := json.Unmarshal(row, &e.standing); err != nil {
			return fmt.Errorf("the standing of subscription %q: %w", s.ID, err)
		}
		a.enter(e)
		return nil
	})
	if err != nil {
		return err
	}
	row, err := a.engine.Record(store.AlertTable, cursorKey)
	if err != nil {
		return err
	}
	if len(row) == 8 {
		a.stored = binary.BigEndian.Uint64(row)
	}
	a.resume()
	return nil
}

// resume puts the cursor where matching goes on: nobody asks for what was written before all subscriptions.
func (a *Alerts) resume() {
	a.mu.RLock()
	defer a.mu.RUnlock()
	least := a.engine.Revision()
	for _, e := range a.byUID {
		least = min(least, e.sub.Since)
	}
	a.cursor.Store(max(a.stored, least))
}

// each calls fn with the rows of a table whose keys begin with a prefix.
func (a *Alerts) each(t store.Table, prefix []byte, fn func(store.Record) error) error {
	var after []byte
	for {
		rows, err := a.engine.Records(t, prefix, after, 0)
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, r := range rows {
			if err := fn(r); err != nil {
				return err
			}
		}
		after = rows[len(rows)-1].Key
	}
}

// enter adds an entry to what is in memory. The caller holds mu, or is alone.
func (a *Alerts) enter(e *entry) {
	a.byName[string(nameKey(e.sub.Owner, e.sub.ID))] = e
	a.byUID[e.sub.UID] = e
	a.owned[e.sub.Owner]++
	a.noteFeeds(nil, e)
}

// noteFeeds makes the feeds of an entry findable, and those of what it was before not. The caller holds mu, or is
// alone.
func (a *Alerts) noteFeeds(before *Subscription, e *entry) {
	if before != nil {
		for i := range before.Sinks {
			if before.Sinks[i].Kind == Feed {
				delete(a.feeds, before.Sinks[i].Secret)
			}
		}
	}
	for i := range e.sub.Sinks {
		if e.sub.Sinks[i].Kind == Feed && !e.gone {
			a.feeds[e.sub.Sinks[i].Secret] = e
		}
	}
}

// snapshot lists the subscriptions as they are now.
func (a *Alerts) snapshot() []*entry {
	a.mu.RLock()
	defer a.mu.RUnlock()
	all := make([]*entry, 0, len(a.byUID))
	for _, e := range a.byUID {
		all = append(all, e)
	}
	return all
}

// publish puts a standing in place of an entry's and wakes who waits for matches. The caller holds mu.
func (e *entry) publish(s standing) {
	e.standing = s
	e.wake()
}

// wake tells those who wait that something has changed. The caller holds mu.
func (e *entry) wake() {
	close(e.changed)
	e.changed = make(chan struct{})
}
