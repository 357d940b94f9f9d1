package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHandout imports small files that once failed, each set into an empty server, and counts what is stored. Their
// README says what is right; the importers' own tests hold the texts with inputs of their own.
func TestHandout(t *testing.T) {
	data := os.Getenv("AKIN_DATA")
	if data == "" {
		t.Skip("set AKIN_DATA to the folder that holds handout to run this test")
	}
	cases := []struct {
		files  string
		papers int
		code   int
		says   string // on standard error
	}{
		{"mendeley-header.bib", 2, exitOK, ""},
		{"jabref-header.bib", 1, exitOK, ""},
		{"crossref-doi2bib.bib", 3, exitOK, ""},
		{"dupkeys.bib", 2, exitOK, `another paper has the id "Ruiz2017"`},
		{"springer.ris", 2, exitOK, `another paper has the id "Ode2019"`},
		{"endnoteA.ris endnoteB.ris", 2, exitOK, ""},
		{"editorialA.ris editorialB.ris", 2, exitOK, `another paper has the id "editorial"`},
		{"editorialAB.ris editorialBA.ris", 2, exitOK, ""},
		{"ovid.ris", 2, exitOK, ""},
		{"provider.ris", 1, exitOK, ""},
		{"embase-link.ris", 2, exitOK, "passed over, 2 times"},
		{"one.nbib", 1, exitOK, ""},
		{"one.enw", 1, exitOK, ""},
		{"savedrecs.txt", 1, exitOK, ""},
		{"savedrecs-tab.txt", 1, exitOK, ""},
		{"ids-only.csv", 0, exitError, "table without title and abstract columns"},
		{"csl.jsonl", 1, exitOK, ""},
		{"generic.jsonl", 1, exitOK, ""},
		{"aminer.jsonl", 2, exitOK, ""},
		{"openalex-page.json", 1, exitOK, ""},
		{"s2-page.json", 1, exitOK, ""},
		{"crossref-page.json", 1, exitOK, ""},
		{"openalex-pretty.json", 1, exitOK, ""},
		{"cord19.csv", 3, exitOK, ""},
		{"na.csv", 5, exitOK, ""},
		{"na-doi.csv", 3, exitOK, ""},
		{"nan-id.csv", 3, exitOK, ""},
		{"nulldate.jsonl", 3, exitOK, ""},
		{"authors.csv", 7, exitOK, ""},
		{"strings.bib", 13, exitOK, ""},
		{"pm.xml", 3, exitOK, ""},
		{"books.xml", 1, exitOK, ""},
		{"texmath.jsonl", 2, exitOK, ""},
		{"cr.ris", 2, exitOK, ""},
	}
	for _, c := range cases {
		t.Run(c.files, func(t *testing.T) {
			s := newSession(t)
			var files []string
			for _, name := range strings.Fields(c.files) {
				files = append(files, filepath.Join(data, "handout", name))
			}
			apart := newSession(t)
			for range 2 { // the second time changes nothing
				summary, o := s.importJSON(files...)
				if o.code != c.code || !strings.Contains(o.err, c.says) || len(s.server.IDs()) != c.papers {
					t.Errorf("%d papers stored, want %d; %+v %+v", len(s.server.IDs()), c.papers, summary, o)
				}
				if int(summary.Written+summary.Unchanged) != c.papers {
					t.Errorf("%+v of %d papers", summary, c.papers)
				}
				for i := len(files) - 1; i >= 0; i-- { // one by one, in the other order
					apart.importJSON(files[i])
				}
				if n := len(apart.server.IDs()); n != c.papers {
					t.Errorf("one by one: %d papers stored, want %d", n, c.papers)
				}
			}
		})
	}
}
