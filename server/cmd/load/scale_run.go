package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/akin-search/akin/client"
)

// scaleRun is one run of scale.
type scaleRun struct {
	cfg    scaleConfig
	corpus *corpus
	log    io.Writer
	report scaleReport
	began  time.Time
	server *process
}

const (
	scaleQueries = 5000
	recallOf     = 500  // queries of the recall
	afterwards   = 2000 // papers written before the kill
	pollEvery    = 200 * time.Millisecond
)

// all takes the phases in turn. The server has ended when it returns.
func (r *scaleRun) all(ctx context.Context) (err error) {
	if r.server, err = startServer(r.cfg.server, r.cfg.data, r.log); err != nil {
		return err
	}
	defer func() {
		if r.server != nil { // an error on the way
			err = errors.Join(err, r.server.kill())
		}
	}()
	r.report.Papers, r.report.CPUs = r.corpus.papers, runtime.NumCPU()
	r.began = time.Now()
	for _, phase := range []func(context.Context) error{
		r.load, r.search, r.recall, r.measure, r.restartClean, r.restartKilled,
	} {
		if err := phase(ctx); err != nil {
			return err
		}
	}
	_, err = r.server.stop()
	r.server = nil
	return err
}

// load imports everything and waits until the server is done with it.
func (r *scaleRun) load(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	watched := make(chan error, 1)
	go func() { watched <- r.watch(ctx) }()
	pace := newPace(r.began)
	imported, err := r.server.client.Import(ctx, r.corpus.all(&r.report.PapersBytes),
		client.OnProgress(func(p client.ImportReport) {
			pace.note(time.Now(), p.Done())
		}))
	if err == nil && imported.Failed > 0 {
		err = fmt.Errorf("%d papers were refused", imported.Failed)
	}
	if err != nil {
		stop()
		<-watched //nolint:errcheck // it was stopped; what went wrong is err
		return err
	}
	took := time.Since(r.began).Seconds()
	r.report.AcknowledgedSeconds, r.report.AcknowledgedPerSec = took, float64(r.corpus.papers)/took
	r.report.SlowestPerSec, r.report.LongestAckSeconds = pace.slowest, pace.longest.Seconds()
	if pace.slowest == 0 { // it was over before a stretch was
		r.report.SlowestPerSec = r.report.AcknowledgedPerSec
	}
	r.progress("all acknowledged")
	return <-watched
}

// watch notes when a learnt model serves, and returns when every paper is in the graph and nothing runs.
func (r *scaleRun) watch(ctx context.Context) error {
	ticks := time.NewTicker(pollEvery)
	defer ticks.Stop()
	told := ""
	for {
		stats, err := r.server.client.Stats(ctx)
		if err != nil {
			return err
		}
		if trained := stats.GetModel().GetTrained(); trained && r.report.TrainedSeconds == 0 {
			r.report.TrainedSeconds = time.Since(r.began).Seconds()
		}
		index, activity := stats.GetIndex(), stats.GetActivity()
		if line := fmt.Sprint(stats.GetPapers()/20_000, activity); line != told {
			told = line
			r.progress("%d papers, %d in the tail, %.2f GB, %s %.0f%%", stats.GetPapers(), index.GetTailVectors(),
				float64(stats.GetMemoryBytes())/1e9, activity, 100*stats.GetActivityProgress())
		}
		if stats.GetModel().GetTrained() && stats.GetPapers() == int64(r.corpus.papers) && index.GetTailVectors() == 0 &&
			activity == "" {
			r.report.ReadySeconds = time.Since(r.began).Seconds()
			r.report.ModelPapers = stats.GetModel().GetPapers()
			u, err := usageOf(r.server.cmd.Process.Pid)
			r.report.WrittenBytes, r.report.WrittenTimes = u.written, float64(u.written)/float64(r.report.PapersBytes)
			r.progress("ready")
			return err
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// search runs 16 callers, then one.
func (r *scaleRun) search(ctx context.Context) error {
	titles := r.corpus.queries(scaleQueries)
	requests := make([]*client.SearchRequest, len(titles))
	for i, title := range titles {
		requests[i] = client.TextQuery(title, client.Limit(10), client.Fields("id"))
	}
	for _, callers := range []int{16, 1} {
		report, err := r.searches(ctx, requests, callers)
		if err != nil {
			return err
		}
		r.report.Searches = append(r.report.Searches, report)
		r.progress("%d callers: %.0f searches/s", callers, report.PerSecond)
	}
	return nil
}

// searches keeps callers busy for the time of a load, a second of warming up before it.
func (r *scaleRun) searches(ctx context.Context, requests []*client.SearchRequest, callers int) (searchReport, error) {
	measured := time.Duration(r.cfg.seconds * float64(time.Second))
	begin := time.Now().Add(time.Second)
	end := begin.Add(measured)
	times := make([][]time.Duration, callers)
	var next, failed atomic.Int64
	var first atomic.Pointer[error]
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			for ctx.Err() == nil {
				sent := time.Now()
				if sent.After(end) {
					return
				}
				_, err := r.server.client.Query(ctx, requests[int(next.Add(1))%len(requests)])
				if err != nil {
					failed.Add(1)
					first.CompareAndSwap(nil, &err)
				} else if sent.After(begin) {
					times[caller] = append(times[caller], time.Since(sent))
				}
			}
		})
	}
	all.Wait()
	merged := slices.Concat(times...)
	if len(merged) == 0 {
		if err := first.Load(); err != nil {
			return searchReport{}, *err
		}
		return searchReport{}, errors.New("no search ended within the time")
	}
	slices.Sort(merged)
	quantile := func(q float64) float64 { return float64(merged[int(q*float64(len(merged)-1))].Microseconds()) / 1000 }
	return searchReport{
		Callers: callers, PerSecond: float64(len(merged)) / measured.Seconds(), P50: quantile(.5), P99: quantile(.99),
		Errors: int(failed.Load()),
	}, ctx.Err()
}

