package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/akin-search/akin/server/internal/checkpoint"
	"github.com/akin-search/akin/server/internal/layout"
)

// The map on disk: one file, replaced as a whole. docs/map-format.md has its bytes. It is made of nothing but what can
// be computed again, so a file that cannot be read is named in the log and drawn anew.
const (
	mapMagic   = "AKINMAPS"
	mapVersion = 2 // 1 had the drawn papers alone, and the revision of the drawing for both
)

var (
	errMapDamaged = errors.New("the map's file is damaged")
	errMapNewer   = errors.New("the map's file is of a newer release")
)

func (e *Engine) mapPath() string { return filepath.Join(e.cfg.Dir, "map") }

// unkept is the share of places that the map on disk lacks.
func (e *Engine) unkept() float64 {
	e.atlasMu.Lock()
	defer e.atlasMu.Unlock()
	a := e.atlas.Load()
	if a == nil {
		return 0
	}
	return float64(a.unsaved) / float64(max(1, a.placed))
}

// keepAtlas puts the map on disk as it is now. There is one, and one goroutine at a time calls this.
func (e *Engine) keepAtlas() error {
	e.atlasMu.Lock()
	a := e.atlas.Load()
	p, unsaved := a.known(), a.unsaved
	e.atlasMu.Unlock()
	position, err := e.store.PositionOf(p.seen)
	if err != nil {
		return storeError(err)
	}
	if err := checkpoint.ReplaceFile(e.mapPath(), p.encode(position.Lineage.String())); err != nil {
		return fmt.Errorf("keep the map: %w", err)
	}
	e.atlasMu.Lock()
	defer e.atlasMu.Unlock()
	a.unsaved -= unsaved
	return nil
}

// readAtlas takes up the map on disk, if there is one of this store.
func (e *Engine) readAtlas() {
	b, err := os.ReadFile(e.mapPath())
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var p *plot
	if err == nil {
		var lineage string
		if p, lineage, err = decodePlot(b); err == nil {
			err = e.follows(p.seen, lineage)
		}
	}
	if err != nil {
		e.log.Warn("the map on disk does not serve; it is drawn again", "file", e.mapPath(), "reason", err)
		return
	}
	e.atlas.Store(&atlas{drawing: p.drawing, read: p})
}

// encode writes a map.
func (p *plot) encode(lineage string) []byte {
	be := binary.BigEndian
	b := append([]byte(nil), mapMagic...)
	b = be.AppendUint32(b, mapVersion)
	b = be.AppendUint64(b, p.seen)
	b = appendText(appendText(b, lineage), p.model)
	b = be.AppendUint64(b, p.revision)
	b = be.AppendUint64(b, p.number)
	b = be.AppendUint64(b, uint64(p.created.UnixNano()))
	for _, v := range []float32{p.low.X, p.low.Y, p.unit} {
		b = be.AppendUint32(b, math.Float32bits(v))
	}
	b = binary.AppendUvarint(b, uint64(len(p.ordinals)))
	last := uint64(0)
	for _, ordinal := range p.ordinals {
		b = binary.AppendUvarint(b, ordinal-last)
		last = ordinal
	}
	for _, at := range p.spots {
		b = be.AppendUint32(b, uint32(at))
	}
	b = binary.AppendUvarint(b, uint64(len(p.levels)))
	for _, level := range p.levels {
		b = binary.AppendUvarint(b, uint64(len(level)))
		for _, l := range level {
			b = be.AppendUint32(b, uint32(placeOf(l.At)))
			b = binary.AppendUvarint(b, uint64(l.Points))
			b = appendText(b, l.Text)
		}
	}
	return be.AppendUint32(b, crc32.Checksum(b, mapSums))
}

var mapSums = crc32.MakeTable(crc32.Castagnoli)

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decodePlot reads what encode wrote. It allocates in proportion to the bytes that are there.
func decodePlot(b []byte) (p *plot, lineage string, err error) {
	if len(b) < len(mapMagic)+8 || !bytes.HasPrefix(b, []byte(mapMagic)) {
		return nil, "", fmt.Errorf("%w: it does not begin with %q", errMapDamaged, mapMagic)
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if crc32.Checksum(body, mapSums) != sum {
		return nil, "", fmt.Errorf("%w: its checksum is another", errMapDamaged)
	}
	r := &mapReader{rest: body[len(mapMagic):]}
	version := r.uint32()
	if version == 0 || version > mapVersion {
		return nil, "", fmt.Errorf("%w: it has version %d, this one reads %d", errMapNewer, version, mapVersion)
	}
	d := &drawing{}
	p = &plot{drawing: d, seen: r.uint64()}
	lineage, d.model = r.text(), r.text()
	if d.revision = p.seen; version > 1 {
		d.revision = r.uint64()
	}
	d.number = r.uint64()
	d.created = time.Unix(0, int64(r.uint64()))
	d.low.X, d.low.Y, d.unit = r.float(), r.float(), r.float()
	n := r.count(5) // a byte of an ordinal at least, and four of a place
	p.ordinals, p.spots = make([]uint64, 0, n), make([]spot, 0, n)
	last := uint64(0)
	for range n {
		gap := r.varint()
		if r.failed = r.failed || gap == 0 || last+gap < last; r.failed {
			break
		}
		last += gap
		p.ordinals = append(p.ordinals, last)
	}
	for range p.ordinals {
		at := spot(r.uint32())
		if r.failed = r.failed || at.x() == 0 || at.y() == 0; r.failed {
			break
		}
		p.spots = append(p.spots, at)
	}
	for range r.count(1) {
		var level []layout.Label
		for range r.count(6) {
			at, points := spot(r.uint32()), r.varint()
			level = append(level, layout.Label{At: at.point(), Points: int(points), Text: r.text()})
		}
		d.levels = append(d.levels, level)
	}
	if r.failed || len(r.rest) > 0 || !(d.unit > 0) || math.IsInf(float64(d.unit), 0) || d.revision > p.seen {
		return nil, "", errMapDamaged
	}
	return p, lineage, nil
}

// mapReader takes bytes off a file's body; once there are too few, it has failed and returns zeros.
type mapReader struct {
	rest   []byte
	failed bool
}

func (r *mapReader) take(n int) []byte {
	if n > len(r.rest) || n < 0 {
		r.failed, r.rest = true, nil
		return make([]byte, min(8, max(n, 0)))
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *mapReader) uint32() uint32 { return binary.BigEndian.Uint32(r.take(4)) }
func (r *mapReader) uint64() uint64 { return binary.BigEndian.Uint64(r.take(8)) }
func (r *mapReader) float() float32 { return math.Float32frombits(r.uint32()) }

func (r *mapReader) varint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.failed, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// count reads a number of things that have some bytes each.
func (r *mapReader) count(size int) int {
	n := r.varint()
	if n > uint64(len(r.rest)/size) {
		r.failed, r.rest = true, nil
		return 0
	}
	return int(n)
}

func (r *mapReader) text() string { return string(r.take(r.count(1))) }
