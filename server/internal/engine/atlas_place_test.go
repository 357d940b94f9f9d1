package engine

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// laidMap is the map over the live generation, with no paper placed for its sake.
func laidMap(t testing.TB, e *Engine) *atlas {
	t.Helper()
	a, err := e.chart(context.Background(), e.live.Load(), 0)
	if err != nil || a == nil {
		t.Fatal("no map: ", err)
	}
	return a
}

// kept is the map on disk.
func kept(t testing.TB, e *Engine) *plot {
	t.Helper()
	b, err := os.ReadFile(e.mapPath())
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := decodePlot(b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// shut closes an engine and opens its folder again, with the map that is on disk.
func shut(t testing.TB, e *Engine) *Engine {
	t.Helper()
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	e = open(t, e.cfg.Dir, withoutMap)
	e.readAtlas()
	return e
}

func place(t testing.TB, e *Engine) {
	t.Helper()
	if err := e.placeNewcomers(); err != nil {
		t.Fatal(err)
	}
}

// drawnOf fails unless the map was drawn of so many papers, by the model that serves.
func drawnOf(t testing.TB, e *Engine, want int) {
	t.Helper()
	if papers, current := e.drawn(e.live.Load()); papers != want || !current {
		t.Errorf("drawn of %d papers, of the model that serves: %v", papers, current)
	}
}

// sameSpots compares where papers lie on two maps, but for some papers.
func sameSpots(t testing.TB, before, after *seen, but ...string) {
	t.Helper()
	if len(before.at) != len(after.at) || before.info.Number != after.info.Number {
		t.Errorf("%d papers on map %d have become %d on map %d", len(before.at), before.info.Number, len(after.at),
			after.info.Number)
	}
	for id, at := range before.at {
		if after.at[id] != at && !slices.Contains(but, id) {
			t.Errorf("%s was at %v and is at %v", id, at, after.at[id])
		}
	}
}

// TestPlacesOutliveARestart: what was placed is kept with what was drawn, and does not count as drawn.
func TestPlacesOutliveARestart(t *testing.T) {
	e := open(t, t.TempDir(), withoutMap)
	mustUpsert(t, e, testPapers(0, 60)...)
	draw(t, e)
	mustUpsert(t, e, testPapers(60, 110)...)
	place(t, e)
	if n := len(kept(t, e).ordinals); n != 110 {
		t.Errorf("when all are placed the map on disk has %d of 110 papers", n)
	}
	before := mapOf(t, e, MapQuery{})
	e = shut(t, e)
	if a := laidMap(t, e); !a.settled() {
		t.Errorf("after a restart %d papers want a place", len(a.pending))
	}
	sameSpots(t, before, mapOf(t, e, MapQuery{}))
	drawnOf(t, e, 60)
}

// TestPlacesAreKeptWhenTheEngineCloses: a few that came since the file was written are not worth another, but for the
// end.
func TestPlacesAreKeptWhenTheEngineCloses(t *testing.T) {
	e := open(t, t.TempDir(), withoutMap)
	mustUpsert(t, e, testPapers(0, 60)...)
	draw(t, e)
	mustUpsert(t, e, testPapers(60, 62)...)
	place(t, e)
	if n := len(kept(t, e).ordinals); n != 60 {
		t.Errorf("for two papers the map on disk was written again: it has %d", n)
	}
	before := mapOf(t, e, MapQuery{})
	e = shut(t, e)
	if n := len(kept(t, e).ordinals); n != 62 {
		t.Errorf("behind the end the map on disk has %d of 62 papers", n)
	}
	sameSpots(t, before, mapOf(t, e, MapQuery{}))
}

// TestAPaperWhoseTextChangedIsPlacedAnew opens a folder with an older map than its papers, as a crash leaves it.
func TestAPaperWhoseTextChangedIsPlacedAnew(t *testing.T) {
	e := open(t, t.TempDir(), withoutMap)
	mustUpsert(t, e, testPapers(0, 100)...)
	draw(t, e)
	older, err := os.ReadFile(e.mapPath())
	if err != nil {
		t.Fatal(err)
	}
	before := mapOf(t, e, MapQuery{})
	moved, renamed := testPaper(8), testPaper(7)
	moved.Title, moved.Abstract = testPaper(4).Title, testPaper(4).Abstract
	renamed.Categories = []string{"other"}
	mustUpsert(t, e, moved, renamed)
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(e.mapPath(), older, 0o600); err != nil {
		t.Fatal(err)
	}
	e = open(t, e.cfg.Dir, withoutMap)
	e.readAtlas()
	if a := laidMap(t, e); a.settled() || a.placed != 100 { // one of a text that is gone
		t.Errorf("%d papers have places, and no other wants one: %v", a.placed, a.settled())
	}
	after := mapOf(t, e, MapQuery{})
	sameSpots(t, before, after, "p0008")
	if d := apart(after.at["p0008"], before.at["p0004"]) / MapSide; d > .05 {
		t.Errorf("the paper with another text is %.3f of the width from the one with the same", d)
	}
}

// TestPlacesOutliveGenerationsOnDisk: another generation knows papers by the ordinals that they have by then, and the
// file says them.
func TestPlacesOutliveGenerationsOnDisk(t *testing.T) {
	e := open(t, t.TempDir(), withoutMap, func(c *Config) { c.NoCheckpoints = true }) // a start builds from the store
	mustUpsert(t, e, testPapers(0, 60)...)
	draw(t, e)
	mustUpsert(t, e, testPapers(60, 100)...)
	place(t, e)
	for i := range 100 {
		p := testPaper(i)
		p.Categories = []string{"other"} // the same text: another ordinal
		mustUpsert(t, e, p)
	}
	if _, err := e.Train(context.Background(), TrainOptions{Epochs: 1, Seed: 3}, nil); err != nil {
		t.Fatal(err)
	}
	place(t, e)
	before := mapOf(t, e, MapQuery{})
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	e = open(t, e.cfg.Dir, withoutMap, func(c *Config) { c.NoCheckpoints = true })
	e.readAtlas()
	if a := laidMap(t, e); !a.settled() || a.placed != 100 {
		t.Errorf("of 100 papers %d have places", a.placed)
	}
	sameSpots(t, before, mapOf(t, e, MapQuery{}))
}

// TestTheFirstVersionOfTheMapIsRead takes the revision of the drawing out of a file, as it was before.
func TestTheFirstVersionOfTheMapIsRead(t *testing.T) {
	e := open(t, t.TempDir(), withoutMap)
	mustUpsert(t, e, testPapers(0, 60)...)
	draw(t, e)
	before := mapOf(t, e, MapQuery{})
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(e.mapPath())
	if err != nil {
		t.Fatal(err)
	}
	texts := 8 + 4 + 8 // the lineage and the fingerprint, whose lengths take a byte each
	revision := texts + 1 + int(b[texts])
	revision += 1 + int(b[revision])
	b = slices.Delete(b[:len(b)-4], revision, revision+8)
	binary.BigEndian.PutUint32(b[8:], 1)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, mapSums))
	if err := os.WriteFile(e.mapPath(), b, 0o600); err != nil {
		t.Fatal(err)
	}
	e = open(t, e.cfg.Dir, withoutMap)
	e.readAtlas()
	sameSpots(t, before, mapOf(t, e, MapQuery{}))
	drawnOf(t, e, 60)
}

