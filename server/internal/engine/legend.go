package engine

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/server/internal/layout"
	"github.com/akin-search/akin/server/internal/paper"
)

const (
	legendLevels   = 4   // of labels, each with twice the pixels and cells of the one before
	legendPixels   = 600 // how wide the map is drawn where the labels of the first level begin to be shown
	legendCells    = 32  // of the grid on which the clusters of the first level are hills
	legendLeast    = 5   // papers of the smallest cluster that has a label
	legendFeatures = 8   // of a cluster that words are looked for
	legendTitles   = 64  // of a cluster that are read for words, evenly spread
	legendParts    = 2   // words or pairs of words of a label
	legendRunes    = 34  // of a label, about
)

// labelLevels are the widths in pixels from which on each level of labels can be shown without one covering another.
func labelPixels(level int) int { return legendPixels << level }

// legend finds the words on a map, coarse to fine: of each cluster those features of the lexical index that c-TF-IDF
// prefers, spelt as the titles of its papers spell them. points are the places of slots, in steps.
func (e *Engine) legend(ctx context.Context, g *Generation, slots []uint32,
	points []layout.Point) ([][]layout.Label, error) {
	var terms embed.Terms
	features := &layout.Features{
		Count: 1 << embed.FeatureBits, Points: len(slots), Holds: g.words.Frequency,
		Of: func(point uint32, dst []uint32) []uint32 {
			g.words.Terms(slots[point], &terms)
			return append(dst, terms.IDs...)
		},
	}
	speller := &speller{engine: e, gen: g, slots: slots, analyzer: embed.NewAnalyzer(g.model.Config())}
	levels := make([][]layout.Label, legendLevels)
	for level := range levels {
		var labels []layout.Label
		for _, c := range layout.Clusters(points, legendCells<<level, legendLeast) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			text, err := speller.spell(c, features.Salient(c, legendFeatures))
			if err != nil {
				return nil, err
			}
			labels = append(labels, layout.Label{At: c.Peak, Text: text, Points: len(c.Members)})
		}
		levels[level] = layout.Thin(labels, mapSide, float64(labelPixels(level)))
	}
	return levels, nil
}

// speller finds out how features are spelt.
type speller struct {
	engine   *Engine
	gen      *Generation
	slots    []uint32
	analyzer *embed.Analyzer
}

// spelling is a form of a feature, or of two that stand side by side, and how many titles have it.
type spelling struct {
	features []uint32
	text     string
	titles   int
}

// spell makes the label of a cluster of its features, the most salient first.
func (s *speller) spell(c layout.Cluster, features []uint32) (string, error) {
	titles, err := s.titles(c)
	if err != nil || len(features) == 0 {
		return "", err
	}
	singles, pairs := s.spellings(titles, features)
	used := map[uint32]bool{}
	var parts []spelling
	length := 0
	for _, feature := range features {
		single, ok := singles[feature]
		if !ok || used[feature] || len(parts) == legendParts {
			continue
		}
		chosen := single
		for _, pair := range pairs { // the most frequent first
			if slices.Contains(pair.features, feature) && !used[pair.features[0]] && !used[pair.features[1]] &&
				pair.titles >= 2 && 3*pair.titles >= single.titles {
				chosen = pair
				break
			}
		}
		n := utf8.RuneCountInString(chosen.text)
		if length+n > legendRunes && length > 0 {
			break
		}
		length += n + len(", ")
		for _, f := range chosen.features {
			used[f] = true
		}
		parts = append(parts, chosen)
	}
	return joined(parts, pairs), nil
}

// joined writes the parts of a label one after the other: as one phrase where titles have it, graph neural networks.
func joined(parts, pairs []spelling) string {
	if len(parts) == 0 {
		return ""
	}
	text := parts[0].text
	for i, part := range parts[1:] {
		last := parts[i].features[len(parts[i].features)-1]
		between := ", "
		for _, pair := range pairs {
			if pair.features[0] == last && pair.features[1] == part.features[0] && 3*pair.titles >= parts[i].titles {
				between = " "
			}
		}
		text += between + part.text
	}
	return text
}

// titles reads some titles of a cluster.
func (s *speller) titles(c layout.Cluster) ([]string, error) {
	n := min(legendTitles, len(c.Members))
	ordinals := make([]uint64, n)
	revision := s.gen.revision()
	for i := range ordinals {
		slot := s.slots[c.Members[i*len(c.Members)/n]]
		if version, ok := s.gen.slots.version(slot, revision); ok {
			slot = version
		}
		ordinals[i] = s.gen.slots.row(slot).ordinal
	}
	papers, err := s.engine.store.Papers(ordinals, false, make([]*paper.Paper, 0, n))
	if err != nil {
		return nil, storeError(err)
	}
	titles := make([]string, 0, n)
	for _, p := range papers {
		if p != nil { // removed since
			titles = append(titles, p.Title)
		}
	}
	return titles, nil
}

// spellings finds the commonest form of each feature in titles, and the pairs of them that stand side by side, the most
// frequent first.
func (s *speller) spellings(titles []string, features []uint32) (singles map[uint32]spelling, pairs []spelling) {
	type key struct {
		first, second uint32
		text          string
	}
	const alone = 1<<32 - 1
	counts := map[key]int{}
	for _, title := range titles {
		seen := map[key]bool{}
		before, beforeText := uint32(alone), ""
		lower := strings.ToLower(title)
		s.analyzer.EachWord(title, func(surface string, id uint32) {
			if !slices.Contains(features, id) {
				before = alone
				return
			}
			text := form(surface)
			seen[key{id, alone, text}] = true
			for _, joint := range []string{" ", "-"} {
				both := beforeText + joint + text
				if before != alone && before != id && strings.Contains(lower, strings.ToLower(both)) {
					seen[key{before, id, both}] = true
				}
			}
			before, beforeText = id, text
		})
		for k := range seen {
			counts[k]++
		}
	}
	singles = map[uint32]spelling{}
	for k, n := range counts {
		if k.second != alone {
			pairs = append(pairs, spelling{[]uint32{k.first, k.second}, k.text, n})
			continue
		}
		if best, ok := singles[k.first]; !ok || n > best.titles || n == best.titles && k.text < best.text {
			singles[k.first] = spelling{[]uint32{k.first}, k.text, n}
		}
	}
	slices.SortFunc(pairs, func(a, b spelling) int {
		return cmp.Or(cmp.Compare(b.titles, a.titles), strings.Compare(a.text, b.text))
	})
	return singles, pairs
}

// form writes a word in lower case, unless it has capitals beyond its first letter, as names do: GAN, LiDAR.
func form(surface string) string {
	_, first := utf8.DecodeRuneInString(surface)
	if strings.ContainsFunc(surface[first:], unicode.IsUpper) {
		return surface
	}
	return strings.ToLower(surface)
}
