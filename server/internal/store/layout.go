package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/cespare/xxhash/v2"

	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/paper/wire"
)

// FormatVersion is the version of the layout that this release writes and the newest that it reads.
// docs/store-format.md says what each version changed.
const FormatVersion = 2

// Names of buckets and of the keys in meta. docs/store-format.md has the byte diagrams.
var (
	bucketMeta       = []byte("meta")
	bucketIDs        = []byte("ids")
	bucketHeads      = []byte("heads")
	bucketAbstracts  = []byte("abstracts")
	bucketLog        = []byte("log")
	bucketSuperseded = []byte("superseded")
	bucketLineages   = []byte("lineages")
	bucketRecords    = []byte("records")

	keyFormat = []byte("format")
	keyState  = []byte("state")
)

// buckets lists all of them in the order in which writers look them up.
var buckets = [...][]byte{
	bucketMeta, bucketIDs, bucketHeads, bucketAbstracts, bucketLog, bucketSuperseded, bucketLineages, bucketRecords,
}

// Indexes into buckets.
const (
	inMeta = iota
	inIDs
	inHeads
	inAbstracts
	inLog
	inSuperseded
	inLineages
	inRecords
)

// maxID is the longest id in bytes.
const maxID = 256

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const crcSize = 4

// seal appends the checksum of a value and its key.
func seal(value, key []byte) []byte {
	return binary.BigEndian.AppendUint32(value, crc32.Update(crc32.Checksum(value, castagnoli), castagnoli, key))
}

// unseal verifies and removes the checksum.
func unseal(value, key []byte) ([]byte, bool) {
	n := len(value) - crcSize
	if n < 0 {
		return nil, false
	}
	sum := crc32.Update(crc32.Checksum(value[:n], castagnoli), castagnoli, key)
	return value[:n:n], sum == binary.BigEndian.Uint32(value[n:])
}

// number is the key of an ordinal or a revision: big-endian, so that byte order is numeric order.
func number(n uint64) []byte { return binary.BigEndian.AppendUint64(make([]byte, 0, 8), n) }

// parseNumber reads such a key.
func parseNumber(key []byte) (uint64, bool) {
	if len(key) != 8 {
		return 0, false
	}
	return binary.BigEndian.Uint64(key), true
}

// encodeFormat is the value of the key format.
func encodeFormat() []byte { return seal(binary.BigEndian.AppendUint32(nil, FormatVersion), keyFormat) }

// checkFormat refuses what a later release wrote.
func checkFormat(value []byte) error {
	b, ok := unseal(value, keyFormat)
	if !ok || len(b) != 4 {
		return damagedf("the format in bucket meta does not match its checksum")
	}
	switch v := binary.BigEndian.Uint32(b); {
	case v > FormatVersion:
		return fmt.Errorf("%w: it has format %d, this one reads %d: start the newer release", ErrNewerFormat, v,
			FormatVersion)
	case v < FormatVersion:
		return fmt.Errorf("%w: it has format %d, this one reads %d: make a backup with the build that wrote it, "+
			"and restore that",
			ErrOlderFormat, v, FormatVersion)
	}
	return nil
}

// state is what the store knows of itself: one value in meta, written with every transaction.
type state struct {
	lineage     paper.Lineage // of revision
	revision    uint64        // the last one given
	nextOrdinal uint64
	count       uint64 // live papers
	superseded  uint64 // records waiting for Collect
	oldestLog   uint64 // the log holds all revisions from this one to revision
	digest      uint64 // sum over live papers of pairDigest
	content     uint64 // sum over live papers of VersionDigest

	records      uint64 // in all tables
	recordDigest uint64 // sum over records of recordDigest
}

const stateSize = 16 + 9*8

func (s *state) encode() []byte {
	b := append(make([]byte, 0, stateSize+crcSize), s.lineage[:]...)
	for _, n := range []uint64{s.revision, s.nextOrdinal, s.count, s.superseded, s.oldestLog, s.digest, s.records,
		s.recordDigest, s.content} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return seal(b, keyState)
}

func decodeState(value []byte) (state, error) {
	var s state
	b, ok := unseal(value, keyState)
	if !ok || len(b) != stateSize {
		return s, damagedf("the state in bucket meta does not match its checksum")
	}
	copy(s.lineage[:], b)
	for i, n := range []*uint64{&s.revision, &s.nextOrdinal, &s.count, &s.superseded, &s.oldestLog, &s.digest,
		&s.records, &s.recordDigest, &s.content} {
		*n = binary.BigEndian.Uint64(b[16+8*i:])
	}
	if s.nextOrdinal == 0 || s.oldestLog == 0 || s.oldestLog > s.revision+1 {
		return s, damagedf("the state in bucket meta contradicts itself")
	}
	return s, nil
}

