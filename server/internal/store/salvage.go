package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/akin-search/akin/server/internal/paper"
)

// Salvage is what can be read of a store whose pages are damaged.
//
// Each record carries a checksum over itself and its key, so what is read is what was written. Which of a paper's
// versions is the present one, and whether a paper was deleted, stands in other records: where those are lost, the
// newest version that was not seen to be replaced is kept.
type Salvage struct {
	Papers    int      // that come back
	Lost      []string // ids of papers that do not, ascending, as far as their ids can be read
	Shortened []string // ids of papers that come back without their abstract, ascending
	Unsure    int      // papers that come back though nothing says any more whether they were deleted
	Counted   uint64   // papers that there were, by the state; 0: it cannot be read
	Records   int      // records beside the papers (profiles, events and such) that come back
	Recorded  uint64   // records that there were, by the state
}

// Missing is the number of papers that do not come back, at least.
func (s *Salvage) Missing() int { return max(len(s.Lost), int(s.Counted)-s.Papers) }

// place is where the value of a record stands in the file.
type place struct {
	at   int64
	size int
}

// salvager reads a damaged file.
type salvager struct {
	f     *os.File
	pages uint64
	seen  []uint64 // a bit for each page that was read as part of a tree
	free  []uint64 // a bit for each page that is free; nil: not known

	state     state // zero: not read
	heads     map[uint64]place
	abstracts map[uint64]place
	ids       map[string]uint64
	gone      map[uint64]struct{} // ordinals that were replaced or deleted
	records   map[string]place
	newest    uint64 // revision of any paper
}

// salvageFile reads what can be read. It follows the pages from the root as far as they lead, and then looks at every
// page that nothing led to.
func salvageFile(f *os.File) (*salvager, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	s := &salvager{
		f: f, pages: uint64(info.Size() / pageSize),
		heads: map[uint64]place{}, abstracts: map[uint64]place{}, ids: map[string]uint64{}, gone: map[uint64]struct{}{},
		records: map[string]place{},
	}
	s.seen = make([]uint64, s.pages/64+1)
	if r, ok := s.root(); ok {
		s.pages = min(s.pages, r.pgid)
		s.free = s.freePages(r.freelist)
		s.walk(r.page, -1, 0)
	}
	for id := uint64(2); id < s.pages; id++ {
		if !bit(s.seen, id) && (s.free == nil || !bit(s.free, id)) {
			s.orphan(id)
		}
	}
	return s, nil
}

func bit(set []uint64, i uint64) bool { return set[i/64]>>(i%64)&1 != 0 }

// root is the newer of the roots that can be read.
func (s *salvager) root() (newer root, ok bool) {
	buf := make([]byte, pageSize)
	for id := range uint64(2) {
		if _, err := s.f.ReadAt(buf, int64(id)*pageSize); err != nil {
			continue
		}
		if r, err := decodeRoot(buf, id); err == nil && (!ok || r.txid > newer.txid) {
			newer, ok = r, true
		}
	}
	return newer, ok
}

// page reads a page with its overflow, nil where it cannot be one.
func (s *salvager) page(id uint64) []byte {
	if id < 2 || id >= s.pages {
		return nil
	}
	head := make([]byte, pageSize)
	if _, err := s.f.ReadAt(head, int64(id)*pageSize); err != nil || binary.LittleEndian.Uint64(head) != id {
		return nil
	}
	overflow := uint64(binary.LittleEndian.Uint32(head[12:]))
	if overflow == 0 {
		return head
	}
	if overflow >= s.pages-id {
		return head // its length is damaged: perhaps not all of its elements are
	}
	whole := make([]byte, (1+overflow)*pageSize)
	if _, err := s.f.ReadAt(whole, int64(id)*pageSize); err != nil {
		return head
	}
	return whole
}

