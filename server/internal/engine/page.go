package engine

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/akin-search/akin/server/internal/filter"
	"github.com/akin-search/akin/server/internal/rank"
)

// Bounds of paging through one search.
const (
	minDepth = 100  // hits that a search can be paged through to, however small its pages
	maxDepth = 2000 // hits that can be ranked
)

// Depth is how many hits a search can be paged through to, whose first page has a size.
func Depth(size int) int { return min(max(minDepth, size), maxDepth) }

// Reach says from how many candidates by cosine a search is ranked that can be paged through to depth hits, and how far
// it must reach for the first limit of them, as in rank.Find. Where both lists count, fewer candidates make the first
// hits than can be paged through; what is behind those that are looked at closely is looked for when a page gets there,
// or when some of them may not be shown. Where one list must make up for the other, or something else decides, such as
// the age of papers, as many as can be paged through are candidates. Nothing depends on the size of pages up to
// minDepth: all show one ranking.
func (o *Options) Reach(w *rank.Weights, limit, depth int) (candidates, reach int) {
	both := w.Words > 0 && w.Words < rank.Depth
	switch {
	case !both || depth > minDepth || o.RecencyHalfLife > 0 || o.Diversity > 0:
		return depth, depth
	case limit < rank.Close && o.MinCosine == nil && o.MinOneIn == 0:
		return rank.Depth, 0
	}
	return rank.Depth, depth
}

// page is what a page token carries: it pins the answer that its first page came from.
type page struct {
	revision uint64
	model    uint64 // hash of the fingerprint
	depth    uint32 // hits ranked
	offset   uint32 // hits on the pages before
}

// pageBytes is the length of an encoded page: four numbers and a check over them and the request.
const pageBytes = 8 + 8 + 4 + 4 + 8

// encode makes the token, bound to the request by its hash.
func (p page) encode(request uint64) string {
	var room [pageBytes]byte
	b := binary.LittleEndian.AppendUint64(room[:0], p.revision)
	b = binary.LittleEndian.AppendUint64(b, p.model)
	b = binary.LittleEndian.AppendUint32(b, p.depth)
	b = binary.LittleEndian.AppendUint32(b, p.offset)
	b = binary.LittleEndian.AppendUint64(b, request^xxhash.Sum64(b))
	var text [(8*pageBytes + 5) / 6]byte
	base64.RawURLEncoding.Encode(text[:], b)
	return string(text[:])
}

// decodePage reads a token made for the same request.
func decodePage(token string, request uint64) (page, error) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) != pageBytes {
		return page{}, ErrInvalidPageToken
	}
	if binary.LittleEndian.Uint64(b[24:]) != request^xxhash.Sum64(b[:24]) {
		return page{}, fmt.Errorf("%w: it belongs to a request with other fields", ErrInvalidPageToken)
	}
	p := page{
		revision: binary.LittleEndian.Uint64(b),
		model:    binary.LittleEndian.Uint64(b[8:]),
		depth:    binary.LittleEndian.Uint32(b[16:]),
		offset:   binary.LittleEndian.Uint32(b[20:]),
	}
	if p.depth > maxDepth || p.offset > p.depth {
		return page{}, ErrInvalidPageToken
	}
	return p, nil
}

// resume applies a page token to a view, or begins at the first page. limit is the page size asked for.
func (v *view) resume(token string, request uint64, limit int) (page, error) {
	model := xxhash.Sum64String(v.gen.model.Fingerprint())
	if token == "" {
		return page{revision: v.revision, model: model, depth: uint32(Depth(limit))}, nil
	}
	p, err := decodePage(token, request)
	if err != nil {
		return page{}, err
	}
	if !v.gen.fits(p) || p.revision > v.revision {
		return page{}, fmt.Errorf("%w: the index has been rebuilt since the first page; search again", ErrPageExpired)
	}
	v.revision, v.slots = p.revision, uint32(v.gen.slotsAt(p.revision))
	return p, nil
}

// hasher hashes the fields that must be the same on every page of a request.
type hasher struct{ xxhash.Digest }

func newHasher() *hasher {
	h := &hasher{}
	h.Reset()
	return h
}

