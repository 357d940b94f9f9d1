package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/akintest"
)

// contract is what a server promises and its fake too: each case finds its server holding contractPapers alone, and no
// profile of the case's name.
var contract = []struct {
	name  string
	check func(t *testing.T, ctx context.Context, c *client.Client)
}{
	{"a write is created, unchanged or replaces", contractWrites},
	{"a faulty paper names its field", contractFaults},
	{"a batch is stored whole or not at all", contractBatches},
	{"an import goes on behind a faulty item", contractImports},
	{"papers are read, listed, exported and deleted by id", contractReads},
	{"a purge counts before it deletes", contractPurges},
	{"a search finds what a text says, page after page", contractSearches},
	{"a stored paper is never its own hit", contractSimilar},
	{"a search that cannot be says why", contractRefusals},
	{"texts are embedded for searches by vector", contractVectors},
	{"words explain a likeness", contractExplains},
	{"recommendations leave out what they start from", contractRecommends},
	{"without a like the corpus is recommended", contractWithoutLikes},
	{"a profile is what its events add up to", contractProfiles},
	{"recommendations follow a profile", contractProfileRecommends},
	{"events are listed, and recorded once", contractEvents},
	{"a subscription is made, listed, changed and removed", contractSubscriptions},
	{"a faulty subscription names its field", contractFaultySubscriptions},
	{"matches are watched from a cursor on", contractMatches},
	{"what rises follows events", contractRising},
}

func contractPapers() []*client.Paper {
	paper := func(id, title, abstract string, categories ...string) *client.Paper {
		return &client.Paper{Id: id, Title: title, Abstract: abstract, Categories: categories}
	}
	return []*client.Paper{
		paper("attention", "Attention for translation", "Translation of sentences by attention, without recurrence.",
			"cs.CL"),
		paper("folding", "Protein folding", "The structure of proteins from their sequence.", "q-bio"),
		paper("graphs", "Attention over graphs", "Attention weighs the neighbours in a graph.", "cs.LG"),
		paper("images", "Attention for images", "Patches of images attend to one another by attention.", "cs.CV", "cs.LG"),
		paper("proteins", "Design of proteins", "Proteins are designed for a given structure.", "q-bio"),
	}
}

func TestTheFakeKeepsTheContractOfTheServer(t *testing.T) {
	server := dial(t, start(t, "--addr", "127.0.0.1:0", "--data", t.TempDir()))
	for _, c := range contract {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			t.Run("server", func(t *testing.T) {
				if _, _, err := server.Purge(ctx, "*", true); err != nil {
					t.Fatal(err)
				}
				if _, err := server.UpsertBatch(ctx, contractPapers()); err != nil {
					t.Fatal(err)
				}
				c.check(t, ctx, server)
			})
			t.Run("fake", func(t *testing.T) {
				fake, err := client.Dial(akintest.Start(t, contractPapers()...).Addr())
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = fake.Close() })
				c.check(t, ctx, fake)
			})
		})
	}
}

// wantError checks an error's sentinel, reason and first field; an empty field is none.
func wantError(t *testing.T, err, sentinel error, reason, field string) {
	t.Helper()
	var e *client.Error
	if !errors.Is(err, sentinel) || !errors.As(err, &e) || e.Reason != reason {
		t.Errorf("the error %v (%+v) is not %v with reason %s", err, e, sentinel, reason)
		return
	}
	got := ""
	if len(e.Fields()) > 0 {
		got = e.Fields()[0].Field
	}
	if got != field {
		t.Errorf("%v is about the field %q, not %q", err, got, field)
	}
}

func idsOf(hits []*client.Hit) []string {
	var ids []string
	for _, h := range hits {
		ids = append(ids, h.GetPaper().GetId())
	}
	return ids
}

