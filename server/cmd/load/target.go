package main

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// target is a server on this machine, spoken to over plain connections without the SDK's retries, so that what it
// refuses is seen.
type target struct {
	addr    string
	queries string
	token   string

	conns []*grpc.ClientConn
	texts []string
}

func (t *target) register(f *pflag.FlagSet) {
	f.StringVar(&t.addr, "addr", "127.0.0.1:7700", "address of the server, on this machine and without TLS")
	f.StringVar(&t.queries, "queries", "", "file of queries: one JSON object a line with a title or a text, also gzipped")
	f.StringVar(&t.token, "token", "", "token of the caller")
}

// open reads the queries and makes connections, which are dialled by their first calls.
func (t *target) open(conns int) (closeAll func(), err error) {
	if t.texts, err = readQueries(t.queries, 20_000); err != nil {
		return nil, err
	}
	for range conns {
		conn, err := dial(t.addr)
		if err != nil {
			return nil, err
		}
		t.conns = append(t.conns, conn)
	}
	return func() {
		for _, conn := range t.conns {
			_ = conn.Close() // nothing is lost
		}
	}, nil
}

func dial(addr string) (*grpc.ClientConn, error) {
	return grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableRetry(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
}

// as adds a token to a call.
func as(ctx context.Context, token string) context.Context {
	if token == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

// search asks query number i over connection number i.
func (t *target) search(ctx context.Context, i int) error {
	client := akinv1.NewSimilarityServiceClient(t.conns[i%len(t.conns)])
	_, err := client.SearchPapers(as(ctx, t.token), textQuery(t.texts[i%len(t.texts)]))
	return err
}

func textQuery(text string) *akinv1.SearchPapersRequest {
	return &akinv1.SearchPapersRequest{Query: &akinv1.SearchPapersRequest_Text{Text: text}}
}

// memory is what the server says of its resident memory, in bytes; 0 when it does not answer.
func (t *target) memory(ctx context.Context) int64 {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	stats, err := akinv1.NewIndexServiceClient(t.conns[0]).GetIndexStats(as(ctx, t.token), &akinv1.GetIndexStatsRequest{})
	if err != nil {
		return 0
	}
	return stats.GetMemoryBytes()
}

// watchMemory samples the server's memory until the returned function is called, which gives the highest sample.
func (t *target) watchMemory(ctx context.Context) (peak func() int64) {
	ctx, cancel := context.WithCancel(ctx)
	var most int64
	var wait sync.WaitGroup
	wait.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			most = max(most, t.memory(ctx))
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
	return func() int64 {
		cancel()
		wait.Wait()
		return most
	}
}

// readQueries reads up to limit titles, or texts where there is none.
func readQueries(name string, limit int) ([]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return nil, err
		}
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	var texts []string
	for len(texts) < limit && lines.Scan() {
		var doc struct{ Title, Text string }
		if err := json.Unmarshal(lines.Bytes(), &doc); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if text := cmp.Or(doc.Title, doc.Text); text != "" {
			texts = append(texts, text)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("%s holds no queries", name)
	}
	return texts, nil
}

// tally counts the outcomes of calls from many goroutines.
type tally struct {
	mu       sync.Mutex
	accepted []time.Duration // of calls that went well, from their intended start
	refused  int             // RESOURCE_EXHAUSTED
	late     int             // DEADLINE_EXCEEDED
	failed   int             // anything else
	cause    error           // of the last one failed
}

func (t *tally) add(took time.Duration, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch status.Code(err) {
	case codes.OK:
		t.accepted = append(t.accepted, took)
	case codes.ResourceExhausted:
		t.refused++
	case codes.DeadlineExceeded:
		t.late++
	default:
		if !errors.Is(err, context.Canceled) && status.Code(err) != codes.Canceled {
			t.failed++
			t.cause = err
		}
	}
}

// quantile of the accepted calls' times, which it sorts; 0 when there are none.
func (t *tally) quantile(q float64) time.Duration {
	if len(t.accepted) == 0 {
		return 0
	}
	slices.Sort(t.accepted)
	return t.accepted[min(len(t.accepted)-1, int(q*float64(len(t.accepted))))]
}

// arrivals calls fn with the number and the intended start of each call of an open loop: rate a second for a duration,
// evenly spaced, whether or not earlier calls have come back. A time that has passed is not skipped: its call starts at
// once and its latency counts from when it should have started. It returns the largest delay of a start.
func arrivals(ctx context.Context, rate float64, d time.Duration, fn func(i int, at time.Time)) (lag time.Duration) {
	begin := time.Now()
	n := int(rate * d.Seconds())
	for i := 0; i < n && ctx.Err() == nil; i++ {
		at := begin.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		if ahead := time.Until(at); ahead > 0 {
			time.Sleep(ahead)
		}
		lag = max(lag, time.Since(at))
		fn(i, at)
	}
	return lag
}

// burst is how long the starts of an open loop of more than one a burst are kept together.
const burst = time.Millisecond

// bursts is arrivals at high rates: calls that are due are handed over together, and pause is called behind them.
func bursts(
	ctx context.Context, rate float64, d time.Duration, fn func(i int, at time.Time), pause func(),
) (lag time.Duration) {
	lag = arrivals(ctx, rate, d, func(i int, at time.Time) {
		fn(i, at)
		if next := at.Add(time.Duration(float64(time.Second) / rate)); time.Until(next) > 0 {
			pause()
			time.Sleep(burst)
		}
	})
	pause()
	return lag
}
