package mcp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/akin-search/akin/client"
)

// found is one page of hits.
type found = client.Result

// scope is what search, similar and recommend share.
type scope struct {
	From       string   `json:"from,omitempty" jsonschema:"published on or after: YYYY, YYYY-MM or YYYY-MM-DD"`
	To         string   `json:"to,omitempty" jsonschema:"published on or before, same forms"`
	Categories []string `json:"categories,omitempty" jsonschema:"any of these"`
	Filter     string   `json:"filter,omitempty" jsonschema:"an AIP-160 filter as search describes"`
	Limit      int      `json:"limit,omitempty" jsonschema:"papers, 1 to 50, default 10"`
	Abstracts  string   `json:"abstracts,omitempty" jsonschema:"short (default), full or none"`
	Cursor     string   `json:"cursor,omitempty" jsonschema:"next_cursor of the answer before; all else is then ignored"`
}

type searchIn struct {
	Text string `json:"text,omitempty" jsonschema:"what to look for"`
	scope
}

type similarIn struct {
	ID string `json:"id,omitempty" jsonschema:"id, DOI or arXiv id"`
	scope
}

type recommendIn struct {
	Likes     []string `json:"likes,omitempty" jsonschema:"ids of papers"`
	Interests []string `json:"interests,omitempty" jsonschema:"what is liked, in words"`
	Dislikes  []string `json:"dislikes,omitempty" jsonschema:"ids of papers"`
	Profile   string   `json:"profile,omitempty" jsonschema:"id of a stored profile"`
	scope
}

func (s *server) search(ctx context.Context, in searchIn) (any, error) {
	if in.Cursor != "" {
		return s.resume(ctx, "search", in.Cursor)
	}
	if strings.TrimSpace(in.Text) == "" {
		return nil, errors.New("text is missing")
	}
	return s.find(ctx, "search", &in.scope, func(ctx context.Context, opts []client.SearchOption) (*found, error) {
		return s.client.Search(ctx, in.Text, opts...)
	})
}

func (s *server) similar(ctx context.Context, in similarIn) (any, error) {
	if in.Cursor != "" {
		return s.resume(ctx, "similar", in.Cursor)
	}
	if in.ID == "" {
		return nil, errors.New("id is missing")
	}
	return s.find(ctx, "similar", &in.scope, func(ctx context.Context, opts []client.SearchOption) (*found, error) {
		return s.client.SimilarTo(ctx, in.ID, opts...)
	})
}

func (s *server) recommend(ctx context.Context, in recommendIn) (any, error) {
	if in.Cursor != "" {
		return s.resume(ctx, "recommend", in.Cursor)
	}
	taste := client.Taste{Profile: in.Profile}
	for _, id := range in.Likes {
		taste.Likes = append(taste.Likes, client.FromPaper(id))
	}
	for _, text := range in.Interests {
		taste.Likes = append(taste.Likes, client.FromText(text))
	}
	for _, id := range in.Dislikes {
		taste.Dislikes = append(taste.Dislikes, client.FromPaper(id))
	}
	return s.find(ctx, "recommend", &in.scope, func(ctx context.Context, opts []client.SearchOption) (*found, error) {
		return s.client.Recommend(ctx, taste, opts...)
	})
}

// find asks for one page and cuts it to the budget.
func (s *server) find(ctx context.Context, tool string, in *scope,
	ask func(context.Context, []client.SearchOption) (*found, error),
) (any, error) {
	opts, err := in.options()
	if err != nil {
		return nil, err
	}
	// page asks for what stands behind a token. Its answer goes on with the next token.
	var page func(ctx context.Context, token string) (*listing, error)
	page = func(ctx context.Context, token string) (*listing, error) {
		asked := opts
		if token != "" {
			asked = append(opts[:len(opts):len(opts)], client.PageToken(token))
		}
		result, err := ask(ctx, asked)
		if errors.Is(err, client.ErrPageExpired) {
			return nil, fmt.Errorf("the corpus has changed behind this cursor; call %s again without a cursor", tool)
		}
		if err != nil {
			return nil, err
		}
		l := &listing{missing: result.MissingIDs, note: noteOf(result)}
		for _, hit := range result.Hits {
			l.papers = append(l.papers, hitOf(hit, in.Abstracts))
		}
		if next := result.NextPageToken; next != "" {
			l.more = func(ctx context.Context) (*listing, error) { return page(ctx, next) }
		}
		return l, nil
	}
	l, err := page(ctx, "")
	if err != nil {
		return nil, err
	}
	return s.fit(tool, l), nil
}