// TestMostPapersArePlacedBesideTheirKind places four of five papers, of which few of the nearest have places at first.
func TestMostPapersArePlacedBesideTheirKind(t *testing.T) {
	e := open(t, t.TempDir(), withoutMap)
	mustUpsert(t, e, testPapers(0, 80)...)
	draw(t, e)
	mustUpsert(t, e, testPapers(80, 400)...)
	place(t, e)
	m := mapOf(t, e, MapQuery{})
	if len(m.at) != 400 {
		t.Fatalf("%d papers are on the map", len(m.at))
	}
	astray := 0
	for i := 80; i < 400; i++ {
		at := m.at[testPaper(i).ID]
		var nearest [5]float64
		for topic := range nearest {
			nearest[topic] = MapSide
			for j := topic; j < 80; j += 5 {
				nearest[topic] = min(nearest[topic], apart(at, m.at[testPaper(j).ID]))
			}
		}
		if nearest[i%5] > slices.Min(nearest[:]) {
			astray++
		}
	}
	if astray > 16 {
		t.Errorf("%d of 320 papers are nearer to another topic than to their own", astray)
	}
}

// TestABacklogIsPlacedPolitely: it asks for every batch whether to give way.
func TestABacklogIsPlacedPolitely(t *testing.T) {
	var asked atomic.Int64
	e := open(t, t.TempDir(), withoutMap, func(c *Config) { c.GiveWay = func() { asked.Add(1) } })
	mustUpsert(t, e, testPapers(0, 60)...)
	draw(t, e)
	mustUpsert(t, e, testPapers(60, 60+5*placeBatch)...)
	asked.Store(0)
	place(t, e)
	if n := asked.Load(); n < 5 {
		t.Errorf("%d papers gave way %d times", 5*placeBatch, n)
	}
	mustUpsert(t, e, testPapers(1000, 1000+2*placeBatch)...)
	e.stop()
	place(t, e)
	if a := laidMap(t, e); a.settled() || a.placed > 60+5*placeBatch {
		t.Errorf("the end of the engine waited for places of %d papers", a.placed)
	}
}

