package service

import (
	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/engine"
)

// This file holds both directions of the messages of recommendations.

func decodeRecommend(req *akinv1.RecommendPapersRequest) (*engine.Recommendation, paperMask, error) {
	var c validator
	r := &engine.Recommendation{
		Exclude:   req.GetExcludePaperIds(),
		Strict:    req.GetStrict(),
		Explain:   req.GetExplain(),
		ProfileID: req.GetProfileId(),
		HalfLife:  c.halfLife("half_life", req.GetHalfLife()),
		ShownRest: c.shownRest("shown_rest", req.GetShownRest()),
		PageSize:  c.pageSize(req.GetPageSize(), defaultHits),
		PageToken: req.GetPageToken(),

		AllowPartial: req.GetAllowPartial(),
	}
	if c.count("likes", len(req.GetLikes()), 0, maxLikes) {
		r.Likes = c.preferences("likes", req.GetLikes())
	}
	if c.count("dislikes", len(req.GetDislikes()), 0, maxDislikes) {
		r.Dislikes = c.preferences("dislikes", req.GetDislikes())
	}
	if c.count("exclude_paper_ids", len(r.Exclude), 0, maxExcluded) {
		for i, id := range r.Exclude {
			if len(id) > maxIDBytes || id == "" {
				c.id(at("exclude_paper_ids", i), id)
			}
		}
	}
	if r.ProfileID != "" {
		c.id("profile_id", r.ProfileID)
	}
	c.pageToken(r.PageToken)
	var mask paperMask
	r.Options, mask = c.options(req.GetOptions())
	return r, mask, c.err()
}

func (c *validator) preferences(path string, list []*akinv1.Preference) []engine.Preference {
	out := make([]engine.Preference, len(list))
	for i, p := range list {
		switch subject := p.GetSubject().(type) {
		case *akinv1.Preference_PaperId:
			out[i].PaperID = subject.PaperId
			c.id(at(path, i)+".paper_id", subject.PaperId)
		case *akinv1.Preference_Text:
			out[i].Text = subject.Text
			c.text(at(path, i)+".text", subject.Text)
		case *akinv1.Preference_Vector:
			out[i].Vector = &engine.VectorQuery{Values: subject.Vector.GetValues(), Model: subject.Vector.GetModel()}
			c.vector(at(path, i)+".vector", subject.Vector)
		default:
			c.addf(at(path, i), "is empty: set one of paper_id, text and vector")
		}
		out[i].Weight = p.GetWeight()
		if out[i].Weight == 0 {
			out[i].Weight = 1
		}
		c.number(at(path, i)+".weight", out[i].Weight, 0, maxWeight)
	}
	return out
}

func encodeRecommend(r *engine.Result, mask paperMask) *akinv1.RecommendPapersResponse {
	hits := encodeHits(r.Hits, mask, r.Parts)
	for i, h := range r.Hits {
		hits[i].BecauseOf = encodeBecause(h.Because)
	}
	return &akinv1.RecommendPapersResponse{
		Hits:            hits,
		NextPageToken:   r.NextPageToken,
		Info:            encodeInfo(r),
		MissingPaperIds: r.MissingIDs,
	}
}

func encodeBecause(b *engine.Because) *akinv1.Because {
	if b == nil {
		return nil
	}
	out := &akinv1.Because{OtherLikes: b.Others, Penalty: b.Penalty}
	for _, like := range b.Likes {
		out.Likes = append(out.Likes, &akinv1.LikeReason{
			PaperId: like.PaperID, Like: int32(like.Like), Part: like.Part, Terms: encodeTerms(like.Terms),
		})
	}
	return out
}