// freePages is a bit for each page in the list of free pages, nil where that cannot be read.
func (s *salvager) freePages(id uint64) []uint64 {
	page := s.page(id)
	le := binary.LittleEndian
	if page == nil || le.Uint16(page[8:]) != flagFreelist {
		return nil
	}
	n, list := uint64(le.Uint16(page[10:])), page[pageHeader:]
	if n == 0xFFFF {
		n, list = le.Uint64(list), list[8:]
	}
	if n > uint64(len(list)/8) {
		return nil
	}
	free := make([]uint64, len(s.seen))
	before := uint64(1)
	for i := range n {
		page := le.Uint64(list[8*i:])
		if page <= before || page >= s.pages {
			return nil
		}
		free[page/64] |= 1 << (page % 64)
		before = page
	}
	return free
}

// walk follows a tree: of the buckets (-1), or of one. Wherever a page cannot be read, it goes on with the next.
func (s *salvager) walk(id uint64, bucket, depth int) {
	if id < 2 || id >= s.pages || bit(s.seen, id) || depth > maxDepth {
		return
	}
	page := s.page(id)
	if page == nil {
		return
	}
	flags := binary.LittleEndian.Uint16(page[8:])
	if flags != flagBranch && flags != flagLeaf {
		return
	}
	s.seen[id/64] |= 1 << (id % 64)
	for _, e := range someElements(page, flags == flagBranch) {
		switch {
		case flags == flagBranch:
			s.walk(e.child, bucket, depth+1)
		case bucket >= 0:
			s.record(bucket, e, int64(id)*pageSize+e.offset)
		default:
			s.bucket(id, e, depth)
		}
	}
}

// bucket follows the tree of a bucket, or reads it where it stands within its parent.
func (s *salvager) bucket(id uint64, e looseElement, depth int) {
	bucket := slices.IndexFunc(buckets[:], func(name []byte) bool { return string(name) == string(e.key) })
	if bucket < 0 || e.flags != elementBucket || len(e.value) < bucketHeader {
		return
	}
	if root := binary.LittleEndian.Uint64(e.value); root != 0 {
		s.walk(root, bucket, depth+1)
		return
	}
	if inner := e.value[bucketHeader:]; len(inner) >= pageHeader {
		for _, r := range someElements(inner, false) {
			s.record(bucket, r, int64(id)*pageSize+e.offset+bucketHeader+r.offset)
		}
	}
}

// looseElement is an element with the place of its value within its page.
type looseElement struct {
	element
	offset int64
}

// someElements decodes those elements of a page that lie in it.
func someElements(page []byte, branch bool) (all []looseElement) {
	le := binary.LittleEndian
	for i := range int(le.Uint16(page[10:])) {
		at := uint64(pageHeader + i*elementSize)
		if at+elementSize > uint64(len(page)) {
			break
		}
		b := page[at:]
		var e looseElement
		var pos, keySize, valueSize uint64
		if branch {
			pos, keySize, e.child = uint64(le.Uint32(b)), uint64(le.Uint32(b[4:])), le.Uint64(b[8:])
		} else {
			e.flags, pos = le.Uint32(b), uint64(le.Uint32(b[4:]))
			keySize, valueSize = uint64(le.Uint32(b[8:])), uint64(le.Uint32(b[12:]))
		}
		start := at + pos
		if pos < elementSize || keySize == 0 || start+keySize+valueSize > uint64(len(page)) {
			continue
		}
		e.key, e.value = page[start:start+keySize], page[start+keySize:start+keySize+valueSize]
		e.offset = int64(start + keySize)
		all = append(all, e)
	}
	return all
}

