package indextest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"

	"github.com/akin-search/akin/server/internal/index"
)

// reference is the plainest engine there can be: it keeps what it is given and sorts every cosine. Its fault, if it has
// one, breaks one promise of index.Searcher, to see that the suite notices.
type reference struct {
	dims  int
	fault string

	mu   sync.RWMutex
	rows [][]float32 // norm 1 or 0
}

var _ index.Searcher = (*reference)(nil)

func (x *reference) valid(v []float32) error {
	if len(v) != x.dims {
		return index.ErrDims
	}
	for _, value := range v {
		if math.IsNaN(float64(value)) || math.IsInf(float64(value), 0) {
			if x.fault == "takes NaN" {
				return nil
			}
			return index.ErrNotFinite
		}
	}
	return nil
}

func (x *reference) Append(v []float32) (uint32, error) {
	if err := x.valid(v); err != nil {
		return 0, err
	}
	row := unit(v)
	if x.fault == "aliases" {
		row = v
	}
	if x.fault != "races" {
		x.mu.Lock()
		defer x.mu.Unlock()
	}
	x.rows = append(x.rows, row)
	return uint32(len(x.rows) - 1), nil
}

func (x *reference) Catchup(context.Context, func() int) error { return nil }

func (x *reference) SearchBatch(
	ctx context.Context, queries []*index.Query, dst [][]index.Candidate, reports []index.Report,
) error {
	for i, q := range queries {
		var err error
		if dst[i], reports[i], err = x.Search(ctx, q, dst[i]); err != nil {
			return err
		}
		if x.fault == "mixes a batch up" && i > 0 {
			dst[i], dst[i-1] = dst[i-1], dst[i]
		}
	}
	return nil
}

func (x *reference) Search(
	ctx context.Context, q *index.Query, dst []index.Candidate,
) ([]index.Candidate, index.Report, error) {
	if err := ctx.Err(); err != nil && x.fault != "ignores cancellation" {
		return dst, index.Report{}, err
	}
	if err := x.valid(q.Vector); err != nil {
		return dst, index.Report{}, err
	}
	if isZero(q.Vector) {
		return dst, index.Report{Exact: true}, nil
	}
	x.mu.RLock()
	rows := x.rows
	x.mu.RUnlock()
	var all []index.Candidate
	for slot, row := range rows {
		if isZero(row) && x.fault != "finds zero vectors" {
			continue
		}
		if q.Accept != nil && !q.Accept.Accepts(uint32(slot)) && x.fault != "ignores filters" {
			continue
		}
		if x.fault == "loses vectors" && slot%17 == 3 {
			continue
		}
		all = append(all, index.Candidate{Slot: uint32(slot), Score: float32(cosine(row, q.Vector))})
	}
	slices.SortFunc(all, byRank)
	k := min(max(q.K, 0), len(all))
	if x.fault == "finds one too many" {
		k = min(k+1, len(all))
	}
	all = all[:k]
	if x.fault == "breaks ties by falling slot" {
		slices.SortStableFunc(all, func(a, b index.Candidate) int {
			if a.Score == b.Score {
				return int(b.Slot) - int(a.Slot)
			}
			return 0
		})
	}
	if x.fault == "forgets what it is given" {
		dst = nil
	}
	return append(dst, all...), index.Report{Exact: true, Scored: len(rows)}, nil
}

func (x *reference) row(slot uint32) ([]float32, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if int64(slot) >= int64(len(x.rows)) {
		return nil, errors.New("no such slot")
	}
	return x.rows[slot], nil
}

func (x *reference) Scores(v []float32, slots []uint32, dst []float32) error {
	if err := x.valid(v); err != nil {
		return err
	}
	if len(dst) < len(slots) {
		return errors.New("no room")
	}
	for i, slot := range slots {
		row, err := x.row(slot)
		if err != nil {
			return err
		}
		dst[i] = float32(cosine(v, row))
	}
	return nil
}

func (x *reference) Vector(slot uint32, dst []float32) error {
	if len(dst) != x.dims {
		return index.ErrDims
	}
	row, err := x.row(slot)
	copy(dst, row)
	return err
}

func (x *reference) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.rows)
}

func (x *reference) Dims() int { return x.dims }

func (x *reference) Info() index.Info {
	x.mu.RLock()
	defer x.mu.RUnlock()
	info := index.Info{Engine: "reference", Vectors: len(x.rows), Graph: len(x.rows)}
	for _, row := range x.rows {
		if isZero(row) {
			info.Zero++
		}
	}
	return info
}

func (x *reference) Save(ctx context.Context, w io.Writer, s index.Span) error {
	if s.From < 0 || s.From > s.To || s.To > x.Len() {
		return errors.New("no such slots")
	}
	buf := binary.LittleEndian.AppendUint32(nil, uint32(x.dims))
	buf = binary.LittleEndian.AppendUint32(buf, uint32(s.To-s.From))
	for slot := s.From; slot < s.To; slot++ {
		row, err := x.row(uint32(slot))
		if err != nil {
			return err
		}
		for _, value := range row {
			buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(value))
		}
	}
	if err := ctx.Err(); err != nil && x.fault != "ignores cancellation" {
		return err
	}
	_, err := w.Write(buf)
	return err
}

func (x *reference) Saved(bool)     {}
func (x *reference) Unsaved() int64 { return 0 }

func (x *reference) Load(r io.Reader, size int64) error {
	var buf bytes.Buffer
	if _, err := io.Copy(&buf, io.LimitReader(r, size)); err != nil {
		return err
	}
	data := buf.Bytes()
	if len(data) < 8 {
		return io.ErrUnexpectedEOF
	}
	dims, n := uint64(binary.LittleEndian.Uint32(data)), uint64(binary.LittleEndian.Uint32(data[4:]))
	if x.fault == "believes headers" && n > 1<<16 {
		_ = make([]byte, min(n, 1<<30))
	}
	if dims != uint64(x.dims) || n*dims*4 != uint64(len(data)-8) && x.fault != "loads what is cut" {
		return fmt.Errorf("%d vectors of %d in %d bytes", n, dims, len(data))
	}
	for data = data[8:]; uint64(len(data)) >= 4*dims && n > 0; data, n = data[4*dims:], n-1 {
		if x.fault == "loses a slot on Load" && n == 1 || x.fault == "loses what is saved later" && len(x.rows) == 50 {
			break
		}
		row := make([]float32, dims)
		for i := range row {
			row[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
		}
		x.rows = append(x.rows, row)
	}
	return nil
}

func (x *reference) Check() error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.fault == "fails its own check" {
		return errors.New("as asked")
	}
	for slot, row := range x.rows {
		if err := x.valid(row); err != nil {
			return fmt.Errorf("slot %d: %w", slot, err)
		}
		if norm := l2(row); !isZero(row) && math.Abs(norm-1) > 1e-3 && x.fault == "" {
			return fmt.Errorf("slot %d has norm %g", slot, norm)
		}
	}
	return nil
}

func l2(v []float32) float64 {
	sum := 0.
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum)
}
