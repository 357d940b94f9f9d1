package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/replog"
	"github.com/akin-search/akin/server/internal/store"
)

// holds is what a stopped node has on disk: each paper's content with its times and its revision, and how far the log
// is applied.
func (c *trio) holds(t *testing.T, node string) (papers map[string]string, mark replog.Mark) {
	t.Helper()
	s, err := store.Open(c.folder(node), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("%s: %v", node, err)
	}
	papers = map[string]string{}
	for after := uint64(0); ; {
		last, err := s.Scan(after, 0, func(_ uint64, p *paper.Paper) error {
			papers[p.ID] = fmt.Sprint(p.Abstract, p.Revision, p.CreateTime, p.UpdateTime)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if last == after {
			break
		}
		after = last
	}
	record, err := s.Record(store.LogTable, []byte("applied"))
	if err != nil {
		t.Fatal(err)
	}
	if len(record) < 8 {
		t.Fatalf("%s has no place in the log: %x", node, record)
	}
	if mark, err = replog.DecodeMark(record[8:]); err != nil { // behind the number that the engine goes by
		t.Fatal(err)
	}
	return papers, mark
}

// alike stops all nodes and compares what they hold, which it returns as the contents of papers.
func (c *trio) alike(t *testing.T) map[string]string {
	t.Helper()
	return c.alikeOf(t, trioNodes...)
}

func (c *trio) alikeOf(t *testing.T, nodes ...string) map[string]string {
	t.Helper()
	c.stop(t, slices.Sorted(maps.Keys(c.live))...)
	first, mark := c.holds(t, nodes[0])
	for _, node := range nodes[1:] {
		papers, at := c.holds(t, node)
		// A model may have come into the log since the papers were compared; one place has one history.
		if !maps.Equal(papers, first) || at.Sequence == mark.Sequence && at != mark {
			t.Errorf("%s holds %d papers at %v, %s %d at %v", node, len(papers), at, nodes[0], len(first), mark)
		}
	}
	return first
}

// level makes all nodes that are up see what a token stands for, and returns once they answer with the same papers:
// what was under way and given up by its caller comes on all nodes or on none. It returns the digest of them.
func (c *trio) level(t *testing.T, ctx context.Context, token string) (digest string) {
	t.Helper()
	soon(t, "the same papers on all nodes", func() bool {
		shown := map[string]bool{}
		for node := range c.live {
			cl := c.dial(t, node)
			if err := cl.Follow(token); err != nil {
				t.Fatal(err)
			}
			patiently(t, ctx, func() (err error) {
				digest, err = shows(ctx, cl)
				return err
			})
			shown[digest] = true
			cl.Close()
		}
		return len(shown) == 1
	})
	return digest
}

// shows is the digest of all that a node answers with: every field of every paper, times and revisions among them.
func shows(ctx context.Context, cl *client.Client) (string, error) {
	var papers []*client.Paper
	for p, err := range cl.Export(ctx) {
		if err != nil {
			return "", err
		}
		papers = append(papers, p)
	}
	slices.SortFunc(papers, func(a, b *client.Paper) int { return strings.Compare(a.GetId(), b.GetId()) })
	h := sha256.New()
	for _, p := range papers {
		text, err := proto.MarshalOptions{Deterministic: true}.Marshal(p)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%d ", len(text))
		h.Write(text)
	}
	return fmt.Sprintf("%d papers %x", len(papers), h.Sum(nil)), nil
}
