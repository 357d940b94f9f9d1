// Annbench measures the engines of package index on vectors in a file: how long they take to build, the memory they
// take, and at every width of a search its recall, throughput and latency.
//
//	go run ./server/cmd/annbench --base B.fbin --query Q.fbin --engines flat,hnsw,coder
//
// The files hold uint32 n, uint32 dims and n rows of little-endian float32; `go run ./server/cmd/eval --vectors OUT`
// writes them from papers. Rows are scaled to L2 norm 1. Ground truth is computed in float32 from the files, on all
// cores, and never asks an engine; a returned vector counts if its float32 cosine reaches that of the true k-th.
//
// # Peers
//
// With --peers annbench measures other libraries in the same run, on the same vectors: it builds a program for each
// from the sources beside this file, runs it with its own flags, and prints every engine's throughput and build time
// over hnswlib's: the smallest width that reaches recall .95 and .99. A peer whose library is not on this machine is
// left out, and the standard error says what it needs:
//
//	hnswlib       g++ and Debian's libhnswlib-dev
//	faiss-hnsw    g++ and Debian's libfaiss-dev; HNSW of float32
//	faiss-ivfpq   the same; inverted lists of 4-bit product codes, fast scan, 10 k of them ranked by float32; the width
//	              is half of ef, in lists
//	usearch       node and npm; HNSW of float32
//	usearch-i8    the same; HNSW of one byte a dimension
//
// faiss and usearch are handed many queries a call, so that their time for each call does not count; their latencies
// are those of a call over its queries. A program built by hand is run with --hnswlib PROGRAM:
//
//	g++ -O3 -march=native -std=c++17 -pthread -o $TMPDIR/hnswlib-bench server/cmd/annbench/hnswlib/main.cpp
//	$TMPDIR/hnswlib-bench --base B.fbin --query Q.fbin --json
//
// Peers take half an hour and more to build over a million vectors. With --keep FOLDER they leave their indexes there,
// and a later run over the same vectors loads them and says what the first build took (faiss-ivfpq is built anew).
//
// # Plot
//
// With --plot FILE.svg recall against throughput of all that was measured without a filter is drawn to a file.
//
// # Output
//
// With --json one object: base, n, dims, queries, k, threads, cpus, kernels, truth_seconds, and for each of engines:
// engine, build_seconds, build_cpu_seconds, bytes_per_vector (codes, links, and what re-ranking needs),
// heap_bytes_per_vector (what the process's heap grew by), ef: [{ef, recall@K, qps, cpu_qps, p50_us, p99_us, exact,
// scored}] and, with --selectivity, filtered: the same with selectivity. cpu_qps are queries a second of processor
// time, which other programs on the machine disturb less than they do qps. exact is the share of queries that the
// engine answered by scoring every accepted vector, scored the vectors scored a query. Throughput is that of the
// fastest of --rounds rounds; recall is of every query.
package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/index/engines"
)

// settings are the flags.
type settings struct {
	base, query   string
	engines       []string
	k             int
	ef            []int
	threads       int
	selectivity   []float64
	json          bool
	walk          bool
	hnswlib       string // path of that peer's program
	peers         []string
	keep          string // folder of the peers' indexes, absolute; empty: none is kept
	vectors       string // of which they are, and on how many threads built: their names end in it
	plot          string // file of the plot; empty: none
	limit         int    // base vectors, 0: all
	rounds        int
	roundTime     time.Duration
	m, efConstruc int // of hnsw, 0: its defaults
}

func main() {
	err := run(os.Args[1:], os.Stdout)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "annbench:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	s, err := parseFlags(args)
	if err != nil {
		return err
	}
	base, err := readFbin(s.base, s.limit)
	if err != nil {
		return err
	}
	query, err := readFbin(s.query, 0)
	if err != nil {
		return err
	}
	if base.dims != query.dims {
		return fmt.Errorf("%s has %d dimensions and %s has %d", s.base, base.dims, s.query, query.dims)
	}
	if s.k > base.n {
		return fmt.Errorf("--k %d is more than the %d vectors of %s", s.k, base.n, s.base)
	}
	if s.keep != "" {
		if err := s.prepareKeep(base); err != nil {
			return err
		}
	}
	return measureAll(s, newBench(s, base, query), out)
}

// prepareKeep makes the folder of kept indexes, and names them by the vectors and by how they are built.
func (s *settings) prepareKeep(base *matrix) error {
	folder, err := filepath.Abs(s.keep) // the peers run elsewhere
	if err != nil {
		return err
	}
	hash := fnv.New64a()
	for i := range base.n {
		if err := binary.Write(hash, binary.LittleEndian, base.row(i)); err != nil {
			return err
		}
	}
	s.keep = folder
	s.vectors = fmt.Sprintf("%d-threads%d-%016x", base.n, s.threads, hash.Sum64())
	return os.MkdirAll(folder, 0o755)
}

