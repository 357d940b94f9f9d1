package service

import (
	"context"
	"io"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// reads calls every method whose request may name a position.
func (r *rig) reads(p *akinv1.Position) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"get": func(ctx context.Context) error {
			_, err := r.papers.GetPaper(ctx, &akinv1.GetPaperRequest{Id: "a", AtLeast: p})
			return err
		},
		"batch get": func(ctx context.Context) error {
			_, err := r.papers.BatchGetPapers(ctx, &akinv1.BatchGetPapersRequest{Ids: []string{"a"}, AtLeast: p})
			return err
		},
		"list": func(ctx context.Context) error {
			_, err := r.papers.ListPapers(ctx, &akinv1.ListPapersRequest{AtLeast: p})
			return err
		},
		"export": func(ctx context.Context) error {
			stream, err := r.papers.ExportPapers(ctx, &akinv1.ExportPapersRequest{AtLeast: p})
			for err == nil {
				_, err = stream.Recv()
			}
			if err == io.EOF {
				return nil
			}
			return err
		},
		"search": func(ctx context.Context) error {
			_, err := r.similarity.SearchPapers(ctx, &akinv1.SearchPapersRequest{
				Query: &akinv1.SearchPapersRequest_PaperId{PaperId: "a"}, AtLeast: p,
			})
			return err
		},
		"batch search": func(ctx context.Context) error {
			search := &akinv1.SearchPapersRequest{Query: &akinv1.SearchPapersRequest_PaperId{PaperId: "a"}}
			_, err := r.similarity.BatchSearchPapers(ctx,
				&akinv1.BatchSearchPapersRequest{Requests: []*akinv1.SearchPapersRequest{search}, AtLeast: p})
			return err
		},
		"recommend": func(ctx context.Context) error {
			like := &akinv1.Preference{Subject: &akinv1.Preference_PaperId{PaperId: "a"}}
			_, err := r.similarity.RecommendPapers(ctx, &akinv1.RecommendPapersRequest{
				Likes: []*akinv1.Preference{like}, AtLeast: p,
			})
			return err
		},
		"explain": func(ctx context.Context) error {
			_, err := r.similarity.ExplainSimilarity(ctx, &akinv1.ExplainSimilarityRequest{
				Query: &akinv1.ExplainSimilarityRequest_PaperId{PaperId: "a"}, TargetPaperId: "a", AtLeast: p})
			return err
		},
		"duplicates": func(ctx context.Context) error {
			_, err := r.similarity.FindDuplicates(ctx, &akinv1.FindDuplicatesRequest{AtLeast: p})
			return err
		},
	}
}

func TestReadsHoldThePositionTheyNameAgainstTheHistory(t *testing.T) {
	r := newRig(t, Config{})
	ctx := t.Context()
	written, err := r.papers.UpsertPaper(ctx, &akinv1.UpsertPaperRequest{
		Paper: &akinv1.Paper{Id: "a", Title: "Words of a title"},
	})
	if err != nil {
		t.Fatal(err)
	}
	own := written.GetPosition()
	for name, read := range r.reads(own) {
		if err := read(ctx); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	foreign := proto.CloneOf(own)
	foreign.Lineage = strings.Repeat("ab", 16)
	for name, read := range r.reads(foreign) {
		t.Run(name, func(t *testing.T) { wantStatus(t, read(ctx), codes.FailedPrecondition, "LINEAGE_CHANGED") })
	}
	for name, read := range r.reads(&akinv1.Position{Revision: 1, Lineage: "none"}) {
		t.Run(name, func(t *testing.T) { wantViolation(t, read(ctx), reasonInvalidField, "at_least.lineage", "hex digits") })
	}
	in := &akinv1.SearchPapersRequest{Query: &akinv1.SearchPapersRequest_PaperId{PaperId: "a"}, AtLeast: own}
	batch, err := r.similarity.BatchSearchPapers(ctx,
		&akinv1.BatchSearchPapersRequest{Requests: []*akinv1.SearchPapersRequest{in}})
	if err != nil || codes.Code(batch.GetResults()[0].GetStatus().GetCode()) != codes.InvalidArgument {
		t.Errorf("at_least inside of a batch: %v, %v", batch, err)
	}
}
