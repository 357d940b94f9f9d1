package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/akin-search/akin/client"
	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/loopback"
	"github.com/akin-search/akin/server/internal/replog"
)

// clusterRun is one run of cluster.
type clusterRun struct {
	cfg    clusterConfig
	corpus *corpus
	folder string
	log    io.Writer
	report clusterReport

	single  *process
	nodes   []*process // three; the first is the one that is asked to import
	metrics string     // address of the first node's metrics
}

var clusterNodes = []string{"n1", "n2", "n3"}

// imports fills a single server and a cluster by turns. Those of the last round go on running.
func (r *clusterRun) imports(ctx context.Context) error {
	var single, cluster, ratio, paper, asked, others []float64
	for round := range r.cfg.rounds {
		if err := r.end(); err != nil {
			return err
		}
		folder := filepath.Join(r.folder, strconv.Itoa(round))
		order := []func(string) error{r.startSingle, r.startNodes}
		var rates [2]float64
		var times [2][]float64
		for _, i := range []int{round % 2, 1 - round%2} {
			if err := order[i](folder); err != nil {
				return err
			}
			servers := r.nodes
			if i == 0 {
				servers = []*process{r.single}
			}
			var err error
			if rates[i], times[i], err = r.fill(ctx, servers); err != nil {
				return err
			}
		}
		single, cluster, ratio = append(single, rates[0]), append(cluster, rates[1]), append(ratio, rates[1]/rates[0])
		paper, asked = append(paper, times[0][0]), append(asked, times[1][0]/times[0][0])
		others = append(others, (times[1][1]+times[1][2])/2/times[0][0])
		fmt.Fprintf(r.log, "round %d: %.0f and %.0f papers/s; %.1f us a paper, nodes %.1f\n", round, rates[0], rates[1],
			times[0][0], times[1])
	}
	rep := &r.report
	rep.SingleRate, rep.ClusterRate, rep.RateRatio = quantileOf(single, .5), quantileOf(cluster, .5), quantileOf(ratio, .5)
	rep.SinglePaper, rep.AskedRatio = quantileOf(paper, .5), quantileOf(asked, .5)
	rep.OthersRatio = quantileOf(others, .5)
	return nil
}

// startSingle starts a server that stands alone, with metrics, as nodes have them.
func (r *clusterRun) startSingle(folder string) (err error) {
	addrs, _, err := loopback.Addrs(1)
	if err != nil {
		return err
	}
	r.single, err = startServer(r.cfg.server, filepath.Join(folder, "single"), r.log, "--metrics-addr", addrs[0])
	return err
}

// startNodes starts three nodes side by side: none serves before two are up.
func (r *clusterRun) startNodes(folder string) error {
	addrs, _, err := loopback.Addrs(2 * len(clusterNodes))
	if err != nil {
		return err
	}
	peers := map[string]string{}
	var list []string
	for i, node := range clusterNodes {
		peers[node] = addrs[i]
		list = append(list, node+"="+addrs[i])
	}
	keys := filepath.Join(folder, "keys")
	if err := replog.MakeKeys(keys, "load", peers); err != nil {
		return err
	}
	r.metrics = addrs[len(clusterNodes)]
	nodes := make([]*process, len(clusterNodes))
	faults := make([]error, len(clusterNodes))
	var starts sync.WaitGroup
	for i, node := range clusterNodes {
		starts.Go(func() {
			nodes[i], faults[i] = startServer(r.cfg.server, filepath.Join(folder, node), r.log, "--cluster", "load", "--node",
				node, "--peers", strings.Join(list, ","), "--cluster-keys", keys, "--metrics-addr", addrs[len(clusterNodes)+i])
		})
	}
	starts.Wait()
	for _, p := range nodes {
		if p != nil {
			r.nodes = append(r.nodes, p)
		}
	}
	return errors.Join(faults...)
}