// pairDigest is one live paper's share of state.digest, a sum that does not depend on order: it shows a missing, extra
// or exchanged pair that checksums of single records cannot show.
func pairDigest(id []byte, ordinal uint64) uint64 {
	var d xxhash.Digest
	d.ResetWithSeed(ordinal)
	_, _ = d.Write(id) // never fails
	return d.Sum64()
}

// VersionDigest is one live paper's share of Store.Content: of its ordinal, and of the revision that stored its
// content. In one history these two name the content.
func VersionDigest(ordinal, revision uint64) uint64 { return mix(mix(ordinal) ^ revision) }

// mix spreads every bit of x over all of the result: the finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// encodeOrdinal is a value of bucket ids.
func encodeOrdinal(id []byte, ordinal uint64) []byte {
	return seal(binary.BigEndian.AppendUint64(make([]byte, 0, 8+crcSize), ordinal), id)
}

func decodeOrdinal(id, value []byte) (uint64, error) {
	b, ok := unseal(value, id)
	if !ok || len(b) != 8 {
		return 0, damagedf("the ordinal of id %q does not match its checksum", id)
	}
	return binary.BigEndian.Uint64(b), nil
}

// headTrailer follows the protobuf of a head: the bytes of the abstract, uint32, so that a lost abstract is noticed.
const headTrailer = 4

// sealHead appends trailer and checksum to the protobuf of a head.
func sealHead(head []byte, abstractBytes int, key []byte) []byte {
	return seal(binary.BigEndian.AppendUint32(head, uint32(abstractBytes)), key)
}

// openHead verifies a value of bucket heads and splits it.
func openHead(key, value []byte) (head []byte, abstractBytes int, err error) {
	b, ok := unseal(value, key)
	n := len(b) - headTrailer
	if !ok || n < 0 {
		return nil, 0, damagedf("the head of ordinal %x does not match its checksum", key)
	}
	return b[:n:n], int(binary.BigEndian.Uint32(b[n:])), nil
}

// openAbstract verifies a value of bucket abstracts; nil, for a paper without one, is fine when its head says so.
func openAbstract(key, value []byte, size int) ([]byte, error) {
	if size == 0 && value == nil {
		return nil, nil
	}
	b, ok := unseal(value, key)
	if !ok || len(b) != size {
		return nil, damagedf("the abstract of ordinal %x does not match its checksum", key)
	}
	return b, nil
}

// decodeHead reads a verified head.
func decodeHead(key, head []byte) (*paper.Paper, error) {
	p, err := wire.Decode(head)
	if err != nil {
		return nil, fmt.Errorf("%w: the head of ordinal %x: %w", ErrDamaged, key, err)
	}
	return p, nil
}

// encodeLog is a value of bucket log.
func encodeLog(revision []byte, before, after uint64, id string) []byte {
	b := make([]byte, 0, 16+len(id)+crcSize)
	b = binary.BigEndian.AppendUint64(b, before)
	b = binary.BigEndian.AppendUint64(b, after)
	return seal(append(b, id...), revision)
}

func decodeLog(revision, value []byte) (Entry, error) {
	n, ok := parseNumber(revision)
	b, sealed := unseal(value, revision)
	if !ok || !sealed || len(b) < 16 {
		return Entry{}, damagedf("the log entry of revision %x does not match its checksum", revision)
	}
	e := Entry{
		Revision: n,
		Old:      binary.BigEndian.Uint64(b),
		New:      binary.BigEndian.Uint64(b[8:]),
		ID:       string(b[16:]),
	}
	e.Created = e.Old == 0
	return e, nil
}

// encodeSuperseded is a value of bucket superseded.
func encodeSuperseded(revision []byte, ordinal uint64) []byte {
	return seal(binary.BigEndian.AppendUint64(make([]byte, 0, 8+crcSize), ordinal), revision)
}

func decodeSuperseded(revision, value []byte) (uint64, error) {
	b, ok := unseal(value, revision)
	if !ok || len(b) != 8 {
		return 0, damagedf("the superseded ordinal of revision %x does not match its checksum", revision)
	}
	return binary.BigEndian.Uint64(b), nil
}

// encodeLineage is a value of bucket lineages.
func encodeLineage(revision []byte, l paper.Lineage) []byte {
	return seal(append(make([]byte, 0, len(l)+crcSize), l[:]...), revision)
}

func decodeLineage(revision, value []byte) (l paper.Lineage, err error) {
	b, ok := unseal(value, revision)
	if !ok || len(b) != len(l) {
		return l, damagedf("the lineage from revision %x on does not match its checksum", revision)
	}
	return paper.Lineage(b), nil
}