// record takes in a record of a known bucket, when it matches its checksum.
func (s *salvager) record(bucket int, e looseElement, at int64) {
	where := place{at, len(e.value)}
	switch bucket {
	case inMeta:
		if st, err := decodeState(e.value); err == nil && string(e.key) == string(keyState) {
			s.state = st
		}
	case inIDs:
		if ordinal, err := decodeOrdinal(e.key, e.value); err == nil {
			s.ids[string(e.key)] = ordinal
		}
	case inHeads:
		if ordinal, p := headOf(e.key, e.value); p != nil {
			s.heads[ordinal] = where
			s.newest = max(s.newest, p.Revision)
		}
	case inAbstracts:
		ordinal, ok := parseNumber(e.key)
		if _, whole := unseal(e.value, e.key); ok && whole {
			s.abstracts[ordinal] = where
		}
	case inLog:
		if entry, err := decodeLog(e.key, e.value); err == nil && entry.Old != 0 {
			s.gone[entry.Old] = struct{}{}
		}
	case inSuperseded:
		if ordinal, err := decodeSuperseded(e.key, e.value); err == nil {
			s.gone[ordinal] = struct{}{}
		}
	case inRecords:
		if _, err := recordValue(e.key, e.value); err == nil {
			s.records[string(e.key)] = where
		}
	}
}

// headOf decodes a head; nil when it is none.
func headOf(key, value []byte) (uint64, *paper.Paper) {
	ordinal, ok := parseNumber(key)
	if !ok {
		return 0, nil
	}
	head, _, err := openHead(key, value)
	if err != nil {
		return 0, nil
	}
	p, err := decodeHead(key, head)
	if err != nil || p.Revision == 0 || (&Mutation{ID: p.ID, Paper: p}).check() != nil {
		return 0, nil
	}
	return ordinal, p
}

// orphan takes in a leaf that nothing leads to, since a page above it is damaged. Which bucket it is of, its records
// tell: a page has those of one. An abstract is used only where a head knows of it, an id where its paper has it.
func (s *salvager) orphan(id uint64) {
	page := s.page(id)
	if page == nil || binary.LittleEndian.Uint16(page[8:]) != flagLeaf {
		return
	}
	all := someElements(page, false)
	ofHeads, whole := 0, 0
	for _, e := range all {
		if _, ok := unseal(e.value, e.key); ok && e.flags == 0 {
			whole++
			if _, p := headOf(e.key, e.value); p != nil {
				ofHeads++
			}
		}
	}
	for _, e := range all {
		at := int64(id)*pageSize + e.offset
		ordinal, numbered := parseNumber(e.key)
		_, known := s.abstracts[ordinal]
		switch {
		case e.flags != 0:
		case ofHeads == whole:
			s.record(inHeads, e, at)
		case numbered && !known && len(e.value) != 8+crcSize:
			s.record(inAbstracts, e, at)
		case numbered && e.key[0] == 0 && len(e.value) == 8+crcSize: // a revision: no id begins with a zero byte
			s.record(inSuperseded, e, at)
		case len(e.value) == 8+crcSize:
			if _, known := s.ids[string(e.key)]; !known {
				s.record(inIDs, e, at)
			}
		}
	}
}

// read returns the value at a place.
func (s *salvager) read(p place) ([]byte, error) {
	b := make([]byte, p.size)
	_, err := s.f.ReadAt(b, p.at)
	return b, err
}

// paper reads the paper of an ordinal. short says that it has an abstract that cannot be read.
func (s *salvager) paper(ordinal uint64) (p *paper.Paper, short bool, err error) {
	key := number(ordinal)
	value, err := s.read(s.heads[ordinal])
	if err != nil {
		return nil, false, err
	}
	_, size, err := openHead(key, value)
	if err != nil {
		return nil, false, err
	}
	if _, p = headOf(key, value); p == nil {
		return nil, false, damagedf("the head of ordinal %d changes while it is read", ordinal)
	}
	if size == 0 {
		return p, false, nil
	}
	if where, ok := s.abstracts[ordinal]; ok && where.size == size+crcSize {
		if value, err = s.read(where); err == nil {
			if text, err := openAbstract(key, value, size); err == nil {
				p.Abstract = string(text)
				return p, p.Abstract == "", nil
			}
		}
	}
	return p, true, nil
}

