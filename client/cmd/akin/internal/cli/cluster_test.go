package cli

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

func TestStatisticsShowTheNodesOfACluster(t *testing.T) {
	c := &akinv1.ClusterInfo{
		Name: "demo", Node: "n1", Leader: "n2", AppliedWrites: 9, KnownWrites: 12, Lag: durationpb.New(20 * time.Millisecond),
		LogBytes: 2 << 20, LogLimitBytes: 16 << 30, Shards: 3,
		Nodes: []*akinv1.ClusterNode{
			{Node: "n1", Heard: true, Silence: durationpb.New(0), AppliedWrites: 9, ModelFingerprint: "f",
				PreparedFingerprint: "g"},
			{Node: "n2", Silence: durationpb.New(3 * time.Second), AppliedWrites: 12, ModelFingerprint: "f", Shard: 2},
			{Node: "n3"},
		},
	}
	want := [][2]string{
		{"cluster", "demo, n2 leads; this is n1, 20.00 ms behind, no lease"},
		{"log", "9 applied of 12 writes, 2.0 MiB of 16.0 GiB"},
		{"n1", "9 writes applied, model f, next g"},
		{"n2", "shard 2 of 3, silent for 3.0 s; 12 writes applied, model f"},
		{"n3", "not heard yet"},
	}
	for i, row := range clusterRows(c) {
		if row != want[i] {
			t.Errorf("%q, want %q", row, want[i])
		}
	}
	b, err := json.Marshal(clusterOf(c))
	if err != nil {
		t.Fatal(err)
	}
	if text := `{"name":"demo","node":"n1","leader":"n2","applied_writes":9,"known_writes":12,"lag_seconds":0.02,` +
		`"leased":false,"log_bytes":2097152,"log_limit_bytes":17179869184,"shards":3,"nodes":[` +
		`{"node":"n1","heard":true,"silence_seconds":0,"applied_writes":9,"model_fingerprint":"f",` +
		`"prepared_fingerprint":"g"},{"node":"n2","heard":false,"shard":2,"silence_seconds":3,"applied_writes":12,` +
		`"model_fingerprint":"f"},{"node":"n3","heard":false,"applied_writes":0}]}`; string(b) != text {
		t.Errorf("%s\nwant\n%s", b, text)
	}
	if clusterOf(nil) != nil || clusterRows(nil) != nil {
		t.Error("a server that stands alone has a cluster")
	}
}

// TestShardsThatDoNotAnswerAreTold by statistics, and do not keep an import from its start.
func TestShardsThatDoNotAnswerAreTold(t *testing.T) {
	s := newSession(t, library()...)
	s.server.MissingShards = []int32{3}
	if out := s.must("stats"); !strings.Contains(out, "7, without those of shard 3: no answer") {
		t.Errorf("%s", out)
	}
	if out := s.must("stats", "--json"); !strings.Contains(out, `"missing_shards":[3]`) {
		t.Errorf("%s", out)
	}
	file := filepath.Join(t.TempDir(), "corpus.jsonl")
	writeFile(t, file, beir(3))
	o := s.run("import", file)
	if o.code != exitOK || !strings.Contains(o.err, "no answer from shard 3: papers that belong there wait") {
		t.Errorf("%+v", o)
	}
	s.server.MissingShards = []int32{1, 3}
	if out := s.must("stats"); !strings.Contains(out, "of shards 1, 3: no") {
		t.Errorf("%s", out)
	}
}
