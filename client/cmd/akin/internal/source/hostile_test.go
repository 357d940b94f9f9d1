package source

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// endless gives a beginning, then one text over and over, size bytes in all.
type endless struct {
	head, body string
	size, at   int64
}

// Read fills p.
func (e *endless) Read(p []byte) (int, error) {
	if e.at >= e.size {
		return 0, io.EOF
	}
	n := 0
	for n < len(p) {
		if e.at < int64(len(e.head)) {
			c := copy(p[n:], e.head[e.at:])
			n, e.at = n+c, e.at+int64(c)
			continue
		}
		c := copy(p[n:], e.body[int(e.at-int64(len(e.head)))%len(e.body):])
		n, e.at = n+c, e.at+int64(c)
	}
	return n, nil
}

// TestARecordWithoutEndKeepsMemoryBounded reads, in every format, one record that never ends, in one line and in many;
// 2 GB of it with AKIN_SOAK.
func TestARecordWithoutEndKeepsMemoryBounded(t *testing.T) {
	size := int64(1 << 20)
	if testing.Short() {
		size = 1 << 18
	}
	if os.Getenv("AKIN_SOAK") != "" {
		size = 2 << 30
	}
	heads := map[string]string{
		"akin": `{"id":"a","title":"`, "beir": `{"_id":"a","title":"`, "arxiv": `{"id":"1","title":"`,
		"openalex":         `{"id":"W1","title":"`,
		"semantic-scholar": `{"paperId":"a","title":"`, "crossref": `{"message":{"items":[{"DOI":"`,
		"csl-json": `[{"id":"a","title":"`,
		"aminer":   `{"id":"a","title":"`, "json": `{"results":[{"title":"`, "csv": "id,title\na,\"", "tsv": "id\ttitle\na\t",
		"bibtex": "@misc{a, title={", "ris": "TY  - JOUR\nTI  - ", "medline": "PMID- 1\nTI  - ", "wos": "PT J\nTI ",
		"endnote":  "%0 X\n%T ",
		"refworks": "RT X\nT1 ", "pubmed": "<PubmedArticle><PMID>1</PMID>", "atom": "<feed><entry>", "oai": "<record>",
		"jats": "<article>",
		"dblp": "<dblp><article>", "endnote-xml": "<record>", "page": "A Title\n",
	}
	for _, format := range FormatNames() {
		for name, body := range map[string]string{
			"one line": "word and another. Word ", "many lines": "a line of twelve words and more. It goes on and on and on, " +
				"as lines do\n", "short lines": "      x\n",
			"open marks": `{\a \( $ \cite[ <i> &amp; "`,
		} {
			t.Run(format+" in "+name, func(t *testing.T) {
				in, err := newInput(&endless{head: heads[format], body: body, size: size}, 0, "", nil)
				if err != nil {
					t.Fatal(err)
				}
				r, err := newReader(in, Options{Format: format, MaxRecord: 1 << 17})
				if err != nil {
					return // refused: a table's header row, for example
				}
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				records := 0
				for _, err := range r.Records() {
					var item *ItemError
					if err != nil && !errors.As(err, &item) {
						break
					}
					records++
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 64<<20 {
					t.Errorf("the heap grew by %d MiB over %d records", grown>>20, records)
				}
				runtime.KeepAlive(r)
			})
		}
	}
}

// TestHalfAFileIsReadOrRefused cuts every fixture at many places.
func TestHalfAFileIsReadOrRefused(t *testing.T) {
	for name := range fixtures {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		step := 17
		if testing.Short() {
			step = 101
		}
		for cut := 0; cut < len(text); cut += step {
			_, _, _ = readString(t, string(text[:cut]), Options{}) // readAll checks what holds for every reading
		}
	}
}

// TestTenThousandAuthorsAreCutToTheContractsLimit reads one paper of them in formats that list authors.
func TestTenThousandAuthorsAreCutToTheContractsLimit(t *testing.T) {
	list := func(format, separator string) string {
		var names []string
		for i := range 10_000 {
			names = append(names, fmt.Sprintf(format, i))
		}
		return strings.Join(names, separator)
	}
	for format, text := range map[string]string{
		"bibtex": "@misc{a, title={T}, author={" + list("Moor%d, Eva", " and ") + "}}",
		"ris":    "TY  - JOUR\nTI  - T\n" + list("AU  - Moor%d, Eva", "\n") + "\nER  - \n",
		"csv":    "id,title,authors\na,T,\"" + list("Moor%d, Eva", "; ") + "\"\n",
		"crossref": `{"message":{"items":[{"DOI":"10.1000/a","title":["T"],"author":[` +
			list(`{"family":"Moor%d","given":"Eva"}`, ",") + `]}]}}`,
		"pubmed": "<PubmedArticle><MedlineCitation><PMID>1</PMID><Article><ArticleTitle>T</ArticleTitle><AuthorList>" +
			list("<Author><LastName>Moor%d</LastName></Author>", "") +
			"</AuthorList></Article></MedlineCitation></PubmedArticle>",
	} {
		papers, faults, err := readString(t, text, Options{})
		if err != nil || len(faults) > 0 || len(papers) != 1 || len(papers[0].GetAuthors()) != maxAuthors ||
			papers[0].GetAttributes()["author_count"].GetDoubleValue() != 10_000 {
			t.Errorf("%s: %d papers, faults %v, %v", format, len(papers), faults, err)
		}
	}
}

// TestEntitiesDoNotGrow holds that entities of a document's own are refused, and not expanded.
func TestEntitiesDoNotGrow(t *testing.T) {
	laughs := `<!DOCTYPE %s [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">` +
		`<!ENTITY x SYSTEM "file:///etc/passwd">]>`
	for format, text := range map[string]string{
		"pubmed": "<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>1</PMID><Article><ArticleTitle>&b;&x;" +
			"</ArticleTitle></Article></MedlineCitation></PubmedArticle></PubmedArticleSet>",
		"dblp": "<dblp><article key='a'><title>&b;&x;</title></article></dblp>",
		"jats": "<article><front><article-meta><title-group><article-title>&b;&x;</article-title></title-group>" +
			"</article-meta></front></article>",
	} {
		papers, faults, err := readString(t, fmt.Sprintf(laughs, format)+text, Options{Format: format})
		if err != nil || len(papers) != 0 || len(faults) != 1 || !strings.Contains(faults[0].Error(), "entity") {
			t.Errorf("%s: papers %v, faults %v, %v", format, papers, faults, err)
		}
	}
}

func TestAGzipOfZerosIsRefusedAtOnce(t *testing.T) {
	papers, _, err := readString(t, gzipped(t, strings.Repeat("\x00", 8<<20)), Options{})
	if len(papers) != 0 || err == nil || !strings.Contains(err.Error(), "binary") {
		t.Errorf("%d papers, %v", len(papers), err)
	}
}

// TestDeepNestingEnds reads JSON and XML within itself, and LaTeX groups.
func TestDeepNestingEnds(t *testing.T) {
	deep := func(open, shut string) string { return strings.Repeat(open, 20_000) + strings.Repeat(shut, 20_000) }
	for format, text := range map[string]string{
		"json": `{"title":"T","x":` + deep("[", "]") + "}",
		"akin": `{"id":"a","title":"T","attributes":` + deep(`{"a":`, "}") + "}",
		"jats": "<article><front><article-meta><abstract>" + deep("<p>", "</p>") +
			"</abstract></article-meta></front></article>",
		"bibtex": "@misc{a, title={" + deep(`\emph{`, "}") + "}}", "openalex": `{"meta":` + deep("[", "]") + `,"results":[]}`,
	} {
		began := time.Now()
		_, _, _ = readString(t, text, Options{Format: format})
		if took := time.Since(began); took > time.Minute {
			t.Errorf("%s took %s", format, took)
		}
	}
}

func TestEncodings(t *testing.T) {
	for name, c := range map[string]struct {
		text, encoding, title, note string
	}{
		"Windows-1252 found": {"id,title\na,Caf\xe9 \x93na\xefve\x94 \x96 25\xb0\n", "", "Café “naïve” – 25°",
			"windows-1252"},
		"UTF-8 after long ASCII":   {"id,title\na," + strings.Repeat("plain ", 40_000) + "Café\n", "", "", ""},
		"another one, named":       {"id,title\na,\xd2\xee\xf0\xf4\n", "windows-1251", "Торф", "windows-1251"},
		"the same, not named":      {"id,title\na,\xd2\xee\xf0\xf4\n", "", "FAULT", ""},
		"CR line ends":             {"id,title\ra,T\r", "", "T", ""},
		"a byte order mark and CR": {"\uFEFFid,title\r\na,T\r\n", "", "T", ""},
		"Windows-1252 after 70 KiB": {"id,title\n" + strings.Repeat("x,plain\n", 9_000) + "a,Caf\xe9\n", "", "plain",
			"windows-1252"},
	} {
		t.Run(name, func(t *testing.T) {
			in, err := newInput(strings.NewReader(c.text), 0, c.encoding, nil)
			if err != nil {
				t.Fatal(err)
			}
			r, err := newReader(in, Options{})
			if err != nil {
				t.Fatal(err)
			}
			papers, faults, end := readAll(t, r)
			notes := strings.Join(r.Notes(), "\n")
			switch {
			case end != nil:
				t.Error(end)
			case c.title == "FAULT":
				if len(papers) != 0 || len(faults) != 1 || !strings.Contains(faults[0].Error(), "--encoding") {
					t.Errorf("%v %v", papers, faults)
				}
			case len(faults) > 0 || len(papers) == 0 || c.title != "" && papers[0].GetTitle() != c.title:
				t.Errorf("%v %v", papers, faults)
			case (c.note == "") != (notes == "") || !strings.Contains(notes, c.note):
				t.Errorf("notes %q, want %q", notes, c.note)
			case c.title == "plain" && papers[len(papers)-1].GetTitle() != "Café":
				t.Errorf("the last is %v", papers[len(papers)-1])
			}
		})
	}
	if _, err := newInput(strings.NewReader("x"), 0, "klingon", nil); err == nil {
		t.Error("an encoding that is none")
	}
}