// text adds a string so that neighbours cannot run into each other.
func (h *hasher) text(s string) {
	h.number(float64(len(s)))
	_, _ = h.WriteString(s) // a hash takes everything
}

// number adds a number as its shortest text.
func (h *hasher) number(f float64) {
	var room [32]byte
	b := room[:0]
	if !math.Signbit(f) && f < 1e6 && f == math.Trunc(f) { // most are, and then this is the same text for less
		b = strconv.AppendInt(b, int64(f), 10)
	} else {
		b = strconv.AppendFloat(b, f, 'g', -1, 64)
	}
	_, _ = h.Write(append(b, 0))
}

func (h *hasher) options(o *Options) {
	h.text(o.Filter.String())
	h.number(float64(o.Mode))
	h.number(float64(o.Ef))
	h.optional(o.DenseWeight)
	h.number(float64(o.RecencyHalfLife))
	h.number(o.Diversity)
	h.optional(o.MinCosine)
	h.number(float64(o.MinOneIn))
}

func (h *hasher) vector(q *VectorQuery) {
	if q == nil {
		return
	}
	h.text(q.Model)
	for _, x := range q.Values {
		h.number(float64(x))
	}
}

// partial tells apart what may leave shards out.
func (h *hasher) partial(allowed bool) {
	if allowed {
		h.text("partial")
	}
}

func (h *hasher) optional(f *float64) {
	if f == nil {
		h.text("default")
		return
	}
	h.number(*f)
}

// Hash identifies a search apart from its page.
func (q *Query) Hash() uint64 { return queryHash(q) }

// Hash identifies a recommendation apart from its page.
func (rec *Recommendation) Hash() uint64 { return recommendationHash(rec) }

// queryHash identifies a search apart from its page.
func queryHash(q *Query) uint64 {
	h := newHasher()
	h.text(q.Text)
	h.text(q.PaperID)
	h.vector(q.Vector)
	h.options(&q.Options)
	h.partial(q.AllowPartial)
	return h.Sum64()
}

// recommendationHash identifies a recommendation apart from its page.
func recommendationHash(r *Recommendation) uint64 {
	h := newHasher()
	for _, side := range [][]Preference{r.Likes, r.Dislikes} {
		h.number(float64(len(side)))
		for _, p := range side {
			h.text(p.PaperID)
			h.text(p.Text)
			h.vector(p.Vector)
			h.number(p.Weight)
		}
	}
	for _, id := range r.Exclude {
		h.text(id)
	}
	h.text(r.Owner)
	h.text(r.ProfileID)
	h.number(float64(r.HalfLife))
	h.number(float64(r.ShownRest))
	h.options(&r.Options)
	h.partial(r.AllowPartial)
	return h.Sum64()
}

// duplicateHash identifies a question for duplicates apart from its page.
func duplicateHash(q *DuplicateQuery) uint64 {
	h := newHasher()
	h.text(q.Filter.String())
	h.number(q.MinCosine)
	return h.Sum64()
}

// idTokens are the page tokens of lists in the order of ids: a prefix that tells one kind of list from another, and the
// last id of the page before.
type idTokens string

// ListToken is the token of the page of a list under a filter, which may be nil, behind an id.
func ListToken(f *filter.Filter, after string) string { return listTokens(f).encode(after) }

// listTokens are those of a list of papers under a filter, which may be nil.
func listTokens(f *filter.Filter) idTokens {
	return idTokens(fmt.Sprintf("papers:%016x:", xxhash.Sum64String(f.String())))
}

func (prefix idTokens) encode(last string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(string(prefix) + last))
}

// decode returns the id to go on behind, which is empty for an empty token.
func (prefix idTokens) decode(token string) (after string, err error) {
	if token == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	after, ok := strings.CutPrefix(string(b), string(prefix))
	if kind, _, _ := strings.Cut(string(prefix), ":"); err == nil && !ok && strings.HasPrefix(string(b), kind+":") {
		return "", fmt.Errorf("%w: it belongs to a request with another filter", ErrInvalidPageToken)
	}
	if err != nil || !ok || after == "" {
		return "", ErrInvalidPageToken
	}
	return after, nil
}
