package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/profile"
)

// liked makes preferences of stored papers.
func liked(ids ...string) []Preference {
	out := make([]Preference, len(ids))
	for i, id := range ids {
		out[i] = Preference{PaperID: id, Weight: 1}
	}
	return out
}

func recommend(t *testing.T, e *Engine, rec Recommendation) *Result {
	t.Helper()
	rec.PageSize = max(rec.PageSize, 10)
	result, err := e.Recommend(context.Background(), &rec)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// Eight likes of one topic and two of another: the second comes before all that nobody likes.
func TestASmallerInterestIsNotLost(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 75)...)
	result := recommend(t, e, Recommendation{
		Likes:    liked("p0000", "p0005", "p0010", "p0015", "p0020", "p0025", "p0030", "p0035", "p0001", "p0006"),
		PageSize: 20,
	})
	byTopic := map[string]int{}
	for _, hit := range result.Hits {
		byTopic[hit.Paper.Categories[0]]++
		if hit.Score < 0 || hit.Score > 1 {
			t.Errorf("%s scores %v", hit.Paper.ID, hit.Score)
		}
	}
	if byTopic["topic0"] == 0 || byTopic["topic1"] == 0 || byTopic["topic0"]+byTopic["topic1"] != 20 {
		t.Errorf("20 hits by topic: %v, want some of topic0 and topic1 and none of others", byTopic)
	}
}

func TestDislikingANeighbourKeepsTheLikesTopic(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 100)...)
	for _, hit := range recommend(t, e, Recommendation{Likes: liked("p0000"), Dislikes: liked("p0005")}).Hits {
		if hit.Paper.Categories[0] != "topic0" {
			t.Errorf("%s of %s is recommended", hit.Paper.ID, hit.Paper.Categories[0])
		}
	}
}

func TestWhatIsNotStoredIsLeftOutAndNamed(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 50)...)
	rec := Recommendation{Likes: liked("gone", "p0000"), Dislikes: liked("p0001", "never was")}
	result := recommend(t, e, rec)
	if !slices.Equal(result.MissingIDs, []string{"gone", "never was"}) || len(result.Hits) != 10 {
		t.Errorf("missing %q, %d hits", result.MissingIDs, len(result.Hits))
	}
	rec.Strict, rec.PageSize = true, 10
	_, err := e.Recommend(context.Background(), &rec)
	var missing *MissingError
	if !errors.Is(err, ErrNotFound) || !errors.As(err, &missing) || !slices.Equal(missing.IDs, result.MissingIDs) {
		t.Errorf("strict: %v", err)
	}
}

func TestReasonsNameTheLikesOfTheHitsTopic(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 100)...)
	likes := append(liked("gone", "p0000", "p0001"), Preference{Text: topics[2], Weight: 1})
	result := recommend(t, e, Recommendation{Likes: likes, Explain: true, PageSize: 20})
	for _, hit := range result.Hits {
		if hit.Because == nil || len(hit.Because.Likes) != 3 {
			t.Fatalf("%s: because of %+v", hit.Paper.ID, hit.Because)
		}
		first := hit.Because.Likes[0]
		if want := "topic" + fmt.Sprint(first.Like-1); hit.Paper.Categories[0] != want {
			t.Errorf("%s of %s because of like %d", hit.Paper.ID, hit.Paper.Categories[0], first.Like)
		}
		if first.PaperID != likes[first.Like].PaperID || len(first.Terms) == 0 {
			t.Errorf("%s: the reason is %+v", hit.Paper.ID, first)
		}
		if b := hit.Because; b.Others != 0 || b.Penalty != 0 {
			t.Errorf("%s: three likes, and others have %v, the penalty is %v", hit.Paper.ID, b.Others, b.Penalty)
		}
	}
}

