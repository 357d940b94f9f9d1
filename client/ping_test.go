package client_test

import (
	"context"
	"errors"
	"testing"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/akintest"
)

func TestPingTellsWhetherTheServerServes(t *testing.T) {
	s := akintest.Start(t)
	c, err := client.Dial(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.Ping(context.Background()); err != nil {
		t.Errorf("of a server that serves: %v", err)
	}
	s.Kill()
	if err := c.Ping(context.Background()); !errors.Is(err, client.ErrUnavailable) {
		t.Errorf("of a server that is gone: %v", err)
	}
}
