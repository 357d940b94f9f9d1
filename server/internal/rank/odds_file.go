package rank

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
)

// OddsSize is the length of encoded Odds, in bytes. All numbers are big-endian:
//
//	"AKINODD1"
//	twice, for pairs of papers and for titles with papers
//	  pairs     uint64
//	  cosines   121 float32
//	CRC32C of all before
const OddsSize = len(oddsMagic) + 2*(8+4*steps) + 4

const oddsMagic = "AKINODD1"

// ErrOdds: the bytes are not what Encode wrote.
var ErrOdds = errors.New("rank: the odds of likeness are damaged")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Encode returns OddsSize bytes. Nil is encoded as Odds that know nothing.
func (o *Odds) Encode() []byte {
	if o == nil {
		o = &Odds{}
	}
	be := binary.BigEndian
	b := append(make([]byte, 0, OddsSize), oddsMagic...)
	for _, s := range []*sketch{&o.papers, &o.texts} {
		b = be.AppendUint64(b, s.pairs)
		for _, c := range s.cosines {
			b = be.AppendUint32(b, math.Float32bits(c))
		}
	}
	return be.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// DecodeOdds reads what Encode wrote.
func DecodeOdds(b []byte) (*Odds, error) {
	be := binary.BigEndian
	if len(b) != OddsSize || string(b[:len(oddsMagic)]) != oddsMagic {
		return nil, fmt.Errorf("%w: %d bytes without their beginning", ErrOdds, len(b))
	}
	if end := OddsSize - 4; crc32.Checksum(b[:end], castagnoli) != be.Uint32(b[end:]) {
		return nil, fmt.Errorf("%w: they do not match their checksum", ErrOdds)
	}
	b = b[len(oddsMagic):]
	o := &Odds{}
	for _, s := range []*sketch{&o.papers, &o.texts} {
		s.pairs, b = be.Uint64(b), b[8:]
		last := float32(-1)
		for k := range s.cosines {
			c := math.Float32frombits(be.Uint32(b))
			if !(c >= -1 && c <= 1) || s.pairs > 0 && c < last {
				return nil, fmt.Errorf("%w: step %d is %v behind %v", ErrOdds, k, c, last)
			}
			s.cosines[k], last, b = c, c, b[4:]
		}
	}
	return o, nil
}
