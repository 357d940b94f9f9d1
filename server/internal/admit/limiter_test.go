package admit

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// testLimiter has one core, a clock of its own, and says that as many goroutines wait for a core as *waiting.
func testLimiter() (l *Limiter, clock *time.Time, waiting *int) {
	l = NewLimiter(1)
	clock, waiting = new(time.Time), new(int)
	*clock = time.Unix(1000, 0)
	l.now = func() time.Time { return *clock }
	l.load = func() int { return *waiting }
	return l, clock, waiting
}

func (l *Limiter) mustAcquire(t *testing.T, want ticket) *Permit {
	t.Helper()
	p, err := l.acquire(t.Context(), want)
	if err != nil {
		t.Fatalf("%+v: %v", want, err)
	}
	return p
}

// queued starts an acquire that has to wait, and returns when it stands in the queue.
func (l *Limiter) queued(
	ctx context.Context, t *testing.T, want ticket, name string, order chan string,
) *sync.WaitGroup {
	t.Helper()
	l.mu.Lock()
	before := l.queues[want.class].Len()
	l.mu.Unlock()
	var wait sync.WaitGroup
	wait.Go(func() {
		p, err := l.acquire(ctx, want)
		if err != nil {
			order <- name + ": " + status.Code(err).String()
			return
		}
		order <- name
		p.release()
	})
	for {
		l.mu.Lock()
		now := l.queues[want.class].Len()
		l.mu.Unlock()
		if now > before {
			return &wait
		}
		select {
		case what := <-order:
			t.Fatalf("%s did not wait", what)
		case <-time.After(time.Millisecond):
		}
	}
}

func TestTheNextCallIsTheOneWithTheEarliestDeadlineOfWhoKeepsToTheirShare(t *testing.T) {
	l, clock, waiting := testLimiter()
	l.slots = 1
	*waiting = 2 // no reason for more slots, and none for fewer
	l.hold[Interactive] = 1e-6
	in := func(d time.Duration) time.Time { return clock.Add(d) }
	for range 10 { // greedy takes nine tenths of the core
		p := l.mustAcquire(t, ticket{key: "greedy", class: Interactive, units: 1})
		*clock = clock.Add(90 * time.Millisecond)
		p.release()
		p = l.mustAcquire(t, ticket{key: "quiet", class: Interactive, units: 1})
		*clock = clock.Add(10 * time.Millisecond)
		p.release()
	}
	l.hold[Interactive] = 1e-6
	running := l.mustAcquire(t, ticket{class: Interactive, units: 1})
	order := make(chan string, 4)
	waits := []*sync.WaitGroup{
		l.queued(t.Context(), t, ticket{key: "greedy", class: Interactive, units: 1, deadline: in(10 * time.Millisecond)},
			"greedy", order),
		l.queued(t.Context(), t, ticket{key: "quiet", class: Interactive, units: 1, deadline: in(90 * time.Millisecond)},
			"late", order),
		l.queued(t.Context(), t, ticket{key: "quiet", class: Interactive, units: 1, deadline: in(80 * time.Millisecond)},
			"early", order),
	}
	running.release()
	for _, want := range []string{"early", "late", "greedy"} {
		if got := <-order; got != want {
			t.Errorf("%s is next, want %s", got, want)
		}
	}
	for _, w := range waits {
		w.Wait()
	}
}

func TestWhatCannotEndInTimeIsRefusedAtOnce(t *testing.T) {
	l, clock, waiting := testLimiter()
	l.slots = 1
	*waiting = 2 // no reason for more slots, and none for fewer
	l.hold[Interactive] = .040
	defer l.mustAcquire(t, ticket{class: Interactive, units: 1}).release()
	order := make(chan string, 4)
	ctx, cancel := context.WithCancel(t.Context())
	for range 2 { // 80 ms of work
		defer l.queued(ctx, t, ticket{class: Interactive, units: 1}, "waits", order).Wait()
	}
	defer cancel()
	refused := func(c ticket) {
		t.Helper()
		if _, err := l.acquire(t.Context(), c); status.Code(err) != codes.ResourceExhausted {
			t.Errorf("acquire: %v", err)
		}
		if _, err := l.arrive(c); status.Code(err) != codes.ResourceExhausted {
			t.Errorf("arrive: %v", err)
		}
	}
	refused(ticket{class: Interactive, units: 1, deadline: clock.Add(200 * time.Millisecond)}) // 80 of them in the queue
	refused(ticket{class: Interactive, units: 1, deadline: clock.Add(time.Millisecond)})
	if _, err := l.arrive(ticket{class: Interactive, units: 1, deadline: clock.Add(time.Second)}); err != nil {
		t.Errorf("in time: %v", err)
	}
	if p := l.mustAcquire(t, ticket{class: Control, units: 1, deadline: clock.Add(1)}); p == nil {
		t.Error("control waits")
	}
}

