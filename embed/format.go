package embed

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"unsafe"
)

// A model on disk, version 2; numbers are little-endian:
//
//	 0  magic        8 bytes  "akinembd"
//	 8  version      u32      2
//	12  flags        u32      bit 0: trained
//	16  config       7 * u32  dims, buckets, positions, words min and max, chars min and max
//	44  seed         u64
//	52  rarity       f64
//	60  papers       u32
//	64  known        u32      number of entries
//	68  rows         u32      number of entries with a row
//	72  entry bytes  u32
//	76  scheme       u32      Scheme of the analysis that its features are of
//	    entries      by rising bucket: uvarint of the step from the one before (from -1), uvarint of df<<1 | has a row
//	    scales       rows * f32
//	    codes        rows * dims * i8
//	    fingerprint  16 bytes: the first half of the SHA-256 of all before
//	    checksum     u32      CRC-32C of all before
//
// Version 1 had no scheme; its features were of scheme 1, which nothing reads any more.
//
// The length of a file follows from its head, so a reader that knows the length allocates nothing for a file that lies.
// The memory it needs is at most that of the file, 16 bytes an entry (which takes at least 2 in the file) and 256 KiB.
const (
	modelMagic   = "akinembd"
	modelVersion = 2
	headBytes    = 80
	tailBytes    = 16 + 4
	flagTrained  = 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrBadModel says that bytes are not a model this version can read: cut short, damaged, or not a model at all.
var ErrBadModel = errors.New("embed: not a readable model")

// ErrOldModel says that the features of a model are those of an older Scheme: it is to be learned again from the
// papers.
var ErrOldModel = errors.New("embed: the model is of an older analysis of texts; learn it again from the papers")

// ErrNewerModel says that a model was written by a newer version of this package.
var ErrNewerModel = errors.New("embed: the model was written by a newer version; update this program")

func badModel(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrBadModel, fmt.Sprintf(format, args...))
}

func (m *Model) head(entryBytes int) []byte {
	var flags uint32
	if m.trained {
		flags |= flagTrained
	}
	b := append(make([]byte, 0, headBytes), modelMagic...)
	c := m.cfg
	for _, v := range []uint32{modelVersion, flags, uint32(c.Dims), uint32(c.Buckets), uint32(c.Positions),
		uint32(c.Words.Min), uint32(c.Words.Max), uint32(c.Chars.Min), uint32(c.Chars.Max)} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	b = binary.LittleEndian.AppendUint64(b, c.Seed)
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(c.Rarity))
	for _, v := range []uint32{m.papers, uint32(len(m.entries)), uint32(len(m.scales)), uint32(entryBytes), Scheme} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

func (m *Model) entryBytes() []byte {
	b := make([]byte, 0, 4*len(m.entries))
	before, rank := -1, 0
	m.known.each(func(bucket uint32) {
		e := &m.entries[rank]
		b = binary.AppendUvarint(b, uint64(int(bucket)-before))
		rowed := uint64(0)
		if e.row != noRow {
			rowed = 1
		}
		b = binary.AppendUvarint(b, uint64(e.df)<<1|rowed)
		before = int(bucket)
		rank++
	})
	return b
}

// writeBody writes all before the fingerprint.
func (m *Model) writeBody(w io.Writer) {
	entries := m.entryBytes()
	w.Write(m.head(len(entries))) //nolint:errcheck // the writers here keep their first error
	w.Write(entries)              //nolint:errcheck
	var scale [4]byte
	for _, s := range m.scales {
		w.Write(binary.LittleEndian.AppendUint32(scale[:0], math.Float32bits(s))) //nolint:errcheck
	}
	w.Write(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(m.codes))), len(m.codes))) //nolint:errcheck
}

func (m *Model) digest() (sum [16]byte) {
	h := sha256.New()
	w := bufio.NewWriterSize(h, 1<<16)
	m.writeBody(w)
	w.Flush() //nolint:errcheck // a hash takes everything
	copy(sum[:], h.Sum(nil))
	return sum
}

// countWriter counts and checksums what reaches the writer below.
type countWriter struct {
	w   io.Writer
	n   int64
	crc uint32
}

func (c *countWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	c.crc = crc32.Update(c.crc, castagnoli, p[:n])
	return n, err
}

// WriteTo writes the model in the form that ReadModel reads.
func (m *Model) WriteTo(w io.Writer) (int64, error) {
	below := &countWriter{w: w}
	buffered := bufio.NewWriterSize(below, 1<<16)
	m.writeBody(buffered)
	sum, err := hex.DecodeString(m.fingerprint)
	if err != nil {
		return below.n, fmt.Errorf("embed: fingerprint of a model: %w", err)
	}
	buffered.Write(sum) //nolint:errcheck // Flush returns the first error
	if err := buffered.Flush(); err != nil {
		return below.n, fmt.Errorf("embed: writing a model: %w", err)
	}
	if _, err := below.Write(binary.LittleEndian.AppendUint32(nil, below.crc)); err != nil {
		return below.n, fmt.Errorf("embed: writing a model: %w", err)
	}
	return below.n, nil
}