// fill imports the corpus by way of the first server and waits until it is visible on all. It returns the papers a
// second and the processor time a paper of each server.
func (r *clusterRun) fill(ctx context.Context, servers []*process) (rate float64, times []float64, err error) {
	before, err := processorTimes(ctx, servers)
	if err != nil {
		return 0, nil, err
	}
	began := time.Now()
	imported, err := servers[0].client.Import(ctx, r.corpus.all(nil))
	if err == nil && imported.Failed > 0 {
		err = fmt.Errorf("%d papers were refused", imported.Failed)
	}
	if err != nil {
		return 0, nil, err
	}
	took := time.Since(began)
	for _, p := range servers[1:] {
		if err := p.client.Follow(servers[0].client.Token()); err != nil {
			return 0, nil, err
		}
		if _, err := p.client.Search(ctx, "anything", client.Limit(1)); err != nil {
			return 0, nil, err
		}
	}
	after, err := processorTimes(ctx, servers)
	for i := range after {
		times = append(times, microseconds(after[i]-before[i], r.cfg.papers))
	}
	return float64(r.cfg.papers) / took.Seconds(), times, err
}

func processorTimes(ctx context.Context, servers []*process) (times []time.Duration, err error) {
	for _, p := range servers {
		stats, err := p.client.Stats(ctx)
		if err != nil {
			return nil, err
		}
		times = append(times, stats.GetProcessorTime().AsDuration())
	}
	return times, nil
}

