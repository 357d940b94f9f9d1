package service

import (
	"testing"

	"google.golang.org/protobuf/proto"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// FuzzSearchesFromOutside holds that what is accepted is in the ranges that the engine relies on.
func FuzzSearchesFromOutside(f *testing.F) {
	for _, r := range []*akinv1.SearchPapersRequest{
		{Query: &akinv1.SearchPapersRequest_Text{Text: "a"}},
		{Query: &akinv1.SearchPapersRequest_Vector{Vector: &akinv1.VectorQuery{Model: "m", Values: []float32{1, 2}}},
			Options: &akinv1.SearchOptions{Ef: 3, Diversity: .5}},
	} {
		b, err := proto.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var in akinv1.SearchPapersRequest
		if proto.Unmarshal(b, &in) != nil {
			return
		}
		q, _, err := decodeSearch(&in)
		if err != nil {
			return
		}
		kinds := 0
		for _, set := range []bool{q.Text != "", q.PaperID != "", q.Vector != nil} {
			if set {
				kinds++
			}
		}
		ok := kinds == 1 && q.PageSize >= 1 && q.PageSize <= 1000 && q.Ef >= 0 && q.Ef <= 4096 &&
			q.Diversity >= 0 && q.Diversity <= 1 && q.RecencyHalfLife >= 0
		if !ok || q.DenseWeight != nil && !(*q.DenseWeight >= 0 && *q.DenseWeight <= 1) {
			t.Errorf("accepted %+v", q)
		}
	})
}
