package filter

import (
	"fmt"
	"slices"
	"testing"

	"github.com/akin-search/akin/server/internal/paper"
)

func TestCachedAnswersAreSharedAndEndWithTheNextPaper(t *testing.T) {
	c := columnsOf(library)
	f, err := Parse("authors:Ann")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		got, err := c.Eval(f)
		if err != nil || !slices.Equal(slotsOf(got), []uint32{0, 3}) {
			t.Fatalf("%v, %v", got, err)
		}
	}
	slot := c.Append(&paper.Paper{ID: "new", Authors: []string{"Ann"}})
	if got, err := c.Eval(f); err != nil || !got.Contains(slot) {
		t.Errorf("a paper appended after the first answer is not in %v, %v", got, err)
	}
}

func TestTheCacheKeepsWhatWasUsedLast(t *testing.T) {
	c := columnsOf(library)
	often, err := Parse("id = a")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 * cachedAnswers {
		f, err := Parse(fmt.Sprintf("id = x%d", i))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []*Filter{f, often} {
			if _, err := c.Eval(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := len(c.cache.entries); n != cachedAnswers {
		t.Errorf("%d answers are kept, want %d", n, cachedAnswers)
	}
	if c.cache.get(often.String(), c.n) == nil || c.cache.get("id = x0", c.n) != nil {
		t.Error("the filter asked most was dropped, or the oldest kept")
	}
}

func TestAnAnswerThatIsKeptIsNotCopied(t *testing.T) {
	c := columnsOf(library)
	f, err := Parse("authors:Ann")
	if err != nil {
		t.Fatal(err)
	}
	first, err := c.Eval(f)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := c.Eval(f); err != nil || again != first {
		t.Errorf("the second answer is another set: %v", err)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = c.Eval(f) }); n != 0 {
		t.Errorf("%v allocations for an answer that is kept", n)
	}
}
