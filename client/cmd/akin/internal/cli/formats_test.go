package cli

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// TestAnAnswerThatIsCutGoesOnByItself asks for more hits than one page holds.
func TestAnAnswerThatIsCutGoesOnByItself(t *testing.T) {
	s := newSession(t)
	file := filepath.Join(t.TempDir(), "corpus.jsonl")
	writeFile(t, file, beir(200))
	s.must("import", file)
	s.server.MaxHits = 7
	var answer struct {
		Hits []struct{ Paper struct{ ID string } }
		Next string `json:"next_page_token"`
	}
	for _, args := range [][]string{{"search", "paper number"}, {"similar", "p-00003"}, {"recommend", "p-00003"}} {
		out := s.must(append(args, "-k", "120", "--abstracts", "--json")...)
		if err := json.Unmarshal([]byte(out), &answer); err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, h := range answer.Hits {
			seen[h.Paper.ID] = true
		}
		if len(answer.Hits) != 120 || len(seen) != 120 || answer.Next == "" {
			t.Errorf("%v: %d hits, %d different, next %q", args, len(answer.Hits), len(seen), answer.Next)
		}
	}
	s.must("search", "-k", "3", "--page-token", answer.Next, "paper number")
}

// TestEveryFormatIsPrintedAndReadBack exports and answers in every format, and imports what came out elsewhere.
func TestEveryFormatIsPrintedAndReadBack(t *testing.T) {
	from := newSession(t, library()...)
	for _, c := range []struct{ format, ending, mark string }{
		{"jsonl", ".jsonl", `"id":`}, {"bibtex", ".bib.gz", "@"}, {"ris", ".ris", "TY  - "}, {"csv", ".csv", "id,title,"},
		{"csl-json", ".json", "[\n{"},
	} {
		file := filepath.Join(t.TempDir(), "papers"+c.ending)
		from.must("export", file)
		to := newSession(t)
		summary, o := to.importJSON(file)
		if o.code != exitOK || summary.Written != 7 ||
			strings.Join(to.server.IDs(), " ") != strings.Join(from.server.IDs(), " ") {
			t.Errorf("%s: %+v, ids %v", c.format, o, to.server.IDs())
		}
		for _, args := range [][]string{
			{"export"}, {"search", "-k", "2", "attention"}, {"similar", "folding-1"}, {"recommend", "folding-1"},
		} {
			out := from.must(append(args, "--format", c.format)...)
			if !strings.Contains(out, c.mark) || !strings.Contains(out, "Structure of proteins") && args[0] == "similar" {
				t.Errorf("%s %v: %q", c.format, args, out)
			}
		}
	}
	for _, args := range [][]string{{"export", "--format", "docx"}, {"search", "--format", "docx", "x"},
		{"search", "--json", "--format", "ris", "attention"}} {
		if o := from.run(args...); o.code != exitUsage || !strings.Contains(o.err, "--format") {
			t.Errorf("%v: %+v", args, o)
		}
	}
}
