package service

import (
	"context"

	"golang.org/x/sync/errgroup"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// SearchPapers finds the papers nearest to a query.
func (s *Server) SearchPapers(
	ctx context.Context, req *akinv1.SearchPapersRequest,
) (*akinv1.SearchPapersResponse, error) {
	q, mask, err := decodeSearch(req)
	if err != nil {
		return nil, err
	}
	if err := s.scopeSearch(ctx, q); err != nil {
		return nil, err
	}
	result, err := s.engine().Search(ctx, q)
	if err != nil {
		return nil, err
	}
	if response, ok := encodeBriefly(result, mask); ok {
		return response, nil
	}
	response := encodeSearch(result, mask)
	cutSearch(response, result, maxResponseBytes, 1)
	return response, nil
}

// BatchSearchPapers answers many searches, each by itself. Together they take the cores that no other call
// of their kind has.
func (s *Server) BatchSearchPapers(
	ctx context.Context, req *akinv1.BatchSearchPapersRequest,
) (*akinv1.BatchSearchPapersResponse, error) {
	if err := checkBatch(req); err != nil {
		return nil, err
	}
	answers := make([]answer, len(req.GetRequests()))
	var group errgroup.Group
	group.SetLimit(s.gate.Width())
	for i, r := range req.GetRequests() {
		group.Go(recovered(func() error {
			answers[i] = s.searchOne(ctx, r)
			return nil
		}))
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil { // the whole call is over, not one search of it
		return nil, err
	}
	return encodeBatch(answers), nil
}

// searchOne is one search of a batch. Its status is what SearchPapers would have returned.
func (s *Server) searchOne(ctx context.Context, req *akinv1.SearchPapersRequest) answer {
	q, mask, err := decodeBatched(req)
	if err != nil {
		return answer{err: err}
	}
	if err := s.scopeSearch(ctx, q); err != nil {
		return answer{err: s.itemError(ctx, err, req)}
	}
	result, err := s.engine().Search(ctx, q)
	if err != nil {
		return answer{err: s.itemError(ctx, err, req)}
	}
	return answer{result: result, response: encodeSearch(result, mask)}
}

// RecommendPapers finds the papers nearest to what someone likes.
func (s *Server) RecommendPapers(
	ctx context.Context, req *akinv1.RecommendPapersRequest,
) (*akinv1.RecommendPapersResponse, error) {
	r, mask, err := decodeRecommend(req)
	if err != nil {
		return nil, err
	}
	if err := s.scopeRecommendation(ctx, r); err != nil {
		return nil, err
	}
	result, err := s.engine().Recommend(ctx, r)
	if err != nil {
		return nil, err
	}
	response := encodeRecommend(result, mask)
	cutRecommend(response, result)
	return response, nil
}

// ExplainSimilarity splits the score of one paper into words.
func (s *Server) ExplainSimilarity(
	ctx context.Context, req *akinv1.ExplainSimilarityRequest,
) (*akinv1.ExplainSimilarityResponse, error) {
	q, err := decodeExplain(req)
	if err != nil {
		return nil, err
	}
	if err := s.resolve(ctx, &q.Target, &q.PaperID); err != nil {
		return nil, err
	}
	subjects := []string{q.Target}
	if q.PaperID != "" {
		subjects = append(subjects, q.PaperID)
	}
	if err := s.mustSee(ctx, subjects...); err != nil {
		return nil, err
	}
	explanation, err := s.engine().Explain(ctx, q)
	if err != nil {
		return nil, err
	}
	return encodeExplanation(explanation), nil
}

// FindDuplicates returns groups of near-identical papers.
func (s *Server) FindDuplicates(
	ctx context.Context, req *akinv1.FindDuplicatesRequest,
) (*akinv1.FindDuplicatesResponse, error) {
	q, err := decodeDuplicates(req)
	if err != nil {
		return nil, err
	}
	q.Filter = scoped(ctx, q.Filter)
	page, err := s.engine().Duplicates(ctx, q)
	if err != nil {
		return nil, err
	}
	return cutDuplicates(&page), nil
}

// EmbedTexts returns the vectors of texts.
func (s *Server) EmbedTexts(ctx context.Context, req *akinv1.EmbedTextsRequest) (*akinv1.EmbedTextsResponse, error) {
	texts, err := decodeEmbed(req)
	if err != nil {
		return nil, err
	}
	embeddings, model, err := s.engine().Embed(ctx, texts)
	if err != nil {
		return nil, err
	}
	return encodeEmbeddings(embeddings, model), nil
}