// ReadModel reads a model of size bytes. It reads exactly these and allocates in proportion to them, whatever they
// hold. Errors wrap ErrBadModel, ErrOldModel, ErrNewerModel or the error of r.
func ReadModel(r io.Reader, size int64) (*Model, error) {
	if size < headBytes+tailBytes {
		return nil, badModel("%d bytes are too few", size)
	}
	sum := sha256.New()
	in := &modelReader{r: r}
	head := make([]byte, headBytes)
	if err := in.read(head); err != nil {
		return nil, err
	}
	sum.Write(head)
	m, entryBytes, rows, known, err := parseHead(head)
	if err != nil {
		return nil, err
	}
	if want := headBytes + tailBytes + entryBytes + int64(rows)*int64(4+m.cfg.Dims); want != size {
		return nil, badModel("it says it has %d bytes and has %d", want, size)
	}
	body := make([]byte, entryBytes+4*int64(rows))
	if err := in.read(body); err != nil {
		return nil, err
	}
	sum.Write(body)
	m.codes = make([]int8, rows*m.cfg.Dims)
	codes := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(m.codes))), len(m.codes))
	if err := in.read(codes); err != nil {
		return nil, err
	}
	sum.Write(codes)
	tail := make([]byte, tailBytes)
	if err := in.read(tail[:16]); err != nil {
		return nil, err
	}
	crc := in.crc
	if err := in.read(tail[16:]); err != nil {
		return nil, err
	}
	if binary.LittleEndian.Uint32(tail[16:]) != crc {
		return nil, badModel("its checksum is wrong; restore the file or train again")
	}
	if !bytes.Equal(sum.Sum(nil)[:16], tail[:16]) {
		return nil, badModel("its fingerprint does not match its contents")
	}
	if err := m.parseEntries(body[:entryBytes], known, rows); err != nil {
		return nil, err
	}
	if err := m.parseScales(body[entryBytes:]); err != nil {
		return nil, err
	}
	m.fingerprint = hex.EncodeToString(tail[:16])
	m.measureRows()
	return m, nil
}

type modelReader struct {
	r   io.Reader
	crc uint32
}

func (in *modelReader) read(b []byte) error {
	n, err := io.ReadFull(in.r, b)
	in.crc = crc32.Update(in.crc, castagnoli, b[:n])
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return badModel("it is cut short")
	}
	if err != nil {
		return fmt.Errorf("embed: reading a model: %w", err)
	}
	return nil
}

func parseHead(b []byte) (m *Model, entryBytes int64, rows, known int, err error) {
	word := func(i int) int { return int(binary.LittleEndian.Uint32(b[i:])) }
	if string(b[:8]) != modelMagic {
		return nil, 0, 0, 0, badModel("it does not begin with %q", modelMagic)
	}
	if v := word(8); v != modelVersion {
		if v > modelVersion {
			return nil, 0, 0, 0, fmt.Errorf("%w (its format is %d, this program reads %d)", ErrNewerModel, v, modelVersion)
		}
		if v == 1 {
			return nil, 0, 0, 0, ErrOldModel
		}
		return nil, 0, 0, 0, badModel("format version %d", v)
	}
	switch scheme := word(76); {
	case scheme > Scheme:
		return nil, 0, 0, 0, fmt.Errorf("%w (its analysis is %d, this program's %d)", ErrNewerModel, scheme, Scheme)
	case scheme < Scheme:
		return nil, 0, 0, 0, fmt.Errorf("%w (its analysis is %d, this program's %d)", ErrOldModel, scheme, Scheme)
	}
	flags := word(12)
	cfg := Config{Dims: word(16), Buckets: word(20), Positions: word(24), Words: Range{word(28), word(32)},
		Chars: Range{word(36), word(40)}, Seed: binary.LittleEndian.Uint64(b[44:]),
		Rarity: math.Float64frombits(binary.LittleEndian.Uint64(b[52:]))}
	if err := cfg.Validate(); err != nil {
		return nil, 0, 0, 0, badModel("%v", err)
	}
	papers, known, rows := uint32(word(60)), word(64), word(68)
	entryBytes = int64(word(72))
	if flags&^flagTrained != 0 || known > cfg.Buckets || rows > known || int64(known)*2 > entryBytes ||
		rows > 0 && flags&flagTrained == 0 {
		return nil, 0, 0, 0, badModel("its head contradicts itself")
	}
	m = &Model{cfg: cfg, papers: papers, trained: flags&flagTrained != 0, drawer: newDrawer(cfg)}
	return m, entryBytes, rows, known, nil
}

func (m *Model) parseEntries(b []byte, known, rows int) error {
	m.known = newBucketSet(m.cfg.Buckets)
	m.entries = make([]entry, 0, known)
	bucket, row := -1, uint32(0)
	for range known {
		step, n := binary.Uvarint(b)
		if n <= 0 || step == 0 || step > uint64(m.cfg.Buckets) || bucket+int(step) >= m.cfg.Buckets {
			return badModel("a bucket out of range")
		}
		v, k := binary.Uvarint(b[n:])
		if k <= 0 || v>>1 == 0 || v>>1 > uint64(m.papers) {
			return badModel("a document frequency out of range")
		}
		b = b[n+k:]
		bucket += int(step)
		m.known.insert(uint32(bucket))
		e := entry{df: uint32(v >> 1), row: noRow}
		e.weight = rarity(m.cfg, m.papers, e.df)
		if v&1 != 0 {
			e.row = row
			row++
		}
		m.entries = append(m.entries, e)
	}
	if len(b) != 0 || int(row) != rows {
		return badModel("more or fewer entries than it says")
	}
	m.known.count()
	return nil
}

func (m *Model) parseScales(b []byte) error {
	m.scales = make([]float32, 0, len(b)/4)
	for ; len(b) > 0; b = b[4:] {
		s := math.Float32frombits(binary.LittleEndian.Uint32(b))
		if !(s >= 0 && s <= maxScale) {
			return badModel("a scale out of range")
		}
		m.scales = append(m.scales, s)
	}
	return nil
}

// maxScale keeps vectors finite: it is far above what training reaches, and the sum of a million such rows has a finite
// norm.
const maxScale = 1 << 20
