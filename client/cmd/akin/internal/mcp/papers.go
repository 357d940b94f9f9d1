package mcp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/export"
)

type getIn struct {
	IDs    []string `json:"ids,omitempty" jsonschema:"at most 50"`
	Cursor string   `json:"cursor,omitempty" jsonschema:"next_cursor of the last answer"`
}

// checkIDs refuses a number of ids that is out of limits.
func checkIDs(ids []string) error {
	if len(ids) == 0 {
		return errors.New("ids is missing")
	}
	if len(ids) > 50 {
		return fmt.Errorf("%d ids; give at most 50", len(ids))
	}
	return nil
}

func (s *server) get(ctx context.Context, in getIn) (any, error) {
	if in.Cursor != "" {
		return s.resume(ctx, "get", in.Cursor)
	}
	if err := checkIDs(in.IDs); err != nil {
		return nil, err
	}
	papers, missing, err := s.client.GetMany(ctx, in.IDs, client.Abstracts())
	if err != nil {
		return nil, err
	}
	l := &listing{missing: missing, note: missingNote(len(missing))}
	for _, p := range papers {
		l.papers = append(l.papers, paperOf(p, wholeAuthors))
	}
	return s.fit("get", l), nil
}

type exportIn struct {
	IDs []string `json:"ids" jsonschema:"at most 50"`
}

// bibtex is the answer of export_bibtex. Entries come without abstracts.
type bibtex struct {
	Notice     string   `json:"notice"`
	BibTeX     string   `json:"bibtex"`
	MissingIDs []string `json:"missing_ids,omitempty"`
	// RemainingIDs did not fit: ask for them next.
	RemainingIDs []string `json:"remaining_ids,omitempty"`
	// TooLongIDs have an entry that fits in no answer: akin export writes it to a file.
	TooLongIDs []string `json:"too_long_ids,omitempty"`
}

func (s *server) exportBibtex(ctx context.Context, in exportIn) (any, error) {
	if err := checkIDs(in.IDs); err != nil {
		return nil, err
	}
	papers, missing, err := s.client.GetMany(ctx, in.IDs)
	if err != nil {
		return nil, err
	}
	out := &bibtex{Notice: notice, MissingIDs: few(missing, s.budget/4)}
	var text strings.Builder
	to, err := export.New("bibtex", &text)
	if err != nil {
		return nil, err
	}
	left := s.budget - reserve - costOf(out.MissingIDs)
	for _, p := range papers {
		left -= cost(p.GetId()) + 3 // should it have to be named
	}
	kept := ""
	for i, p := range papers {
		if err := to.Write(p); err != nil {
			return nil, err
		}
		entry := text.String()[len(kept):]
		switch c := costOf(entry); {
		case c <= left:
			left -= c
			out.BibTeX += entry
		case out.BibTeX == "":
			out.TooLongIDs = append(out.TooLongIDs, p.GetId())
		default:
			for _, later := range papers[i:] {
				out.RemainingIDs = append(out.RemainingIDs, later.GetId())
			}
			return out, nil
		}
		kept = text.String()
	}
	return out, nil
}

// statsOut is the answer of stats.
type statsOut struct {
	Notice       string   `json:"notice"`
	Papers       int64    `json:"papers"`
	Activity     string   `json:"activity,omitempty"`
	ModelTrained bool     `json:"model_trained"`
	Sample       *samples `json:"sample,omitempty"`
}

// samples describes the newest and most central papers of the corpus.
type samples struct {
	Of         int      `json:"of"` // papers looked at
	Oldest     string   `json:"oldest,omitempty"`
	Newest     string   `json:"newest,omitempty"`
	Categories []string `json:"categories,omitempty"` // the most frequent first
	Titles     []string `json:"titles"`
}

// sampled is how many papers stats looks at.
const sampled = 100

func (s *server) stats(ctx context.Context, _ struct{}) (any, error) {
	stats, err := s.client.Stats(ctx)
	if err != nil {
		return nil, err
	}
	out := &statsOut{
		Notice: notice, Papers: stats.GetPapers(), Activity: stats.GetActivity(), ModelTrained: stats.GetModel().GetTrained(),
	}
	if stats.GetPapers() == 0 {
		return out, nil
	}
	central, err := s.client.Recommend(ctx, client.Taste{}, client.Limit(sampled))
	if err != nil {
		return nil, err
	}
	out.Sample = sampleOf(central.Hits)
	return out, nil
}

func sampleOf(hits []*client.Hit) *samples {
	out := &samples{Of: len(hits), Titles: []string{}}
	var oldest, newest time.Time
	counts := make(map[string]int)
	for i, h := range hits {
		p := h.GetPaper()
		if p.GetPublishTime().IsValid() {
			t := p.GetPublishTime().AsTime()
			if oldest.IsZero() || t.Before(oldest) {
				oldest = t
			}
			if newest.IsZero() || t.After(newest) {
				newest = t
			}
		}
		for _, c := range p.GetCategories() {
			counts[plain(c)]++
		}
		if title := plain(p.GetTitle()); i < 5 && title != "" {
			out.Titles = append(out.Titles, title[:head(title, 60)])
		}
	}
	if !newest.IsZero() {
		out.Oldest, out.Newest = oldest.Format(time.DateOnly), newest.Format(time.DateOnly)
	}
	categories := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	for _, c := range categories[:min(len(categories), 12)] {
		out.Categories = append(out.Categories, c[:head(c, 20)])
	}
	return out
}
