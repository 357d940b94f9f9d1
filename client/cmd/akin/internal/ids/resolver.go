package ids

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
	"google.golang.org/protobuf/proto"

	"github.com/akin-search/akin/client/cmd/akin/internal/source"
	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// Bounds of a Resolver's memory.
const (
	// MaxKnown is how many ids with a GlobalID or CorpusID are remembered; those behind them are taken as they are.
	MaxKnown = 4_000_000
	// MaxGathered is how many bytes of papers are gathered before they are passed on.
	MaxGathered = 64 << 20
	// maxID is the contract's limit of an id, in bytes.
	maxID = 256
)

// Item is one record of an import.
type Item struct {
	source.Record
	File string
}

// Conflict says that the paper was not passed on because another paper has its id.
type Conflict struct {
	ID     string
	Stored bool // the other paper is stored already; otherwise it is in the same import
}

// Error names the id and says what to do.
func (e *Conflict) Error() string {
	if e.Stored {
		return fmt.Sprintf("a different paper is stored under the id %q; --replace replaces it", e.ID)
	}
	return fmt.Sprintf("a different paper of this import has the id %q; give one of them another", e.ID)
}

// Config is what a Resolver works with. All functions are called from the goroutine that calls Add and Flush.
type Config struct {
	// Stored returns those of the ids that are stored, with at least title, abstract and DOI.
	Stored func(ctx context.Context, ids []string) ([]*akinv1.Paper, error)
	// Pass takes an item whose id is its own. False: no more are wanted.
	Pass func(Item) bool
	// Fault takes an item that is not passed on, and why.
	Fault func(Item, *Conflict)
	// Renamed is told that an item gets another id than its own.
	Renamed func(it Item, from string)
	// Replace lets a record replace a stored paper that is a different one.
	Replace bool
}

// Resolver gives every paper of an import an id of its own. It is for one goroutine.
type Resolver struct {
	cfg      Config
	known    map[uint64]fingerprint // hash of the id -> the paper that has it
	gathered []gathered
	bytes    int // of gathered papers
	limit    int // of bytes

	// Copies counts records left out because a fuller record of the same paper is in the import.
	Copies int64
	// Versions counts records passed on under a GlobalID or CorpusID that an earlier record of the same paper has.
	Versions int64
}

type gathered struct {
	Item
	fingerprint
	size int
	at   int // place among all
	out  bool
}

// New makes a Resolver.
func New(cfg Config) *Resolver {
	return &Resolver{cfg: cfg, known: make(map[uint64]fingerprint), limit: MaxGathered}
}

// Add takes one item in. It returns false when no more are wanted.
func (r *Resolver) Add(ctx context.Context, it Item) (goOn bool, err error) {
	if it.ID == source.GlobalID || it.ID == source.CorpusID {
		key, now := xxhash.Sum64String(it.Paper.GetId()), fingerprintOf(it.Paper)
		before, seen := r.known[key]
		switch {
		case seen && it.ID == source.CorpusID && !same(before, now):
			r.cfg.Fault(it, &Conflict{ID: it.Paper.GetId()})
			return true, nil
		case seen && before.content != now.content:
			r.Versions++
			r.known[key] = now
		case !seen && len(r.known) < MaxKnown:
			r.known[key] = now
		}
		return r.cfg.Pass(it), nil
	}
	g := gathered{Item: it, fingerprint: fingerprintOf(it.Paper), size: proto.Size(it.Paper), at: len(r.gathered)}
	r.gathered = append(r.gathered, g)
	if r.bytes += g.size + 256; r.bytes >= r.limit {
		return r.Flush(ctx)
	}
	return true, nil
}

