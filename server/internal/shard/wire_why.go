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
			m := &akinv1.LikeReason{PaperId: like.PaperID, Like: int32(like.Like), Part: like.Part}
			for _, t := range like.Terms {
				m.Terms = append(m.Terms, &akinv1.TermPart{Term: t.Term, Cosine: t.Cosine, Bm25: t.BM25, Matches: t.Matches})
			}
			out[i].Likes = append(out[i].Likes, m)
		}
	}
	return out
}

func decodeReasons(list []*akinv1.Because) []*engine.Because {
	out := make([]*engine.Because, len(list))
	for i, m := range list {
		out[i] = &engine.Because{Others: m.GetOtherLikes(), Penalty: m.GetPenalty()}
		for _, like := range m.GetLikes() {
			reason := engine.LikeReason{PaperID: like.GetPaperId(), Like: int(like.GetLike()), Part: like.GetPart()}
			for _, t := range like.GetTerms() {
				reason.Terms = append(reason.Terms, engine.TermPart{
					Term: t.GetTerm(), Cosine: t.GetCosine(), BM25: t.GetBm25(), Matches: t.GetMatches(),
				})
			}
			out[i].Likes = append(out[i].Likes, reason)
		}
	}
	return out
}