// keep calls fn with the papers that come back, by rising ordinal, and says what does not.
func (s *salvager) keep(fn func(p *paper.Paper) error) (Salvage, error) {
	out := Salvage{Counted: s.state.count, Records: len(s.records), Recorded: s.state.records}
	ordinals := make([]uint64, 0, len(s.heads))
	for ordinal := range s.heads {
		ordinals = append(ordinals, ordinal)
	}
	slices.Sort(ordinals)
	kept := map[string]struct{}{}
	for _, ordinal := range slices.Backward(ordinals) { // the newest version comes first
		p, _, err := s.paper(ordinal)
		if err != nil {
			return out, err
		}
		present, known := s.ids[p.ID]
		_, gone := s.gone[ordinal]
		if _, newer := kept[p.ID]; newer || known && present != ordinal || !known && gone {
			delete(s.heads, ordinal)
			if !known && gone {
				kept[p.ID] = struct{}{} // its older versions were replaced
			}
			continue
		}
		kept[p.ID] = struct{}{}
		if !known {
			out.Unsure++
		}
	}
	for id, ordinal := range s.ids {
		if _, ok := s.heads[ordinal]; !ok {
			out.Lost = append(out.Lost, id)
		}
	}
	for _, ordinal := range ordinals {
		if _, ok := s.heads[ordinal]; !ok {
			continue
		}
		p, short, err := s.paper(ordinal)
		if err != nil {
			return out, err
		}
		if out.Papers++; short {
			out.Shortened = append(out.Shortened, p.ID)
		}
		if err := fn(p); err != nil {
			return out, err
		}
	}
	slices.Sort(out.Lost)
	slices.Sort(out.Shortened)
	return out, nil
}

// surveyPages says what can be read of a file whose pages are damaged.
func surveyPages(path string) (Salvage, error) {
	f, err := os.Open(path)
	if err != nil {
		return Salvage{}, err
	}
	defer f.Close() // only read
	s, err := salvageFile(f)
	if err != nil {
		return Salvage{}, err
	}
	return s.keep(func(*paper.Paper) error { return nil })
}

// errNothingLeft: no paper of a damaged file can be read.
var errNothingLeft = errors.New("no paper in it can be read")

// rebuildFrom writes what can be read of a damaged file to a new one and verifies that.
func rebuildFrom(ctx context.Context, path, temp string, opt Options) (out Salvage, err error) {
	f, err := os.Open(path)
	if err != nil {
		return out, err
	}
	defer f.Close() // only read
	s, err := salvageFile(f)
	if err != nil {
		return out, err
	}
	lineage, err := drawLineage()
	if err != nil {
		return out, err
	}
	b, err := newBuilder(temp, opt, false)
	if err != nil {
		return out, errors.Join(err, removeIfThere(temp))
	}
	st := state{lineage: lineage, nextOrdinal: 1, revision: max(s.state.revision, s.newest)}
	st.oldestLog = st.revision + 1
	err = b.begins(&st, st.revision)
	if err == nil {
		out, err = s.keep(func(p *paper.Paper) error { return b.storePaper(&st, p) })
	}
	if err == nil && out.Papers == 0 {
		err = errNothingLeft
	}
	for id, where := range s.records {
		if err != nil {
			break
		}
		var value []byte
		if value, err = s.read(where); err == nil {
			if value, err = recordValue([]byte(id), value); err == nil {
				err = b.addRecord(&st, []byte(id), value)
			}
		}
	}
	return out, finishBuilt(ctx, b, &st, opt, err)
}

// keepAside gives a damaged file another name beside its own and returns it: whoever can read more of it still may.
func keepAside(path string) (string, error) {
	for n := 1; ; n++ {
		aside := fmt.Sprintf("%s.damaged-%d", path, n)
		err := os.Link(path, aside)
		if !errors.Is(err, os.ErrExist) {
			return aside, err
		}
	}
}
