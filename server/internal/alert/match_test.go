package alert

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/profile"
	"github.com/akin-search/akin/server/internal/store"
)

func TestPapersMatchByNearnessAndFilter(t *testing.T) {
	r := newRig(t, Config{})
	r.write(slices.Concat(onTopic("graphs", 0, 20), onTopic("proteins", 0, 200))...)
	r.counted()
	r.create(byText("near", "graphs"))
	like := &Subscription{ID: "like", Kind: ByPaper, PaperID: "graphs-003", OneIn: 20}
	r.create(like)
	r.create(byFilter("label", `categories:"soils"`))
	strict := byText("strict", "graphs")
	strict.Filter = `categories:"soils"`
	r.create(strict)
	r.write(slices.Concat(onTopic("graphs", 20, 23), onTopic("proteins", 200, 203), onTopic("soils", 0, 2))...)
	for id, want := range map[string][]string{
		"near": {"graphs-020", "graphs-021", "graphs-022"}, "label": {"soils-000", "soils-001"}, "strict": nil,
	} {
		if got := r.matched(id); !slices.Equal(got, want) {
			t.Errorf("%s matches %v, want %v", id, got, want)
		}
	}
	for _, id := range r.matched("like") {
		if !strings.HasPrefix(id, "graphs-") {
			t.Errorf("%s is like graphs-003", id)
		}
	}
	// The threshold is the cosine that one in ten of all papers reaches.
	state := r.state("near")
	preview, err := r.alerts.Preview(context.Background(), &Subscription{Kind: ByText, Text: "graphs",
		MinCosine: &state.Threshold}, 1000, 1000)
	if err != nil {
		t.Fatal(err)
	}
	n := preview.Found
	if n < 20 || n > 26 {
		t.Errorf("%d of %d papers reach the threshold of one in ten, %v", n, preview.LookedAt, state.Threshold)
	}
	if m := r.kept("near")[0]; m.Cosine < state.Threshold-.2 || len(m.Words) == 0 || m.Paper.Abstract != "" {
		t.Errorf("a match says %+v", m)
	}
}

func TestAPaperMatchesOnceForEachOfItsTexts(t *testing.T) {
	r := newRig(t, Config{})
	r.create(byFilter("all", `categories:"graphs"`))
	once := byFilter("once", `categories:"graphs"`)
	once.Once = true
	r.create(once)
	p := onTopic("graphs", 0, 1)[0]
	change := func(edit func(p *paper.Paper)) {
		next := *p
		edit(&next)
		p = &next
		r.write(p)
		r.caughtUp()
	}
	r.write(p)
	r.caughtUp()
	first := r.kept("all")[0]
	change(func(p *paper.Paper) { p.URL = "https://example.org" })
	change(func(p *paper.Paper) { p.Title = strings.ToUpper(p.Title) + "!" })
	if got := r.matched("all"); len(got) != 1 {
		t.Errorf("after changes beside the text: %v", got)
	}
	change(func(p *paper.Paper) { p.Abstract = "Something else." })
	all := r.kept("all")
	if len(all) != 2 || !all[1].Updated || all[0].Updated || all[0].ID != first.ID || all[1].ID == first.ID {
		t.Errorf("after a change of the text: %+v", all)
	}
	if got := r.matched("once"); len(got) != 1 {
		t.Errorf("once a paper: %v", got)
	}
	// Many versions that come together are one.
	r.alerts.Close()
	for _, text := range []string{"one", "two", "three"} {
		next := *p
		next.Abstract = text
		r.write(&next)
	}
	var err error
	if r.alerts, err = Open(r.engine, r.config); err != nil {
		t.Fatal(err)
	}
	if got := r.kept("all"); len(got) != 3 {
		t.Errorf("after three changes at once there are %d matches", len(got))
	}
}

func TestAPaperThatIsDeletedIsNotShown(t *testing.T) {
	r := newRig(t, Config{})
	r.create(byFilter("all", `categories:"graphs"`))
	r.alerts.Close()
	r.write(onTopic("graphs", 0, 3)...)
	remove := func(id string) {
		if _, err := r.engine.Delete(context.Background(), id); err != nil {
			t.Fatal(err)
		}
	}
	remove("graphs-001") // before it is matched
	var err error
	if r.alerts, err = Open(r.engine, r.config); err != nil {
		t.Fatal(err)
	}
	r.caughtUp()
	if head := r.state("all").Head; head != 2 {
		t.Errorf("%d matches of two papers", head)
	}
	remove("graphs-000") // after it was
	if got := r.matched("all"); !slices.Equal(got, []string{"graphs-002"}) {
		t.Errorf("shown are %v", got)
	}
}

