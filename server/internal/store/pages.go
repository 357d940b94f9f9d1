package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// Facts of bbolt's pages. A page starts with id uint64, flags uint16, count uint16 and overflow uint32, the number of
// pages that belong to it beyond the first. Then come count elements of 16 bytes and what they point to:
//
//	branch  pos uint32, key bytes uint32, child uint64
//	leaf    flags uint32, pos uint32, key bytes uint32, value bytes uint32
//
// pos counts from the start of the element. The value of a leaf element that is a bucket is root uint64 and sequence
// uint64; root 0: a whole small leaf page follows in place.
const (
	elementSize  = 16
	bucketHeader = 16

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagFreelist = 0x10

	elementBucket = 0x01

	noFreelist = 1<<64 - 1

	maxDepth = 64 // a tree of 4 KiB pages with at least two children each is lower than this
)

// pageReader reads pages of a file, with a window because neighbours are mostly wanted together.
type pageReader struct {
	f      *os.File
	pages  uint64 // in the file, used and free
	window []byte
	first  uint64 // page that the window starts with
}

// windowPages is the size of the window where pages are wanted in about the order of the file, and fewPages elsewhere:
// the pages of ids lie all over it, and reading 64 for each would read the file many times over.
const (
	windowPages = 64
	fewPages    = 4
)

// page returns a page with all its overflow, valid until the next call.
func (r *pageReader) page(id uint64) ([]byte, error) {
	if id < 2 || id >= r.pages {
		return nil, damagedf("a page leads to page %d of %d", id, r.pages)
	}
	head, err := r.bytes(id, 1)
	if err != nil {
		return nil, err
	}
	if have := binary.LittleEndian.Uint64(head); have != id {
		return nil, damagedf("page %d calls itself %d", id, have)
	}
	overflow := uint64(binary.LittleEndian.Uint32(head[12:]))
	if id+overflow >= r.pages {
		return nil, damagedf("page %d goes beyond the end", id)
	}
	return r.bytes(id, 1+overflow)
}

// bytes returns n pages from id on.
func (r *pageReader) bytes(id, n uint64) ([]byte, error) {
	have := uint64(len(r.window) / pageSize)
	if id < r.first || id+n > r.first+have {
		window := uint64(fewPages)
		if end := r.first + have; id >= end && id < end+windowPages/2 {
			window = windowPages
		}
		want := max(n, min(window, r.pages-id))
		if uint64(cap(r.window)) < want*pageSize {
			r.window = make([]byte, want*pageSize)
		}
		r.window = r.window[:want*pageSize]
		if _, err := r.f.ReadAt(r.window, int64(id)*pageSize); err != nil {
			r.window = r.window[:0]
			return nil, damagedf("page %d cannot be read: %v", id, err)
		}
		r.first = id
	}
	at := (id - r.first) * pageSize
	return r.window[at : at+n*pageSize], nil
}

// element is one decoded element of a page; key and value share the page's memory.
type element struct {
	flags      uint32
	child      uint64
	key, value []byte
}

// elements decodes a page and verifies that everything lies in it and keys ascend.
func elements(id uint64, page []byte, branch bool, dst []element) ([]element, error) {
	le := binary.LittleEndian
	n := int(le.Uint16(page[10:]))
	if pageHeader+n*elementSize > len(page) {
		return nil, damagedf("page %d has no room for its %d elements", id, n)
	}
	for i := range n {
		at := uint64(pageHeader + i*elementSize)
		b := page[at:]
		var e element
		var pos, keySize, valueSize uint64
		if branch {
			pos, keySize, e.child = uint64(le.Uint32(b)), uint64(le.Uint32(b[4:])), le.Uint64(b[8:])
		} else {
			e.flags, pos = le.Uint32(b), uint64(le.Uint32(b[4:]))
			keySize, valueSize = uint64(le.Uint32(b[8:])), uint64(le.Uint32(b[12:]))
		}
		start := at + pos
		if pos < elementSize || start+keySize+valueSize > uint64(len(page)) || keySize == 0 {
			return nil, damagedf("element %d of page %d lies outside of it", i, id)
		}
		e.key = page[start : start+keySize]
		e.value = page[start+keySize : start+keySize+valueSize]
		if i > 0 && bytes.Compare(dst[len(dst)-1].key, e.key) >= 0 {
			return nil, damagedf("the keys of page %d do not ascend", id)
		}
		dst = append(dst, e)
	}
	return dst, nil
}

