//go:build !windows

package coder

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"

	"github.com/coder/hnsw"

	"github.com/akin-search/akin/server/internal/index"
)

// Saved form, little-endian. The graph is not in it: Load inserts the rows again.
//
//	+--------+---------+------+--------+----------------------+--------+
//	| magic  | version | dims | from   | rows of dims         | CRC32C |
//	| 8 byte | uint32  | u32  | to     | float32, norm 1 or 0 | u32    |
//	|        |         |      | uint64 |                      |        |
//	+--------+---------+------+--------+----------------------+--------+
//
// Version 1: the first. Version 2: a span instead of the first n slots.
const (
	magic      = "AKINCODR"
	version    = 2
	headerSize = 8 + 4 + 4 + 8 + 8
)

// ErrDamaged: the bytes are not what Save wrote. Build the index again from its vectors.
var ErrDamaged = errors.New("index/coder: saved index is damaged")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Save implements index.Searcher.
func (x *Index) Save(ctx context.Context, w io.Writer, s index.Span) error {
	rows := x.snapshot()
	if s.From < 0 || s.From > s.To || s.To > rows.n {
		return fmt.Errorf("%w: Save of the slots %d to %d, there are %d", ErrSlot, s.From, s.To, rows.n)
	}
	sum := crc32.New(castagnoli)
	buffered := bufio.NewWriterSize(io.MultiWriter(w, sum), 1<<16)
	header := make([]byte, headerSize)
	copy(header, magic)
	binary.LittleEndian.PutUint32(header[8:], version)
	binary.LittleEndian.PutUint32(header[12:], uint32(x.dims))
	binary.LittleEndian.PutUint64(header[16:], uint64(s.From))
	binary.LittleEndian.PutUint64(header[24:], uint64(s.To))
	if _, err := buffered.Write(header); err != nil {
		return err
	}
	line := make([]byte, 4*x.dims)
	for slot := s.From; slot < s.To; slot++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		for i, value := range rows.row(uint32(slot)) {
			binary.LittleEndian.PutUint32(line[4*i:], math.Float32bits(value))
		}
		if _, err := buffered.Write(line); err != nil {
			return err
		}
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	return binary.Write(w, binary.LittleEndian, sum.Sum32())
}

// Saved implements index.Searcher.
func (x *Index) Saved(bool) {}

// Unsaved implements index.Searcher.
func (x *Index) Unsaved() int64 { return 0 }

// Load implements index.Searcher. It inserts every vector again: about 160 us each at 256 dimensions. It allocates as
// it reads, never by what a header claims alone.
func (x *Index) Load(r io.Reader, size int64) error {
	sum := crc32.New(castagnoli)
	in := io.TeeReader(bufio.NewReaderSize(r, 1<<16), sum)
	header := make([]byte, headerSize)
	if _, err := io.ReadFull(in, header); err != nil {
		return damaged(err)
	}
	if string(header[:8]) != magic {
		return fmt.Errorf("%w: it does not begin with %s", ErrDamaged, magic)
	}
	if v := binary.LittleEndian.Uint32(header[8:]); v != version {
		return fmt.Errorf("index/coder: saved index has format version %d, this server reads %d", v, version)
	}
	dims := int64(binary.LittleEndian.Uint32(header[12:]))
	from, to := binary.LittleEndian.Uint64(header[16:]), binary.LittleEndian.Uint64(header[24:])
	body := size - headerSize - crc32.Size
	if dims != int64(x.dims) || from != uint64(x.rows.n) || to < from || to > math.MaxUint32 ||
		int64(to-from)*4*dims != body {
		return fmt.Errorf("%w: slots %d to %d of %d dimensions in %d bytes, behind %d of %d", ErrDamaged, from, to, dims,
			size, x.rows.n, x.dims)
	}
	if err := x.readRows(in, int(to-from)); err != nil {
		return err
	}
	want := sum.Sum32()
	trailer := make([]byte, crc32.Size)
	if _, err := io.ReadFull(in, trailer); err != nil {
		return damaged(err)
	}
	if got := binary.LittleEndian.Uint32(trailer); got != want {
		return fmt.Errorf("%w: checksum %08x, want %08x", ErrDamaged, got, want)
	}
	return x.relink(uint32(from))
}

func (x *Index) readRows(in io.Reader, n int) error {
	line := make([]byte, 4*x.dims)
	row := make([]float32, x.dims)
	for range n {
		if _, err := io.ReadFull(in, line); err != nil {
			return damaged(err)
		}
		for i := range row {
			row[i] = math.Float32frombits(binary.LittleEndian.Uint32(line[4*i:]))
		}
		x.rows.write(row)
		x.rows.n++
	}
	return nil
}

// relink takes rows from a slot on, whose checksum held, into the graph.
func (x *Index) relink(from uint32) error {
	for slot := from; slot < uint32(x.rows.n); slot++ {
		row := x.rows.row(slot)
		if err := checkVector(row, x.dims); err != nil {
			return fmt.Errorf("%w: slot %d: %w", ErrDamaged, slot, err)
		}
		if isZero(row) {
			x.zeros++
			continue
		}
		if err := guard("Add", func() { x.graph.Add(hnsw.MakeNode(slot, row)) }); err != nil {
			return err
		}
	}
	return nil
}

func damaged(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends early", ErrDamaged)
	}
	return err
}
