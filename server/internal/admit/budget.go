package admit

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
)

// Budget bounds the bytes of all messages that are being received or worked on, counted as they come in and, where
// they are compressed, as they grow. Messages of up to smallMessage are not counted: what bounds them is the number of
// calls.
type Budget struct {
	mu      sync.Mutex
	limit   int64
	used    int64
	most    int64         // highest used
	changed chan struct{} // closed when bytes come back; nil when nobody waits
}

const (
	// smallMessage is what a stream may send before its message is looked at, HTTP/2's own window.
	smallMessage = 64 << 10
	// DefaultBudget is the budget of a server that is not told otherwise.
	DefaultBudget = 64 << 20
)

// NewBudget makes a budget of a number of bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

var errBudget = Refuse(codes.ResourceExhausted, ReasonOverloaded,
	"the messages that the server is receiving are too large together: try again later", time.Second)

// take counts bytes that are about to be held, or refuses them.
func (b *Budget) take(n int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used+n > b.limit {
		return errBudget
	}
	b.add(n)
	return nil
}

func (b *Budget) add(n int64) {
	b.used += n
	b.most = max(b.most, b.used)
}

// wait takes bytes for a stream, which may be made to wait. Streams leave half of the budget to other calls, so that
// they do not crowd them out; they give back what they hold as they are acknowledged.
func (b *Budget) wait(ctx context.Context, n int64) error {
	for {
		b.mu.Lock()
		if b.used+n <= b.limit/2 || b.used == 0 {
			b.add(n)
			b.mu.Unlock()
			return nil
		}
		if b.changed == nil {
			b.changed = make(chan struct{})
		}
		changed := b.changed
		b.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return contextError(ctx)
		}
	}
}

// give returns bytes.
func (b *Budget) give(n int64) {
	if n == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

// Used returns the bytes in flight now, and the most there have been.
func (b *Budget) Used() (now, most int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used, b.most
}