// noteOf says what a model has to know to read an answer rightly.
func noteOf(r *found) string {
	var notes []string
	if unknown := r.Info.GetUnknownWords(); len(unknown) > 0 {
		words := plain(strings.Join(unknown, ", "))
		notes = append(notes, "no paper has the words: "+words[:head(words, 60)])
	}
	if r.Info.GetWithoutLikes() {
		notes = append(notes, "without a like that is stored, these are the newest and most central papers")
	}
	if n := missingNote(len(r.MissingIDs)); n != "" {
		notes = append(notes, n)
	}
	if len(r.Hits) == 0 {
		notes = append(notes, "no paper of this corpus fits")
	}
	return strings.Join(notes, "; ")
}

// options turns a scope into options of the SDK.
func (in *scope) options() ([]client.SearchOption, error) {
	if in.Limit < 0 || in.Limit > 50 {
		return nil, fmt.Errorf("limit is %d; it must be 1 to 50", in.Limit)
	}
	if in.Limit == 0 {
		in.Limit = 10
	}
	opts := []client.SearchOption{client.Limit(in.Limit)}
	switch in.Abstracts {
	case "none":
	case "", "short", "full":
		opts = append(opts, client.Abstracts())
	default:
		return nil, fmt.Errorf("abstracts is %q; it must be short, full or none", in.Abstracts)
	}
	filter, err := in.filter()
	if err != nil {
		return nil, err
	}
	if filter != "" {
		opts = append(opts, client.Filter(filter))
	}
	return opts, nil
}

// filter joins dates, categories and the filter given into one AIP-160 filter.
func (in *scope) filter() (string, error) {
	var parts []string
	if in.From != "" {
		from, _, err := span("from", in.From)
		if err != nil {
			return "", err
		}
		parts = append(parts, `publish_time >= "`+from.Format(time.RFC3339)+`"`)
	}
	if in.To != "" {
		_, end, err := span("to", in.To)
		if err != nil {
			return "", err
		}
		parts = append(parts, `publish_time < "`+end.Format(time.RFC3339)+`"`)
	}
	var categories []string
	for _, c := range in.Categories {
		if strings.ContainsAny(c, `"\`) {
			return "", fmt.Errorf("the category %q has a quote or a backslash; name it in filter", c)
		}
		categories = append(categories, `categories:"`+c+`"`)
	}
	if len(categories) == 1 {
		parts = append(parts, categories[0])
	} else if len(categories) > 1 {
		parts = append(parts, "("+strings.Join(categories, " OR ")+")")
	}
	if given := strings.TrimSpace(in.Filter); given != "" {
		if len(parts) > 0 {
			given = "(" + given + ")"
		}
		parts = append(parts, given)
	}
	return strings.Join(parts, " AND "), nil
}

// span is the time that a date stands for: from its first moment to the first behind it.
func span(name, date string) (from, end time.Time, err error) {
	for _, form := range []struct {
		layout              string
		years, months, days int
	}{{"2006", 1, 0, 0}, {"2006-01", 0, 1, 0}, {"2006-01-02", 0, 0, 1}} {
		if from, err = time.Parse(form.layout, date); err == nil {
			return from, from.AddDate(form.years, form.months, form.days), nil
		}
	}
	return from, end, fmt.Errorf("%s is %q; it must be a date as YYYY, YYYY-MM or YYYY-MM-DD", name, date)
}