// Flush passes on what was gathered. It is called once more when all items are in.
func (r *Resolver) Flush(ctx context.Context) (goOn bool, err error) {
	items := r.gathered
	r.gathered, r.bytes = nil, 0
	if len(items) == 0 {
		return true, nil
	}
	groups := make(map[string][]*gathered)
	for i := range items {
		id := items[i].Paper.GetId()
		groups[id] = append(groups[id], &items[i])
	}
	stored := make(map[string]fingerprint)
	papers, err := r.cfg.Stored(ctx, slices.Sorted(maps.Keys(groups)))
	if err != nil {
		return false, fmt.Errorf("comparing ids with what is stored: %w", err)
	}
	for _, p := range papers {
		stored[p.GetId()] = fingerprintOf(p)
	}
	for _, id := range slices.Sorted(maps.Keys(groups)) {
		holder, taken := r.known[xxhash.Sum64String(id)]
		prior, isStored := stored[id]
		if !taken && isStored {
			holder, taken = prior, true
		}
		r.group(id, groups[id], holder, taken, isStored)
	}
	for i := range items {
		if items[i].out && !r.cfg.Pass(items[i].Item) {
			return false, nil
		}
	}
	return true, nil
}

// group decides about the records under one id. holder is the paper that has it already, if taken.
func (r *Resolver) group(id string, records []*gathered, holder fingerprint, taken, stored bool) {
	slices.SortFunc(records, func(a, b *gathered) int {
		return cmp.Or(cmp.Compare(a.content, b.content), cmp.Compare(a.at, b.at))
	})
	var classes [][]*gathered // of the same paper each
	for _, g := range records {
		i := slices.IndexFunc(classes, func(c []*gathered) bool { return same(c[0].fingerprint, g.fingerprint) })
		if i < 0 {
			classes, i = append(classes, nil), len(classes)
		}
		classes[i] = append(classes[i], g)
	}
	first := 0 // the class that has the id
	if taken {
		first = slices.IndexFunc(classes, func(c []*gathered) bool { return same(c[0].fingerprint, holder) })
	}
	if first < 0 && stored && r.cfg.Replace && r.known[xxhash.Sum64String(id)] == (fingerprint{}) {
		first = 0
	}
	for i, class := range classes {
		best := slices.MaxFunc(class, fuller)
		r.Copies += int64(len(class) - 1)
		switch {
		case i == first:
			best.out = true
			r.known[xxhash.Sum64String(id)] = best.fingerprint
		case best.ID == source.OwnID:
			for _, g := range class {
				r.cfg.Fault(g.Item, &Conflict{ID: id, Stored: stored && first < 0})
			}
			r.Copies -= int64(len(class) - 1)
		default:
			best.out = true
			best.Paper.Id = suffixed(id, best.Paper)
			r.known[xxhash.Sum64String(best.Paper.GetId())] = best.fingerprint
			r.cfg.Renamed(best.Item, id)
		}
	}
}

// fuller compares what two records of one paper hold.
func fuller(a, b *gathered) int {
	return cmp.Or(cmp.Compare(len(a.Paper.GetAbstract()), len(b.Paper.GetAbstract())), cmp.Compare(a.size, b.size),
		cmp.Compare(a.content, b.content), cmp.Compare(b.at, a.at))
}

// suffixed returns an id with a hash behind it of what tells the paper from others: its DOI, or else its title, year,
// first author and abstract.
func suffixed(id string, p *akinv1.Paper) string {
	text := "doi " + strings.ToLower(p.GetDoi())
	if p.GetDoi() == "" {
		text = strings.Join([]string{p.GetTitle(), p.GetPublishTime().AsTime().Format("2006"),
			strings.Join(p.GetAuthors()[:min(1, len(p.GetAuthors()))], ""), p.GetAbstract()}, "\x00")
	}
	const hash = 9 // bytes of the suffix
	if len(id) > maxID-hash {
		id = id[:maxID-hash]
		for !utf8.ValidString(id) {
			id = id[:len(id)-1]
		}
	}
	return fmt.Sprintf("%s-%08x", id, uint32(xxhash.Sum64String(text)))
}