func TestVectorsAreLikedAsTextsAre(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 100)...)
	embedded, model, err := e.Embed(context.Background(), []string{topics[3]})
	if err != nil {
		t.Fatal(err)
	}
	like := Preference{Vector: &VectorQuery{Values: embedded[0].Values, Model: model}, Weight: 1}
	for _, hit := range recommend(t, e, Recommendation{Likes: []Preference{like}}).Hits {
		if hit.Paper.Categories[0] != "topic3" {
			t.Errorf("%s of %s", hit.Paper.ID, hit.Paper.Categories[0])
		}
	}
	like.Vector.Model = "another"
	_, err = e.Recommend(context.Background(), &Recommendation{Likes: []Preference{like}, PageSize: 1})
	if !errors.Is(err, ErrModelMismatch) {
		t.Errorf("a vector of another model: %v", err)
	}
}

func TestTinyWeightsOfAllLikesChangeNothing(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 100)...)
	likes := liked("p0000", "p0001")
	want := recommend(t, e, Recommendation{Likes: likes})
	for i := range likes {
		likes[i].Weight = 1e-300
	}
	got := recommend(t, e, Recommendation{Likes: likes})
	for i := range want.Hits {
		if got.Hits[i].Paper.ID != want.Hits[i].Paper.ID || math.Abs(got.Hits[i].Score-want.Hits[i].Score) > 1e-9 {
			t.Fatalf("hit %d is %s at %v, was %s at %v", i, got.Hits[i].Paper.ID, got.Hits[i].Score, want.Hits[i].Paper.ID,
				want.Hits[i].Score)
		}
	}
}

// A paper of stop words has no vector; what is liked of it is nothing, and it does no harm.
func TestALikeWithoutWordsDoesNoHarm(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, append(testPapers(0, 50), &paper.Paper{ID: "stop", Title: "of the and"})...)
	if hits := recommend(t, e, Recommendation{Likes: liked("stop", "p0000"), Explain: true}).Hits; len(hits) != 10 {
		t.Errorf("%d hits", len(hits))
	}
	if result := recommend(t, e, Recommendation{Likes: liked("stop")}); result.WithoutLikes {
		t.Error("a like that is stored is said to be none")
	}
}

func TestWithoutLikesTheNewestAndMostCentralComeFirst(t *testing.T) {
	e := open(t, t.TempDir())
	papers := testPapers(0, 100)
	for i, p := range papers {
		if i >= 50 {
			p.PublishTime = time.Date(1970+i, 1, 1, 0, 0, 0, 0, time.UTC)
		}
	}
	mustUpsert(t, e, papers...)
	for _, rec := range []Recommendation{
		{},
		{Likes: liked("gone")},
		{Options: Options{Filter: parse(t, `categories:"topic4"`)}},
	} {
		result := recommend(t, e, rec)
		if !result.WithoutLikes || len(result.Hits) != 10 {
			t.Fatalf("%+v: %d hits, without likes: %v", rec, len(result.Hits), result.WithoutLikes)
		}
		want := "p0099" // the newest, also of its topic
		if result.Hits[0].Paper.ID != want {
			t.Errorf("%+v: the first hit is %s, want %s", rec, result.Hits[0].Paper.ID, want)
		}
		for _, hit := range result.Hits {
			if rec.Filter != nil && hit.Paper.Categories[0] != "topic4" {
				t.Errorf("%s is not of the filter", hit.Paper.ID)
			}
		}
	}
	empty := open(t, t.TempDir())
	if result := recommend(t, empty, Recommendation{}); len(result.Hits) != 0 {
		t.Errorf("%d hits of an empty corpus", len(result.Hits))
	}
}

func TestRecommendationsPageWithoutRepeats(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 300)...)
	rec := Recommendation{Likes: liked("p0000", "p0001", "p0002"), PageSize: 17}
	seen := map[string]bool{}
	for {
		result := recommend(t, e, rec)
		for _, hit := range result.Hits {
			if seen[hit.Paper.ID] {
				t.Fatalf("%s comes twice", hit.Paper.ID)
			}
			seen[hit.Paper.ID] = true
		}
		if rec.PageToken = result.NextPageToken; rec.PageToken == "" {
			break
		}
	}
	if len(seen) != 100 {
		t.Errorf("%d hits on all pages, want 100", len(seen))
	}
}

