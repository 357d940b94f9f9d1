package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// beside is the run of a quiet caller beside abusive ones.
type beside struct {
	target
	abuser  string
	rate    float64
	seconds float64
	kinds   []string
	asJSON  bool
}

// besideStep is what the quiet caller saw beside one kind of abuse.
type besideStep struct {
	Abuse    string  `json:"abuse"`
	P50      float64 `json:"quiet_p50_ms"`
	P99      float64 `json:"quiet_p99_ms"`
	Failed   int     `json:"quiet_failed"`
	Answered int     `json:"abuser_answered"`
	Refused  int     `json:"abuser_refused"`
	Memory   int64   `json:"peak_memory_bytes"`
	Error    string  `json:"error,omitempty"`
}

// abuse is one way of asking for more than one's share.
type abuse struct {
	name    string
	callers int
	call    func(ctx context.Context, b *beside, c *caller, i int) error
}

// caller is one abusive caller with a connection of its own, which several callers share.
type caller struct {
	similarity akinv1.SimilarityServiceClient
	papers     akinv1.PaperServiceClient
	index      akinv1.IndexServiceClient
}

var abuses = []abuse{
	{"nothing", 0, nil},
	{"search", 64, func(ctx context.Context, b *beside, c *caller, i int) error {
		_, err := c.similarity.SearchPapers(ctx, b.query(i, nil, 0))
		return err
	}},
	{"ef", 16, func(ctx context.Context, b *beside, c *caller, i int) error {
		_, err := c.similarity.SearchPapers(ctx, b.query(i,
			&akinv1.SearchOptions{Ef: 4096, Mode: akinv1.SearchMode_SEARCH_MODE_APPROXIMATE}, 100))
		return err
	}},
	{"exact", 16, func(ctx context.Context, b *beside, c *caller, i int) error {
		_, err := c.similarity.SearchPapers(ctx, b.query(i, &akinv1.SearchOptions{Mode: akinv1.SearchMode_SEARCH_MODE_EXACT},
			1000))
		return err
	}},
	{"batch", 16, func(ctx context.Context, b *beside, c *caller, i int) error {
		req := &akinv1.BatchSearchPapersRequest{}
		for j := range 100 {
			req.Requests = append(req.Requests, b.query(100*i+j, nil, 10))
		}
		_, err := c.similarity.BatchSearchPapers(ctx, req)
		return err
	}},
	{"export", 16, func(ctx context.Context, _ *beside, c *caller, _ int) error {
		stream, err := c.papers.ExportPapers(ctx, &akinv1.ExportPapersRequest{}, grpc.ForceCodecV2(unread{}))
		for err == nil {
			_, err = stream.Recv()
		}
		return endOf(err)
	}},
	{"stalled", 200, func(ctx context.Context, _ *beside, c *caller, _ int) error {
		stream, err := c.papers.ExportPapers(ctx, &akinv1.ExportPapersRequest{})
		if err != nil {
			return err
		}
		if _, err := stream.Recv(); err != nil {
			return err
		}
		<-ctx.Done() // reads no further
		return nil
	}},
	{"recall", 8, func(ctx context.Context, _ *beside, c *caller, i int) error {
		_, err := c.index.EvaluateRecall(ctx, &akinv1.EvaluateRecallRequest{Queries: 1000, Seed: uint64(i)})
		return err
	}},
	{"duplicates", 8, func(ctx context.Context, _ *beside, c *caller, i int) error {
		_, err := c.similarity.FindDuplicates(ctx, &akinv1.FindDuplicatesRequest{MinCosine: .9 + float64(i%64)/1000})
		return err
	}},
	{"embed", 16, func(ctx context.Context, b *beside, c *caller, i int) error {
		req := &akinv1.EmbedTextsRequest{}
		for j := range 1000 {
			req.Texts = append(req.Texts, b.texts[(1000*i+j)%len(b.texts)])
		}
		_, err := c.similarity.EmbedTexts(ctx, req)
		return err
	}},
	{"marks", 16, func(ctx context.Context, _ *beside, c *caller, _ int) error {
		_, err := c.similarity.SearchPapers(ctx, textQuery("a"+strings.Repeat("\u0301", 32_000)+" model"))
		return err
	}},
	{"filter", 16, func(ctx context.Context, b *beside, c *caller, i int) error {
		var parts []string
		for j := range 60 {
			parts = append(parts, fmt.Sprintf(`attributes.year > %d.%d`, 1000+j, i%1000))
		}
		options := &akinv1.SearchOptions{Filter: strings.Join(parts, " OR ")}
		_, err := c.similarity.SearchPapers(ctx, b.query(i, options, 10))
		return err
	}},
}

// unread sends messages and drops those that come: decoding them would take the core that the quiet caller's answers
// wait for in this very program.
type unread struct{}

