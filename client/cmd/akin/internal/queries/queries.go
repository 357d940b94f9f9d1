// Package queries reads the texts that a benchmark searches for, from plain lines or from BEIR's JSON, which it tells
// apart line by line.
package queries

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxLine bounds one line, in bytes: more than a paper may have.
const maxLine = 1 << 20

// Read returns at most limit texts of a file (0: all), one for each line that has one. The file is BEIR's queries.jsonl
// (the text of each query), a BEIR corpus (the title of each paper, or its text where there is none), or plain lines;
// gzip and Zstandard are seen by their first bytes. Plain lines begin with anything but "{".
func Read(path string, limit int) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	texts, err := read(f, limit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("%s: no queries in it", path)
	}
	return texts, nil
}

func read(r io.Reader, limit int) ([]string, error) {
	plain, err := decompress(bufio.NewReader(r))
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(plain)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	var texts []string
	for number := 1; lines.Scan(); number++ {
		line := bytes.TrimSpace(bytes.TrimPrefix(lines.Bytes(), []byte("\ufeff")))
		text := string(line)
		if len(line) > 0 && line[0] == '{' {
			var record struct{ Title, Text string }
			if err := json.Unmarshal(line, &record); err != nil {
				return nil, fmt.Errorf("line %d: %w", number, err)
			}
			if text = strings.TrimSpace(record.Title); text == "" {
				text = strings.TrimSpace(record.Text)
			}
		}
		if text == "" {
			continue
		}
		if texts = append(texts, text); len(texts) == limit {
			break
		}
	}
	if err := lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			return nil, fmt.Errorf("a line is longer than %d bytes", maxLine)
		}
		return nil, err
	}
	return texts, nil
}

func decompress(r *bufio.Reader) (io.Reader, error) {
	magic, err := r.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return gzip.NewReader(r)
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	default:
		return r, nil
	}
}
