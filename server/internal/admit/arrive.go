package admit

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
	"google.golang.org/protobuf/proto"
)

// Config says how a gate admits. Zero fields take the defaults named here.
type Config struct {
	Keys           *Keyring        // nil: everyone may do everything
	Budget         int64           // bytes of messages in flight; default DefaultBudget
	ReceiveTimeout time.Duration   // for one message, once it has begun; default 10 s
	SendTimeout    time.Duration   // for a stream's client to take any message; default 20 s
	Cores          int             // default: as many as the process may use
	Rules          map[string]Rule // by a method's full name; default Rules
	Logger         *slog.Logger    // default slog.Default()

	// Breadth says how much a search looks through; it is asked once a second at most. Nil: a small corpus.
	Breadth func() Breadth

	// Refused is told of every call that is refused on its headers, from many goroutines at once: such a call reaches no
	// handler. Nil: no one.
	Refused func(ctx context.Context, method string, err error)

	// Shed is told about once a second of the calls that doors have refused since, if any. Nil: no one.
	Shed func([]Shed)
}

// Bounds of calls at a time. A stream that sends for long counts as one.
const (
	maxCalls       = 512 // of one principal
	maxSeats       = 16  // of streams that send for long, on the whole
	maxOwnSeats    = 4   // of one principal
	maxImportSeats = 64  // of imports, which hold no more than the budget lets them
)

// lateRefusal is from which remaining time on a call is refused by a handler instead of on its headers: gRPC leaves the
// timer of a call that is refused on its headers running until the deadline, which callers could use to fill memory.
const lateRefusal = time.Minute

// Gate admits calls. Its methods may be called from many goroutines at once.
type Gate struct {
	cfg       Config
	log       *slog.Logger
	limiter   *Limiter
	budget    *Budget
	seats     seats
	receiving patience // for a message that has begun
	broad     struct {
		due atomic.Int64 // Unix nanoseconds of when it is asked for again
		now atomic.Pointer[Breadth]
	}
	origins  origins
	watching atomic.Int64 // Unix nanoseconds until which doors look at calls
	shed     shed
}