func TestASubscriptionToAPaperThatIsDeletedWaitsForIt(t *testing.T) {
	r := newRig(t, Config{})
	r.write(slices.Concat(onTopic("graphs", 0, 5), onTopic("proteins", 0, 50))...)
	r.counted()
	r.create(&Subscription{ID: "like", Kind: ByPaper, PaperID: "graphs-000", OneIn: 10})
	subject := onTopic("graphs", 0, 1)
	if _, err := r.engine.Delete(context.Background(), "graphs-000"); err != nil {
		t.Fatal(err)
	}
	r.write(onTopic("graphs", 10, 12)...)
	if got := r.matched("like"); len(got) > 0 {
		t.Errorf("without its paper it matches %v", got)
	}
	if problem := r.state("like").Problem; !strings.Contains(problem, "not stored") {
		t.Errorf("its problem is %q", problem)
	}
	r.write(subject...)
	r.write(onTopic("graphs", 12, 14)...)
	if got := r.matched("like"); !slices.Contains(got, "graphs-012") || slices.Contains(got, "graphs-000") {
		t.Errorf("with its paper back it matches %v", got)
	}
	if problem := r.state("like").Problem; problem != "" {
		t.Errorf("its problem is %q", problem)
	}
}

func TestASubscriptionToWordsThatTheModelDoesNotKnowSaysSo(t *testing.T) {
	r := newRig(t, Config{})
	r.write(slices.Concat(onTopic("graphs", 0, 20), onTopic("proteins", 0, 20))...)
	if _, err := r.engine.Train(context.Background(), engine.TrainOptions{Epochs: 2}, nil); err != nil {
		t.Fatal(err)
	}
	r.create(&Subscription{ID: "unknown", Kind: ByText, Text: "zqxj vvkw", OneIn: 10})
	state := r.state("unknown")
	if !strings.Contains(state.Problem, "knows none of its words") || state.Threshold != 0 {
		t.Errorf("its problem is %q, its threshold %v", state.Problem, state.Threshold)
	}
}

// TestNothingIsMissedWhileTheServerIsDownOrTrains writes papers where nobody matches.
func TestNothingIsMissedWhileTheServerIsDownOrTrains(t *testing.T) {
	r := newRig(t, Config{})
	r.write(slices.Concat(onTopic("graphs", 0, 20), onTopic("proteins", 0, 100))...)
	near := byText("near", "graphs")
	near.OneIn = 4 // the nearest thirty of all papers: those on the topic, and ten others
	r.create(near)
	r.alerts.Close()
	r.write(onTopic("graphs", 20, 22)...)
	r.alerts = nil
	if err := r.engine.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	r.open()
	if got := r.matched("near"); !slices.Equal(got, []string{"graphs-020", "graphs-021"}) {
		t.Errorf("after a start: %v", got)
	}
	before := r.state("near").Threshold
	r.write(onTopic("graphs", 22, 23)...)
	if _, err := r.engine.Train(context.Background(), engine.TrainOptions{Epochs: 2}, nil); err != nil {
		t.Fatal(err)
	}
	r.write(onTopic("graphs", 23, 24)...)
	if got := r.matched("near"); !slices.Equal(got, []string{"graphs-020", "graphs-021", "graphs-022", "graphs-023"}) {
		t.Errorf("after a training: %v", got)
	}
	if after := r.state("near").Threshold; after == before {
		t.Errorf("the threshold is %v under both models", after)
	}
}

// TestARestoreRepeatsUnderTheSameIDs restores a backup that knows less than was sent since.
func TestARestoreRepeatsUnderTheSameIDs(t *testing.T) {
	r := newRig(t, Config{})
	r.create(byFilter("all", `categories:"graphs"`))
	r.write(onTopic("graphs", 0, 2)...)
	early := r.kept("all")
	var backup bytes.Buffer
	if err := r.engine.Backup(context.Background(), &backup, nil); err != nil {
		t.Fatal(err)
	}
	r.write(onTopic("graphs", 2, 4)...)
	sent := r.kept("all")
	r.close()
	if _, err := store.Restore(context.Background(), &backup, r.folder, store.RestoreOptions{Replace: true}); err != nil {
		t.Fatal(err)
	}
	r.open()
	if got := r.kept("all"); len(got) != 2 || got[0].ID != early[0].ID || got[1].ID != early[1].ID {
		t.Errorf("after the restore there are %+v", got)
	}
	// The papers come again, in another order; a cursor of the lost history gives everything that is kept.
	r.write(onTopic("graphs", 3, 4)...)
	r.caughtUp()
	r.write(onTopic("graphs", 2, 3)...)
	again := r.kept("all")
	if len(again) != 4 || again[2].ID != sent[3].ID || again[3].ID != sent[2].ID {
		t.Errorf("written again they are %+v", again)
	}
	var first *Match
	stop := errors.New("enough")
	err := r.alerts.Watch(context.Background(), "", "all", sent[3].Cursor, func(m *Match) error { first = m; return stop })
	if err != stop || first.ID != early[0].ID {
		t.Errorf("behind a cursor of a lost history comes %+v, %v", first, err)
	}
}

