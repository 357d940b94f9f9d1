package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
)

// Facts of bbolt's file format, version 2: a page header of 16 bytes, then in pages 0 and 1 the meta structure, both in
// the byte order of the machine, which is little-endian on all that Akin runs on.
const (
	pageHeader  = 16
	metaSize    = 64 // up to its checksum
	boltMagic   = 0xED0CDAED
	boltVersion = 2
)

// root is one decoded meta page.
type root struct {
	pgid     uint64 // pages in the file, used and free
	page     uint64 // of the root bucket
	freelist uint64
	txid     uint64
}

// found is what verifyFile learned.
type found struct {
	root
	olderRoot bool
	state     state // of a file that was read as a whole
}

// errOlderRoot: one root is damaged, and Options.AcceptOlderRoot was not set.
var errOlderRoot = fmt.Errorf("%w", ErrDamaged)

// verifyFile checks a file that nobody has open: bbolt itself believes what it reads, and would fall back to the older
// of its two roots in silence, which loses the last commit.
func verifyFile(path string, opt Options) (found, error) {
	var out found
	f, err := os.Open(path)
	if err != nil {
		return out, err
	}
	defer f.Close() // only read
	info, err := f.Stat()
	if err != nil {
		return out, err
	}
	size := info.Size()
	if size < 4*pageSize {
		return out, damagedf("%s has %d bytes, a store has at least %d: restore a backup", path, size, 4*pageSize)
	}
	buf := make([]byte, 2*pageSize)
	if _, err := f.ReadAt(buf, 0); err != nil {
		return out, err
	}
	first, err0 := decodeRoot(buf[:pageSize], 0)
	second, err1 := decodeRoot(buf[pageSize:], 1)
	switch {
	case err0 != nil && err1 != nil:
		if binary.LittleEndian.Uint32(buf[pageHeader:]) != boltMagic &&
			binary.LittleEndian.Uint32(buf[pageSize+pageHeader:]) != boltMagic {
			return out, fmt.Errorf("%w: %s", ErrNotStore, path)
		}
		return out, damagedf("both roots of %s (%v; %v): restore a backup", path, err0, err1)
	case err0 != nil || err1 != nil:
		if !opt.AcceptOlderRoot {
			return out, fmt.Errorf("%w: one of the two roots of %s (%v%v), so the last commit may be missing: "+
				"restore a backup, or "+
				"go on with what the other root holds: akin-server repair says what that is", errOlderRoot, path, orNone(err0),
				orNone(err1))
		}
		out.root, out.olderRoot = first, true
		if err0 != nil {
			out.root = second
		}
	case second.txid > first.txid:
		out.root = second
	default:
		out.root = first
	}
	if int64(out.pgid) > size/pageSize {
		return out, damagedf("%s has %d pages and lacks %d: it was truncated; restore a backup", path, size/pageSize,
			int64(out.pgid)-size/pageSize)
	}
	v := &verifier{f: f, root: out.root, whole: size <= opt.VerifyBytes}
	if err := v.run(); err != nil {
		if errors.Is(err, ErrDamaged) {
			err = fmt.Errorf("%w: restore a backup", err)
		}
		return out, fmt.Errorf("%s: %w", path, err)
	}
	out.state = v.tally.state
	return out, nil
}

// orNone formats an error that may be nil.
func orNone(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// decodeRoot verifies one meta page.
func decodeRoot(page []byte, id uint64) (root, error) {
	le := binary.LittleEndian
	meta := page[pageHeader:]
	var r root
	switch {
	case le.Uint32(meta) != boltMagic:
		return r, fmt.Errorf("page %d has no magic number", id)
	case le.Uint32(meta[4:]) != boltVersion:
		return r, fmt.Errorf("page %d has version %d", id, le.Uint32(meta[4:]))
	}
	h := fnv.New64a()
	_, _ = h.Write(meta[:metaSize-8]) // never fails
	if h.Sum64() != le.Uint64(meta[metaSize-8:]) {
		return r, fmt.Errorf("page %d does not match its checksum", id)
	}
	if le.Uint32(meta[8:]) != pageSize {
		return r, fmt.Errorf("page %d says that pages have %d bytes", id, le.Uint32(meta[8:]))
	}
	r = root{
		page: le.Uint64(meta[16:]), freelist: le.Uint64(meta[32:]), pgid: le.Uint64(meta[40:]), txid: le.Uint64(meta[48:]),
	}
	return r, nil
}
