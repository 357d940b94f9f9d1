package lexical

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"unsafe"
)

// A saved stretch of an index is its forward rows; the lists are built again from them, in less time than writing them
// takes.
//
//	header   magic "AKINLEX\x04" (the last byte is the version), uint32 from, uint32 rows
//	blocks   of 4,096 rows, the last one shorter: a head a row, then the pairs and bigrams of all of them, row by row
//	head     uint32 tokens, uint32 words of packed pairs | 1<<31 when the paper is removed, uint32 number of bigrams
//	pairs    uint16 words, and behind them the bigrams, as they are in memory: pairs.go, rows.go
//
// All integers are little-endian. The checksum is the business of whoever holds the file.
//
//	1  the first, pairs and bigrams unpacked
//	2  packed
//	3  the rows behind from, instead of the first rows
//	4  pairs in buckets
const (
	fileMagic   = "AKINLEX\x04"
	headerBytes = len(fileMagic) + 8
	headBytes   = 12
	removedBit  = 1 << 31
)

// ErrDamaged: a file does not hold what Save wrote.
var ErrDamaged = errors.New("lexical: damaged index file")

// Save writes the papers from..to-1 so that Load restores them. Append and Remove may run meanwhile: a paper removed
// while Save runs may be saved either way.
func (x *Index) Save(ctx context.Context, w io.Writer, from, to int) error {
	if from < 0 || from > to || to > x.Len() {
		return fmt.Errorf("lexical: save the papers %d to %d of %d", from, to, x.Len())
	}
	buf := append(make([]byte, 0, 1<<12), fileMagic...)
	buf = binary.LittleEndian.AppendUint32(buf, uint32(from))
	buf = binary.LittleEndian.AppendUint32(buf, uint32(to-from))
	if _, err := w.Write(buf); err != nil {
		return err
	}
	for start := from; start < to; start += rowChunk {
		if err := ctx.Err(); err != nil {
			return err
		}
		end := min(start+rowChunk, to)
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
		for slot := start; slot < end; slot++ {
			r := x.rows.at(uint32(slot))
			for _, word := range x.words.at(r.chunk, r.offset, r.pairs+bigramWords(r.bigrams)) {
				buf = binary.LittleEndian.AppendUint16(buf, word)
			}
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

// Load takes in what Save wrote of papers that begin at Len, from exactly size bytes. It trusts no number in the file
// further than size allows, so a damaged file costs an error (ErrDamaged) and no more than a small multiple of its
// size in memory. Nothing else may run meanwhile. After an error the index is of no use. After
// the last Load comes BuildLists.
func (x *Index) Load(r io.Reader, size int64) error {
	in := io.LimitReader(r, size)
	var header [headerBytes]byte
	if _, err := io.ReadFull(in, header[:]); err != nil {
		return damaged("no header", err)
	}
	if string(header[:len(fileMagic)]) != fileMagic {
		return fmt.Errorf("%w: it does not begin as one, or another version wrote it", ErrDamaged)
	}
	from := int64(binary.LittleEndian.Uint32(header[len(fileMagic):]))
	rows := int64(binary.LittleEndian.Uint32(header[len(fileMagic)+4:]))
	l := &loader{Index: x, in: in, left: size - int64(headerBytes), counts: x.counting()}
	if from != int64(x.Len()) || rows*headBytes > l.left || from+rows > MaxPapers {
		return fmt.Errorf("%w: %d rows in %d bytes, %d behind %d", ErrDamaged, rows, size, from, x.Len())
	}
	for start := int64(0); start < rows; start += rowChunk {
		if err := l.block(int(min(rows-start, rowChunk))); err != nil {
			return err
		}
	}
	if l.left != 0 {
		return fmt.Errorf("%w: %d bytes left over", ErrDamaged, l.left)
	}
	return nil
}

// loader reads rows.
type loader struct {
	*Index
	in     io.Reader
	left   int64 // bytes of the file
	buffer []byte
	counts *loaded
}

func (l *loader) read(n int64, what string) error {
	if int64(cap(l.buffer)) < n {
		l.buffer = make([]byte, n)
	}
	l.buffer = l.buffer[:n]
	l.left -= n
	if _, err := io.ReadFull(l.in, l.buffer); err != nil {
		return damaged(what, err)
	}
	return nil
}

// readWords reads words straight into their place.
func (l *loader) readWords(words []uint16) error {
	if len(words) == 0 {
		return nil
	}
	l.left -= 2 * int64(len(words))
	place := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), 2*len(words))
	if _, err := io.ReadFull(l.in, place); err != nil {
		return damaged("rows", err)
	}
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		for i := range words {
			words[i] = binary.LittleEndian.Uint16(place[2*i:])
		}
	}
	return nil
}

// block reads a block of n rows, whose words get one stretch of memory.
func (l *loader) block(n int) error {
	if l.left < int64(n)*headBytes {
		return fmt.Errorf("%w: it ends within heads", ErrDamaged)
	}
	if err := l.read(int64(n)*headBytes, "heads"); err != nil {
		return err
	}
	heads := append([]byte(nil), l.buffer...)
	words := int64(0)
	for at := 0; at < len(heads); at += headBytes {
		pairs, bigrams := binary.LittleEndian.Uint32(heads[at+4:])&^removedBit, binary.LittleEndian.Uint32(heads[at+8:])
		if bigrams > 1<<16 {
			return fmt.Errorf("%w: row %d has %d bigrams", ErrDamaged, l.Len()+at/headBytes, bigrams)
		}
		words += int64(pairs) + int64(bigramWords(bigrams))
	}
	if 2*words > l.left {
		return fmt.Errorf("%w: the rows from %d on are longer than the file", ErrDamaged, l.Len())
	}
	all, chunk, offset := l.words.alloc(uint32(words))
	if err := l.readWords(all); err != nil {
		return err
	}
	for at := 0; at < len(heads); at += headBytes {
		slot, r := l.rows.next()
		r.tokens = binary.LittleEndian.Uint32(heads[at:])
		pairs := binary.LittleEndian.Uint32(heads[at+4:])
		r.chunk, r.offset, r.pairs, r.bigrams = chunk, offset, pairs&^removedBit, binary.LittleEndian.Uint32(heads[at+8:])
		long := r.pairs + bigramWords(r.bigrams)
		switch {
		case !countPairs(all[:r.pairs], l.counts.counts):
			return fmt.Errorf("%w: the words of row %d do not rise", ErrDamaged, slot)
		case !checkBigrams(all[r.pairs:long], r.bigrams):
			return fmt.Errorf("%w: the bigrams of row %d are more or fewer than it says", ErrDamaged, slot)
		}
		all, offset = all[long:], offset+long
		r.removed.Store(pairs&removedBit != 0)
		if pairs&removedBit == 0 {
			l.papers.Add(1)
			l.tokens.Add(int64(r.tokens))
		} else {
			l.counts.remove(l.row(slot))
		}
		l.rows.n.Store(slot + 1)
	}
	return nil
}

// checkBigrams reports whether words hold n bigrams: as many ones as that in the set of bits. That they are distinct
// and rise is left to the checksum.
func checkBigrams(words []uint16, n uint32) bool {
	if n < packBigramsFrom {
		return true
	}
	ones := uint32(0)
	for _, w := range words[:bitWords(n)] {
		ones += uint32(bits.OnesCount16(w))
	}
	return ones == n
}

func damaged(what string, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends within %s", ErrDamaged, what)
	}
	return fmt.Errorf("lexical: read %s: %w", what, err)
}
