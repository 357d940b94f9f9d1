package shard

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	nodev1 "github.com/akin-search/akin/proto/akin/node/v1"
	"github.com/akin-search/akin/server/internal/engine"
)

// remote serves a node on loopback and returns its client.
func remote(t *testing.T, node func() Node) *Remote {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	nodev1.RegisterNodeServiceServer(server, NewService(func() (Node, error) { return node(), nil }))
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return NewRemote(conn)
}

// TestNodesElsewhereAnswerAsThoseInThisProcess goes through every call of a node, over gRPC.
func TestNodesElsewhereAnswerAsThoseInThisProcess(t *testing.T) {
	f := openFleet(t, 3, true)
	front := f.frontOf(t, func(_ int, n Node) []Node { return []Node{remote(t, func() Node { return n })} })
	dense := .5
	for i, q := range []engine.Query{
		{Text: f.papers[7].Title},
		{Text: "zyzzyva quokka"},
		{Text: "How do transformers store factual knowledge in feed-forward layers, and how can it be edited?"},
		{PaperID: f.papers[3].ID, Options: engine.Options{Filter: mustFilter(t, `categories:"third1"`), Abstracts: true}},
		{Text: f.papers[50].Abstract, Options: engine.Options{Diversity: .3, Mode: engine.ModeExact, Brief: true}},
		{Text: "sparse experts", Options: engine.Options{DenseWeight: &dense, RecencyHalfLife: 1000 * time.Hour, Ef: 70}},
	} {
		q.PageSize = 25
		other := q
		for page := range 2 {
			want, err := f.front.Search(t.Context(), &q)
			if err != nil {
				t.Fatal(err)
			}
			got, err := front.Search(t.Context(), &other)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, fmt.Sprintf("query %d, page %d", i, page), got, want)
			if got.Scored != want.Scored || got.Position != want.Position {
				t.Errorf("query %d: scored %d at %s; in this process %d at %s", i, got.Scored, got.Position, want.Scored,
					want.Position)
			}
			for j := range got.Hits {
				if a, b := got.Hits[j].Paper, want.Hits[j].Paper; a.Abstract != b.Abstract || a.Title != b.Title ||
					!a.PublishTime.Equal(b.PublishTime) || !slices.Equal(a.Categories, b.Categories) {
					t.Errorf("query %d: paper %+v, in this process %+v", i, a, b)
				}
			}
			if q.PageToken, other.PageToken = want.NextPageToken, got.NextPageToken; q.PageToken == "" {
				break
			}
		}
	}
	rec := engine.Recommendation{
		Likes:    []engine.Preference{{PaperID: f.papers[3].ID, Weight: 1}, {Text: "sparse experts", Weight: 2}},
		Dislikes: []engine.Preference{{PaperID: f.papers[9].ID, Weight: 1}}, PageSize: 50,
		Exclude: []string{f.papers[10].ID}, Options: engine.Options{DenseWeight: &dense},
	}
	want, err := f.front.Recommend(t.Context(), &rec)
	if err != nil {
		t.Fatal(err)
	}
	got, err := front.Recommend(t.Context(), &rec)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "recommendation", got, want)
	page, err := front.List(t.Context(), engine.ListQuery{PageSize: 300, Abstracts: true})
	if err != nil || len(page.Papers) != len(f.papers) || page.Papers[0].Abstract == "" {
		t.Errorf("%d papers listed, %v", len(page.Papers), err)
	}
	papers, err := front.Get(t.Context(), []string{"nobody", f.papers[4].ID}, true)
	if err != nil || papers[0] != nil || papers[1].ID != f.papers[4].ID || papers[1].Abstract == "" {
		t.Errorf("papers %v, %v", papers, err)
	}
}

func TestAnErrorElsewhereIsTheSameHere(t *testing.T) {
	f := openFleet(t, 1, false)
	r := remote(t, func() Node { return Local{f.shards[0]} })
	if _, err := r.ShardVectors(t.Context(), "another model", []uint64{1}); !errors.Is(err, engine.ErrShardMoved) {
		t.Errorf("another model: %v", err)
	}
	if _, err := r.ShardVectors(t.Context(), f.one.Model(), []uint64{1 << 40}); !errors.Is(err, engine.ErrShardMoved) {
		t.Errorf("an unknown ordinal: %v", err)
	}
	if _, err := r.List(t.Context(), engine.ListQuery{PageSize: 1, PageToken: "%"}); !errors.Is(err,
		engine.ErrInvalidPageToken) {
		t.Errorf("a bad token: %v", err)
	}
	_, err := r.client.FindCandidates(t.Context(), &nodev1.FindCandidatesRequest{
		Terms: &nodev1.Terms{Ids: []uint32{3, 2}, Counts: []uint32{1, 1}},
	})
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("words out of order: %v", err)
	}
	loading := remote(t, func() Node { return nil })
	if _, err := loading.WordCounts(t.Context()); status.Code(err) != codes.Unavailable {
		t.Errorf("while it loads: %v", err)
	}
}
