package ids

import (
	"strings"
	"unicode"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/text/unicode/norm"
	"google.golang.org/protobuf/proto"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// sketch stands for a set of words: the least of each of 16 hashes over all words, cut to one byte that is not 0
// (Broder, "On the resemblance and containment of documents", 1997). The share of equal places estimates the share of
// words that two sets have in common. All zero: no words.
type sketch [16]byte

// Places that have to be equal for titles and abstracts to be related: about a third of the words in common.
const (
	relatedTitles    = 5
	relatedAbstracts = 6
)

// fingerprint is what a Resolver remembers of a paper.
type fingerprint struct {
	content         uint64 // of everything
	doi             uint64 // 0: none
	title, abstract sketch
}

// fingerprintOf sums a paper up.
func fingerprintOf(p *akinv1.Paper) fingerprint {
	out := fingerprint{title: sketchOf(p.GetTitle()), abstract: sketchOf(p.GetAbstract())}
	if p.GetDoi() != "" {
		out.doi = xxhash.Sum64String(strings.ToLower(p.GetDoi()))
	}
	if raw, err := (proto.MarshalOptions{Deterministic: true}).Marshal(p); err == nil { // an invalid one is refused later
		out.content = xxhash.Sum64(raw)
	}
	return out
}

// same reports whether two records are of one paper, as the package's documentation says.
func same(a, b fingerprint) bool {
	switch {
	case a.content == b.content:
		return true
	case a.doi != 0 && b.doi != 0 && a.doi != b.doi:
		return false
	case unrelated(a.title, b.title, relatedTitles):
		return false
	case a.doi != 0 && a.doi == b.doi:
		return true
	}
	return !unrelated(a.abstract, b.abstract, relatedAbstracts)
}

// unrelated reports whether both sketches are of words and fewer than least places are equal.
func unrelated(a, b sketch, least int) bool {
	if a == (sketch{}) || b == (sketch{}) {
		return false
	}
	equal := 0
	for i := range a {
		if a[i] == b[i] {
			equal++
		}
	}
	return equal < least
}

// sketchOf sums up the words of a text, of four letters and more where there are any.
func sketchOf(text string) sketch {
	var least [16]uint64
	for i := range least {
		least[i] = ^uint64(0)
	}
	var all []string
	long := false
	for _, w := range strings.FieldsFunc(norm.NFKD.String(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r)
	}) {
		all = append(all, w)
		long = long || len(w) > 3
	}
	if all == nil {
		return sketch{}
	}
	for _, w := range all {
		if long && len(w) <= 3 {
			continue
		}
		h := xxhash.Sum64String(strings.ToLower(w))
		for i := range least {
			h = h*6364136223846793005 + 1442695040888963407 // the next hash of the word (Knuth's MMIX generator)
			least[i] = min(least[i], h^h>>29)
		}
	}
	var s sketch
	for i, h := range least {
		if s[i] = byte(h * 0x9e3779b97f4a7c15 >> 56); s[i] == 0 {
			s[i] = 1
		}
	}
	return s
}
