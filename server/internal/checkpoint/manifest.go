package checkpoint

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
)

// FormatVersion is the version of the container that this release writes and the newest that it reads.
//
//	1  the first
//	2  what a segment extends, the number of slots; a lineage in place of a store's id
const FormatVersion = 2

const (
	magic         = "AKINCKPT"
	manifestName  = "MANIFEST"
	sectionSuffix = ".section"

	maxString   = 255
	maxSections = 1000
	prefixSize  = len(magic) + 4 // what all versions have in common
	crcSize     = 4
)

// blockSize is the bytes of a section that one checksum covers: a constant of the format, which tests shrink.
var blockSize = 1 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Meta says whose state a checkpoint is.
type Meta struct {
	Lineage  string // of Revision in the store it was made of, at most 255 bytes
	Model    string // fingerprint of the model, at most 255 bytes
	Index    string // kind of index engine, at most 255 bytes
	Revision uint64 // of the store that it holds everything up to, with the parts before it
	Slots    uint64 // that the state has with this part
	Content  uint32 // version of what the sections hold, the caller's own
}

// section is one entry of a manifest.
type section struct {
	name string
	size int64
	sums []uint32 // CRC32C of each block
}

// blocks is the number of blocks of size bytes.
func blocks(size int64) int64 { return (size + int64(blockSize) - 1) / int64(blockSize) }

// manifest is a decoded MANIFEST.
type manifest struct {
	meta       Meta
	extends    uint64 // number of the part that this one extends; 0: it is a base
	extendsSum uint32 // checksum of that part's manifest
	sections   []section

	sum uint32 // its own checksum
}

func (m *manifest) encode() []byte {
	be := binary.BigEndian
	b := append([]byte(nil), magic...)
	b = be.AppendUint32(b, FormatVersion)
	b = be.AppendUint32(b, m.meta.Content)
	b = be.AppendUint64(b, m.meta.Revision)
	b = be.AppendUint64(b, m.meta.Slots)
	b = be.AppendUint64(b, m.extends)
	b = be.AppendUint32(b, m.extendsSum)
	for _, s := range []string{m.meta.Lineage, m.meta.Model, m.meta.Index} {
		b = appendString(b, s)
	}
	b = be.AppendUint32(b, uint32(len(m.sections)))
	for _, s := range m.sections {
		b = appendString(b, s.name)
		b = be.AppendUint64(b, uint64(s.size))
		for _, sum := range s.sums {
			b = be.AppendUint32(b, sum)
		}
	}
	m.sum = crc32.Checksum(b, castagnoli)
	return be.AppendUint32(b, m.sum)
}

func appendString(b []byte, s string) []byte { return append(append(b, byte(len(s))), s...) }

// decodeManifest verifies and decodes.
func decodeManifest(b []byte) (*manifest, error) {
	if len(b) < prefixSize || string(b[:len(magic)]) != magic {
		if len(b) < len(magic) && string(b) == magic[:len(b)] {
			return nil, truncatedf("%s has %d bytes", manifestName, len(b))
		}
		return nil, fmt.Errorf("%w: its %s does not begin with %q", ErrNotCheckpoint, manifestName, magic)
	}
	if v := binary.BigEndian.Uint32(b[len(magic):]); v > FormatVersion {
		return nil, fmt.Errorf("%w: it has format %d, this one reads up to %d", ErrNewer, v, FormatVersion)
	} else if v < FormatVersion {
		return nil, fmt.Errorf("%w: it has format %d, this one reads %d", ErrOlder, v, FormatVersion)
	}
	if len(b) < prefixSize+crcSize {
		return nil, truncatedf("%s has %d bytes", manifestName, len(b))
	}
	body, sum := b[:len(b)-crcSize], binary.BigEndian.Uint32(b[len(b)-crcSize:])
	if crc32.Checksum(body, castagnoli) != sum {
		return nil, damagedf("%s does not match its checksum", manifestName)
	}
	d := decoder{rest: body[prefixSize-4:]}
	d.uint32() // the version
	m := &manifest{sum: sum}
	m.meta.Content = d.uint32()
	m.meta.Revision = d.uint64()
	m.meta.Slots = d.uint64()
	m.extends, m.extendsSum = d.uint64(), d.uint32()
	m.meta.Lineage, m.meta.Model, m.meta.Index = d.string(), d.string(), d.string()
	n := d.uint32()
	seen := make(map[string]bool)
	for range n {
		s := section{name: d.string()}
		size := d.uint64()
		if d.failed || size > math.MaxInt64-uint64(blockSize) || blocks(int64(size)) > int64(len(d.rest)/4) ||
			!validName(s.name) || seen[s.name] {
			return nil, damagedf("the sections of %s contradict themselves", manifestName)
		}
		seen[s.name] = true
		s.size = int64(size)
		s.sums = make([]uint32, blocks(s.size))
		for i := range s.sums {
			s.sums[i] = d.uint32()
		}
		m.sections = append(m.sections, s)
	}
	if d.failed || len(d.rest) > 0 {
		return nil, damagedf("%s has %d bytes that belong to nothing", manifestName, len(d.rest))
	}
	return m, nil
}

// validName reports whether name can be a file's name everywhere: lower-case letters, digits, '-' and '_'.
func validName(name string) bool {
	for _, c := range []byte(name) {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return name != "" && len(name) <= 64
}

// decoder cuts values off; once there are too few bytes, it gives zeros and has failed.
type decoder struct {
	rest   []byte
	failed bool
}

func (d *decoder) take(n int) []byte {
	if d.failed || n > len(d.rest) {
		d.failed = true
		return make([]byte, min(n, maxString))
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) uint32() uint32 { return binary.BigEndian.Uint32(d.take(4)) }
func (d *decoder) uint64() uint64 { return binary.BigEndian.Uint64(d.take(8)) }
func (d *decoder) string() string { return string(d.take(int(d.take(1)[0]))) }
