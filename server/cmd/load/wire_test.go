package main

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// byText answers searches as their texts say.
type byText struct {
	akinv1.UnimplementedSimilarityServiceServer
}

func (byText) SearchPapers(ctx context.Context, r *akinv1.SearchPapersRequest) (*akinv1.SearchPapersResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	switch deadline, ok := ctx.Deadline(); {
	case !ok || time.Until(deadline) > time.Minute:
		return nil, status.Error(codes.InvalidArgument, "the deadline is not that of the call")
	case len(md["authorization"]) != 1 || md["authorization"][0] != "Bearer token":
		return nil, status.Error(codes.Unauthenticated, "no token")
	}
	switch r.GetText() {
	case "busy":
		return nil, status.Error(codes.ResourceExhausted, "busy")
	case "slow":
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &akinv1.SearchPapersResponse{Hits: make([]*akinv1.Hit, 10)}, nil
}

// TestAWireCountsWhatBecomesOfEachCall makes more calls than a connection may have streams, and ends when each has been
// told of.
func TestAWireCountsWhatBecomesOfEachCall(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.MaxConcurrentStreams(7))
	akinv1.RegisterSimilarityServiceServer(server, byText{})
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	requests, err := shots([]string{"fine", "busy", "slow"})
	if err != nil {
		t.Fatal(err)
	}
	w, err := dialWire(listener.Addr().String(), "token")
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	o := &overload{wires: []*wire{w}}
	var counts tally
	var wait sync.WaitGroup
	now := time.Now()
	add := func(n int, request []byte, deadline time.Duration) {
		for range n {
			wait.Add(1)
			w.add(&shot{request: request, due: now, deadline: now.Add(deadline), done: func(took time.Duration, err error) {
				counts.add(took, err)
				wait.Done()
			}})
		}
	}
	add(300, requests[0], 50*time.Second)
	add(300, requests[1], 50*time.Second)
	o.attend(&wait)
	now = time.Now()
	add(3, requests[2], 20*time.Millisecond)
	o.attend(&wait)
	if len(counts.accepted) != 300 || counts.refused != 300 || counts.late != 3 || counts.failed != 0 {
		t.Errorf("%d answered, %d refused, %d late, %d failed: %v", len(counts.accepted), counts.refused, counts.late,
			counts.failed, counts.cause)
	}
	server.Stop()
	add(1, requests[0], 50*time.Second)
	o.attend(&wait)
	if counts.failed != 1 {
		t.Errorf("a call without a server is not counted as failed, but %v", counts.cause)
	}
}