// verifier walks all pages of a file.
type verifier struct {
	f     *os.File
	root  root
	whole bool            // leaves too
	used  []atomic.Uint64 // a bit for each page that was reached
	tally tally
}

// mark notes that a page and its overflow were reached, which must happen once.
func (v *verifier) mark(id, n uint64) error {
	for p := id; p < id+n; p++ {
		bit := uint64(1) << (p % 64)
		if v.used[p/64].Or(bit)&bit != 0 {
			return damagedf("page %d belongs to two places", p)
		}
	}
	return nil
}

// reader starts a reader of its own.
func (v *verifier) reader() *pageReader { return &pageReader{f: v.f, pages: v.root.pgid} }

// run verifies everything: format, root bucket, then all buckets at once, then the free pages.
func (v *verifier) run() error {
	if err := v.format(); err != nil {
		return err
	}
	v.used = make([]atomic.Uint64, v.root.pgid/64+1)
	t := &v.tally
	var g errgroup.Group
	seen := 0
	err := v.visit(v.reader(), v.root.page, func(e *element) error {
		bucket := -1
		for i, name := range buckets {
			if string(e.key) == string(name) {
				bucket = i
			}
		}
		if e.flags != elementBucket || len(e.value) < bucketHeader || bucket < 0 {
			return damagedf("the root bucket has the key %q", e.key)
		}
		seen++
		rec := t.recorder(bucket)
		if root := binary.LittleEndian.Uint64(e.value); root != 0 {
			g.Go(func() error { return v.visit(v.reader(), root, rec) })
			return nil
		}
		return v.inline(e.value[bucketHeader:], rec)
	}, true)
	err = firstError(err, g.Wait())
	if err == nil && seen != len(buckets) {
		err = damagedf("%d of %d buckets are missing", len(buckets)-seen, len(buckets))
	}
	if err == nil && v.whole {
		err = t.compare()
	}
	return firstError(err, v.freePages())
}