// Marshal implements encoding.CodecV2.
func (unread) Marshal(v any) (mem.BufferSlice, error) {
	b, err := proto.Marshal(v.(proto.Message))
	return mem.BufferSlice{mem.SliceBuffer(b)}, err
}

// Unmarshal implements encoding.CodecV2.
func (unread) Unmarshal(mem.BufferSlice, any) error { return nil }

// Name implements encoding.CodecV2.
func (unread) Name() string { return "proto" }

func endOf(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (b *beside) query(i int, o *akinv1.SearchOptions, size int32) *akinv1.SearchPapersRequest {
	q := textQuery(b.texts[i%len(b.texts)])
	q.Options, q.PageSize = o, size
	return q
}

func newBeside() *cobra.Command {
	b := &beside{}
	var names []string
	for _, a := range abuses {
		names = append(names, a.name)
	}
	cmd := &cobra.Command{
		Use:   "beside --queries FILE",
		Short: "What a quiet caller feels of one abusive principal",
		Long: `beside searches a few times a second, evenly, while one principal asks for much more than its share in each of
the ways named by --abuse, and prints what the quiet caller's searches took.`,
		Example: `  load beside --queries corpus.jsonl.gz --abuse nothing,ef,exact,export`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return b.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	b.register(f)
	f.StringVar(&b.abuser, "abuser-token", "", "token of the abusive principal (default: none, on connections of its own)")
	f.Float64Var(&b.rate, "rate", 20, "searches a second of the quiet caller")
	f.Float64Var(&b.seconds, "seconds", 6, "seconds beside each kind of abuse")
	f.StringSliceVar(&b.kinds, "abuse", names, "kinds of abuse")
	f.BoolVar(&b.asJSON, "json", false, "print JSON")
	return cmd
}

func (b *beside) run(ctx context.Context, out io.Writer) error {
	closeAll, err := b.open(1)
	if err != nil {
		return err
	}
	defer closeAll()
	for i := range 200 { // warms up
		if err := b.search(ctx, i); err != nil {
			return err
		}
	}
	var steps []besideStep
	for _, name := range b.kinds {
		i := slices.IndexFunc(abuses, func(a abuse) bool { return a.name == name })
		if i < 0 {
			return fmt.Errorf("--abuse %s: there is no such kind", name)
		}
		step, err := b.step(ctx, &abuses[i])
		if err != nil {
			return err
		}
		steps = append(steps, step)
	}
	if b.asJSON {
		return json.NewEncoder(out).Encode(steps)
	}
	fmt.Fprintln(out, "beside        quiet p50 ms   p99 ms  failed  abuser answered  refused  memory MiB")
	for _, s := range steps {
		fmt.Fprintf(out, "%-12s  %12.1f  %7.1f  %6d  %15d  %7d  %10d\n", s.Abuse, s.P50, s.P99, s.Failed, s.Answered,
			s.Refused, s.Memory>>20)
		if s.Error != "" {
			fmt.Fprintln(out, "             ", s.Error)
		}
	}
	return nil
}

// step runs the quiet caller beside one kind of abuse.
func (b *beside) step(ctx context.Context, a *abuse) (besideStep, error) {
	abusive, stop := context.WithCancel(ctx)
	defer stop()
	var quiet, loud tally
	var wait sync.WaitGroup
	for n := range (a.callers + 15) / 16 {
		conn, err := dial(b.addr)
		if err != nil {
			return besideStep{}, err
		}
		defer conn.Close()
		c := &caller{akinv1.NewSimilarityServiceClient(conn), akinv1.NewPaperServiceClient(conn),
			akinv1.NewIndexServiceClient(conn)}
		for k := range min(16, a.callers-16*n) {
			wait.Go(func() {
				for i := 1000 * (16*n + k); abusive.Err() == nil; i++ {
					call, cancel := context.WithTimeout(as(abusive, b.abuser), time.Minute)
					err := a.call(call, b, c, i)
					cancel()
					loud.add(0, err)
				}
			})
		}
	}
	peak := b.watchMemory(ctx)
	var calls sync.WaitGroup
	settle := 500 * time.Millisecond // the abuse gets going
	time.Sleep(settle)
	arrivals(ctx, b.rate, time.Duration(b.seconds*float64(time.Second)), func(i int, at time.Time) {
		calls.Go(func() {
			call, cancel := context.WithDeadline(ctx, at.Add(10*time.Second))
			defer cancel()
			err := b.search(call, i)
			quiet.add(time.Since(at), err)
		})
	})
	calls.Wait()
	stop()
	wait.Wait()
	s := besideStep{
		Abuse:    a.name,
		P50:      milliseconds(quiet.quantile(.5)),
		P99:      milliseconds(quiet.quantile(.99)),
		Failed:   quiet.refused + quiet.late + quiet.failed,
		Answered: len(loud.accepted),
		Refused:  loud.refused,
		Memory:   peak(),
	}
	if err := errors.Join(quiet.cause, loud.cause); err != nil {
		s.Error = err.Error()
	}
	return s, nil
}
