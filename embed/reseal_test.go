package embed

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"io"
	"slices"
)

type bytesWriter []byte

func (b *bytesWriter) Write(p []byte) (int, error) { *b = append(*b, p...); return len(p), nil }

// resealed reads a model whose fingerprint and checksum are made to fit.
type resealed struct {
	b    []byte
	done bool
}

func (r *resealed) Read(p []byte) (int, error) {
	if !r.done {
		r.done = true
		if r.b = slices.Clone(r.b); len(r.b) >= tailBytes {
			body := r.b[:len(r.b)-tailBytes]
			sum := sha256.Sum256(body)
			copy(r.b[len(body):], sum[:16])
			binary.LittleEndian.PutUint32(r.b[len(r.b)-4:], crc32.Checksum(r.b[:len(r.b)-4], castagnoli))
		}
	}
	if len(r.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.b)
	r.b = r.b[n:]
	return n, nil
}