// format looks at nothing but the format: of a newer one, nothing else is known.
func (v *verifier) format() error {
	v.used = make([]atomic.Uint64, v.root.pgid/64+1)
	return v.visit(v.reader(), v.root.page, func(e *element) error {
		if string(e.key) != string(bucketMeta) || len(e.value) < bucketHeader {
			return nil
		}
		check := func(e *element) error {
			if string(e.key) != string(keyFormat) {
				return nil
			}
			return checkFormat(e.value)
		}
		if root := binary.LittleEndian.Uint64(e.value); root != 0 {
			return v.visit(v.reader(), root, check, true)
		}
		return v.inline(e.value[bucketHeader:], check)
	}, true)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// inline verifies a bucket inside of its parent's page.
func (v *verifier) inline(page []byte, record func(*element) error) error {
	if len(page) < pageHeader || binary.LittleEndian.Uint16(page[8:]) != flagLeaf {
		return damagedf("a small bucket has no leaf")
	}
	all, err := elements(0, page, false, nil)
	if err != nil {
		return err
	}
	return v.leaf(0, all, nil, nil, record)
}

// visit verifies a tree. all: leaves even when the verifier leaves them out elsewhere.
func (v *verifier) visit(r *pageReader, root uint64, record func(*element) error, all ...bool) error {
	leafDepth := -1
	if !v.whole && len(all) == 0 {
		var err error
		if leafDepth, err = v.depth(r, root); err != nil {
			return err
		}
	}
	return v.subtree(r, root, 0, leafDepth, nil, nil, record)
}

// depth follows first children down to a leaf.
func (v *verifier) depth(r *pageReader, id uint64) (int, error) {
	for depth := range maxDepth {
		page, err := r.page(id)
		if err != nil {
			return 0, err
		}
		if binary.LittleEndian.Uint16(page[8:]) != flagBranch {
			return depth, nil
		}
		all, err := elements(id, page, true, nil)
		if err != nil {
			return 0, err
		}
		if len(all) == 0 {
			return 0, damagedf("branch page %d is empty", id)
		}
		id = all[0].child
	}
	return 0, damagedf("the pages form no tree")
}

// subtree verifies a page and what is below it; all keys are in [low, high), nil: no bound. Leaves at leafDepth are not
// looked at.
func (v *verifier) subtree(
	r *pageReader, id uint64, depth, leafDepth int, low, high []byte, record func(*element) error,
) error {
	if depth == leafDepth {
		return nil
	}
	if depth > maxDepth {
		return damagedf("the pages form no tree")
	}
	page, err := r.page(id)
	if err != nil {
		return err
	}
	if err := v.mark(id, uint64(len(page)/pageSize)); err != nil {
		return err
	}
	flags := binary.LittleEndian.Uint16(page[8:])
	switch flags {
	case flagLeaf:
		all, err := elements(id, page, false, nil)
		if err != nil {
			return err
		}
		return v.leaf(id, all, low, high, record)
	case flagBranch:
	default:
		return damagedf("page %d has the flags %#x", id, flags)
	}
	page = bytes.Clone(page) // the reader's window moves on while children are read
	all, err := elements(id, page, true, nil)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return damagedf("branch page %d is empty", id)
	}
	for i, e := range all {
		if low != nil && bytes.Compare(e.key, low) < 0 || high != nil && bytes.Compare(e.key, high) >= 0 {
			return damagedf("branch page %d has a key outside of its bounds", id)
		}
		childHigh := high
		if i+1 < len(all) {
			childHigh = all[i+1].key
		}
		if err := v.subtree(r, e.child, depth+1, leafDepth, e.key, childHigh, record); err != nil {
			return err
		}
	}
	return nil
}

// leaf verifies the elements of a leaf.
func (v *verifier) leaf(id uint64, all []element, low, high []byte, record func(*element) error) error {
	for i := range all {
		e := &all[i]
		if low != nil && bytes.Compare(e.key, low) < 0 || high != nil && bytes.Compare(e.key, high) >= 0 {
			return damagedf("leaf page %d has a key outside of its bounds", id)
		}
		if err := record(e); err != nil {
			return err
		}
	}
	return nil
}

// freePages verifies the list of free pages: it must hold exactly those that nothing led to, or the next writes would
// destroy what is stored.
func (v *verifier) freePages() error {
	if v.root.freelist == noFreelist {
		return nil
	}
	page, err := v.reader().page(v.root.freelist)
	if err != nil {
		return err
	}
	if err := v.mark(v.root.freelist, uint64(len(page)/pageSize)); err != nil {
		return err
	}
	le := binary.LittleEndian
	if le.Uint16(page[8:]) != flagFreelist {
		return damagedf("page %d is not the list of free pages", v.root.freelist)
	}
	n, list := uint64(le.Uint16(page[10:])), page[pageHeader:]
	if n == 0xFFFF { // the first entry is the real count
		n, list = le.Uint64(list), list[8:]
	}
	if n > uint64(len(list)/8) {
		return damagedf("the list of free pages has no room for its %d entries", n)
	}
	before := uint64(1)
	for i := range n {
		id := le.Uint64(list[8*i:])
		if id <= before || id >= v.root.pgid {
			return damagedf("the list of free pages has the entry %d after %d", id, before)
		}
		if err := v.mark(id, 1); err != nil {
			return fmt.Errorf("%w: it is in use and listed as free", err)
		}
		before = id
	}
	if !v.whole {
		return nil
	}
	for id := uint64(2); id < v.root.pgid; id++ {
		if v.used[id/64].Load()&(1<<(id%64)) == 0 {
			return damagedf("page %d is neither in use nor listed as free", id)
		}
	}
	return nil
}
