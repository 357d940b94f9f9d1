package main

import (
	"net"
	"strings"
	"testing"

	"github.com/akin-search/akin/server/internal/service"
)

func TestHealthIsAsked(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := service.New(service.Config{})
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Drain(t.Context())
		<-served
	})
	addr := listener.Addr().String()
	if err := askHealth(t.Context(), addr, false); err == nil || !strings.Contains(err.Error(), "NOT_SERVING") {
		t.Errorf("while it loads: %v", err)
	}
	server.Ready(openFolder(t, t.TempDir()))
	_, port, _ := net.SplitHostPort(addr)
	for _, addr := range []string{addr, ":" + port, "0.0.0.0:" + port} {
		if err := askHealth(t.Context(), addr, false); err != nil {
			t.Error(err)
		}
	}
}