// TestNoPaperIsPlacedWhileManyWaitForTheGraph: a search would scan them all.
func TestNoPaperIsPlacedWhileManyWaitForTheGraph(t *testing.T) {
	few := drawTail
	lower(t, &drawTail, 0) // so many
	e := open(t, t.TempDir(), withoutMap)
	mustUpsert(t, e, testPapers(0, 60)...)
	draw(t, e)
	mustUpsert(t, e, testPapers(60, 80)...)
	if n := len(mapOf(t, e, MapQuery{}).at); n != 60 || e.newcomers(e.live.Load()) {
		t.Errorf("%d papers are on the map, and others are waited for", n)
	}
	if err := e.replaceLive(context.Background(), e.live.Load().model, e.now(), func(string, float64) {}); err != nil {
		t.Fatal(err)
	}
	if !e.newcomers(e.live.Load()) {
		t.Error("the map stays with a generation that was replaced")
	}
	place(t, e)
	if a := laidMap(t, e); a.gen != e.live.Load() || a.placed != 60 {
		t.Errorf("%d papers have places", a.placed)
	}
	if err := e.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	drawTail = few
	e = open(t, e.cfg.Dir, withoutMap)
	e.readAtlas()
	place(t, e)
	if n := len(mapOf(t, e, MapQuery{}).at); n != 80 {
		t.Errorf("%d of 80 papers are on the map", n)
	}
}

// TestAMapOfTooFewPapersIsTriedOnce: most papers have no text, and those are looked through once for a revision.
func TestAMapOfTooFewPapersIsTriedOnce(t *testing.T) {
	e := open(t, t.TempDir(), withoutMap)
	papers := testPapers(0, 50)
	for _, p := range papers[20:] {
		p.Title, p.Abstract = "", ""
	}
	mustUpsert(t, e, papers...)
	wanted := func() bool {
		s := e.state()
		s.maps, s.idle, s.tail = true, time.Hour, 0
		return plan(s)[drawMap].wanted
	}
	if !wanted() {
		t.Error("it is not tried")
	}
	if err := e.draw(); err != nil {
		t.Fatal(err)
	}
	if wanted() {
		t.Error("it is tried again")
	}
	mustUpsert(t, e, testPapers(50, 70)...)
	if !wanted() {
		t.Error("it is not tried when more papers have come")
	}
	draw(t, e)
	if n := len(mapOf(t, e, MapQuery{}).at); n != 40 {
		t.Errorf("%d papers are on the map", n)
	}
}