// gather reads a sequence to its end.
func gather[T any](t *testing.T, all iter.Seq2[T, error]) []T {
	t.Helper()
	var out []T
	for v, err := range all {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

func contractWrites(t *testing.T, ctx context.Context, c *client.Client) {
	p := &client.Paper{Id: "new", Title: "A new paper", Abstract: "About something new."}
	first, err := c.Upsert(ctx, p)
	if err != nil || !first.GetCreated() || first.GetUnchanged() || first.GetPaper().GetAbstract() != "" {
		t.Fatalf("first: %v, %v", first, err)
	}
	again, err := c.Upsert(ctx, p)
	if err != nil || again.GetCreated() || !again.GetUnchanged() ||
		again.GetPaper().GetRevision() != first.GetPaper().GetRevision() {
		t.Errorf("again: %v, %v", again, err)
	}
	p.Title = "Another title"
	other, err := c.Upsert(ctx, p)
	if err != nil || other.GetCreated() || other.GetUnchanged() ||
		other.GetPaper().GetRevision() <= first.GetPaper().GetRevision() {
		t.Errorf("replaced: %v, %v", other, err)
	}
	if !other.GetPaper().GetCreateTime().AsTime().Equal(first.GetPaper().GetCreateTime().AsTime()) {
		t.Error("a paper that is replaced has another create_time")
	}
	if other.GetPosition().GetLineage() != first.GetPosition().GetLineage() ||
		len(other.GetPosition().GetLineage()) != 32 {
		t.Errorf("positions: %v, %v", first.GetPosition(), other.GetPosition())
	}
}

func contractFaults(t *testing.T, ctx context.Context, c *client.Client) {
	for _, f := range []struct {
		paper *client.Paper
		field string
	}{
		{&client.Paper{Title: "No id"}, "paper.id"},
		{&client.Paper{Id: "x"}, "paper.title"},
		{&client.Paper{Id: "x", Title: strings.Repeat("x", 2049)}, "paper.title"},
		{&client.Paper{Id: strings.Repeat("x", 257), Title: "A title"}, "paper.id"},
		{&client.Paper{Id: "x", Title: "A title", Abstract: strings.Repeat("x", 64<<10+1)}, "paper.abstract"},
	} {
		_, err := c.Upsert(ctx, f.paper)
		wantError(t, err, client.ErrInvalid, "INVALID_FIELD", f.field)
	}
}

func contractBatches(t *testing.T, ctx context.Context, c *client.Client) {
	good := &client.Paper{Id: "good", Title: "A good paper"}
	_, err := c.UpsertBatch(ctx, []*client.Paper{good, {Id: "bad"}})
	wantError(t, err, client.ErrInvalid, "INVALID_FIELD", "papers[1].title")
	_, err = c.UpsertBatch(ctx, []*client.Paper{good, good})
	if !errors.Is(err, client.ErrInvalid) {
		t.Errorf("one id twice: %v", err)
	}
	if _, err := c.Get(ctx, "good"); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("a part of a batch is stored: %v", err)
	}
	results, err := c.UpsertBatch(ctx, []*client.Paper{good, contractPapers()[0]})
	if err != nil || len(results) != 2 || !results[0].GetCreated() || !results[1].GetUnchanged() {
		t.Errorf("%v, %v", results, err)
	}
}

func contractImports(t *testing.T, ctx context.Context, c *client.Client) {
	var failed []string
	report, err := c.Import(ctx, client.Papers(contractPapers()[0], &client.Paper{Id: "bad"},
		&client.Paper{Id: "good", Title: "A good paper"}),
		client.OnItemError(func(e *client.ItemError) { failed = append(failed, e.ID) }))
	if err != nil || report.Written != 1 || report.Unchanged != 1 || report.Failed != 1 ||
		!slices.Equal(failed, []string{"bad"}) {
		t.Errorf("%+v, %v, failed %v", report, err, failed)
	}
}

func contractReads(t *testing.T, ctx context.Context, c *client.Client) {
	p, err := c.Get(ctx, "attention")
	if err != nil || p.GetAbstract() == "" || p.GetRevision() == 0 {
		t.Errorf("%v, %v", p, err)
	}
	_, err = c.Get(ctx, "nowhere")
	wantError(t, err, client.ErrNotFound, "PAPER_NOT_FOUND", "")
	papers, missing, err := c.GetMany(ctx, []string{"images", "nowhere", "attention"})
	if err != nil || len(papers) != 2 || papers[0].GetId() != "images" || papers[0].GetAbstract() != "" ||
		!slices.Equal(missing, []string{"nowhere"}) {
		t.Errorf("%v, %v, %v", papers, missing, err)
	}
	list := gather(t, c.List(ctx, client.PageSize(2), client.Filter(`categories:"cs.LG"`)))
	if len(list) != 2 || list[0].GetId() != "graphs" || list[1].GetId() != "images" || list[0].GetAbstract() != "" {
		t.Errorf("listed: %v", list)
	}
	if all := gather(t, c.Export(ctx)); len(all) != 5 || all[0].GetId() != "attention" || all[0].GetAbstract() == "" {
		t.Errorf("exported: %v", all)
	}
	if _, err := c.Delete(ctx, "graphs"); err != nil {
		t.Error(err)
	}
	_, err = c.Delete(ctx, "graphs")
	wantError(t, err, client.ErrNotFound, "PAPER_NOT_FOUND", "")
	if stats, err := c.Stats(ctx); err != nil || stats.GetPapers() != 4 {
		t.Errorf("stats: %v, %v", stats, err)
	}
}

func contractPurges(t *testing.T, ctx context.Context, c *client.Client) {
	if n, sample, err := c.Purge(ctx, `categories:"q-bio"`, false); err != nil || n != 2 || len(sample) != 2 {
		t.Errorf("counted %d, %v, %v", n, sample, err)
	}
	if n, sample, err := c.Purge(ctx, `categories:"q-bio"`, true); err != nil || n != 2 || len(sample) != 0 {
		t.Errorf("purged %d, %v, %v", n, sample, err)
	}
	_, _, err := c.Purge(ctx, "", true)
	wantError(t, err, client.ErrInvalid, "INVALID_FIELD", "filter")
	if rest := gather(t, c.List(ctx)); len(rest) != 3 {
		t.Errorf("left: %v", rest)
	}
}

func contractSearches(t *testing.T, ctx context.Context, c *client.Client) {
	all, err := c.Search(ctx, "attention", client.Filter(`categories:"cs.LG"`))
	if err != nil || !sameWords(strings.Join(idsOf(all.Hits), " "), "graphs images") {
		t.Fatalf("%v, %v", all, err)
	}
	if hit := all.Hits[0]; hit.GetPaper().GetAbstract() != "" || hit.GetCosine() <= 0 || hit.GetBm25() <= 0 ||
		all.Info.GetModel() == "" {
		t.Errorf("a hit: %v, %v", hit, all.Info)
	}
	if with, err := c.Search(ctx, "attention", client.Abstracts()); err != nil ||
		with.Hits[0].GetPaper().GetAbstract() == "" {
		t.Errorf("with abstracts: %v, %v", with, err)
	}
	if none, err := c.Search(ctx, "attention", client.MinCosine(1)); err != nil || len(none.Hits) != 0 {
		t.Errorf("above every cosine: %v, %v", none, err)
	}
	pages := gather(t, c.QueryAll(ctx, client.TextQuery("attention", client.Limit(1))))
	first, err := c.Search(ctx, "attention", client.Limit(3))
	if err != nil || len(pages) < 3 || !slices.Equal(idsOf(pages)[:3], idsOf(first.Hits)) {
		t.Errorf("pages %v, at once %v, %v", idsOf(pages), first, err)
	}
	batch, err := c.QueryBatch(ctx, []*client.SearchRequest{client.TextQuery("attention"), client.PaperQuery("nowhere")})
	if err != nil || len(batch) != 2 || batch[0].Err != nil || !errors.Is(batch[1].Err, client.ErrNotFound) {
		t.Errorf("batch: %v, %v", batch, err)
	}
}

func contractSimilar(t *testing.T, ctx context.Context, c *client.Client) {
	found, err := c.SimilarTo(ctx, "folding")
	if err != nil || len(found.Hits) == 0 || idsOf(found.Hits)[0] != "proteins" ||
		slices.Contains(idsOf(found.Hits), "folding") {
		t.Errorf("%v, %v", found, err)
	}
	_, err = c.SimilarTo(ctx, "nowhere")
	wantError(t, err, client.ErrNotFound, "PAPER_NOT_FOUND", "")
	partial, err := c.SimilarTo(ctx, "folding", client.AllowPartial()) // nothing is ever missing on a server alone
	if err != nil || !slices.Equal(idsOf(partial.Hits), idsOf(found.Hits)) || partial.MissingShards != nil {
		t.Errorf("%v, %v", partial, err)
	}
}

func contractRefusals(t *testing.T, ctx context.Context, c *client.Client) {
	_, err := c.Search(ctx, "")
	wantError(t, err, client.ErrInvalid, "INVALID_FIELD", "text")
	_, err = c.Search(ctx, "attention", client.Filter("bad ="))
	wantError(t, err, client.ErrInvalid, "INVALID_FILTER", "options.filter")
	_, err = c.SearchVector(ctx, []float32{1}, "00000000000000000000000000000000")
	wantError(t, err, client.ErrModelMismatch, "MODEL_MISMATCH", "")
	_, err = c.Search(ctx, "attention", client.PageToken("nonsense"))
	wantError(t, err, client.ErrInvalid, "INVALID_PAGE_TOKEN", "page_token")
}

func contractVectors(t *testing.T, ctx context.Context, c *client.Client) {
	embeddings, model, err := c.EmbedTexts(ctx, "attention in graphs", "?")
	if err != nil || len(embeddings) != 2 || len(embeddings[0].GetValues()) == 0 || len(embeddings[1].GetValues()) != 0 {
		t.Fatalf("%v, %v", embeddings, err)
	}
	norm := 0.0
	for _, v := range embeddings[0].GetValues() {
		norm += float64(v) * float64(v)
	}
	if norm < .99 || norm > 1.01 {
		t.Errorf("a vector of length %v", norm)
	}
	found, err := c.SearchVector(ctx, embeddings[0].GetValues(), model)
	if err != nil || len(found.Hits) == 0 || found.Hits[0].GetBm25() != 0 || found.Info.GetModel() != model {
		t.Errorf("%v, %v", found, err)
	}
}

func contractExplains(t *testing.T, ctx context.Context, c *client.Client) {
	why, err := c.Explain(ctx, "attention graphs", "graphs", 1)
	if err != nil || len(why.GetTerms()) != 1 || why.GetCosine() <= 0 || why.GetBm25() <= 0 {
		t.Errorf("%v, %v", why, err)
	}
	_, err = c.ExplainPapers(ctx, "graphs", "nowhere", 0)
	wantError(t, err, client.ErrNotFound, "PAPER_NOT_FOUND", "")
}

func contractRecommends(t *testing.T, ctx context.Context, c *client.Client) {
	likes := []*client.Preference{client.FromPaper("folding"), client.FromPaper("nowhere"), client.FromText("structure")}
	found, err := c.Recommend(ctx, client.Taste{
		Likes: likes, Exclude: []string{"images"}, Dislikes: []*client.Preference{client.FromPaper("graphs")},
	})
	if err != nil || len(found.Hits) == 0 || idsOf(found.Hits)[0] != "proteins" ||
		!slices.Equal(found.MissingIDs, []string{"nowhere"}) {
		t.Fatalf("%v, %v", found, err)
	}
	for _, id := range idsOf(found.Hits) {
		if id == "folding" || id == "graphs" || id == "images" {
			t.Errorf("%s is recommended", id)
		}
	}
	if found.Info.GetWithoutLikes() || found.Hits[0].GetBm25() != 0 {
		t.Errorf("%v, %v", found.Info, found.Hits[0])
	}
	_, err = c.Recommend(ctx, client.Taste{Likes: likes, Strict: true})
	wantError(t, err, client.ErrNotFound, "PAPER_NOT_FOUND", "")
	why, err := c.Recommend(ctx, client.Taste{Likes: likes[:1], Explain: true}, client.Limit(1))
	if err != nil || len(why.Hits) != 1 || len(why.Hits[0].GetBecauseOf().GetLikes()) != 1 ||
		why.Hits[0].GetBecauseOf().GetLikes()[0].GetPaperId() != "folding" {
		t.Errorf("reasons: %v, %v", why, err)
	}
}

func contractWithoutLikes(t *testing.T, ctx context.Context, c *client.Client) {
	for _, taste := range []client.Taste{{}, {Likes: []*client.Preference{client.FromPaper("nowhere")}},
		{Profile: t.Name()}} {
		found, err := c.Recommend(ctx, taste, client.Filter(`categories:"q-bio"`))
		if err != nil || len(found.Hits) != 2 || !found.Info.GetWithoutLikes() {
			t.Errorf("%+v: %v, %v", taste, found, err)
		}
	}
	_, err := c.Recommend(ctx, client.Taste{Profile: t.Name(), Strict: true})
	wantError(t, err, client.ErrNotFound, "PROFILE_NOT_FOUND", "")
}

func contractProfiles(t *testing.T, ctx context.Context, c *client.Client) {
	p := c.Profile(t.Name())
	if state, err := p.State(ctx); err != nil || state.GetEventCount() != 0 {
		t.Errorf("before its first event: %v, %v", state, err)
	}
	wantError(t, p.Delete(ctx), client.ErrNotFound, "PROFILE_NOT_FOUND", "")
	for _, err := range []error{
		p.Like(ctx, "attention", "graphs"), p.Dislike(ctx, "folding"), p.NotInterested(ctx, "graphs"), p.Read(ctx, "images"),
		p.Shown(ctx, "images", "proteins"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	state, err := p.State(ctx)
	if err != nil || len(state.GetLikes()) != 1 || state.GetLikes()[0].GetPaperId() != "attention" ||
		state.GetLikes()[0].GetWeight() != 1 {
		t.Fatalf("likes: %v, %v", state, err)
	}
	if len(state.GetDislikes()) != 2 || state.GetDislikes()[0].GetPaperId() != "graphs" || state.GetReadCount() != 1 ||
		state.GetShownCount() != 1 || state.GetEventCount() != 7 || !state.GetUpdateTime().IsValid() {
		t.Errorf("the rest: %v", state)
	}
	if err := p.Undo(ctx, state.GetLikes()[0].GetEventId()); err != nil {
		t.Fatal(err)
	}
	if state, err = p.State(ctx); err != nil || len(state.GetLikes()) != 0 || state.GetEventCount() != 8 {
		t.Errorf("after an undo: %v, %v", state, err)
	}
	if err := p.Delete(ctx); err != nil {
		t.Error(err)
	}
}

func contractProfileRecommends(t *testing.T, ctx context.Context, c *client.Client) {
	p := c.Profile(t.Name(), client.WithReasons())
	for _, err := range []error{p.Like(ctx, "attention"), p.NotInterested(ctx, "folding"), p.Read(ctx, "images"),
		p.Shown(ctx, "proteins")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	found, err := p.Recommend(ctx)
	if err != nil || !slices.Equal(idsOf(found.Hits), []string{"graphs"}) || found.Info.GetWithoutLikes() {
		t.Fatalf("%v, %v", found, err)
	}
	if why := found.Hits[0].GetBecauseOf().GetLikes(); len(why) != 1 || why[0].GetPaperId() != "attention" {
		t.Errorf("because of %v", why)
	}
	likes := []*client.Preference{client.FromPaper("folding")}
	rested, err := c.Recommend(ctx, client.Taste{Profile: t.Name(), Likes: likes})
	if err != nil || slices.Contains(idsOf(rested.Hits), "proteins") {
		t.Errorf("what was shown comes again: %v, %v", rested, err)
	}
	again, err := c.Recommend(ctx, client.Taste{Profile: t.Name(), Likes: likes, ShownRest: -1})
	if err != nil || !slices.Contains(idsOf(again.Hits), "proteins") || slices.Contains(idsOf(again.Hits), "images") {
		t.Errorf("what was shown may come again, and what was read may not: %v, %v", again, err)
	}
}

func contractEvents(t *testing.T, ctx context.Context, c *client.Client) {
	p := c.Profile(t.Name())
	events := make([]*client.Event, 3)
	for i := range events {
		events[i] = &client.Event{EventId: fmt.Sprint("e", 3-i), Kind: client.Like, PaperId: "attention"}
	}
	if n, err := p.Record(ctx, events...); err != nil || n != 3 {
		t.Errorf("recorded %d, %v", n, err)
	}
	if n, err := p.Record(ctx, events...); err != nil || n != 0 {
		t.Errorf("recorded again: %d, %v", n, err)
	}
	listed := gather(t, p.Events(ctx))
	if len(listed) != 3 || listed[0].GetEventId() != "e1" || listed[2].GetEventId() != "e3" ||
		!listed[0].GetEventTime().IsValid() {
		t.Errorf("listed: %v", listed)
	}
	for _, f := range []struct {
		event *client.Event
		field string
	}{
		{&client.Event{EventId: "x", PaperId: "a"}, "events[0].kind"},
		{&client.Event{EventId: "x", Kind: client.Like}, "events[0].paper_id"},
		{&client.Event{EventId: "x", Kind: client.Undo}, "events[0].undoes"},
	} {
		_, err := p.Record(ctx, f.event)
		wantError(t, err, client.ErrInvalid, "INVALID_FIELD", f.field)
	}
	summaries := gather(t, c.Profiles(ctx))
	if !slices.ContainsFunc(summaries, func(s *client.ProfileSummary) bool {
		return s.GetProfileId() == t.Name() && s.GetEventCount() == 3
	}) {
		t.Errorf("profiles: %v", summaries)
	}
	_, err := c.RecordEvents(ctx, []*client.Event{{Kind: client.Like, EventId: "x", PaperId: "a"}})
	wantError(t, err, client.ErrInvalid, "INVALID_FIELD", "events[0].profile_id")
	if err := p.Delete(ctx); err != nil {
		t.Error(err)
	}
}
