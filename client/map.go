package client

import (
	"context"
	"errors"
	"io"
	"time"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// MapConfig says which map to get. The zero value means all papers, in groups by category.
type MapConfig struct {
	GroupBy string // attribute whose texts sort papers into groups, at most 64 bytes; empty: their categories
	Limit   int    // papers at most, evenly thinned, up to 10,000,000; 0: all
}

// Map is two coordinates a paper, such that near papers are alike, and words for parts of it. Coordinates are from 1 to
// 65,535, x to the right and y upwards, in one unit.
type Map struct {
	Drawing    uint64 // rises when the map is drawn anew; between two drawings no paper moves
	Model      string // fingerprint of the model whose neighbours it shows
	CreateTime time.Time
	Found      int        // papers that there would be without Limit
	Papers     []MapPaper // in no particular order
	Groups     []string   // names of the groups from 1 on, the largest first
	Levels     []MapLevel // of labels, coarse to fine; none for a caller with a forced filter
}

// MapPaper is a paper on a map.
type MapPaper struct {
	ID    string
	X, Y  uint16
	Year  int // of publication; 0: unknown
	Group int // an index into Groups and 1; 0: no group that has a name
}

// MapLevel is a set of labels that can be shown at once.
type MapLevel struct {
	Pixels int // how wide 65,535 is drawn at least where no label of 12-pixel type covers another
	Labels []MapLabel
}

// MapLabel names a cluster of papers.
type MapLabel struct {
	X, Y   uint16 // its middle
	Text   string
	Papers int
}

// Map gets the map of all papers, or of those that a [Filter] accepts. The server draws it in the background once a
// model is learnt; until then the error has the code FailedPrecondition and the reason NO_MAP. It holds about 60 bytes
// a paper.
func (c *Client) Map(ctx context.Context, cfg MapConfig, opts ...MapOption) (*Map, error) {
	req := &akinv1.GetMapRequest{GroupBy: cfg.GroupBy, MaxPapers: int32(cfg.Limit)}
	for _, opt := range opts {
		opt.applyMap(req)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.index.GetMap(ctx, req)
	m := &Map{}
	for err == nil {
		var piece *akinv1.GetMapResponse
		if piece, err = stream.Recv(); err == nil {
			m.take(piece)
		}
	}
	if !errors.Is(err, io.EOF) {
		return nil, callError("map", err)
	}
	return m, nil
}

// take adds one message.
func (m *Map) take(piece *akinv1.GetMapResponse) {
	if info := piece.GetInfo(); info != nil {
		m.Drawing, m.Model, m.CreateTime = info.GetDrawing(), info.GetModelFingerprint(), info.GetCreateTime().AsTime()
		m.Found, m.Groups = int(info.GetFound()), info.GetGroups()
		for _, level := range info.GetLevels() {
			l := MapLevel{Pixels: int(level.GetPixels())}
			for _, label := range level.GetLabels() {
				l.Labels = append(l.Labels, MapLabel{
					X: uint16(label.GetX()), Y: uint16(label.GetY()), Text: label.GetText(), Papers: int(label.GetPapers()),
				})
			}
			m.Levels = append(m.Levels, l)
		}
		return
	}
	p := piece.GetPapers()
	n := min(len(p.GetIds()), len(p.GetX()), len(p.GetY()), len(p.GetYears()), len(p.GetGroups()))
	for i := range n {
		m.Papers = append(m.Papers, MapPaper{
			ID: p.GetIds()[i], X: uint16(p.GetX()[i]), Y: uint16(p.GetY()[i]), Year: int(p.GetYears()[i]),
			Group: int(p.GetGroups()[i]),
		})
	}
}
