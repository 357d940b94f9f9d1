package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
)

// matrix holds n rows of dims float32, each scaled to L2 norm 1 or all zero.
type matrix struct {
	n, dims int
	values  []float32
}

func (m *matrix) row(i int) []float32 { return m.values[i*m.dims : (i+1)*m.dims : (i+1)*m.dims] }

// readFbin reads the first limit rows of a file, all of them with limit 0.
func readFbin(path string, limit int) (*matrix, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	m, err := parseFbin(bufio.NewReaderSize(file, 1<<20), info.Size(), limit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// parseFbin believes a header only as far as size, the bytes that in holds, bears it out.
func parseFbin(in io.Reader, size int64, limit int) (*matrix, error) {
	var header [8]byte
	if _, err := io.ReadFull(in, header[:]); err != nil {
		return nil, fmt.Errorf("reading the header of 8 bytes: %w", err)
	}
	n, dims := int64(binary.LittleEndian.Uint32(header[:])), int64(binary.LittleEndian.Uint32(header[4:]))
	if n == 0 || dims == 0 || dims > 1<<16 || 8+4*n*dims != size {
		return nil, fmt.Errorf("the header says %d rows of %d float32, which is not %d bytes", n, dims, size)
	}
	if limit > 0 {
		n = min(n, int64(limit))
	}
	m := &matrix{n: int(n), dims: int(dims), values: make([]float32, n*dims)}
	line := make([]byte, 4*dims)
	for i := range m.n {
		if _, err := io.ReadFull(in, line); err != nil {
			return nil, fmt.Errorf("row %d: %w", i, err)
		}
		if err := m.setRow(i, line); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *matrix) setRow(i int, line []byte) error {
	row := m.row(i)
	sum := 0.
	for j := range row {
		row[j] = math.Float32frombits(binary.LittleEndian.Uint32(line[4*j:]))
		sum += float64(row[j]) * float64(row[j])
	}
	if math.IsNaN(sum) || math.IsInf(sum, 0) {
		return fmt.Errorf("row %d holds NaN or infinity", i)
	}
	if sum > 0 {
		scale := 1 / math.Sqrt(sum)
		for j := range row {
			row[j] = float32(float64(row[j]) * scale)
		}
	}
	return nil
}