// settle waits until every server is done with what it was given: learnt, in the graph, at rest.
func (r *clusterRun) settle(ctx context.Context) error {
	for _, p := range append([]*process{r.single}, r.nodes...) {
		for quiet := 0; quiet < 5; {
			stats, err := p.client.Stats(ctx)
			if err != nil {
				return err
			}
			if quiet++; !stats.GetModel().GetTrained() || stats.GetIndex().GetTailVectors() > 0 || stats.GetActivity() != "" {
				quiet = 0
			}
			select {
			case <-time.After(pollEvery):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// queries compares the processor time of a search, turn by turn: of the single server and of one of the nodes.
func (r *clusterRun) queries(ctx context.Context) error {
	titles := r.corpus.queries(scaleQueries)
	for _, p := range append([]*process{r.single}, r.nodes...) { // what is read and compiled once
		if _, err := r.search(ctx, p, titles); err != nil {
			return err
		}
	}
	var single, ratio []float64
	for turn := range r.cfg.turns {
		pair := []*process{r.single, r.nodes[turn%len(r.nodes)]}
		var times [2]float64
		for _, i := range rand.Perm(2) { //nolint:gosec // any order
			var err error
			if times[i], err = r.search(ctx, pair[i], titles); err != nil {
				return err
			}
		}
		single, ratio = append(single, times[0]), append(ratio, times[1]/times[0])
	}
	rep := &r.report
	rep.SingleQuery, rep.QueryRatio = quantileOf(single, .5), quantileOf(ratio, .5)
	rep.QueryLow, rep.QueryHigh = quantileOf(ratio, .25), quantileOf(ratio, .75)
	return nil
}

// search has a server answer a turn of searches and returns its processor time for one.
func (r *clusterRun) search(ctx context.Context, p *process, titles []string) (float64, error) {
	before, err := processorTimes(ctx, []*process{p})
	if err != nil {
		return 0, err
	}
	var next atomic.Int64
	faults := make([]error, r.cfg.callers)
	var callers sync.WaitGroup
	for caller := range r.cfg.callers {
		callers.Go(func() {
			for i := int(next.Add(1)); i <= r.cfg.searches && faults[caller] == nil; i = int(next.Add(1)) {
				_, faults[caller] = p.client.Search(ctx, titles[i%len(titles)], client.Limit(10), client.Fields("id", "title"))
			}
		})
	}
	callers.Wait()
	after, err := processorTimes(ctx, []*process{p})
	if err := errors.Join(append(faults, err)...); err != nil {
		return 0, err
	}
	return microseconds(after[0]-before[0], r.cfg.searches), nil
}

// messages counts what a node sends to the log while it answers searches and while it rests for as long.
func (r *clusterRun) messages(ctx context.Context) error {
	before, err := r.sent(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	if _, err := r.search(ctx, r.nodes[0], r.corpus.queries(scaleQueries)); err != nil {
		return err
	}
	took := time.Since(began)
	between, err := r.sent(ctx)
	if err != nil {
		return err
	}
	select {
	case <-time.After(took):
	case <-ctx.Done():
		return ctx.Err()
	}
	after, err := r.sent(ctx)
	rep := &r.report
	rep.MessagesDuring, rep.MessagesAtRest, rep.MessageSeconds = between-before, after-between, took.Seconds()
	rep.MessagesPerRead = float64(rep.MessagesDuring-rep.MessagesAtRest) / float64(r.cfg.searches)
	return err
}

// sent is how many messages the first node has sent to the log.
func (r *clusterRun) sent(ctx context.Context) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.metrics+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "akin_cluster_sent_messages_total "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return int(n), err
		}
	}
	return 0, errors.New("the node does not say how many messages it has sent")
}

const (
	loggedTogether = 500 // papers of one message, as an import gathers them
	loggers        = 4   // messages under way, as of one import
)

// logAlone writes the corpus into a log of three nodes within this program, behind which there is no engine.
func (r *clusterRun) logAlone(ctx context.Context, folder string) (err error) {
	addrs, _, err := loopback.Addrs(len(clusterNodes))
	if err != nil {
		return err
	}
	peers := map[string]string{}
	for i, node := range clusterNodes {
		peers[node] = addrs[i]
	}
	if err := replog.MakeKeys(filepath.Join(folder, "keys"), "load", peers); err != nil {
		return err
	}
	logs := make([]*replog.Log, len(clusterNodes))
	faults := make([]error, len(clusterNodes))
	defer func() {
		for _, l := range logs {
			if l != nil {
				err = errors.Join(err, l.Close())
			}
		}
	}()
	var starts sync.WaitGroup
	for i, node := range clusterNodes {
		starts.Go(func() {
			keys, err := replog.Keys(filepath.Join(folder, "keys"), node)
			if err == nil {
				logs[i], err = replog.Open(ctx, replog.Config{
					Cluster: "load", Node: node, Peers: peers, Dir: filepath.Join(folder, node), TLS: keys,
				}, true)
			}
			faults[i] = err
		})
	}
	starts.Wait()
	if err := errors.Join(faults...); err != nil {
		return err
	}
	var bodies [][]byte
	batch := &akinv1.BatchUpsertPapersRequest{}
	for p, err := range r.corpus.all(nil) {
		if err != nil {
			return err
		}
		if batch.Papers = append(batch.Papers, p); len(batch.Papers) == loggedTogether {
			body, err := proto.Marshal(batch)
			if err != nil {
				return err
			}
			bodies, batch.Papers = append(bodies, body), nil
		}
	}
	var rates []float64
	for round := range r.cfg.rounds {
		var next atomic.Int64
		faults := make([]error, loggers)
		var writers sync.WaitGroup
		began := time.Now()
		for w := range loggers {
			writers.Go(func() {
				for i := int(next.Add(1)); i <= len(bodies) && faults[w] == nil; i = int(next.Add(1)) {
					_, faults[w] = logs[0].Append(ctx, fmt.Sprintf("%d-%d", round, i), bodies[i-1])
				}
			})
		}
		writers.Wait()
		if err := errors.Join(faults...); err != nil {
			return err
		}
		rates = append(rates, float64(len(bodies)*loggedTogether)/time.Since(began).Seconds())
	}
	r.report.LogRate = quantileOf(rates, .5)
	r.report.LogRatio = r.report.LogRate / r.report.SingleRate
	return nil
}

// end ends all servers.
func (r *clusterRun) end() error {
	var err error
	for _, p := range append(r.nodes, r.single) {
		if p != nil {
			err = errors.Join(err, p.kill())
		}
	}
	r.nodes, r.single = nil, nil
	return err
}
