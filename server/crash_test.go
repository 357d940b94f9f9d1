package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/server/internal/checkpoint"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/store"
)

// The crash suite: a real server is killed with SIGKILL under a mixed load, at random moments and at named points, over
// and over on one folder. After each kill the folder is opened and held against what was acknowledged. The number of
// kills is the variable AKIN_CRASH_ROUNDS, for a soak:
//
//	AKIN_CRASH_ROUNDS=500 go test -run Crash -timeout 2h ./server

// failPoint is the variable that names the point at which the server kills itself: NAME:COUNT, at the COUNTth time.
const failPoint = "AKIN_TEST_FAIL_POINT"

// holdCheckpoints, in place of a point's name, lets no checkpoint be written.
const holdCheckpoints = "hold-checkpoints"

// holdCommits, in place of a point's name, lets nothing be committed while a file is there: hold-commits:PATH.
const holdCommits = "hold-commits"

// failAt makes the engine kill its process at a point, and turns its background work up so that every point is reached.
func failAt(spec string) func(*engine.Config) {
	name, count, ok := strings.Cut(spec, ":")
	if !ok {
		return nil
	}
	if name == holdCommits {
		return func(c *engine.Config) {
			c.Hook = func(point string) error {
				if point == store.PointCommitBefore && exists(count) {
					return syscall.ENOSPC // which passes
				}
				return nil
			}
		}
	}
	left, err := strconv.Atoi(count)
	if err != nil {
		panic(err)
	}
	var mu sync.Mutex
	return func(c *engine.Config) {
		c.CheckpointEvery = 40
		c.TrainAt = -1 // only on request
		c.Hook = func(point string) error {
			mu.Lock()
			defer mu.Unlock()
			if name == holdCheckpoints && (strings.HasPrefix(point, "checkpoint.") || strings.HasPrefix(point, "segment.")) {
				return errors.New("held by a test")
			}
			if point == name {
				if left--; left == 0 {
					self, _ := os.FindProcess(os.Getpid())
					_ = self.Kill()
					select {} // nothing more happens at this point
				}
			}
			return nil
		}
	}
}

// crashPoints are visited in turn; the first kills at a random moment.
var crashPoints = []string{
	"random", store.PointCommitBefore, store.PointCommitAfter, checkpoint.PointSegmentWritten, checkpoint.PointWritten,
	checkpoint.PointSegmentNamed, "random", checkpoint.PointNamed, checkpoint.PointSegmentVerified,
	checkpoint.PointVerified,
	checkpoint.PointFolded, engine.PointTrainLearnt, engine.PointSwapBefore, "random", engine.PointSwapAfter,
	engine.PointPurgeBetween,
}

