package source

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// peekSize is how much of the text detection sees.
const peekSize = 64 << 10

// maxWindow bounds what a Zstandard frame may ask for: the window of `zstd --ultra --long=27`, the largest that the
// zstd tool opens without being told to.
const maxWindow = 128 << 20

// input is an opened file: bytes as on disk below, UTF-8 text without a byte order mark above.
type input struct {
	text  *bufio.Reader // peekSize large; lines end with LF
	used  string        // the encoding that was decoded, if not UTF-8
	read  atomic.Int64
	total int64
	close []func() error // in the order to call
}

// openInput opens path, or standard input for "-", and looks through compression and byte order mark.
func openInput(path, encoding string) (*input, error) {
	if path == "-" {
		return newInput(os.Stdin, sizeOf(os.Stdin), encoding, nil)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if st, err := f.Stat(); err == nil && st.IsDir() {
		return nil, errors.Join(fmt.Errorf("%s is a folder: name the files in it", path), f.Close())
	}
	in, err := newInput(f, sizeOf(f), encoding, f.Close)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return in, nil
}

// sizeOf returns the bytes of a regular file and 0 of anything else.
func sizeOf(f *os.File) int64 {
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() {
		return 0
	}
	return st.Size()
}

// newInput reads r, of total bytes if that is known. closeFile may be nil; it stays the caller's after an error.
func newInput(r io.Reader, total int64, encoding string, closeFile func() error) (*input, error) {
	in := &input{total: total}
	raw := bufio.NewReaderSize(&countingReader{r: r, n: &in.read}, peekSize)
	magic, err := raw.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the input: %w", err)
	}
	var text io.Reader = raw
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(raw)
		if err != nil {
			return nil, compressionError("gzip", err)
		}
		text = &decompressor{name: "gzip", r: z}
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, compressionError("Zstandard", err)
		}
		in.close = append(in.close, func() error { z.Close(); return nil })
		text = &decompressor{name: "Zstandard", r: z}
	}
	// BOMOverride takes the mark away and decodes UTF-16 where the mark announces it. In a text taken for UTF-8 the bytes
	// pass as they are, so that invalid ones can be reported with the record they are in.
	text, err = decoder(transform.NewReader(text, unicode.BOMOverride(transform.Nop)), encoding, &in.used)
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	in.text = bufio.NewReaderSize(transform.NewReader(text, newlines{}), peekSize)
	if closeFile != nil {
		in.close = append(in.close, closeFile)
	}
	return in, nil
}

// Close releases the decompressor and closes the file.
func (in *input) Close() error {
	var errs []error
	for _, f := range in.close {
		errs = append(errs, f())
	}
	in.close = nil
	return errors.Join(errs...)
}

// countingReader counts what was read, for readers of the count on other goroutines.
type countingReader struct {
	r io.Reader
	n *atomic.Int64
}

// Read reads and counts.
func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// decompressor says in words what is wrong with compressed data.
type decompressor struct {
	name string
	r    io.Reader
}

// Read decompresses. What it decompressed before a fault comes before the fault.
func (d *decompressor) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	if err == nil || err == io.EOF {
		return n, err
	}
	return n, compressionError(d.name, err)
}

// compressionError describes a decompressor's error.
func compressionError(name string, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("the %s data ends early, as after a broken download; the papers before its end were read: %w",
			name, io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("the %s data is damaged; the papers before the fault were read: %w", name, err)
}
