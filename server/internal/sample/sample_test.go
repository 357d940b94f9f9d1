package sample_test

import (
	"regexp"
	"testing"
	"unicode"

	"github.com/akin-search/akin/server/internal/sample"
)

// sentenceEnd matches the end of a sentence: a full stop or its like before a capital letter, or at the very end. The
// abstracts use no abbreviation that would match.
var sentenceEnd = regexp.MustCompile(`[.!?](?:\s+[A-Z]|$)`)

func TestSampleHoldsOneHundredNinetyEightPapersThatServersAccept(t *testing.T) {
	papers, err := sample.Papers()
	if err != nil {
		t.Fatal(err)
	}
	if len(papers) != 198 {
		t.Errorf("%d papers, want 198", len(papers))
	}
	slug := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	label := regexp.MustCompile(`^[a-z]+(-[a-z]+)*\.[A-Za-z]+(-[a-z]+)?$|^hep-th$`)
	ids, titles := make(map[string]bool), make(map[string]bool)
	for _, p := range papers {
		if !slug.MatchString(p.ID) || len(p.ID) > 64 {
			t.Errorf("id %q is no short slug", p.ID)
		}
		if ids[p.ID] {
			t.Errorf("id %q occurs twice", p.ID)
		}
		ids[p.ID] = true
		if p.Title == "" || len(p.Title) > 2<<10 {
			t.Errorf("%s: title %q is empty or over 2 KiB", p.ID, p.Title)
		}
		if titles[p.Title] {
			t.Errorf("%s: title %q occurs twice", p.ID, p.Title)
		}
		titles[p.Title] = true
		if n := len(p.Categories); n < 1 || n > 4 {
			t.Errorf("%s: %d categories, want 1 to 4", p.ID, n)
		}
		for _, c := range p.Categories {
			if !label.MatchString(c) {
				t.Errorf("%s: category %q does not look like an arXiv label", p.ID, c)
			}
		}
		for _, r := range p.Title + p.Abstract {
			if unicode.IsControl(r) {
				t.Errorf("%s: control character %q", p.ID, r)
			}
		}
	}
}

func TestSampleAbstractsHaveTwoToFourSentences(t *testing.T) {
	papers, err := sample.Papers()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range papers {
		if n := len(sentenceEnd.FindAllString(p.Abstract, -1)); n < 2 || n > 4 {
			t.Errorf("%s: abstract has %d sentences, want 2 to 4: %s", p.ID, n, p.Abstract)
		}
		if n := len(p.Abstract); n < 150 || n > 1000 {
			t.Errorf("%s: abstract has %d bytes, want 150 to 1,000", p.ID, n)
		}
	}
}

func TestPapersGivesEveryCallerItsOwnCopies(t *testing.T) {
	first, err := sample.Papers()
	if err != nil {
		t.Fatal(err)
	}
	want := first[0].Categories[0]
	first[0].Title, first[0].Categories[0] = "changed", "changed"
	second, err := sample.Papers()
	if err != nil {
		t.Fatal(err)
	}
	if second[0].Title == "changed" || second[0].Categories[0] != want {
		t.Error("a change of one caller's paper shows up in another's")
	}
}
