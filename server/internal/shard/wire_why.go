package shard

import (
	nodev1 "github.com/akin-search/akin/proto/akin/node/v1"
	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/engine"
)

func encodeTexts(list [][]string) []*nodev1.Texts {
	out := make([]*nodev1.Texts, len(list))
	for i, parts := range list {
		out[i] = &nodev1.Texts{Parts: parts}
	}
	return out
}

func decodeTexts(list []*nodev1.Texts) [][]string {
	out := make([][]string, len(list))
	for i, m := range list {
		out[i] = m.GetParts()
	}
	return out
}

func encodeReasons(list []*engine.Because) []*akinv1.Because {
	out := make([]*akinv1.Because, len(list))
	for i, b := range list {
		out[i] = &akinv1.Because{OtherLikes: b.Others, Penalty: b.Penalty}
		for _, like := range b.Likes {
			out[i].Likes = append(out[i].Likes, &akinv1.LikeReason{
				PaperId: like.PaperID, Like: int32(like.Like), Part: like.Part, Terms: encodeParts(like.Terms),
			})
		}
	}
	return out
}

func decodeReasons(list []*akinv1.Because) []*engine.Because {
	out := make([]*engine.Because, len(list))
	for i, m := range list {
		out[i] = &engine.Because{Others: m.GetOtherLikes(), Penalty: m.GetPenalty()}
		for _, like := range m.GetLikes() {
			out[i].Likes = append(out[i].Likes, engine.LikeReason{
				PaperID: like.GetPaperId(), Like: int(like.GetLike()), Part: like.GetPart(), Terms: decodeParts(like.GetTerms()),
			})
		}
	}
	return out
}

func encodeParts(terms []engine.TermPart) (out []*akinv1.TermPart) {
	for _, t := range terms {
		out = append(out, &akinv1.TermPart{Term: t.Term, Cosine: t.Cosine, Bm25: t.BM25, Matches: t.Matches})
	}
	return out
}

func decodeParts(terms []*akinv1.TermPart) (out []engine.TermPart) {
	for _, t := range terms {
		out = append(out, engine.TermPart{
			Term: t.GetTerm(), Cosine: t.GetCosine(), BM25: t.GetBm25(), Matches: t.GetMatches(),
		})
	}
	return out
}

func encodeExplained(x *engine.ShardExplained) *nodev1.ExplainStoredPaperResponse {
	c := &x.Candidate
	return &nodev1.ExplainStoredPaperResponse{
		Ordinal: c.Ordinal, Born: c.Born, Published: c.Published, Cosine: c.Cosine, Bm25: c.BM25, Shared: c.Shared,
		Explanation: &akinv1.ExplainSimilarityResponse{
			Cosine: x.Explanation.Cosine, Bm25: x.Explanation.BM25, Terms: encodeParts(x.Terms), Model: x.Model,
			RemainingCosine: x.RemainingCosine,
		},
	}
}

func decodeExplained(m *nodev1.ExplainStoredPaperResponse) *engine.ShardExplained {
	told := m.GetExplanation()
	x := &engine.ShardExplained{Explanation: engine.Explanation{
		Likeness: engine.Likeness{Cosine: told.GetCosine(), BM25: told.GetBm25()}, Terms: decodeParts(told.GetTerms()),
		Model: told.GetModel(), RemainingCosine: told.GetRemainingCosine(),
	}}
	c := &x.Candidate
	c.Ordinal, c.Born, c.Published = m.GetOrdinal(), m.GetBorn(), m.GetPublished()
	c.Cosine, c.BM25, c.Shared = m.GetCosine(), m.GetBm25(), m.GetShared()
	return x
}
