package client

import (
	"context"
	"iter"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// Embedding is the vector of one text: the model's dimensions, of length 1, or empty when no word of the text is known.
type Embedding = akinv1.Embedding

// EmbedTexts returns one embedding for each text and the fingerprint of the model that made them. Any number of texts:
// they go up to 1,000 or 3.75 MiB a call. When the server changes its model between two such calls, all texts are
// embedded again, so that the vectors are always of one model.
func (c *Client) EmbedTexts(ctx context.Context, texts ...string) (embeddings []*Embedding, model string, err error) {
	for start := 0; start < len(texts); {
		end := textsEnd(texts, start)
		res, err := c.embedPart(ctx, texts[start:end])
		if err != nil {
			return nil, "", err
		}
		if model != "" && res.GetModel() != model {
			embeddings, model, start = embeddings[:0], "", 0
			continue
		}
		embeddings, model, start = append(embeddings, res.GetEmbeddings()...), res.GetModel(), end
	}
	return embeddings, model, nil
}

func (c *Client) embedPart(ctx context.Context, texts []string) (*akinv1.EmbedTextsResponse, error) {
	ctx, cancel := c.deadline(ctx)
	defer cancel()
	res, err := c.similarity.EmbedTexts(ctx, &akinv1.EmbedTextsRequest{Texts: texts})
	return res, callError("embed", err)
}

func textsEnd(texts []string, start int) int {
	bytes := 0
	for i := start; i < len(texts); i++ {
		bytes += len(texts[i]) + 8
		if i > start && (bytes > maxBatchBytes || i-start == 1000) {
			return i
		}
	}
	return len(texts)
}

// Explanation says what a score is made of, and splits cosine and BM25 into words.
type Explanation = akinv1.ExplainSimilarityResponse

// Explain says which words of a text make its likeness to a stored paper: up to maxTerms of them, 0 for the default of
// 20, at most 200. The options are those of the search whose hit is to be explained; paging has no effect.
func (c *Client) Explain(
	ctx context.Context, text, targetID string, maxTerms int, opts ...SearchOption,
) (*Explanation, error) {
	return c.explain(ctx, &akinv1.ExplainSimilarityRequest{
		Query: &akinv1.ExplainSimilarityRequest_Text{Text: text}, TargetPaperId: targetID, MaxTerms: int32(maxTerms),
		Options: settingsOf(opts).options,
	})
}

// ExplainPapers says the same about two stored papers.
func (c *Client) ExplainPapers(
	ctx context.Context, id, targetID string, maxTerms int, opts ...SearchOption,
) (*Explanation, error) {
	return c.explain(ctx, &akinv1.ExplainSimilarityRequest{
		Query: &akinv1.ExplainSimilarityRequest_PaperId{PaperId: id}, TargetPaperId: targetID, MaxTerms: int32(maxTerms),
		Options: settingsOf(opts).options,
	})
}

func (c *Client) explain(ctx context.Context, req *akinv1.ExplainSimilarityRequest) (*Explanation, error) {
	ctx, cancel := c.deadline(ctx)
	defer cancel()
	res, err := c.similarity.ExplainSimilarity(ctx, req)
	return res, callError("explain", err)
}

// DuplicateGroup is a set of papers that are nearly the same.
type DuplicateGroup = akinv1.DuplicateGroup

// Duplicates yields groups of stored papers that are nearly the same, in ascending byte order of their first ids, page
// after page. An error is yielded last.
func (c *Client) Duplicates(ctx context.Context, opts ...DuplicateOption) iter.Seq2[*DuplicateGroup, error] {
	return func(yield func(*DuplicateGroup, error) bool) {
		req := &akinv1.FindDuplicatesRequest{}
		for _, opt := range opts {
			opt.applyDuplicates(req)
		}
		for {
			page, err := c.similarity.FindDuplicates(ctx, req)
			if err != nil {
				yield(nil, callError("duplicates", err))
				return
			}
			for _, group := range page.GetGroups() {
				if !yield(group, nil) {
					return
				}
			}
			if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
				return
			}
		}
	}
}
