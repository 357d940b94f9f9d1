package lexical

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// A saved index is the forward rows; the lists are built again from them, in far less time than a disk takes to read them.
//
//	header   magic "AKINLEX\x02" (the last byte is the version), uint32 rows, uint32 0
//	blocks   of up to 4,096 rows: a head a row, then the pairs and bigrams of all of them, row by row
//	head     uint32 tokens, uint32 words of packed pairs | 1<<31 when the paper is removed, uint32 number of bigrams
//	pairs    uint16 words, and behind them the bigrams, as they are in memory: rows.go
//
// Version 1 had pairs and bigrams unpacked; version 2 is from 2026-11-27.
//
// All integers are little-endian. The checksum is the business of whoever holds the file.
const (
	fileMagic   = "AKINLEX\x02"
	headerBytes = len(fileMagic) + 8
	headBytes   = 12
	removedBit  = 1 << 31
)

// ErrDamaged: a file does not hold what Save wrote.
var ErrDamaged = errors.New("lexical: damaged index file")

// Save writes the first n papers so that Load restores them. Append and Remove may run meanwhile: a paper removed while
// Save runs may be saved either way.
func (x *Index) Save(w io.Writer, n int) error {
	if n < 0 || n > x.Len() {
		return fmt.Errorf("lexical: save %d papers of %d", n, x.Len())
	}
	out := bufio.NewWriterSize(w, 1<<16)
	buf := append(make([]byte, 0, 1<<12), fileMagic...)
	buf = binary.LittleEndian.AppendUint32(buf, uint32(n))
	buf = binary.LittleEndian.AppendUint32(buf, 0)
	if _, err := out.Write(buf); err != nil {
		return err
	}
	for start := 0; start < n; start += rowChunk {
		end := min(start+rowChunk, n)
		buf = buf[:0]
		for slot := start; slot < end; slot++ {
			r := x.rows.at(uint32(slot))
			pairs := r.pairs
			if r.removed.Load() {
				pairs |= removedBit
			}
			buf = binary.LittleEndian.AppendUint32(buf, r.tokens)
			buf = binary.LittleEndian.AppendUint32(buf, pairs)
			buf = binary.LittleEndian.AppendUint32(buf, r.bigrams)
		}
		if _, err := out.Write(buf); err != nil {
			return err
		}
		for slot := start; slot < end; slot++ {
			buf = buf[:0]
			r := x.rows.at(uint32(slot))
			for _, word := range x.words.at(r.chunk, r.offset, r.pairs+bigramWords(r.bigrams)) {
				buf = binary.LittleEndian.AppendUint16(buf, word)
			}
			if _, err := out.Write(buf); err != nil {
				return err
			}
		}
	}
	return out.Flush()
}

