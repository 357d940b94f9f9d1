package main

import (
	"context"
	"iter"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/akin-search/akin/client"
)

// TestAnExportImportedElsewhereLosesNothing moves papers with every field from one server to another.
func TestAnExportImportedElsewhereLosesNothing(t *testing.T) {
	ctx := context.Background()
	from := start(t, "--addr", "127.0.0.1:0", "--data", t.TempDir())
	to := start(t, "--addr", "127.0.0.1:0", "--data", t.TempDir())
	go drainLog(from)
	go drainLog(to)
	source, target := dial(t, from), dial(t, to)
	papers := []*client.Paper{
		{
			Id: "10.1000/182", Title: "Every field", Abstract: "Of a paper.\nOn two lines, with ünïcode 図形.",
			Authors: []string{"A. One", "B. Two"}, Categories: []string{"cs.LG", "stat.ML"}, Url: "https://example.org/182",
			Doi: "10.1000/182", PublishTime: &timestamppb.Timestamp{Seconds: 1_600_000_000, Nanos: 5},
			Attributes: map[string]*client.AttributeValue{"venue": client.String("X"), "year": client.Number(2020.5),
				"open": client.Bool(false)},
		},
		{Id: "title only", Title: "Nothing else"},
		{Id: "abstract only", Abstract: "Nothing else."},
	}
	if _, err := source.UpsertBatch(ctx, papers); err != nil {
		t.Fatal(err)
	}
	report, err := target.Import(ctx, source.Export(ctx))
	if err != nil || report.Written != 3 {
		t.Fatalf("import of the export: %+v, %v", report, err)
	}
	left, right := content(t, source.Export(ctx)), content(t, target.Export(ctx))
	if len(left) != 3 || len(right) != 3 {
		t.Fatalf("%d papers here, %d there", len(left), len(right))
	}
	for i := range left {
		if !proto.Equal(left[i], right[i]) {
			t.Errorf("exported %v, arrived %v", left[i], right[i])
		}
	}
}

// content is what the papers hold apart from the times and revisions of their writes.
func content(t *testing.T, papers iter.Seq2[*client.Paper, error]) []*client.Paper {
	t.Helper()
	var all []*client.Paper
	for p, err := range papers {
		if err != nil {
			t.Fatal(err)
		}
		p.CreateTime, p.UpdateTime, p.Revision = nil, nil, 0
		all = append(all, p)
	}
	return all
}
