package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/index/engines"
)

// writeFbin writes n clustered rows.
func writeFbin(t *testing.T, name string, rng *rand.Rand, n, dims int) string {
	t.Helper()
	data := binary.LittleEndian.AppendUint32(nil, uint32(n))
	data = binary.LittleEndian.AppendUint32(data, uint32(dims))
	var buf bytes.Buffer
	for i := range n {
		row := make([]float32, dims)
		for j := range row {
			row[j] = float32(rng.NormFloat64() + float64(i%10)*float64(j%3))
		}
		if err := binary.Write(&buf, binary.LittleEndian, row); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, append(data, buf.Bytes()...), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEveryEngineIsMeasured(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	base, query := writeFbin(t, "base", rng, 600, 20), writeFbin(t, "query", rng, 10, 20)
	args := []string{
		"--base", base, "--query", query, "--ef", "16,200", "--selectivity", ".5,.01", "--threads", "2",
		"--rounds", "1", "--round", "1ms",
	}
	var out bytes.Buffer
	if err := run(append(args, "--json"), &out); err != nil {
		t.Fatal(err)
	}
	var got struct {
		N, Dims, Queries, K, Threads int
		Engines                      []struct {
			Engine   string
			Build    float64 `json:"build_seconds"`
			Bytes    float64 `json:"bytes_per_vector"`
			Ef       []map[string]float64
			Filtered []map[string]float64
		}
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v in %s", err, out.Bytes())
	}
	if got.N != 600 || got.Dims != 20 || got.Queries != 10 || got.K != 10 || got.Threads != 2 ||
		len(got.Engines) != len(engines.Names()) {
		t.Fatalf("%+v", got)
	}
	for i, name := range engines.Names() {
		e := got.Engines[i]
		if e.Engine != name || e.Build <= 0 || e.Bytes < 20 || len(e.Ef) == 0 || len(e.Filtered) != 2*len(e.Ef) {
			t.Errorf("%s: %+v", name, e)
			continue
		}
		for _, row := range append(e.Ef, e.Filtered...) {
			if row["qps"] <= 0 || row["p99_us"] < row["p50_us"] || row["p50_us"] <= 0 || row["recall@10"] > 1 {
				t.Errorf("%s: %v", name, row)
			}
		}
		last := e.Ef[len(e.Ef)-1]
		if name != "coder" && last["recall@10"] < .99 || e.Filtered[len(e.Filtered)-1]["recall@10"] < .99 {
			t.Errorf("%s: recall %v, through a filter %v", name, last, e.Filtered)
		}
	}
	out.Reset()
	if err := run(args, &out); err != nil || !strings.Contains(out.String(), "recall@10") ||
		!strings.Contains(out.String(), "1%") {
		t.Errorf("tables: %v\n%s", err, out.String())
	}
}

func TestTruthIsThatOfSortingEveryCosine(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	base, err := readFbin(writeFbin(t, "base", rng, 500, 7), 0)
	if err != nil {
		t.Fatal(err)
	}
	query, err := readFbin(writeFbin(t, "query", rng, 150, 7), 0)
	if err != nil {
		t.Fatal(err)
	}
	filters := []*accepted{nil, draw(500, .3), draw(500, .004)}
	kth := truth(base, query, 5, filters)
	for f, filter := range filters {
		for q := range query.n {
			var all []float32
			for slot := range base.n {
				if filter == nil || filter.Accepts(uint32(slot)) {
					all = append(all, vector.Dot(query.row(q), base.row(slot)))
				}
			}
			slices.Sort(all)
			slices.Reverse(all)
			if want := all[min(5, len(all))-1]; kth[f][q] != want {
				t.Fatalf("filter %d query %d: the 5th is %g, want %g", f, q, kth[f][q], want)
			}
		}
	}
	if n := len(filters[1].slots); n != 150 || filters[2].Accepts(filters[2].slots[0]) != true {
		t.Errorf("a share of .3 of 500 is %d slots", n)
	}
}

func TestBadFilesAndFlagsSayWhatIsWrong(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	good, other := writeFbin(t, "good", rng, 20, 4), writeFbin(t, "other", rng, 20, 5)
	cut := filepath.Join(t.TempDir(), "cut")
	data, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cut, data[:len(data)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"--base and --query are needed": {},
		"which is not 327 bytes":        {"--base", cut, "--query", good},
		"no such file":                  {"--base", cut + "x", "--query", good},
		"4 dimensions":                  {"--base", good, "--query", other},
		"no engine":                     {"--base", good, "--query", good, "--engines", "ivf"},
		"--ef 0":                        {"--base", good, "--query", good, "--ef", "16,0"},
		"--selectivity 2":               {"--base", good, "--query", good, "--selectivity", "2"},
		"no peer":                       {"--base", good, "--query", good, "--peers", "annoy"},
		"--k 21":                        {"--base", good, "--query", good, "--k", "21"},
		"build it as": {"--base", good, "--query", good, "--engines", "flat", "--rounds", "1", "--round",
			"1ns", "--hnswlib", cut},
	} {
		if err := run(args, new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("annbench %v: %v, want %q", args, err, want)
		}
	}
	bad := bytes.Clone(data)
	copy(bad[8:], []byte{0, 0, 0xc0, 0x7f}) // NaN
	if _, err := parseFbin(bytes.NewReader(bad), int64(len(bad)), 0); err == nil ||
		!strings.Contains(err.Error(), "row 0") {
		t.Errorf("a file with NaN: %v", err)
	}
}

func TestThePeersOutputIsComparedAtTheSmallestWidthThatReachesARecall(t *testing.T) {
	own := &engineReport{Engine: "hnsw", BuildSeconds: 5, BuildCPU: 3, BytesAVector: 600, Widths: []row{
		{Ef: 16, K: 10, Recall: .94, QPS: 9000}, {Ef: 32, K: 10, Recall: .96, QPS: 8000, CPUQPS: 9000},
		{Ef: 64, K: 10, Recall: .991, QPS: 5000},
	}}
	var peer report
	measured := `{"engines": [{
		"engine": "hnswlib", "build_seconds": 10, "build_cpu_seconds": 12, "bytes_per_vector": 1200,
		"ef": [{"recall@10": 0.955, "ef": 16, "qps": 4000, "cpu_qps": 3000}, {"recall@10": 0.985, "ef": 32, "qps": 3000}]
	}]}`
	if err := json.Unmarshal([]byte(measured), &peer); err != nil {
		t.Fatal(err)
	}
	got := ratios(append([]*engineReport{own}, peer.Engines...))
	if len(got) != 1 || got[0].Build != .5 || got[0].CPU != .25 || got[0].Bytes != .5 || len(got[0].At) != 1 ||
		got[0].At[0] != (ratioAt{Recall: .95, QPS: 2, CPU: 3, Ef: 32, Own: 8000, PeerEf: 16, Peer: 4000}) {
		t.Errorf("%+v", got)
	}
	if ratios([]*engineReport{own}) != nil {
		t.Error("ratios without a peer")
	}
	text, err := json.Marshal(own.Widths[0])
	var back row
	if err != nil || json.Unmarshal(text, &back) != nil || back != own.Widths[0] {
		t.Errorf("a row is written as %s and read as %+v: %v", text, back, err)
	}
}
