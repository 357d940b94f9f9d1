package main

import (
	"context"
	"net"
	"sync"

	"github.com/akin-search/akin/server/internal/port"
	"github.com/akin-search/akin/server/internal/service"
)

// edge is what listens: one port, told apart by protocol, with gRPC on one side and HTTP on the other.
type edge struct {
	split  *port.Splitter
	server *service.Server
	front  *front
	failed chan error     // what ended the listener before its time
	wait   sync.WaitGroup // for the splitter and both servers
}

// openEdge serves a listener. Its owner drains or stops the edge, which closes the listener.
func (r *runner) openEdge(server *service.Server, listener net.Listener) (*edge, error) {
	front, err := r.newFront(server)
	if err != nil {
		return nil, err
	}
	e := &edge{split: port.Split(listener, r.tls, r.log), server: server, front: front, failed: make(chan error, 3)}
	e.wait.Go(func() { e.ended(e.split.Serve()) })
	e.wait.Go(func() { e.ended(server.Serve(e.split.GRPC())) })
	e.wait.Go(func() { _ = front.server.Serve(e.split.HTTP()) }) // it ends with the splitter, which says why
	return e, nil
}

func (e *edge) ended(err error) {
	if err != nil {
		e.failed <- err
	}
}

// drain takes no further connection, and lets running calls and requests finish, until the context ends and the rest is
// cut off. It returns when nothing is served any more.
func (e *edge) drain(ctx context.Context) {
	_ = e.split.Close() // the listener is of no more use, whatever it says
	var http sync.WaitGroup
	http.Go(func() { e.front.drain(ctx) })
	e.server.Drain(ctx)
	http.Wait()
	e.wait.Wait()
}

// stop ends everything at once.
func (e *edge) stop() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	e.drain(ctx)
}