// Load restores what Save wrote, from exactly size bytes. It trusts no number in the file further than size allows, so a
// damaged file costs an error (ErrDamaged) and no more than a small multiple of its size in memory.
func Load(r io.Reader, size int64) (*Index, error) {
	in := bufio.NewReaderSize(io.LimitReader(r, size), 1<<16)
	var header [headerBytes]byte
	if _, err := io.ReadFull(in, header[:]); err != nil {
		return nil, damaged("no header", err)
	}
	if string(header[:len(fileMagic)]) != fileMagic {
		return nil, fmt.Errorf("%w: it does not begin as one, or a newer version wrote it", ErrDamaged)
	}
	rows := int64(binary.LittleEndian.Uint32(header[len(fileMagic):]))
	left := size - int64(headerBytes)
	if rows*headBytes > left || rows > MaxPapers || binary.LittleEndian.Uint32(header[len(fileMagic)+4:]) != 0 {
		return nil, fmt.Errorf("%w: %d rows in %d bytes", ErrDamaged, rows, size)
	}
	x := New()
	heads := make([]byte, min(rows, rowChunk)*headBytes)
	for start := int64(0); start < rows; start += rowChunk {
		n := min(rows-start, rowChunk)
		if _, err := io.ReadFull(in, heads[:n*headBytes]); err != nil {
			return nil, damaged("heads", err)
		}
		left -= n * headBytes
		for i := range n {
			tokens := binary.LittleEndian.Uint32(heads[i*headBytes:])
			pairs := binary.LittleEndian.Uint32(heads[i*headBytes+4:])
			bigrams := binary.LittleEndian.Uint32(heads[i*headBytes+8:])
			if bigrams > 1<<16 {
				return nil, fmt.Errorf("%w: row %d has %d bigrams", ErrDamaged, start+i, bigrams)
			}
			count := pairs &^ removedBit
			left -= (int64(count) + int64(bigramWords(bigrams))) * 2
			if left < 0 {
				return nil, fmt.Errorf("%w: row %d is longer than the file", ErrDamaged, start+i)
			}
			if err := x.loadRow(in, tokens, count, bigrams, pairs&removedBit != 0); err != nil {
				return nil, err
			}
		}
	}
	if left != 0 {
		return nil, fmt.Errorf("%w: %d bytes left over", ErrDamaged, left)
	}
	x.buildLists()
	return x, nil
}

// loadRow reads the row of the next slot. The lists come later.
func (x *Index) loadRow(in io.Reader, tokens, count, bigrams uint32, removed bool) error {
	slot, r := x.rows.next()
	words, chunk, offset := x.words.alloc(count + bigramWords(bigrams))
	if err := readWords(in, words); err != nil {
		return damaged(fmt.Sprintf("row %d", slot), err)
	}
	if !checkPairs(words[:count]) {
		return fmt.Errorf("%w: the words of row %d do not rise", ErrDamaged, slot)
	}
	if !x.checkBigrams(words[count:], bigrams) {
		return fmt.Errorf("%w: the bigrams of row %d do not rise", ErrDamaged, slot)
	}
	r.chunk, r.offset, r.pairs, r.bigrams, r.tokens = chunk, offset, count, bigrams, tokens
	r.removed.Store(removed)
	if !removed {
		x.papers.Add(1)
		x.tokens.Add(int64(tokens))
	}
	x.rows.n.Store(slot + 1)
	return nil
}

// checkBigrams reports whether words are what packBigrams makes of n bigrams.
func (x *Index) checkBigrams(words []uint16, n uint32) bool {
	x.bigrams = unpackBigrams(x.bigrams[:0], words, n)
	if len(x.bigrams) != int(n) {
		return false
	}
	for i := 1; i < len(x.bigrams); i++ {
		if x.bigrams[i] <= x.bigrams[i-1] {
			return false
		}
	}
	// No bit is set that they do not set.
	x.packed = append(x.packed[:0], make([]uint16, len(words))...)
	packBigrams(x.packed, x.bigrams)
	return slices.Equal(x.packed, words)
}

func readWords(in io.Reader, words []uint16) error {
	var buf [4096]byte
	for len(words) > 0 {
		n := min(len(words), len(buf)/2)
		if _, err := io.ReadFull(in, buf[:n*2]); err != nil {
			return err
		}
		for i := range n {
			words[i] = binary.LittleEndian.Uint16(buf[i*2:])
		}
		words = words[n:]
	}
	return nil
}

// buildLists makes the terms and the lists of all rows.
func (x *Index) buildLists() {
	for slot := range uint32(x.Len()) {
		r := x.rows.at(slot)
		for p := x.row(slot); len(p.words) > 0; {
			word := p.next()
			tm := x.terms.make(word >> countBits)
			if !r.removed.Load() {
				tm.live.Add(1)
			}
			x.lists.append(tm, slot, postingClass(word&maxCount, r.tokens))
		}
	}
}

func damaged(what string, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends within %s", ErrDamaged, what)
	}
	return fmt.Errorf("lexical: read %s: %w", what, err)
}