// measureAll measures engines, then peers, and reports them.
func measureAll(s *settings, b *bench, out io.Writer) error {
	base, query := b.base, b.query
	report := report{
		Base: s.base, N: base.n, Dims: base.dims, Queries: query.n, K: s.k, Threads: s.threads,
		CPUs: runtime.NumCPU(), Kernels: vector.Class(), TruthSeconds: b.truthSeconds,
	}
	take := func(e *engineReport) {
		report.Engines = append(report.Engines, e)
		if !s.json {
			e.print(out, s.k)
		}
	}
	for _, name := range s.engines {
		e, err := b.measure(name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		take(e)
	}
	if s.hnswlib != "" {
		e, err := runPeer(s, []string{s.hnswlib}, "")
		if err != nil {
			return err
		}
		take(e)
	}
	if len(s.peers) > 0 {
		if err := runPeers(s, os.Stderr, take); err != nil {
			return err
		}
	}
	if s.plot != "" {
		if err := writePlot(s.plot, &report); err != nil {
			return err
		}
	}
	report.Ratios = ratios(report.Engines)
	if s.json {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	}
	report.print(out)
	return nil
}

func parseFlags(args []string) (*settings, error) {
	s := &settings{}
	flags := flag.NewFlagSet("annbench", flag.ContinueOnError)
	flags.StringVar(&s.base, "base", "", "`file` of the vectors to search (.fbin)")
	flags.StringVar(&s.query, "query", "", "`file` of the vectors to search for (.fbin)")
	names := flags.String("engines", strings.Join(engines.Names(), ","), "comma-separated `names` of engines")
	flags.IntVar(&s.k, "k", 10, "hits a query")
	ef := flags.String("ef", "16,24,32,48,64,96,128,256", "comma-separated `widths` of a search")
	flags.IntVar(&s.threads, "threads", 1, "goroutines that build and that search")
	selectivity := flags.String("selectivity", "",
		"comma-separated `shares` of vectors that a filter accepts, drawn at random")
	flags.BoolVar(&s.walk, "walk", false, "walk graphs even where the engine would scan, as mode APPROXIMATE does")
	flags.BoolVar(&s.json, "json", false, "print one JSON object instead of tables")
	flags.StringVar(&s.hnswlib, "hnswlib", "", "`program` built from hnswlib/main.cpp, to measure beside the engines")
	others := flags.String("peers", "",
		"comma-separated `names` of other libraries to build and measure in the same run: "+strings.Join(peerNames(), ", "))
	flags.StringVar(&s.keep, "keep", "",
		"`folder` in which peers keep the indexes that they build, for the next run over the same vectors")
	flags.StringVar(&s.plot, "plot", "", "`file` to which recall against throughput is drawn (.svg)")
	flags.IntVar(&s.limit, "limit", 0, "use the first `n` base vectors only; 0: all")
	flags.IntVar(&s.rounds, "rounds", 3, "timed rounds, of which the fastest counts")
	flags.DurationVar(&s.roundTime, "round", 400*time.Millisecond, "least `time` of a round")
	flags.IntVar(&s.m, "m", 0, "links of an hnsw node; 0: the engine's default")
	flags.IntVar(&s.efConstruc, "ef-construction", 0, "width of hnsw's walk while building; 0: the engine's default")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	var err error
	if s.ef, err = list(*ef, strconv.Atoi); err != nil {
		return nil, fmt.Errorf("--ef: %w", err)
	}
	number := func(text string) (float64, error) { return strconv.ParseFloat(text, 64) }
	if s.selectivity, err = list(*selectivity, number); err != nil {
		return nil, fmt.Errorf("--selectivity: %w", err)
	}
	comma := func(r rune) bool { return r == ',' }
	s.engines, s.peers = strings.FieldsFunc(*names, comma), strings.FieldsFunc(*others, comma)
	return s, s.check()
}

func (s *settings) check() error {
	if s.base == "" || s.query == "" {
		return errors.New("--base and --query are needed: files written by `go run ./server/cmd/eval --vectors OUT`")
	}
	if s.k < 1 || s.threads < 1 || s.rounds < 1 || s.limit < 0 {
		return errors.New("--k, --threads and --rounds are at least 1, --limit at least 0")
	}
	for _, ef := range s.ef {
		if ef < 1 {
			return fmt.Errorf("--ef %d is less than 1", ef)
		}
	}
	for _, share := range s.selectivity {
		if share <= 0 || share > 1 {
			return fmt.Errorf("--selectivity %g is not above 0 and at most 1", share)
		}
	}
	for _, name := range s.engines {
		if !slices.Contains(engines.Names(), name) {
			return fmt.Errorf("--engines: there is no engine %q; there are %s", name, strings.Join(engines.Names(), ", "))
		}
	}
	for _, name := range s.peers {
		if !slices.Contains(peerNames(), name) {
			return fmt.Errorf("--peers: there is no peer %q; there are %s", name, strings.Join(peerNames(), ", "))
		}
	}
	return nil
}

func list[T any](text string, parse func(string) (T, error)) ([]T, error) {
	var values []T
	for field := range strings.SplitSeq(text, ",") {
		if field = strings.TrimSpace(field); field == "" {
			continue
		}
		v, err := parse(field)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}