// recall asks the server to compare its index with an exact scan.
func (r *scaleRun) recall(ctx context.Context) error {
	got, err := r.server.client.EvaluateRecall(ctx, client.RecallConfig{Queries: recallOf, K: 10})
	if err != nil {
		return err
	}
	r.report.Recall, r.report.MinRecall = got.Recall, got.MinRecall
	return nil
}

// measure reads memory and disk.
func (r *scaleRun) measure(ctx context.Context) error {
	stats, err := r.server.client.Stats(ctx)
	if err != nil {
		return err
	}
	u, err := usageOf(r.server.cmd.Process.Pid)
	if err != nil {
		return err
	}
	if u.resident == 0 { // not Linux
		u.resident = stats.GetMemoryBytes()
	}
	n := float64(r.corpus.papers)
	r.report.DiskBytes = stats.GetDiskBytes()
	r.report.ResidentBytes, r.report.PrivateBytes, r.report.PeakBytes = u.resident, u.private, u.peak
	r.report.ResidentPerPaper, r.report.PeakOverSteady = float64(u.resident)/n, float64(u.peak)/float64(u.resident)
	return nil
}

// restartClean stops the server and starts it again.
func (r *scaleRun) restartClean(ctx context.Context) error {
	took, err := r.server.stop()
	r.server = nil
	if err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	r.report.StopSeconds = took.Seconds()
	r.progress("stopped in %.1f s", took.Seconds())
	r.report.CleanRestart, err = r.restart(ctx, r.corpus.papers)
	return err
}

// restartKilled writes some papers more, kills the server and starts it again: all of them must be there.
func (r *scaleRun) restartKilled(ctx context.Context) error {
	more := *r.corpus
	more.papers = r.corpus.papers + afterwards
	papers := func(yield func(*client.Paper, error) bool) {
		for i := range afterwards {
			p := more.mix(r.corpus.papers + i)
			p.Id = fmt.Sprintf("later-%d", i)
			if !yield(p, nil) {
				return
			}
		}
	}
	if _, err := r.server.client.Import(ctx, papers); err != nil {
		return err
	}
	err := r.server.kill()
	r.server = nil
	if err != nil {
		return fmt.Errorf("kill: %w", err)
	}
	r.report.KillRestart, err = r.restart(ctx, r.corpus.papers+afterwards)
	return err
}

// restart starts the server on its folder and checks that every paper is there.
func (r *scaleRun) restart(ctx context.Context, papers int) (restartReport, error) {
	var err error
	if r.server, err = startServer(r.cfg.server, r.cfg.data, r.log); err != nil {
		return restartReport{}, err
	}
	r.progress("serves again after %.2f s", r.server.ready.Seconds())
	u, err := usageOf(r.server.cmd.Process.Pid)
	if err != nil {
		return restartReport{}, err
	}
	stats, err := r.server.client.Stats(ctx)
	if err == nil && stats.GetPapers() != int64(papers) {
		err = fmt.Errorf("%d papers after a restart, want %d", stats.GetPapers(), papers)
	}
	return restartReport{ServingSeconds: r.server.ready.Seconds(), ResidentBytes: u.resident}, err
}
