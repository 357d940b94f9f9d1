package cli

import (
	"bufio"
	"bytes"
	"strings"
	"testing"

	"github.com/akin-search/akin/client"
	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// TestMissingShardsAreTold in words beside the hits, and among them in JSON.
func TestMissingShardsAreTold(t *testing.T) {
	found := &client.Result{
		Hits: []*client.Hit{{Paper: &client.Paper{Id: "a", Title: "Attention"}}}, Info: &akinv1.SearchInfo{},
		MissingShards: []int32{1, 3},
	}
	for _, c := range []struct {
		json bool
		said string
	}{
		{false, "no answer from shards 1, 3: papers there are not among these\n"}, {true, `"missing_shards":[1,3]`},
	} {
		var out, said bytes.Buffer
		a := &app{env: &Env{Err: &said}, out: bufio.NewWriter(&out), json: c.json}
		if err := a.printResult(found); err != nil {
			t.Fatal(err)
		}
		if err := a.out.Flush(); err != nil {
			t.Fatal(err)
		}
		if all := out.String() + said.String(); !strings.Contains(all, c.said) ||
			!strings.Contains(out.String(), "Attention") {
			t.Errorf("json %t: %s", c.json, all)
		}
	}
	if s := newSession(t, library()...); s.must("search", "--partial", "attention") != s.must("search", "attention") {
		t.Error("a server alone has missing shards")
	}
}
