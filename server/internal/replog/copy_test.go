package replog

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// TestARemovedCopyIsTakenFromTheOthers removes a node's copy of the log, as an operator does with one that is damaged:
// the node has all messages again, and mends none.
func TestARemovedCopyIsTakenFromTheOthers(t *testing.T) {
	r := newRig(t)
	const messages = 40
	for i := range messages {
		if _, err := r.logs["n2"].Append(t.Context(), fmt.Sprint(i), fmt.Appendf(nil, "body %d.", i)); err != nil {
			t.Fatal(err)
		}
	}
	whole := follow(t, r.logs["n1"], r.logs["n1"].Start(), messages)
	follow(t, r.logs["n3"], r.logs["n3"].Start(), messages)
	r.stop(t, "n1")
	if err := os.RemoveAll(filepath.Join(r.dir, "n1")); err != nil {
		t.Fatal(err)
	}
	r.start(t, "n1")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for held(t, r.logs["n1"]) < messages {
		if pause(ctx, idlePoll); ctx.Err() != nil {
			t.Fatal("the copy is not taken")
		}
	}
	if got := follow(t, r.logs["n1"], r.logs["n1"].Start(), messages); got[messages-1].Mark != whole[messages-1].Mark {
		t.Errorf("it comes to %v, not %v", got[messages-1].Mark, whole[messages-1].Mark)
	}
	if n := r.logs["n1"].mended.Load(); n > 0 {
		t.Errorf("%d messages were mended", n)
	}
	// From where it was, as a node goes on whose papers are there.
	follow(t, r.logs["n1"], whole[20].Mark, messages-21)
}

// held is the number of the newest message of a node's own copy.
func held(t *testing.T, l *Log) uint64 {
	t.Helper()
	info, err := l.server.Jsz(&server.JSzOptions{Streams: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, account := range info.AccountDetails {
		for _, stream := range account.Streams {
			if stream.Name == streamName("test") {
				return stream.State.LastSeq
			}
		}
	}
	return 0
}
