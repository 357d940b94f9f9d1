package client_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/akintest"
)

// Every test of this package must end without goroutines of its own.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func dial(t *testing.T, s *akintest.Server, opts ...client.Option) *client.Client {
	t.Helper()
	c, err := client.Dial(s.Addr(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// samplePapers returns n papers with ids paper-00000, paper-00001 and so on.
func samplePapers(n int) []*client.Paper {
	papers := make([]*client.Paper, n)
	for i := range papers {
		papers[i] = &client.Paper{
			Id: fmt.Sprintf("paper-%05d", i), Title: fmt.Sprintf("Title number %d", i),
			Abstract:   fmt.Sprintf("An abstract about topic %d and method %d.", i%7, i%11),
			Categories: []string{fmt.Sprintf("cs.%d", i%3)},
		}
	}
	return papers
}
