package replog

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"github.com/akin-search/akin/server/internal/paper"
)

// ErrDiverged: what a node has applied is not what the log holds.
var ErrDiverged = errors.New("this node and the log are of different histories")

const chainSize = 16

// Chain is the digest of all messages up to one.
type Chain [chainSize]byte

// String is lower-case hex.
func (c Chain) String() string { return hex.EncodeToString(c[:]) }

// Mark is a place in the log: everything up to Sequence was applied.
type Mark struct {
	Sequence uint64 // of the last message; 0 before the first
	Chain    Chain  // over all messages up to it
	Before   Chain  // over all messages before it, by which the message itself can be read again and compared
}

// start is the place before the first message of a log.
func start(l paper.Lineage) Mark {
	h := sha256.New()
	h.Write([]byte("akin log "))
	h.Write(l[:])
	return Mark{Chain: Chain(h.Sum(nil)[:chainSize])}
}

// next is the place behind one more message.
func (m Mark) next(message []byte) Mark {
	h := sha256.New()
	h.Write(m.Chain[:])
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], m.Sequence+1)
	h.Write(n[:])
	h.Write(message)
	return Mark{Sequence: m.Sequence + 1, Chain: Chain(h.Sum(nil)[:chainSize]), Before: m.Chain}
}

// holds reports whether a message is the last one of the place.
func (m Mark) holds(message []byte) bool {
	return Mark{Sequence: m.Sequence - 1, Chain: m.Before}.next(message) == m
}

const markSize = 8 + 2*chainSize

// Encode is the form in which a mark is stored.
func (m Mark) Encode() []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, markSize), m.Sequence)
	return append(append(b, m.Chain[:]...), m.Before[:]...)
}

// DecodeMark reads what Encode writes.
func DecodeMark(b []byte) (m Mark, err error) {
	if len(b) != markSize {
		return m, fmt.Errorf("a place in the log has %d bytes, this one %d", markSize, len(b))
	}
	m.Sequence = binary.BigEndian.Uint64(b)
	copy(m.Chain[:], b[8:])
	copy(m.Before[:], b[8+chainSize:])
	return m, nil
}

// anchors are the chains of the last messages that this node has read, to compare with what publishers name. Methods
// may be called from many goroutines at once.
type anchors struct {
	mu     sync.Mutex
	newest Mark
	ring   [1 << 14]Chain // by sequence modulo its length
	from   uint64         // sequence of the oldest in the ring
}

// reset begins anew at a place.
func (a *anchors) reset(m Mark) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.newest, a.from = m, m.Sequence
	a.ring[m.Sequence%uint64(len(a.ring))] = m.Chain
}

// add takes the place behind the newest one in.
func (a *anchors) add(m Mark) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.newest = m
	a.ring[m.Sequence%uint64(len(a.ring))] = m.Chain
	if m.Sequence-a.from >= uint64(len(a.ring)) {
		a.from = m.Sequence - uint64(len(a.ring)) + 1
	}
}

// present is the newest place.
func (a *anchors) present() Mark {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.newest
}

// check compares a publisher's anchor with what this node has read. What is older than the ring, or from before this
// node began to read, cannot be compared and passes.
func (a *anchors) check(m Mark) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if m.Sequence < a.from || m.Sequence > a.newest.Sequence {
		return nil
	}
	if own := a.ring[m.Sequence%uint64(len(a.ring))]; own != m.Chain {
		return fmt.Errorf("%w: the digest of all messages up to %d is %s here and %s at the publisher", ErrDiverged,
			m.Sequence, own, m.Chain)
	}
	return nil
}