func TestNothingAcknowledgedIsLostInACrash(t *testing.T) {
	rounds := len(crashPoints) + 8
	if testing.Short() {
		rounds = 4
	}
	if s := os.Getenv("AKIN_CRASH_ROUNDS"); s != "" {
		var err error
		if rounds, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	folder := t.TempDir()
	truth := &ledger{acked: map[string]string{}, pending: map[string][]string{}}
	rng := rand.New(rand.NewPCG(uint64(rounds), 42))
	reached := map[string]int{}
	for round := range rounds {
		point := crashPoints[round%len(crashPoints)]
		if crash(t, folder, point, truth, rng) {
			reached[point]++
		}
		audit(t, folder, truth, round, point)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d kills, %d papers at the end, points reached: %v", rounds, len(truth.acked), reached)
	for _, point := range crashPoints[:min(rounds, len(crashPoints))] {
		if reached[point] == 0 {
			t.Errorf("no server was killed at %s", point)
		}
	}
}

// ledger is what the server has promised.
type ledger struct {
	mu      sync.Mutex
	acked   map[string]string   // id -> content that was acknowledged
	pending map[string][]string // id -> contents that were sent and not answered; "" for a deletion
	batches [][]string          // ids of batches that were sent and not answered, all of one content each
	onAck   func()              // told of each call that was acknowledged, one at a time; nil: no one
}

// send notes what is about to be sent, call sends it, and then what was acknowledged is noted.
func (l *ledger) send(content string, ids []string, batch bool, call func() error) error {
	l.mu.Lock()
	for _, id := range ids {
		l.pending[id] = append(l.pending[id], content)
	}
	l.mu.Unlock()
	err := call()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		if batch {
			l.batches = append(l.batches, append([]string{content}, ids...))
		}
		return err
	}
	for _, id := range ids {
		l.pending[id] = slices.DeleteFunc(l.pending[id], func(c string) bool { return c == content })
		if content == "" {
			delete(l.acked, id)
		} else {
			l.acked[id] = content
		}
	}
	if l.onAck != nil {
		l.onAck()
	}
	return nil
}

// pointLimit is how long a server may take to come to a point. Each is reached by construction: the writers and
// disturb go on until the server is dead, and the schedule lets no task wait for ever. So the limit only ends a test
// of a server that hangs.
const pointLimit = 5 * time.Minute

// crash starts a server on the folder, loads it, and returns when it is dead: whether it died where it was to.
func crash(t *testing.T, folder, point string, truth *ledger, rng *rand.Rand) bool {
	t.Helper()
	spec := point + ":" + strconv.Itoa(1+rng.IntN(3))
	if point == engine.PointPurgeBetween || point == checkpoint.PointFolded || strings.HasPrefix(point, "train") ||
		strings.HasPrefix(point, "swap") {
		spec = point + ":1"
	}
	t.Setenv(failPoint, spec)
	p := start(t, "--addr", "127.0.0.1:0", "--data", folder, "--log-level", "error", "--log-level", "info")
	go func() {
		for range p.rest {
		}
	}()
	c := dial(t, p)
	ctx, cancel := context.WithTimeout(context.Background(), pointLimit)
	defer cancel()
	acks, enough := make(chan struct{}, 1), make(chan struct{})
	left := 1 + rng.IntN(300)
	truth.onAck = func() {
		select {
		case acks <- struct{}{}:
		default:
		}
		if left--; left == 0 {
			close(enough)
		}
	}
	var writers sync.WaitGroup
	for w := range 4 {
		seed := rng.Uint64()
		writers.Go(func() { load(ctx, c, truth, w, rand.New(rand.NewPCG(seed, 1))) })
	}
	writers.Go(func() { disturb(ctx, c, point, acks) })
	died := make(chan struct{})
	go func() { _ = p.Wait(); close(died) }()
	if point == "random" { // somewhere in the midst of the writes
		select {
		case <-enough:
			_ = p.Process.Kill()
		case <-died:
		case <-ctx.Done():
		}
	}
	atPoint := true
	select {
	case <-died:
	case <-ctx.Done(): // the point was not reached: a kill all the same
		atPoint = false
		_ = p.Process.Kill()
		<-died
	}
	cancel()
	writers.Wait()
	return atPoint
}

// load writes until the server is dead. Each writer has ids of its own, so that the last word on an id is known.
func load(ctx context.Context, c *client.Client, truth *ledger, writer int, rng *rand.Rand) {
	id := func() string { return fmt.Sprintf("w%d-%03d", writer, rng.IntN(60)) }
	write := func(content string, ids ...string) error {
		papers := make([]*client.Paper, len(ids))
		for i, id := range ids {
			papers[i] = crashPaper(id, content)
		}
		return truth.send(content, ids, true, func() error {
			_, err := c.UpsertBatch(ctx, papers)
			return err
		})
	}
	for n := 0; ; n++ {
		content := fmt.Sprintf("content%d of writer%d", rng.Uint64(), writer)
		var err error
		switch rng.IntN(6) {
		case 0:
			one := id()
			err = truth.send("", []string{one}, false, func() error {
				if _, err := c.Delete(ctx, one); err != nil && !isNotFound(err) {
					return err
				}
				return nil
			})
		case 1, 2:
			ids := map[string]bool{}
			for range 1 + rng.IntN(20) {
				ids[id()] = true
			}
			err = write(content, slices.Sorted(maps.Keys(ids))...)
		default:
			err = write(content, id())
		}
		if isUnavailable(err) || ctx.Err() != nil {
			return
		}
	}
}

// disturb makes the background work and the long calls happen that a point needs, one between any two writes at most.
func disturb(ctx context.Context, c *client.Client, point string, acks <-chan struct{}) {
	for n := 0; ctx.Err() == nil; n++ {
		var err error
		switch {
		// A generation that takes over gets a base, which replaces the segments that writes have made meanwhile.
		case strings.HasPrefix(point, "train"), strings.HasPrefix(point, "swap"), strings.HasPrefix(point, "checkpoint"):
			_, err = c.Train(ctx, client.TrainConfig{Epochs: 1})
		case point == engine.PointPurgeBetween:
			// Papers that no ledger speaks of, more than one run of a purge.
			papers := make([]*client.Paper, 700)
			for i := range papers {
				papers[i] = crashPaper(fmt.Sprintf("purged-%d-%03d", n, i), "soon gone")
				papers[i].Categories = []string{"purge"}
			}
			if _, err = c.UpsertBatch(ctx, papers); err == nil {
				_, _, err = c.Purge(ctx, `categories:"purge"`, true)
			}
		default:
			_, err = c.Search(ctx, "content of a writer")
		}
		if err != nil && isUnavailable(err) {
			return
		}
		select {
		case <-acks:
		case <-ctx.Done():
		}
	}
}

func crashPaper(id, content string) *client.Paper {
	return &client.Paper{Id: id, Title: "Paper " + id, Abstract: "It holds " + content + "."}
}

// audit opens the folder and compares it with the ledger, which then takes what it finds for the truth.
func audit(t *testing.T, folder string, truth *ledger, round int, point string) {
	t.Helper()
	ctx := context.Background()
	e, err := engine.Open(ctx, engine.Config{
		Dir: folder, TrainAt: -1, NoCheckpoints: round%2 == 1, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatalf("round %d (%s): %v", round, point, err)
	}
	defer func() {
		if err := e.Close(ctx); err != nil {
			t.Error(err)
		}
	}()
	if err := e.Check(ctx); err != nil {
		t.Errorf("round %d (%s): %v", round, point, err)
	}
	found := map[string]string{}
	if err := e.Export(ctx, nil, func(p *paper.Paper) error {
		if !strings.HasPrefix(p.ID, "purged-") {
			found[p.ID] = strings.TrimSuffix(strings.TrimPrefix(p.Abstract, "It holds "), ".")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	ids := maps.Clone(found)
	maps.Copy(ids, truth.acked)
	for id := range ids {
		got, want := found[id], truth.acked[id]
		if got != want && !slices.Contains(truth.pending[id], got) {
			t.Errorf("round %d (%s): %s holds %q, acknowledged was %q, in flight %q", round, point, id, got, want,
				truth.pending[id])
		}
	}
	for _, batch := range truth.batches {
		there := 0
		for _, id := range batch[1:] {
			if found[id] == batch[0] {
				there++
			}
		}
		if there != 0 && there != len(batch)-1 {
			t.Errorf("round %d (%s): %d of a batch of %d are there", round, point, there, len(batch)-1)
		}
	}
	for id, content := range found {
		findByOwnWords(t, e, id, content)
	}
	truth.acked, truth.pending, truth.batches = found, map[string][]string{}, nil
	if leftovers, _ := filepath.Glob(filepath.Join(folder, "*.tmp*")); len(leftovers) > 0 {
		t.Errorf("round %d (%s): debris %v", round, point, leftovers)
	}
}

// TestATrainedModelServesAfterAKill kills a server right after it has reported a trained model, while no checkpoint of
// it can be on disk. The next start serves that model.
func TestATrainedModelServesAfterAKill(t *testing.T) {
	folder := t.TempDir()
	t.Setenv(failPoint, holdCheckpoints+":1")
	p := start(t, "--addr", "127.0.0.1:0", "--data", folder)
	go drainLog(p)
	c, ctx := dial(t, p), context.Background()
	papers := make([]*client.Paper, 300)
	for i := range papers {
		papers[i] = crashPaper(fmt.Sprint(i), fmt.Sprintf("content%d number%d", i%17, i%31))
	}
	if _, err := c.UpsertBatch(ctx, papers); err != nil {
		t.Fatal(err)
	}
	model, err := c.Train(ctx, client.TrainConfig{Epochs: 1})
	if err != nil {
		t.Fatal(err)
	}
	_ = p.Process.Kill()
	_ = p.Wait() // it was killed
	e := openFolder(t, folder)
	stats, err := e.Stats(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if stats.Model.Fingerprint != model.Fingerprint || !stats.Model.Trained || stats.Papers != len(papers) {
		t.Errorf("after the kill: model %s, trained %v, %d papers; acknowledged was %s", stats.Model.Fingerprint,
			stats.Model.Trained, stats.Papers, model.Fingerprint)
	}
	if err := errors.Join(e.Check(ctx), e.Close(ctx)); err != nil {
		t.Error(err)
	}
}

// findByOwnWords searches a paper by its whole text, which has a number that few others have.
func findByOwnWords(t *testing.T, e *engine.Engine, id, content string) {
	t.Helper()
	p := crashPaper(id, content)
	result, err := e.Search(t.Context(), &engine.Query{Text: p.GetTitle() + "\n" + p.GetAbstract(), PageSize: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, hit := range result.Hits {
		if hit.Paper.ID == id {
			return
		}
	}
	t.Errorf("%s is not found by its own words %q among %d hits", id, content, len(result.Hits))
}

func isNotFound(err error) bool    { return errors.Is(err, client.ErrNotFound) }
func isUnavailable(err error) bool { return errors.Is(err, client.ErrUnavailable) }
