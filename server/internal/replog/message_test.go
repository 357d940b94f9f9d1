package replog

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/paper"
)

func sampleMessage() *Message {
	return &Message{
		ID: "request-1", Time: time.Unix(12, 34).UTC(), Body: []byte("a body"), Lineage: paper.Lineage{1, 2},
		Anchor: Mark{Sequence: 7, Chain: Chain{3, 4}},
	}
}

func TestAMessageComesBackAsItWas(t *testing.T) {
	want := sampleMessage()
	b, err := want.encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := decode(b)
	if err != nil || got.ID != want.ID || !got.Time.Equal(want.Time) || !bytes.Equal(got.Body, want.Body) ||
		got.Lineage != want.Lineage || got.Anchor != want.Anchor {
		t.Errorf("%+v %v", got, err)
	}
}

func TestEveryFlippedBitOfAMessageIsNoticed(t *testing.T) {
	b, err := sampleMessage().encode()
	if err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * len(b) {
		b[bit/8] ^= 1 << (bit % 8)
		if _, err := decode(b); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNewerFormat) {
			t.Errorf("bit %d: %v", bit, err)
		}
		b[bit/8] ^= 1 << (bit % 8)
	}
	for n := range b {
		if _, err := decode(b[:n]); err == nil {
			t.Errorf("%d of %d bytes are taken for a message", n, len(b))
		}
	}
}

func TestAMessageOfALaterReleaseIsCalledThat(t *testing.T) {
	b, err := sampleMessage().encode()
	if err != nil {
		t.Fatal(err)
	}
	b[3]++
	if _, err := decode(b); !errors.Is(err, ErrNewerFormat) {
		t.Error(err)
	}
}

func TestAMessageTooLongIsRefused(t *testing.T) {
	m := sampleMessage()
	m.Body = make([]byte, MaxMessage)
	if _, err := m.encode(); err == nil {
		t.Error("it was encoded")
	}
	m = sampleMessage()
	m.ID = string(make([]byte, MaxID+1))
	if _, err := m.encode(); err == nil {
		t.Error("its id was encoded")
	}
}

func FuzzDecode(f *testing.F) {
	b, err := sampleMessage().encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:len(b)-1])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decode(b)
		if err != nil {
			return
		}
		again, err := m.encode()
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x is read as %+v, which is %x: %v", b, m, again, err)
		}
	})
}

func TestAMarkComesBackAsItWas(t *testing.T) {
	m := start(paper.Lineage{5}).next([]byte("one")).next([]byte("two"))
	got, err := DecodeMark(m.Encode())
	if err != nil || got != m {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := DecodeMark(m.Encode()[1:]); err == nil {
		t.Error("a cut mark was read")
	}
	if !m.holds([]byte("two")) || m.holds([]byte("one")) {
		t.Error("the last message is not told from others")
	}
}

// TestAnchorsTellHistoriesApart compares anchors with a plain list of chains: a mark of the same history passes, one of
// another is refused wherever it can be compared.
func TestAnchorsTellHistoriesApart(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var a anchors
	for range 20 {
		at := Mark{Sequence: rng.Uint64N(1000), Chain: Chain{byte(rng.Uint32())}}
		a.reset(at)
		chains := map[uint64]Chain{at.Sequence: at.Chain}
		present := at
		for range rng.IntN(3 * len(a.ring)) {
			present = present.next([]byte{byte(rng.Uint32())})
			chains[present.Sequence] = present.Chain
			a.add(present)
		}
		if a.present() != present {
			t.Fatalf("the newest is %v, not %v", a.present(), present)
		}
		for range 1000 {
			n := at.Sequence + rng.Uint64N(present.Sequence-at.Sequence+10)
			same := Mark{Sequence: n, Chain: chains[n]}
			if err := a.check(same); err != nil && n <= present.Sequence {
				t.Fatalf("a mark of the same history: %v", err)
			}
			other := same
			other.Chain[chainSize-1]++
			known := n <= present.Sequence && present.Sequence-n < uint64(len(a.ring))
			if err := a.check(other); errors.Is(err, ErrDiverged) != known {
				t.Fatalf("a mark of another history at %d of %d to %d: %v", n, at.Sequence, present.Sequence, err)
			}
		}
	}
}