func TestABurstOfHeadersSeesItself(t *testing.T) {
	l, clock, waiting := testLimiter()
	l.slots = 1
	*waiting = 2 // no reason for more slots, and none for fewer
	l.hold[Interactive] = .010
	passed := 0
	var period int64
	for range 1000 {
		p, err := l.arrive(ticket{class: Interactive, units: 1})
		if err == nil {
			passed, period = passed+1, p
		}
	}
	if passed != 101 { // a second of work before the last
		t.Errorf("%d calls of 10 ms passed, which may wait a second", passed)
	}
	l.received(Interactive, period)
	if _, err := l.arrive(ticket{class: Interactive, units: 1}); err != nil {
		t.Errorf("one is received: %v", err)
	}
	*clock = clock.Add(3 * arrivalPeriod) // the others never send their messages
	if _, err := l.arrive(ticket{class: Interactive, units: 1}); err != nil {
		t.Errorf("long after: %v", err)
	}
	l.received(Interactive, period)
	if n := l.coming.count(Interactive, *clock); n != 1 {
		t.Errorf("%v are counted, want 1", n)
	}
}

func TestSlotsFollowTheCores(t *testing.T) {
	l, clock, waiting := testLimiter()
	for *waiting = 0; len(hold(l, t, l.slots-l.running[Interactive])) > 0; {
		before := l.slots
		*clock = clock.Add(adjustEvery)
		l.mu.Lock()
		l.adjust(*clock)
		l.mu.Unlock()
		if l.slots == before {
			break
		}
	}
	if l.slots != slotsPerCore {
		t.Errorf("with calls that wait for no core there are %d slots, want %d", l.slots, slotsPerCore)
	}
	*waiting = 100
	for range 1000 {
		*clock = clock.Add(adjustEvery)
		l.mu.Lock()
		l.adjust(*clock)
		l.mu.Unlock()
	}
	if l.slots > 2*l.cores {
		t.Errorf("with many that wait for a core there are %d slots", l.slots)
	}
}

// hold takes n interactive places for good.
func hold(l *Limiter, t *testing.T, n int) []*Permit {
	t.Helper()
	var permits []*Permit
	for range n {
		permits = append(permits, l.mustAcquire(t, ticket{class: Interactive, units: 1}))
	}
	return permits
}

func TestHeavyWorkGivesWay(t *testing.T) {
	l, clock, _ := testLimiter()
	heavy := l.mustAcquire(t, ticket{key: "heavy", class: Heavy, units: 1})
	order := make(chan string, 2)
	batch := l.queued(t.Context(), t, ticket{key: "batch", class: Batch, units: 1}, "batch", order)
	if p := l.mustAcquire(t, ticket{class: Interactive, units: 1}); p != nil {
		p.release() // did not wait for either
	}
	ctx := heavy.context(t.Context())
	if err := ctx.Err(); err != nil { // where a loop looks at its context
		t.Fatal(err)
	}
	select {
	case got := <-order:
		t.Fatalf("%s ran after no time", got)
	default:
	}
	*clock = clock.Add(2 * yieldEvery)
	if err := ctx.Err(); err != nil {
		t.Fatal(err)
	}
	if got := <-order; got != "batch" {
		t.Errorf("%s ran", got)
	}
	batch.Wait()
	heavy.release()
	heavy.release() // twice is once
	if s := l.State(); s.Running != [classes]int{} {
		t.Errorf("%v run", s.Running)
	}
}

func TestACallThatIsCancelledLeavesTheQueue(t *testing.T) {
	l, _, _ := testLimiter()
	defer l.mustAcquire(t, ticket{class: Heavy, units: 1}).release()
	ctx, cancel := context.WithCancel(t.Context())
	order := make(chan string, 1)
	wait := l.queued(ctx, t, ticket{class: Heavy, units: 1}, "x", order)
	cancel()
	wait.Wait()
	if got := <-order; got == "x" {
		t.Error("it ran")
	}
	if s := l.State(); s.Queued[Heavy] != 0 || s.Running[Heavy] != 1 {
		t.Errorf("%+v", s)
	}
}

func TestManyCallsAtOnceLeaveNothingBehind(t *testing.T) {
	l := NewLimiter(2)
	var wait sync.WaitGroup
	for i := range 2000 {
		wait.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+i%7)*time.Millisecond)
			defer cancel()
			class := Interactive + Class(i%4)
			period, err := l.arrive(ticket{key: i % 3, class: class, units: 1})
			if err != nil {
				return
			}
			l.received(class, period)
			p, err := l.acquire(ctx, ticket{key: i % 3, class: class, units: float64(i % 5)})
			if err != nil {
				if !errors.Is(err, context.DeadlineExceeded) && status.Code(err) != codes.ResourceExhausted {
					t.Error(err)
				}
				return
			}
			for range 10 {
				p.yield(ctx)
			}
			p.pause()
			p.resume(ctx)
			p.release()
		})
	}
	wait.Wait()
	s := l.State()
	if s.Running != [classes]int{} || s.Queued != [classes]int{} {
		t.Errorf("%+v", s)
	}
}