func TestTheLeastCosineIsThatWithTheNearestLike(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 100)...)
	all := recommend(t, e, Recommendation{Likes: liked("p0000", "p0001"), PageSize: 50})
	least := all.Hits[20].Cosine
	for _, hit := range recommend(t, e, Recommendation{Likes: liked("p0000", "p0001"), PageSize: 50,
		Options: Options{MinCosine: &least}}).Hits {
		if hit.Cosine < least {
			t.Errorf("%s has cosine %v, below %v", hit.Paper.ID, hit.Cosine, least)
		}
	}
}

// What a profile has seen stays hidden while papers change, are deleted and come back, and generations are replaced.
func TestSeenPapersStayHiddenWhateverIsWritten(t *testing.T) {
	e := open(t, t.TempDir())
	ctx := context.Background()
	mustUpsert(t, e, testPapers(0, 100)...)
	record := func(kind profile.Kind, at time.Time, ids ...string) {
		t.Helper()
		var events []profile.Owned
		for _, id := range ids {
			events = append(events, profile.Owned{Profile: "u", Event: profile.Event{
				ID: fmt.Sprint(kind, id, at.Unix()), Kind: kind, PaperID: id, Time: at,
			}})
		}
		if _, err := e.RecordEvents(ctx, "", events); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	record(profile.Like, now, "p0000")
	record(profile.Read, now, "p0005", "p0010", "later")
	record(profile.Shown, now.Add(-10*24*time.Hour), "p0015")
	found := func(rest time.Duration) []string {
		t.Helper()
		return ids(recommend(t, e, Recommendation{ProfileID: "u", ShownRest: rest, PageSize: 100}).Hits)
	}
	hidden := func(when string) {
		t.Helper()
		got := found(30 * 24 * time.Hour)
		for _, id := range []string{"p0005", "p0010", "p0015", "later"} {
			if slices.Contains(got, id) {
				t.Errorf("%s: %s was seen and is recommended", when, id)
			}
		}
		if got = found(24 * time.Hour); !slices.Contains(got, "p0015") || slices.Contains(got, "p0005") {
			t.Errorf("%s: with a rest of a day the paper shown ten days ago is %v, the one read is %v", when,
				slices.Contains(got, "p0015"), slices.Contains(got, "p0005"))
		}
	}
	hidden("at first")
	changed := testPaper(5)
	changed.Abstract += " Now with other words."
	mustUpsert(t, e, changed)
	hidden("after an update")
	attributed := testPaper(10)
	attributed.Attributes = map[string]paper.Value{"year": {Kind: paper.NumberValue, Number: 2020}}
	mustUpsert(t, e, attributed)
	hidden("after an update of attributes")
	later := testPaper(20)
	later.ID = "later"
	mustUpsert(t, e, later)
	hidden("after a seen paper was stored")
	if _, err := e.Delete(ctx, "p0005"); err != nil {
		t.Fatal(err)
	}
	if got := found(30 * 24 * time.Hour); slices.Contains(got, "p0010") {
		t.Error("after a deletion: p0010 is recommended")
	}
	mustUpsert(t, e, testPaper(5))
	hidden("after a deleted paper came back")
	if _, err := e.Train(ctx, TrainOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	hidden("under another model")
}

func TestRecommendationsFollowLikesAndAvoidDislikes(t *testing.T) {
	e := open(t, t.TempDir())
	mustUpsert(t, e, testPapers(0, 100)...)
	result, err := e.Recommend(context.Background(), &Recommendation{
		Likes:    []Preference{{PaperID: "p0000", Weight: 1}, {Text: "message passing on molecules", Weight: 2}},
		Dislikes: []Preference{{PaperID: "p0001", Weight: 1}},
		Exclude:  []string{"p0005", "unheard of"},
		PageSize: 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Hits) != 10 {
		t.Fatalf("%d hits", len(result.Hits))
	}
	for _, hit := range result.Hits {
		switch {
		case hit.Paper.ID == "p0000" || hit.Paper.ID == "p0001" || hit.Paper.ID == "p0005":
			t.Errorf("%s was given and is recommended", hit.Paper.ID)
		case hit.Paper.Categories[0] != "topic0":
			t.Errorf("%s of %s", hit.Paper.ID, hit.Paper.Categories[0])
		}
	}
}
