package coder

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"

	"github.com/coder/hnsw"
)

// Saved form, little-endian. The graph is not in it: Load inserts the rows again.
//
//	+--------+---------+------+-------+----------------------+--------+
//	| magic  | version | dims | n     | n rows of dims       | CRC32C |
//	| 8 byte | uint32  | u32  | uint64| float32, norm 1 or 0 | u32    |
//	+--------+---------+------+-------+----------------------+--------+
//
// Version 1: the first.
const (
	magic      = "AKINCODR"
	version    = 1
	headerSize = 8 + 4 + 4 + 8
	maxDims    = 1 << 16
)

// ErrDamaged: the bytes are not what Save wrote. Build the index again from its vectors.
var ErrDamaged = errors.New("index/coder: saved index is damaged")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Save implements index.Searcher.
func (x *Index) Save(w io.Writer, n int) error {
	rows := x.snapshot()
	if n < 0 || n > rows.n {
		return fmt.Errorf("%w: Save of %d slots, there are %d", ErrSlot, n, rows.n)
	}
	sum := crc32.New(castagnoli)
	buffered := bufio.NewWriterSize(io.MultiWriter(w, sum), 1<<16)
	header := make([]byte, headerSize)
	copy(header, magic)
	binary.LittleEndian.PutUint32(header[8:], version)
	binary.LittleEndian.PutUint32(header[12:], uint32(x.dims))
	binary.LittleEndian.PutUint64(header[16:], uint64(n))
	if _, err := buffered.Write(header); err != nil {
		return err
	}
	line := make([]byte, 4*x.dims)
	for slot := range uint32(n) {
		for i, value := range rows.row(slot) {
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

// Load restores an index from the size bytes of r that Save wrote, by inserting every vector again: about 160 us each at
// 256 dimensions. It allocates as it reads, never by what a header claims alone.
func Load(r io.Reader, size int64) (*Index, error) {
	sum := crc32.New(castagnoli)
	in := io.TeeReader(bufio.NewReaderSize(r, 1<<16), sum)
	header := make([]byte, headerSize)
	if _, err := io.ReadFull(in, header); err != nil {
		return nil, damaged(err)
	}
	if string(header[:8]) != magic {
		return nil, fmt.Errorf("%w: it does not begin with %s", ErrDamaged, magic)
	}
	if v := binary.LittleEndian.Uint32(header[8:]); v != version {
		return nil, fmt.Errorf("index/coder: saved index has format version %d, this server reads %d", v, version)
	}
	dims := int64(binary.LittleEndian.Uint32(header[12:]))
	n := binary.LittleEndian.Uint64(header[16:])
	body := size - headerSize - crc32.Size
	if dims < 1 || dims > maxDims || n > math.MaxUint32 || int64(n)*4*dims != body {
		return nil, fmt.Errorf("%w: %d vectors of %d dimensions in %d bytes", ErrDamaged, n, dims, size)
	}
	x := New(int(dims))
	if err := x.readRows(in, int(n)); err != nil {
		return nil, err
	}
	want := sum.Sum32()
	trailer := make([]byte, crc32.Size)
	if _, err := io.ReadFull(in, trailer); err != nil {
		return nil, damaged(err)
	}
	if got := binary.LittleEndian.Uint32(trailer); got != want {
		return nil, fmt.Errorf("%w: checksum %08x, want %08x", ErrDamaged, got, want)
	}
	return x, x.relink()
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

// relink builds the graph over rows whose checksum held.
func (x *Index) relink() error {
	for slot := range uint32(x.rows.n) {
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