func TestTheBudgetIsNeverExceeded(t *testing.T) {
	b := NewBudget(1000)
	if err := b.take(1000); err != nil {
		t.Fatal(err)
	}
	if err := b.take(1); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("beyond the budget: %v", err)
	}
	done := make(chan error)
	go func() { done <- b.wait(t.Context(), 400) }()
	b.give(400)
	select {
	case <-done:
		t.Fatal("a stream took the half that is left to other calls")
	default:
	}
	b.give(500)
	if err := <-done; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.wait(ctx, 400); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if used, most := b.Used(); used != 500 || most != 1000 {
		t.Errorf("used %d, most %d", used, most)
	}
}

func TestAQuietCallerGoesBeforeManyEqualGreedyOnes(t *testing.T) {
	var u usage
	now := time.Unix(1000, 0)
	for range 50 {
		now = now.Add(20 * time.Millisecond)
		for _, key := range []string{"a", "b", "c", "d"} { // a flood over four connections
			u.add(key, .010, now)
		}
		u.add("quiet", .001, now)
	}
	for _, key := range []string{"a", "b", "c", "d"} {
		if u.part(key, now) != greedy {
			t.Errorf("%s took a quarter beside a quiet caller, and is not greedy", key)
		}
	}
	if u.part("quiet", now) != light || u.part("new", now) != light {
		t.Error("who takes little does not go before the others")
	}
	var alone usage
	alone.add("only", 1, now)
	if alone.part("only", now) == greedy {
		t.Error("who is alone is greedy")
	}
}

func TestALongFilterIsNoInteractiveWork(t *testing.T) {
	rule := Rules[akinv1.SimilarityService_SearchPapers_FullMethodName]
	request := func(filter string) *akinv1.SearchPapersRequest {
		return &akinv1.SearchPapersRequest{Options: &akinv1.SearchOptions{Filter: filter}}
	}
	if c := CostOf(rule, Breadth{}, request(`attributes.year > 2020`)); c.Class != Interactive {
		t.Errorf("a short filter is %v", c)
	}
	if c := CostOf(rule, Breadth{}, request(strings.Repeat("attributes.year > 2020 OR ", 60))); c.Class != Batch {
		t.Errorf("sixty conditions are %v", c)
	}
	c := CostOf(rule, Breadth{}, &akinv1.SearchPapersRequest{Options: &akinv1.SearchOptions{Ef: 4096}})
	if c.Class != Batch {
		t.Errorf("ef 4,096 is %v", c)
	}
}

func TestASearchCostsWhatItLooksThrough(t *testing.T) {
	rule := Rules[akinv1.SimilarityService_SearchPapers_FullMethodName]
	small, large := Breadth{Vectors: 80_000, Width: 64}, Breadth{Vectors: 1_000_000, Width: 170}
	units := func(b Breadth, o *akinv1.SearchOptions) float64 {
		return CostOf(rule, b, &akinv1.SearchPapersRequest{Options: o}).Units
	}
	if got := units(small, nil); got != 1 {
		t.Errorf("a search with the defaults costs %v units", got)
	}
	if got := units(large, nil); got < 1.5 || got > 2 {
		t.Errorf("among a million papers it costs %v units", got)
	}
	named := &akinv1.SearchOptions{Ef: 170}
	if units(small, named) != units(large, named) || units(large, named) != units(large, nil) {
		t.Error("a walk of one width costs differently")
	}
	exact := &akinv1.SearchOptions{Mode: akinv1.SearchMode_SEARCH_MODE_EXACT}
	if a, b := units(small, exact), units(large, exact); a < 4 || b < 8*a {
		t.Errorf("scans of 80,000 and 1,000,000 vectors cost %v and %v units", a, b)
	}
}

func TestTheBreadthIsAskedForOnceASecond(t *testing.T) {
	asked := 0
	g := New(Config{Breadth: func() Breadth {
		asked++
		return Breadth{Width: 100 + asked}
	}})
	for range 100 {
		if got := g.breadth(); got.Width != 101 {
			t.Fatalf("the width is %d", got.Width)
		}
	}
	g.broad.due.Store(0)
	if got := g.breadth(); got.Width != 102 || asked != 2 {
		t.Errorf("after a second the width is %d, asked %d times", got.Width, asked)
	}
}

func TestBackgroundWorkTakesItsTurn(t *testing.T) {
	g := New(Config{Cores: 1})
	release := make(chan struct{})
	entered := make(chan struct{})
	first := make(chan error, 1)
	go func() {
		first <- g.Background(t.Context(), func(context.Context) error {
			close(entered)
			<-release
			return nil
		})
	}()
	<-entered
	if s := g.Limiter().State(); s.Running[Heavy] != 1 {
		t.Errorf("%d heavy ones run", s.Running[Heavy])
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := g.Background(ctx, func(context.Context) error { return errors.New("two run at once") })
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(release)
	if err := <-first; err != nil {
		t.Error(err)
	}
	if s := g.Limiter().State(); s.Running[Heavy] != 0 {
		t.Errorf("%d heavy ones run at the end", s.Running[Heavy])
	}
}
