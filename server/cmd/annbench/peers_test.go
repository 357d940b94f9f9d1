package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// asPeer in the environment makes this test program a peer, which prints what it was asked as the name of its engine.
const asPeer = "AKIN_ANNBENCH_AS_PEER"

func TestMain(m *testing.M) {
	if os.Getenv(asPeer) != "" {
		fmt.Printf(`{"engines":[{"engine":%q,"ef":[{"recall@5":0.5,"ef":16,"qps":10,"cpu_qps":20,"p50_us":3,"p99_us":4}]}]}`,
			strings.Join(os.Args[1:], " "))
		return
	}
	os.Exit(m.Run())
}

func TestAPeerIsAskedWhatTheEnginesAre(t *testing.T) {
	t.Setenv(asPeer, "1")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &settings{
		base: "/b", query: "/q", k: 5, ef: []int{16, 32}, threads: 2, limit: 7, rounds: 3, roundTime: time.Second,
	}
	e, err := runPeer(s, []string{self, "--only", "x"}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	want := "--only x --base /b --query /q --json --k 5 --ef 16,32 --threads 2 --limit 7 --rounds 3 --round 1s"
	if e.Engine != want {
		t.Errorf("the peer was asked\n%s, want\n%s", e.Engine, want)
	}
	want16 := row{Ef: 16, K: 5, Recall: .5, QPS: 10, CPUQPS: 20, P50: 3, P99: 4}
	if len(e.Widths) != 1 || e.Widths[0] != want16 {
		t.Errorf("its rows were read as %+v", e.Widths)
	}
}

func TestWhatIsNoReportOfOneEngineIsRefused(t *testing.T) {
	good := `{"engines":[{"engine":"x","ef":[{"recall@10":0.5,"ef":16}]}]}`
	if _, err := parsePeer([]byte(good + "\n")); err != nil {
		t.Errorf("%s: %v", good, err)
	}
	for _, bad := range []string{
		"", "x", "{}", `{"engines":[]}`, `{"engines":[null]}`, `{"engines":[{"engine":"x"}]}`,
		`{"engines":[{"ef":[{"recall@10":0.5}]}]}`, `{"engines":[{"engine":"x","ef":[{"ef":16}]}]}`,
		`{"engines":[{"engine":"x","ef":[{"recall@10":0.5}]},{"engine":"y","ef":[{"recall@10":0.5}]}]}`, good + good,
	} {
		if e, err := parsePeer([]byte(bad)); err == nil {
			t.Errorf("%s was read as %+v", bad, e)
		}
	}
}

func TestAPeerThatCannotBeHadIsLeftOutWithAWord(t *testing.T) {
	absent := peer{"absent", "hnswlib", "what is not there", filepath.Join(t.TempDir(), "absent.h"), nil}
	_, err := absent.build(t.TempDir())
	if !errors.Is(err, errMissing) || err.Error() != "left out: it needs what is not there" {
		t.Errorf("%v", err)
	}
	was := peers
	peers = []peer{absent}
	defer func() { peers = was }()
	var log bytes.Buffer
	err = runPeers(&settings{peers: []string{"absent"}}, &log, func(e *engineReport) { t.Errorf("measured: %+v", e) })
	if err != nil || log.String() != "absent: left out: it needs what is not there\n" {
		t.Errorf("%v, %q", err, log.String())
	}
}

// The C++ peers are built and measured where their libraries are; usearch is not, since it comes over the network. Of
// codes learnt from so few vectors one cannot ask for much.
func TestPeersReachTheRecallOfTheirKind(t *testing.T) {
	if os.Getenv("AKIN_SOAK") == "" {
		t.Skip("building the peers takes half a minute: AKIN_SOAK=1 runs it")
	}
	rng := rand.New(rand.NewPCG(7, 7))
	s := &settings{
		base: writeFbin(t, "base", rng, 600, 20), query: writeFbin(t, "query", rng, 10, 20), k: 10, ef: []int{64, 400},
		threads: 2, rounds: 1, roundTime: time.Millisecond,
	}
	for _, p := range peers {
		t.Run(p.name, func(t *testing.T) {
			if p.header == "" {
				t.Skip("it comes from npm")
			}
			if _, err := os.Stat(p.header); err != nil {
				t.Skip("it needs " + p.needs)
			}
			if _, err := exec.LookPath("g++"); err != nil {
				t.Skip("it needs g++")
			}
			s.peers, s.keep, s.vectors = []string{p.name}, t.TempDir(), "x"
			measure := func() (got []*engineReport) {
				if err := runPeers(s, os.Stderr, func(e *engineReport) { got = append(got, e) }); err != nil {
					t.Fatal(err)
				}
				return got
			}
			got := measure()
			if len(got) != 1 || got[0].Engine != p.name || got[0].BytesAVector < 80 || len(got[0].Widths) == 0 {
				text, _ := json.Marshal(got)
				t.Fatalf("%s", text)
			}
			if last := got[0].Widths[len(got[0].Widths)-1]; last.Recall < .3 || last.Recall > 1 || last.QPS <= 0 {
				t.Errorf("%+v", last)
			}
			took := filepath.Join(s.keep, p.name+"-x.took")
			if _, err := os.Stat(took); err != nil {
				return // it is built anew each time
			}
			if err := os.WriteFile(took, []byte("7 8\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			again := measure()[0]
			if again.BuildSeconds != 7 || again.BuildCPU != 8 {
				t.Errorf("built in %v s, %v s of processor time: not the index that was kept", again.BuildSeconds, again.BuildCPU)
			}
			for i, row := range again.Widths {
				if row.Recall != got[0].Widths[i].Recall {
					t.Errorf("ef %d: recall %v of the kept index, %v before", row.Ef, row.Recall, got[0].Widths[i].Recall)
				}
			}
		})
	}
}
