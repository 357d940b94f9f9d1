package replog

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// logBook keeps what is logged.
type logBook struct {
	mu    sync.Mutex
	lines []string
}

func (b *logBook) Enabled(context.Context, slog.Level) bool { return true }
func (b *logBook) WithAttrs([]slog.Attr) slog.Handler       { return b }
func (b *logBook) WithGroup(string) slog.Handler            { return b }
func (b *logBook) Handle(_ context.Context, r slog.Record) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, r.Message)
	return nil
}

func (b *logBook) has(text string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, line := range b.lines {
		if strings.Contains(line, text) {
			return true
		}
	}
	return false
}

// TestADamagedReplicaIsNamedAndNothingIsPassedOver flips one bit of a message on the disk of one node, or cuts its
// file.
func TestADamagedReplicaIsNamedAndNothingIsPassedOver(t *testing.T) {
	for _, c := range []struct {
		what   string
		named  bool // by us; JetStream notices a cut file itself at its start, and takes what is missing from others
		damage func(block []byte) []byte
	}{
		{"a flipped bit", true, func(block []byte) []byte {
			block[bytes.Index(block, []byte("body 20"))] ^= 4
			return block
		}},
		{"a cut file", false, func(block []byte) []byte { return block[:bytes.Index(block, []byte("body 20"))] }},
	} {
		t.Run(c.what, func(t *testing.T) {
			r := newRig(t)
			const messages = 40
			for i := range messages {
				if _, err := r.logs["n1"].Append(t.Context(), fmt.Sprint(i), fmt.Appendf(nil, "body %d.", i)); err != nil {
					t.Fatal(err)
				}
			}
			whole := follow(t, r.logs["n2"], r.logs["n2"].Start(), messages)
			follow(t, r.logs["n1"], r.logs["n1"].Start(), messages) // it has them all
			r.stop(t, "n1")
			blocks, err := filepath.Glob(filepath.Join(r.dir, "n1", "jetstream", "*", "streams", "AKIN_test", "msgs", "*.blk"))
			if err != nil || len(blocks) == 0 {
				t.Fatalf("blocks %v %v", blocks, err)
			}
			damaged := false
			for _, path := range blocks {
				block, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Contains(block, []byte("body 20.")) {
					continue
				}
				if err := os.WriteFile(path, c.damage(block), 0o600); err != nil {
					t.Fatal(err)
				}
				damaged = true
			}
			if !damaged {
				t.Fatal("the message is in no block")
			}
			book := &logBook{}
			r.book = book
			r.start(t, "n1")
			for named := !c.named; ; { // for some seconds after a start, other replicas answer this node's reads
				got := follow(t, r.logs["n1"], r.logs["n1"].Start(), messages)
				if last := got[messages-1].Mark; last != whole[messages-1].Mark {
					t.Fatalf("the damaged node comes to %v, the others to %v", last, whole[messages-1].Mark)
				}
				if named = named || book.has("damaged") && r.logs["n1"].mended.Load() > 0; named {
					break
				}
			}
		})
	}
}
