package engine

import (
	"context"
	"time"

	"github.com/akin-search/akin/server/internal/filter"
	"github.com/akin-search/akin/server/internal/layout"
	"github.com/akin-search/akin/server/internal/paper"
)

// MapQuery asks for the map.
type MapQuery struct {
	Filter *filter.Filter // nil: all papers
	// Group is the attribute whose texts sort papers into groups. Empty: their categories.
	Group     string
	MaxPapers int  // at most so many, evenly thinned; 0: all
	NoLabels  bool // words come from papers that the caller may not see
}

// MapInfo describes a map. Coordinates of labels and papers are from 1 to MapSide.
type MapInfo struct {
	Position   paper.Position // that the papers are seen at
	Number     uint64         // rises when the map is drawn anew; places stay between
	Model      string         // fingerprint of the model that it was drawn for
	CreateTime time.Time
	Papers     int        // of the answer
	Found      int        // that the filter accepts and that have a place; more than Papers where they were thinned
	Groups     []string   // names of the groups from 1 on, most frequent first
	Levels     []MapLevel // coarse to fine
}

// MapSide is the largest coordinate on a map.
const MapSide = mapSide

// MapLevel is a set of labels that can be shown at once.
type MapLevel struct {
	Pixels int // how wide MapSide is drawn at least where no label of 12-pixel type covers another
	Labels []layout.Label
}

// MapPapers is a run of papers on a map. All slices are of one length.
type MapPapers struct {
	IDs    []string
	X, Y   []uint32
	Years  []int32  // of publication; 0: unknown
	Groups []uint32 // 0: none that has a name
}

// mapRun is the number of papers of one MapPapers at most.
const mapRun = 4096

// Map hands out the map of the papers that a filter accepts: first what it is, then papers in runs. ErrNoMap while
// none is drawn. Papers that came since it was drawn lie beside their neighbours. The papers are chosen before head is
// called, and no query is held up by a slow receiver.
func (e *Engine) Map(ctx context.Context, q MapQuery, head func(MapInfo) error, run func(*MapPapers) error) error {
	v, a, chosen, err := e.mapView(ctx, q)
	if err != nil {
		return err
	}
	position, err := e.store.PositionOf(v.revision)
	if err != nil {
		return storeError(err)
	}
	info := MapInfo{
		Position: position, Number: a.number, Model: a.model, CreateTime: a.created,
		Papers: len(chosen.carriers), Found: chosen.found,
	}
	groups := make([]uint8, v.gen.slots.len())
	info.Groups = chosen.regroup(v.gen.columns.Groups(q.Group, groups), groups)
	if !q.NoLabels {
		for level, labels := range a.levels {
			info.Levels = append(info.Levels, MapLevel{labelPixels(level), labels})
		}
	}
	if err := head(info); err != nil {
		return err
	}
	for from := 0; from < len(chosen.carriers); from += mapRun {
		if err := ctx.Err(); err != nil {
			return err
		}
		to := min(from+mapRun, len(chosen.carriers))
		if err := run(chosen.papers(v.gen, a, groups, from, to)); err != nil {
			return err
		}
	}
	return nil
}

// mapChoice are the papers of an answer.
type mapChoice struct {
	carriers []uint32 // slots that hold the texts
	rows     []uint32 // slots that hold the columns
	found    int
}

// mapView chooses the papers that a map shows.
func (e *Engine) mapView(ctx context.Context, q MapQuery) (*view, *atlas, *mapChoice, error) {
	epoch := e.readers.enter()
	defer e.readers.leave(epoch)
	v := e.look()
	if err := v.restrict(q.Filter); err != nil {
		return nil, nil, nil, err
	}
	a, err := e.chart(ctx, v.gen, placedAtOnce)
	if err != nil {
		return nil, nil, nil, err
	}
	if a == nil {
		return nil, nil, nil, ErrNoMap
	}
	c := &mapChoice{}
	for slot := range v.slots {
		if slot%lookEvery == 0 && ctx.Err() != nil {
			return nil, nil, nil, ctx.Err()
		}
		if a.at(slot) == 0 || !v.Accepts(slot) {
			continue
		}
		version, _ := v.gen.slots.version(slot, v.revision)
		c.carriers, c.rows = append(c.carriers, slot), append(c.rows, version)
	}
	c.found = len(c.carriers)
	if n := c.found; q.MaxPapers > 0 && n > q.MaxPapers {
		for i := range q.MaxPapers {
			c.carriers[i], c.rows[i] = c.carriers[i*n/q.MaxPapers], c.rows[i*n/q.MaxPapers]
		}
		c.carriers, c.rows = c.carriers[:q.MaxPapers], c.rows[:q.MaxPapers]
	}
	return v, a, c, nil
}

// regroup keeps the names of groups that the papers have: others are none of the caller's business. groups are those of
// all slots, and are numbered anew.
func (c *mapChoice) regroup(names []string, groups []uint8) []string {
	var has [filter.MaxGroups + 1]bool
	for _, row := range c.rows {
		has[groups[row]] = true
	}
	var kept []string
	var number [filter.MaxGroups + 1]uint8
	for i, name := range names {
		if has[i+1] {
			kept = append(kept, name)
			number[i+1] = uint8(len(kept))
		}
	}
	for _, row := range c.rows {
		groups[row] = number[groups[row]]
	}
	return kept
}

// papers makes one run.
func (c *mapChoice) papers(g *Generation, a *atlas, groups []uint8, from, to int) *MapPapers {
	n := to - from
	m := &MapPapers{
		IDs: g.columns.IDs(make([]string, 0, n), c.rows[from:to]),
		X:   make([]uint32, n), Y: make([]uint32, n), Years: make([]int32, n), Groups: make([]uint32, n),
	}
	for i, row := range c.rows[from:to] {
		at := a.at(c.carriers[from+i])
		m.X[i], m.Y[i] = uint32(at.x()), uint32(at.y())
		if t := g.slots.row(row).publish; t != unknownTime {
			m.Years[i] = int32(time.Unix(t, 0).UTC().Year())
		}
		m.Groups[i] = uint32(groups[row])
	}
	return m
}
