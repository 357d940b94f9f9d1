package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/filter"
	"github.com/akin-search/akin/server/internal/layout"
	"github.com/akin-search/akin/server/internal/paper"
)

// without keeps the background from drawing, so that a test draws when it wants to.
func withoutMap(c *Config) { c.NoMap = true }

// seen is a map as a client gets it.
type seen struct {
	info   MapInfo
	at     map[string][2]uint32
	years  map[string]int32
	groups map[string]string
}

func mapOf(t testing.TB, e *Engine, q MapQuery) *seen {
	t.Helper()
	s, err := tryMap(e, q)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func tryMap(e *Engine, q MapQuery) (*seen, error) {
	s := &seen{at: map[string][2]uint32{}, years: map[string]int32{}, groups: map[string]string{}}
	err := e.Map(context.Background(), q, func(info MapInfo) error {
		s.info = info
		return nil
	}, func(m *MapPapers) error {
		for i, id := range m.IDs {
			s.at[id] = [2]uint32{m.X[i], m.Y[i]}
			s.years[id] = m.Years[i]
			if g := m.Groups[i]; g > 0 {
				s.groups[id] = s.info.Groups[g-1]
			}
		}
		return nil
	})
	return s, err
}

// draw draws until the map is that of the model that serves: one that takes over meanwhile ends a drawing.
func draw(t testing.TB, e *Engine) {
	t.Helper()
	for current := false; !current; {
		g := e.live.Load()
		if err := e.draw(); err != nil {
			t.Fatal(err)
		}
		if _, current = e.drawn(g); !current && e.live.Load() == g {
			t.Fatal("no map of the model that serves")
		}
	}
}

func apart(a, b [2]uint32) float64 {
	return math.Hypot(float64(a[0])-float64(b[0]), float64(a[1])-float64(b[1]))
}

// medianMove is how far the papers of two maps are apart, as a share of the width.
func medianMove(a, b *seen) float64 {
	var moves []float64
	for id, at := range a.at {
		if now, ok := b.at[id]; ok {
			moves = append(moves, apart(at, now)/MapSide)
		}
	}
	slices.Sort(moves)
	return moves[len(moves)/2]
}

// TestAMapOfFewOfThePapersIsNotDrawnAgain: papers without a vector have no place on it, and do not make it old.
func TestAMapOfFewOfThePapersIsNotDrawnAgain(t *testing.T) {
	dir := t.TempDir()
	e := open(t, dir, withoutMap)
	papers := testPapers(0, 300)
	for _, p := range papers[100:] {
		p.Title, p.Abstract = "", ""
	}
	mustUpsert(t, e, papers...)
	draw(t, e)
	old := func(e *Engine) bool {
		s := e.state()
		s.maps, s.idle = true, s.calm
		return plan(s)[drawMap].wanted
	}
	if n := len(e.atlas.Load().known().ordinals); n >= 150 || old(e) {
		t.Errorf("%d of 300 papers are drawn; drawn again: %v", n, old(e))
	}
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	e = open(t, dir, withoutMap)
	if e.readAtlas(); old(e) {
		t.Error("a start draws it again")
	}
	mustUpsert(t, e, testPapers(300, 700)...)
	if !old(e) {
		t.Error("of more than twice as many papers no other is drawn")
	}
}

func TestTheMapShowsEveryPaperBesideItsKind(t *testing.T) {
	e := open(t, t.TempDir(), withoutMap)
	if _, err := tryMap(e, MapQuery{}); !errors.Is(err, ErrNoMap) {
		t.Fatalf("a map that is not drawn: %v", err)
	}
	papers := testPapers(0, 300)
	papers[7].PublishTime = time.Date(2019, 5, 1, 0, 0, 0, 0, time.UTC)
	papers[8].Title, papers[8].Abstract = "", "" // no vector: nowhere
	mustUpsert(t, e, papers...)
	draw(t, e)
	m := mapOf(t, e, MapQuery{})
	if m.info.Papers != 299 || len(m.at) != 299 || m.info.Found != 299 || m.info.Number != 1 {
		t.Fatalf("the map has %d papers and says %+v", len(m.at), m.info)
	}
	if m.years["p0007"] != 2019 || m.years["p0006"] != 0 || m.groups["p0011"] != "topic1" || len(m.info.Groups) != 5 {
		t.Errorf("years %d and %d, group %q of %q", m.years["p0007"], m.years["p0006"], m.groups["p0011"], m.info.Groups)
	}
	alike, others := 0., 0.
	for i := 10; i < 290; i++ {
		at := m.at[testPaper(i).ID]
		alike += apart(at, m.at[testPaper(i+5).ID])
		others += apart(at, m.at[testPaper(i+1).ID])
	}
	if alike > others/2 {
		t.Errorf("papers of one topic are %.0f apart, of two %.0f", alike/280, others/280)
	}
	if len(m.info.Levels) != legendLevels || len(m.info.Levels[0].Labels) == 0 {
		t.Fatalf("levels: %+v", m.info.Levels)
	}
	words := ""
	for _, l := range m.info.Levels[0].Labels {
		words += l.Text + "; "
	}
	named := 0
	for _, topic := range []string{"graph", "folding", "audio", "reinforcement", "medical"} {
		if strings.Contains(words, topic) {
			named++
		}
	}
	if named < 3 || strings.Contains(words, "number") {
		t.Errorf("labels are %s", words)
	}
}

func TestTheMapIsBoundByItsFilter(t *testing.T) {
	e := open(t, t.TempDir(), withoutMap)
	papers := testPapers(0, 100)
	for i, p := range papers {
		p.Attributes = map[string]paper.Value{"venue": {Kind: paper.StringValue, String: fmt.Sprintf("venue%d", i%10)}}
	}
	mustUpsert(t, e, papers...)
	draw(t, e)
	f, err := filter.Parse(`categories:"topic3"`)
	if err != nil {
		t.Fatal(err)
	}
	m := mapOf(t, e, MapQuery{Filter: f, Group: "venue", NoLabels: true})
	if len(m.at) != 20 || m.info.Found != 20 || m.info.Levels != nil || !slices.Equal(m.info.Groups, []string{"venue3",
		"venue8"}) {
		t.Errorf("%d papers, %+v", len(m.at), m.info)
	}
	for id := range m.at {
		if m.groups[id] != "venue3" && m.groups[id] != "venue8" {
			t.Errorf("%s is in %q", id, m.groups[id])
		}
	}
	if m = mapOf(t, e, MapQuery{MaxPapers: 30}); len(m.at) != 30 || m.info.Papers != 30 || m.info.Found != 100 {
		t.Errorf("thinned to %d of %d papers: %d", m.info.Papers, m.info.Found, len(m.at))
	}
	if m = mapOf(t, e, MapQuery{Filter: f, MaxPapers: 20}); len(m.at) != 20 {
		t.Errorf("%d papers of 20", len(m.at))
	}
}

func TestPapersThatComeLaterArePlacedAtOnce(t *testing.T) {
	e := open(t, t.TempDir(), withoutMap)
	mustUpsert(t, e, testPapers(0, 200)...)
	draw(t, e)
	before := mapOf(t, e, MapQuery{})
	mustUpsert(t, e, testPapers(200, 230)...)
	renamed := testPaper(7)
	renamed.Categories = []string{"other"} // the same text: another version
	moved := testPaper(8)
	moved.Title, moved.Abstract = testPaper(4).Title, testPaper(4).Abstract
	mustUpsert(t, e, renamed, moved)
	if _, err := e.Delete(context.Background(), "p0009"); err != nil {
		t.Fatal(err)
	}
	m := mapOf(t, e, MapQuery{})
	if len(m.at) != 229 || m.info.Number != before.info.Number {
		t.Fatalf("%d papers on map %d", len(m.at), m.info.Number)
	}
	if m.at["p0007"] != before.at["p0007"] || m.at["p0100"] != before.at["p0100"] {
		t.Error("a paper whose text stayed has moved")
	}
	if _, there := m.at["p0009"]; there {
		t.Error("a deleted paper is on the map")
	}
	near := func(id string, of int) (least float64) {
		least = math.Inf(1)
		for i := of % 5; i < 200; i += 5 {
			if at, ok := before.at[testPaper(i).ID]; ok && testPaper(i).ID != id {
				least = min(least, apart(m.at[id], at))
			}
		}
		return least / MapSide
	}
	for i := 200; i < 230; i++ {
		if d := near(testPaper(i).ID, i); d > .05 {
			t.Errorf("paper %d is %.3f of the width from the nearest of its topic", i, d)
		}
	}
	if d := near("p0008", 4); d > .05 {
		t.Errorf("a paper with another text is %.3f of the width from its new kind", d)
	}
}

func TestTheMapOutlivesGenerationsAndIsStable(t *testing.T) {
	e := open(t, t.TempDir(), withoutMap)
	mustUpsert(t, e, testPapers(0, 250)...)
	draw(t, e)
	renamed := testPaper(7)
	renamed.Categories = []string{"other"}
	mustUpsert(t, e, renamed)
	first := mapOf(t, e, MapQuery{})
	if _, err := e.Train(context.Background(), TrainOptions{Epochs: 2, Seed: 5}, nil); err != nil {
		t.Fatal(err)
	}
	carried := mapOf(t, e, MapQuery{})
	if carried.info.Number != first.info.Number || medianMove(first, carried) != 0 ||
		carried.at["p0007"] != first.at["p0007"] {
		t.Errorf("under another model the map moved by %g", medianMove(first, carried))
	}
	draw(t, e)
	again := mapOf(t, e, MapQuery{})
	if again.info.Number != first.info.Number+1 || len(again.at) != 250 {
		t.Errorf("drawn again it is %+v", again.info)
	}
	// Of 250 papers an untrained and a trained model agree little; eval --map measures what holds of real models.
	if move := medianMove(first, again); move > .15 {
		t.Errorf("drawn again, the median paper moved by %.3f of the width", move)
	}
}

func TestARestartDoesNotDrawAgain(t *testing.T) {
	dir := t.TempDir()
	e := open(t, dir, withoutMap)
	mustUpsert(t, e, testPapers(0, 120)...)
	draw(t, e)
	before := mapOf(t, e, MapQuery{})
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	var drawnAgain atomic.Int32
	e = open(t, dir, func(c *Config) {
		c.Hook = func(point string) error {
			if point == PointMapNeighbours {
				drawnAgain.Add(1)
			}
			return nil
		}
	})
	after := mapOf(t, e, MapQuery{})
	if after.info.Number != before.info.Number || len(after.at) != 120 || medianMove(before, after) != 0 {
		t.Errorf("after a restart the map is %+v, and moved by %g", after.info, medianMove(before, after))
	}
	if len(after.info.Levels) != legendLevels || len(after.info.Levels[0].Labels) != len(before.info.Levels[0].Labels) {
		t.Error("its labels are others")
	}
	if w := plan(e.state())[drawMap]; w.wanted || drawnAgain.Load() > 0 {
		t.Error("it is to be drawn again")
	}
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(e.mapPath(), []byte("AKINMAPS and then nothing of use"), 0o600); err != nil {
		t.Fatal(err)
	}
	e = open(t, dir, withoutMap)
	e.readAtlas()
	if _, err := tryMap(e, MapQuery{}); !errors.Is(err, ErrNoMap) {
		t.Errorf("a damaged map: %v", err)
	}
}

func TestTheBackgroundDrawsAMapAfterAModelIsLearnt(t *testing.T) {
	drawn := make(chan struct{}, 100)
	e := open(t, t.TempDir(), func(c *Config) {
		c.TrainAt, c.Idle = 100, 10*time.Millisecond
		c.Hook = func(point string) error {
			if point == PointMapNeighbours {
				drawn <- struct{}{}
			}
			return nil
		}
	})
	mustUpsert(t, e, testPapers(0, 150)...)
	for {
		select {
		case <-drawn:
		case <-patience(t).Done():
			t.Fatal("no map is drawn")
		}
		if e.live.Load().model.Trained() {
			break // one may have been drawn of the model before
		}
	}
}

func TestADrawingEndsWithItsGeneration(t *testing.T) {
	var e *Engine
	replaced := make(chan error, 1)
	e = open(t, t.TempDir(), withoutMap, func(c *Config) {
		c.Hook = func(point string) error {
			if point == PointMapNeighbours {
				g := e.live.Load()
				replaced <- e.replaceLive(context.Background(), g.model, e.now(), func(string, float64) {})
			}
			return nil
		}
	})
	mustUpsert(t, e, testPapers(0, 100)...)
	if err := e.draw(); err != nil {
		t.Fatal(err)
	}
	if err := <-replaced; err != nil {
		t.Fatal(err)
	}
	if e.atlas.Load() != nil {
		t.Error("the map of a generation that was replaced is in place")
	}
	e.stop()
	if err := e.draw(); err != nil {
		t.Errorf("while the engine closes: %v", err)
	}
}

// TestAMapIsAskedForWhilePapersCome looks at the map all the while: a paper's row is there a moment before its vector.
func TestAMapIsAskedForWhilePapersCome(t *testing.T) {
	e := open(t, t.TempDir(), withoutMap)
	mustUpsert(t, e, testPapers(0, 60)...)
	draw(t, e)
	done := make(chan struct{})
	var looks sync.WaitGroup
	looks.Go(func() {
		for {
			if _, err := e.chart(context.Background(), e.live.Load(), placedAtOnce); err != nil {
				t.Error(err)
				return
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	for i := 60; i < 560; i += 20 {
		mustUpsert(t, e, testPapers(i, i+20)...)
	}
	close(done)
	looks.Wait()
	if m := mapOf(t, e, MapQuery{}); len(m.at) != 560 {
		t.Errorf("%d papers are on the map", len(m.at))
	}
}

func TestMorePapersThanOneCallPlacesArePlacedByTheNext(t *testing.T) {
	defer func(n int) { placedAtOnce = n }(placedAtOnce)
	e := open(t, t.TempDir(), withoutMap)
	mustUpsert(t, e, testPapers(0, 60)...)
	draw(t, e)
	placedAtOnce = 16
	mustUpsert(t, e, testPapers(60, 100)...)
	if m := mapOf(t, e, MapQuery{}); len(m.at) != 76 {
		t.Errorf("one call placed %d papers", len(m.at)-60)
	}
	if err := e.placeNewcomers(); err != nil {
		t.Fatal(err)
	}
	if m := mapOf(t, e, MapQuery{}); len(m.at) != 100 || e.newcomers(e.live.Load()) {
		t.Errorf("%d papers are on the map", len(m.at))
	}
}

func FuzzDecodePlot(f *testing.F) {
	p := &plot{
		drawing: &drawing{number: 3, model: "m", revision: 4, unit: .5,
			levels: [][]layout.Label{{{At: layout.Point{X: 4, Y: 5}, Text: "graph walks", Points: 9}}, nil}},
		seen: 6, ordinals: []uint64{1, 5}, spots: []spot{1<<16 | 1, 9<<16 | 9},
	}
	f.Add(p.encode("lineage"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := len(b) - 4; n > 0 { // under a checksum that fits, so that all of it is looked at
			b = binary.BigEndian.AppendUint32(b[:n:n], crc32.Checksum(b[:n], mapSums))
		}
		got, lineage, err := decodePlot(b)
		if err != nil {
			return
		}
		again, _, err := decodePlot(got.encode(lineage))
		if err != nil || !slices.Equal(again.ordinals, got.ordinals) || !slices.Equal(again.spots, got.spots) {
			t.Errorf("what was read is written as something else: %v", err)
		}
	})
}
