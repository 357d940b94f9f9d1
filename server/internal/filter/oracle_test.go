package filter

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/akin-search/akin/server/internal/paper"
)

var (
	words = []string{"", "a", "b", "cs.LG", "math-ph", "Ann Arbor", "x\"y", `back\slash`, "true", "10", "日本", "*",
		"AND"}
	names = []string{"venue", "cites", "open", "a.b", "impact factor", "2020"}
	days  = []string{"0001-01-01T00:00:00.5Z", "1969-12-31", "2020-01-01", "2020-01-01T00:00:00.000000001Z",
		"2020-01-01T12:00:00+02:00", "9999-12-31"}
)

func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }

func randomPapers(rng *rand.Rand, n int) []*paper.Paper {
	papers := make([]*paper.Paper, n)
	for i := range papers {
		p := &paper.Paper{ID: pick(rng, words), Attributes: map[string]paper.Value{}}
		for range rng.IntN(4) {
			p.Categories = append(p.Categories, pick(rng, words))
			p.Authors = append(p.Authors, pick(rng, words))
		}
		if rng.IntN(3) > 0 {
			p.PublishTime = day(pick(rng, days)).Add(time.Duration(rng.IntN(2)))
		}
		for range rng.IntN(4) {
			v := text(pick(rng, words))
			switch rng.IntN(3) {
			case 0:
				v = number(float64(rng.IntN(5) - 2))
			case 1:
				v = boolean(rng.IntN(2) == 0)
			}
			p.Attributes[pick(rng, names)] = v
		}
		papers[i] = p
	}
	return papers
}

// randomFilter returns a filter as text, and what it means, put together apart from the parser.
func randomFilter(rng *rand.Rand, depth int) (string, *node) {
	if depth > 0 {
		a, x := randomFilter(rng, depth-1)
		switch rng.IntN(5) {
		case 0:
			return "NOT (" + a + ")", &node{kind: not, children: []*node{x}}
		case 1:
			return "-(" + a + ")", &node{kind: not, children: []*node{x}}
		case 2:
			b, y := randomFilter(rng, depth-1)
			return "(" + a + ") AND (" + b + ")", &node{kind: and, children: []*node{x, y}}
		case 3:
			b, y := randomFilter(rng, depth-1)
			return "(" + a + ")  OR ( " + b + " )", &node{kind: or, children: []*node{x, y}}
		}
		b, y := randomFilter(rng, depth-1)
		c, z := randomFilter(rng, 0)
		return fmt.Sprintf("(%s) AND %s OR (%s)", a, c, b),
			&node{kind: and, children: []*node{x, {kind: or, children: []*node{z, y}}}}
	}
	return randomCondition(rng)
}

var signs = []string{"=", "!=", "<", "<=", ">", ">=", ":"}
var signOps = []op{equal, equal, less, lessEqual, greater, greaterEqual, equal}

func randomCondition(rng *rand.Rand) (string, *node) {
	sign := rng.IntN(len(signs))
	t := condition{op: signOps[sign]}
	var left, right string
	word := pick(rng, words)
	switch t.field = field(rng.IntN(5)); t.field {
	case fieldID:
		left, right, t.value = "id", strconv.Quote(word), value{text: word}
	case fieldCategories, fieldAuthors:
		sign, t.op = 6, equal
		left, right, t.value = []string{"categories", "authors"}[t.field-fieldCategories], strconv.Quote(word),
			value{text: word}
	case fieldPublishTime:
		left, right = "publish_time", pick(rng, days)
		t.value = value{kind: timeValue, time: day(right)}
		if rng.IntN(2) == 0 {
			right = "'" + right + "'"
		}
	default:
		t.name = pick(rng, names)
		left, right, t.value = "attributes."+strconv.Quote(t.name), strconv.Quote(word), value{text: word}
		switch rng.IntN(3) {
		case 0:
			n := rng.IntN(5) - 2
			right, t.value = strconv.Itoa(n), value{kind: numberValue, number: float64(n)}
		case 1:
			sign = 6 * rng.IntN(2)
			t.op = equal
			right, t.value = "true", value{kind: boolValue, truth: true}
		}
	}
	if rng.IntN(6) == 0 {
		sign, t.op, t.value, right = 6, present, value{}, "*"
		if t.field == fieldAttribute && rng.IntN(2) == 0 {
			left, t.name = "attributes", ""
		}
	}
	gap := strings.Repeat(" ", rng.IntN(3))
	n := &node{cond: t}
	if signs[sign] == "!=" {
		n = &node{kind: not, children: []*node{n}}
	}
	return left + gap + signs[sign] + gap + right, n
}

// sameAnswer compares Eval with the oracle over every paper.
func sameAnswer(t *testing.T, c *Columns, papers []*paper.Paper, f *Filter, meaning *node) {
	t.Helper()
	got, err := c.Eval(f)
	if err != nil {
		t.Fatal(err)
	}
	if got.Len() > 0 && highest(got) >= len(papers) {
		t.Fatalf("%s finds slot %d of %d", f, highest(got), len(papers))
	}
	for slot, p := range papers {
		if want := meaning.matches(p); got.Contains(uint32(slot)) != want {
			t.Fatalf("%s finds %v: %v, want %v", f, p, !want, want)
		}
	}
}

func TestRandomFiltersMeanWhatTheySay(t *testing.T) {
	lowerFewSlots(t)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		papers := randomPapers(rng, rng.IntN(120))
		c := columnsOf(papers)
		for range 60 {
			text, meaning := randomFilter(rng, rng.IntN(4))
			f, err := Parse(text)
			if err != nil {
				t.Fatalf("Parse(%q): %v", text, err)
			}
			sameAnswer(t, c, papers, f, meaning)
			for _, p := range papers {
				if f.Match(p) != meaning.matches(p) {
					t.Fatalf("%s matches %v: %v", f, p, f.Match(p))
				}
			}
		}
		if err := c.Check(); err != nil {
			t.Fatal(err)
		}
	}
}

func FuzzParseAndEval(f *testing.F) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 40 {
		text, _ := randomFilter(rng, rng.IntN(3))
		f.Add(text, uint64(1))
	}
	for _, text := range []string{"id = 2020-01-01", `attributes.x:(a AND -b)`, "a(b(c", `x"((`,
		"publish_time=timestamp('2020-01-01T00:00:00Z')", "\xff"} {
		f.Add(text, uint64(2))
	}
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		parsed, err := Parse(text)
		if err != nil {
			e, ok := err.(*Error)
			if !ok || e.Position < 0 || e.Position > len(text) || e.Message == "" {
				t.Fatalf("Parse(%q): %#v", text, err)
			}
			return
		}
		papers := randomPapers(rand.New(rand.NewPCG(seed, 5)), 40)
		sameAnswer(t, columnsOf(papers), papers, parsed, parsed.root)
	})
}