func TestTheBestOfAPeriodForAProfile(t *testing.T) {
	r := newRig(t, Config{})
	r.write(slices.Concat(onTopic("graphs", 0, 20), onTopic("proteins", 0, 50))...)
	like := profile.Owned{Profile: "ada", Event: profile.Event{ID: "1", Kind: profile.Like, PaperID: "graphs-001"}}
	if _, err := r.engine.RecordEvents(context.Background(), "", []profile.Owned{like}); err != nil {
		t.Fatal(err)
	}
	r.create(&Subscription{
		ID: "best", Kind: ByProfile, ProfileID: "ada", Best: 3, Schedule: Schedule{Every: Daily, Minute: 8 * 60,
			Zone: "Europe/Berlin"},
	})
	r.write(slices.Concat(onTopic("proteins", 50, 60), onTopic("graphs", 20, 26))...)
	if head := r.state("best").Head; head != 0 {
		t.Errorf("%d matches before the period is over", head)
	}
	r.move(21 * time.Hour) // 08:00 in Berlin
	r.eventually("the best of the day", func() bool { return r.state("best").Head == 3 })
	for _, m := range r.kept("best") {
		if !strings.HasPrefix(m.Paper.ID, "graphs-02") || !slices.Equal(m.Because, []string{"graphs-001"}) || m.Score == 0 ||
			len(m.Words) == 0 {
			t.Errorf("among the best is %+v of %s", m, m.Paper.ID)
		}
	}
	r.move(24 * time.Hour)
	r.eventually("the next period begins", func() bool { return r.state("best").Next.After(r.clock.Now()) })
	if head := r.state("best").Head; head != 3 {
		t.Errorf("a day without papers has %d new matches", head-3)
	}
}

func TestWhatAPrincipalMayNotSeeIsNotMatched(t *testing.T) {
	r := newRig(t, Config{Filter: bound(t, "reader", `categories:"open"`)})
	papers := onTopic("graphs", 0, 20)
	for i, p := range papers {
		p.Categories = []string{[]string{"open", "closed"}[i%2]}
	}
	least := -1.
	for _, s := range []*Subscription{byFilter("label", `id:*`), {ID: "near", Kind: ByText, Text: "graphs",
		MinCosine: &least}} {
		s.Owner = "reader"
		r.create(s)
	}
	gone := byFilter("gone", `id:*`)
	gone.Owner = "nobody"
	r.create(gone)
	r.write(papers...)
	r.caughtUp()
	for _, id := range []string{"label", "near"} {
		s, err := r.alerts.Get(context.Background(), "reader", id)
		if err != nil || s.Head != 10 {
			t.Errorf("%s has %d matches of 10 papers that may be seen, %v", id, s.Head, err)
		}
	}
	if s, err := r.alerts.Get(context.Background(), "nobody", "gone"); err != nil || s.Head != 0 || s.Problem == "" {
		t.Errorf("of a principal that is gone: %d matches, problem %q, %v", s.Head, s.Problem, err)
	}
}

func TestMatchesAreKeptForTheirTime(t *testing.T) {
	r := newRig(t, Config{Most: 5})
	s := byFilter("all", `categories:"graphs"`)
	s.Sinks = []Sink{{Kind: Webhook, URL: "http://127.0.0.1:9/"}} // where nobody listens, and which is not allowed
	r.create(s)
	r.write(onTopic("graphs", 0, 12)...)
	r.caughtUp()
	if err := r.alerts.trim(); err != nil {
		t.Fatal(err)
	}
	if got := r.matched("all"); len(got) != 5 || got[0] != "graphs-007" {
		t.Errorf("of the latest five there are %v", got)
	}
	if sink := r.state("all").Reports[0]; sink.Dropped != 7 {
		t.Errorf("%d matches were dropped, of 7 removed", sink.Dropped)
	}
	r.move(91 * 24 * time.Hour)
	if err := r.alerts.trim(); err != nil {
		t.Fatal(err)
	}
	if st := r.state("all"); st.First != st.Head+1 || len(r.matched("all")) > 0 {
		t.Errorf("after 91 days the oldest is %d of %d", st.First, st.Head)
	}
	if err := r.alerts.Delete("", "all"); err != nil {
		t.Fatal(err)
	}
	r.eventually("its rows are removed", func() bool {
		n := 0
		for _, table := range []store.Table{store.MatchTable, store.MarkTable, store.StandingTable} {
			rows, err := r.engine.Records(table, nil, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			n += len(rows)
		}
		return n == 0
	})
}
