package web

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"math"
	"net/http"
	"slices"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// The points of the map for its script, in one answer, all numbers little-endian:
//
//	"AKINMAP1"            8 bytes
//	length of the JSON    uint32
//	number of points n    uint32
//	JSON                  groups, levels of labels; filled up with spaces to a multiple of 4 bytes
//	x, y                  n uint16 each, from 1 to 65,535, y upwards
//	year                  n uint16, 0: unknown
//	group                 n uint8, 0: none
//	ids                   by rising id, each: how many bytes it shares with the one before (a byte), how many follow
//	                      (uint16), then those
//

// mapHead is the JSON.
type mapHead struct {
	Drawing uint64     `json:"drawing"`
	Found   int        `json:"found"`
	Groups  []string   `json:"groups"`
	Levels  []mapWords `json:"levels"`
}

type mapWords struct {
	Pixels int        `json:"pixels"`
	Labels []mapLabel `json:"labels"`
}

type mapLabel struct {
	X      int32  `json:"x"`
	Y      int32  `json:"y"`
	Text   string `json:"text"`
	Papers int32  `json:"n"`
}

// mapColumns are the papers of a map.
type mapColumns struct {
	info   *akinv1.MapInfo
	papers []mapPoint
}

type mapPoint struct {
	id    string
	x, y  uint16
	year  uint16
	group uint8
}

// mapColumns asks for all papers that the filters of the address accept, by rising id.
func (v *visit) mapColumns() (*mapColumns, error) {
	f := filtersOf(v.query)
	m := &mapColumns{}
	err := v.eachPiece(&akinv1.GetMapRequest{
		Filter: f.expression(), GroupBy: v.query.Get("group"), MaxPapers: mapPapers,
	}, func(piece *akinv1.GetMapResponse) {
		if i := piece.GetInfo(); i != nil {
			m.info = i
			m.papers = make([]mapPoint, 0, i.GetPapers())
			return
		}
		p := piece.GetPapers()
		for i, id := range p.GetIds() {
			m.papers = append(m.papers, mapPoint{
				id, uint16(p.GetX()[i]), uint16(p.GetY()[i]), uint16(max(0, min(math.MaxUint16, p.GetYears()[i]))),
				uint8(p.GetGroups()[i]),
			})
		}
	})
	slices.SortFunc(m.papers, func(a, b mapPoint) int { return cmp.Compare(a.id, b.id) })
	return m, err
}

// mapPoints answers with the points for the script.
func (v *visit) mapPoints() error {
	m, err := v.mapColumns()
	if err != nil {
		return err
	}
	body, err := m.encode()
	if err != nil {
		return err
	}
	v.send(http.StatusOK, "application/octet-stream", body)
	return nil
}

func (m *mapColumns) encode() ([]byte, error) {
	head := mapHead{Drawing: m.info.GetDrawing(), Found: int(m.info.GetFound()), Groups: m.info.GetGroups()}
	for _, level := range m.info.GetLevels() {
		words := mapWords{Pixels: int(level.GetPixels())}
		for _, l := range level.GetLabels() {
			words.Labels = append(words.Labels, mapLabel{l.GetX(), l.GetY(), l.GetText(), l.GetPapers()})
		}
		head.Levels = append(head.Levels, words)
	}
	text, err := json.Marshal(head)
	if err != nil {
		return nil, err
	}
	for len(text)%4 != 0 {
		text = append(text, ' ')
	}
	le := binary.LittleEndian
	b := make([]byte, 0, 16+len(text)+20*len(m.papers))
	b = append(b, "AKINMAP1"...)
	b = le.AppendUint32(b, uint32(len(text)))
	b = le.AppendUint32(b, uint32(len(m.papers)))
	b = append(b, text...)
	for _, column := range []func(*mapPoint) uint16{
		func(p *mapPoint) uint16 { return p.x }, func(p *mapPoint) uint16 { return p.y },
		func(p *mapPoint) uint16 { return p.year },
	} {
		for i := range m.papers {
			b = le.AppendUint16(b, column(&m.papers[i]))
		}
	}
	for i := range m.papers {
		b = append(b, m.papers[i].group)
	}
	last := ""
	for i := range m.papers {
		id := m.papers[i].id
		shared := 0
		for shared < min(len(last), len(id), 255) && last[shared] == id[shared] {
			shared++
		}
		b = le.AppendUint16(append(b, byte(shared)), uint16(len(id)-shared))
		b = append(b, id[shared:]...)
		last = id
	}
	return b, nil
}

// stillScale is how many pixels of the density a pixel of the still map has.
const stillScale = 2

// mapStill answers with the density of the papers as a picture in grey, for those without a script: a mask, so that the
// style chooses the colour.
func (v *visit) mapStill() error {
	m, err := v.mapColumns()
	if err != nil {
		return err
	}
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := encoder.Encode(&out, m.still(stillSide*stillScale)); err != nil {
		return err
	}
	v.send(http.StatusOK, "image/png", out.Bytes())
	return nil
}

func (m *mapColumns) still(side int) *image.Gray {
	counts := make([]float64, side*side)
	r := min(5, max(1, int(float64(side)/math.Sqrt(40*float64(len(m.papers)+1))))) // few papers are larger dots
	for _, p := range m.papers {
		x := r + int(p.x)*(side-2*r-1)/mapSide
		y := side - 1 - r - int(p.y)*(side-2*r-1)/mapSide
		for dy := -r; dy <= r; dy++ {
			for dx := -r; dx <= r; dx++ {
				edge := float64(r) + .7 - math.Hypot(float64(dx), float64(dy)) // soft
				counts[(y+dy)*side+x+dx] += min(1, max(0, edge))
			}
		}
	}
	high := 0.
	for _, c := range counts {
		high = max(high, c)
	}
	picture := image.NewGray(image.Rect(0, 0, side, side))
	for i, c := range counts {
		if c > 0 {
			grey := 60 + 195*math.Log1p(c)/math.Log1p(high)
			picture.SetGray(i%side, i/side, color.Gray{Y: uint8(grey)})
		}
	}
	return picture
}