// New makes a gate.
func New(cfg Config) *Gate {
	if cfg.Budget == 0 {
		cfg.Budget = DefaultBudget
	}
	if cfg.ReceiveTimeout == 0 {
		cfg.ReceiveTimeout = 10 * time.Second
	}
	if cfg.SendTimeout == 0 {
		cfg.SendTimeout = 20 * time.Second
	}
	if cfg.Cores == 0 {
		cfg.Cores = Cores()
	}
	if cfg.Rules == nil {
		cfg.Rules = Rules
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	g := &Gate{cfg: cfg, log: cfg.Logger, limiter: NewLimiter(cfg.Cores), budget: NewBudget(cfg.Budget)}
	g.seats.own = make(map[any]int)
	g.receiving.most = cfg.ReceiveTimeout
	g.shed.tell = cfg.Shed
	return g
}

// Limiter is the gate's limiter, and Budget its budget: for metrics.
func (g *Gate) Limiter() *Limiter { return g.limiter }

// Budget is the bytes of messages in flight.
func (g *Gate) Budget() *Budget { return g.budget }

var (
	errTooManyCalls = Refuse(codes.ResourceExhausted, ReasonTooManyCalls,
		"this principal has as many calls in flight as it may: wait for some to end", retryStep)
	errTooManyStreams = Refuse(codes.ResourceExhausted, ReasonTooManyCalls,
		"too many exports, backups, trainings or imports run already: wait for one to end", time.Second)
)

// Knows reports whether a method has a rule, by its full name.
func (g *Gate) Knows(method string) bool {
	_, known := g.cfg.Rules[method]
	return known
}

// Arrive looks at a call whose headers are in. It runs on the goroutine that reads the connection, and blocks on
// nothing but short locks. Its signature is that of gRPC's tap handle.
func (g *Gate) Arrive(ctx context.Context, info *tap.Info) (context.Context, error) {
	ctx, err := g.originContext(ctx, info.Header)
	call := &Call{Context: ctx, Method: info.FullMethodName, Arrived: time.Now()}
	call.ID = requestID(info.Header[RequestHeader])
	if err == nil {
		err = g.arrive(ctx, call, info)
	}
	if err == nil {
		if call.counted() || call.seated {
			// The handler ends the call. Where gRPC calls none, the end of the stream does.
			call.unwatch = context.AfterFunc(ctx, func() {
				if call.owner.CompareAndSwap(nobody, ended) {
					g.end(call)
				}
			})
		}
		return call, nil
	}
	if status.Code(err) == codes.ResourceExhausted {
		g.watch(call.Arrived)
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) > lateRefusal {
		return &Call{Context: ctx, Method: call.Method, ID: call.ID, Principal: call.Principal, refused: err}, nil
	}
	if g.cfg.Refused != nil {
		g.cfg.Refused(call, call.Method, err)
	}
	return ctx, Named(err, call.ID)
}

func (g *Gate) arrive(ctx context.Context, call *Call, info *tap.Info) error {
	rule, known := g.cfg.Rules[call.Method]
	call.Rule, call.Principal = rule, Everyone
	from, _ := peer.FromContext(ctx)
	if known && rule.Role == 0 {
		return nil
	}
	ahead, looked := ahead(from, call.Method)
	if looked {
		defer func() {
			if !call.waiting { // refused for another reason
				g.limiter.received(ahead.class, ahead.period)
			}
		}()
	}
	p, err := g.cfg.Keys.identify(info.Header["authorization"], from)
	if err != nil {
		return err
	}
	call.Principal = p
	call.key = p.account
	if p == Everyone {
		call.key = connectionOf(from) // each by itself
	}
	if !known {
		return errNoRule
	}
	if err := rule.Permits(p); err != nil {
		return err
	}
	if l := p.account.limiter; l != nil && !l.Allow() {
		return p.account.limited
	}
	if rule.Streams && rule.Class != Control {
		if !g.seats.take(call) {
			return errTooManyStreams
		}
	}
	if p != Everyone && p.account.calls.Add(1) > maxCalls {
		p.account.calls.Add(-1)
		g.seats.give(call)
		return errTooManyCalls
	}
	if rule.Streams {
		return nil
	}
	if looked {
		call.period, call.waiting = ahead.period, true
		return nil
	}
	deadline, _ := ctx.Deadline()
	call.period, err = g.limiter.arrive(ticket{key: call.key, class: rule.Class, units: 1, deadline: deadline})
	if err != nil {
		g.leave(call)
		return err
	}
	call.waiting = true
	return nil
}

// counted reports whether a call is among those that its principal has in flight. It and a seat are what a call without
// a handler must give back; that it is counted as arriving is forgotten without it.
func (c *Call) counted() bool { return c.key != nil && c.Principal != nil && c.Principal != Everyone }

// leave gives back what arrive took.
func (g *Gate) leave(call *Call) {
	if call.counted() {
		call.Principal.account.calls.Add(-1)
	}
	g.seats.give(call)
}

// end gives everything back. It is called once.
func (g *Gate) end(call *Call) {
	call.permit.release()
	if call.waiting {
		g.limiter.received(call.Rule.Class, call.period)
	}
	call.mu.Lock()
	call.over = true
	held := call.held
	call.held = 0
	call.mu.Unlock()
	g.budget.give(call.bytes + held)
	call.drop(call.bytes)
	g.leave(call)
}

// Owners of a call.
const (
	nobody int32 = iota
	handler
	ended
)

// Begin is the first thing a handler's wrapper calls. From then on the call is the handler's, and End must follow,
// whatever Begin returns: the refusal of a call that could not be refused on its headers, or that it is over already.
func (g *Gate) Begin(ctx context.Context) error {
	call := callOf(ctx)
	switch {
	case call == nil:
		return nil
	case call.refused != nil:
		return call.refused
	case !call.owner.CompareAndSwap(nobody, handler):
		return contextError(ctx)
	}
	return nil
}

// End ends the call of a context that Begin began: whatever it held is given back.
func (g *Gate) End(ctx context.Context) {
	if call := callOf(ctx); call != nil && call.owner.CompareAndSwap(handler, ended) {
		if call.unwatch != nil {
			call.unwatch()
		}
		g.end(call)
	}
}

// breadthEvery is how often the breadth of a search is asked for: it changes with the corpus, slowly.
const breadthEvery = time.Second

// breadth is what searches are charged by.
func (g *Gate) breadth() Breadth {
	if g.cfg.Breadth == nil {
		return Breadth{}
	}
	now := time.Now().UnixNano()
	if due := g.broad.due.Load(); now >= due && g.broad.due.CompareAndSwap(due, now+int64(breadthEvery)) {
		b := g.cfg.Breadth()
		g.broad.now.Store(&b)
		return b
	}
	if b := g.broad.now.Load(); b != nil {
		return *b
	}
	return Breadth{}
}

// Background runs work of the server's own that looks at every paper: it takes a heavy call's turn, behind those who
// wait for theirs, and gives way as one does.
func (g *Gate) Background(ctx context.Context, fn func(ctx context.Context) error) error {
	permit, err := g.limiter.insist(ctx, ticket{key: g, class: Heavy, units: 1})
	if err != nil {
		return err
	}
	defer permit.release()
	return fn(permit.context(ctx))
}

// Acquire charges a call for its message and waits for its turn. The context it returns is for the handler: where it
// asks whether it has ended, long work gives way to what is more urgent.
func (g *Gate) Acquire(ctx context.Context, m proto.Message) (context.Context, error) {
	call := callOf(ctx)
	if call == nil || call.Rule.Elsewhere {
		return ctx, nil
	}
	call.Received = time.Now()
	if call.waiting {
		call.waiting = false
		g.limiter.received(call.Rule.Class, call.period)
	}
	call.Cost = CostOf(call.Rule, g.breadth(), m)
	deadline, _ := ctx.Deadline()
	permit, err := g.limiter.acquire(ctx, ticket{
		key: call.key, class: call.Cost.Class, units: call.Cost.Units, deadline: deadline,
	})
	if err != nil {
		return ctx, err
	}
	call.permit = permit
	call.Begun = time.Now()
	return permit.context(ctx), nil
}

// Do runs a part of a long stream's work under a permit of its own.
func (g *Gate) Do(ctx context.Context, class Class, units float64, fn func(ctx context.Context) error) error {
	call := callOf(ctx)
	if call == nil {
		return fn(ctx)
	}
	permit, err := g.limiter.insist(ctx, ticket{key: call.key, class: class, units: units})
	if err != nil {
		return err
	}
	defer permit.release()
	return fn(permit.context(ctx))
}

// Width is how many goroutines a batch or heavy call may use beside the others that run now, itself counted: all
// together they are about as many as cores, so that there is always a processor left that looks after the network.
func (g *Gate) Width() int {
	s := g.limiter.State()
	return max(1, g.limiter.cores/max(1, s.Running[Batch]+s.Running[Heavy]))
}

// Hold takes bytes from the budget for a call that receives many messages, and waits for them. Return gives them back,
// and so does the end of the call.
func (g *Gate) Hold(ctx context.Context, bytes int) error {
	call := callOf(ctx)
	if call == nil {
		return nil
	}
	if err := g.budget.wait(ctx, int64(bytes)); err != nil {
		return err
	}
	call.mu.Lock()
	defer call.mu.Unlock()
	if call.over { // nobody is left to return them
		g.budget.give(int64(bytes))
		return context.Canceled
	}
	call.held += int64(bytes)
	return nil
}

// Return gives bytes back that Hold took.
func (g *Gate) Return(ctx context.Context, bytes int) {
	call := callOf(ctx)
	if call == nil {
		return
	}
	call.mu.Lock()
	n := min(call.held, int64(bytes))
	call.held -= n
	call.mu.Unlock()
	g.budget.give(n)
}

// hold counts bytes of a principal's own, at most limit: no principal takes the whole budget.
func (c *Call) hold(limit, n int64) error {
	if c.key == nil || c.Principal == Everyone {
		return nil
	}
	if a := c.Principal.account; a.bytes.Add(n) > limit {
		a.bytes.Add(-n)
		return errBudget
	}
	return nil
}

func (c *Call) drop(n int64) {
	if c.key != nil && c.Principal != Everyone {
		c.Principal.account.bytes.Add(-n)
	}
}
