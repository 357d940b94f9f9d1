package source

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
)

var update = flag.Bool("update", false, "rewrite testdata/*.golden from what the importers give; read the difference")

// fixtures names each file of testdata and the format it has to be detected as.
var fixtures = map[string]string{
	"akin.jsonl": "akin", "beir.jsonl": "beir", "arxiv.jsonl": "arxiv", "openalex.jsonl": "openalex",
	"scholar.jsonl": "semantic-scholar",
	"table.csv":     "csv", "table.tsv": "tsv", "refs.bib": "bibtex", "refs.ris": "ris", "pubmed.xml": "pubmed",
	"page.txt":      "page",
	"crossref.json": "crossref", "csl.json": "csl-json", "aminer.jsonl": "aminer", "generic.json": "json",
	"medline.nbib":  "medline",
	"savedrecs.txt": "wos", "refs.enw": "endnote", "refworks.txt": "refworks", "arxiv.atom": "atom", "oai.xml": "oai",
	"article.jats.xml": "jats", "dblp.xml": "dblp", "endnote.xml": "endnote-xml", "scopus.csv": "csv",
}

// TestFixturesGiveTheirGoldenPapersAndFaults holds every field of every paper, and every fault, of one small file a
// format, in the order of the file.
func TestFixturesGiveTheirGoldenPapersAndFaults(t *testing.T) {
	for name, format := range fixtures {
		t.Run(name, func(t *testing.T) {
			r, err := Open(filepath.Join("testdata", name), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if r.Format() != format {
				t.Errorf("detected as %s, want %s", r.Format(), format)
			}
			var got bytes.Buffer
			for rec, err := range r.Records() {
				if err != nil {
					fmt.Fprintf(&got, "error: %v\n", err)
					continue
				}
				text, err := protojson.Marshal(rec.Paper)
				if err != nil {
					t.Fatal(err)
				}
				if err := json.Indent(&got, text, "", "  "); err != nil { // protojson's own spaces vary
					t.Fatal(err)
				}
				got.WriteByte('\n')
			}
			for _, note := range r.Notes() {
				fmt.Fprintf(&got, "note: %s\n", note)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
			golden := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("got\n%s\nwant\n%s", got.Bytes(), want)
			}
		})
	}
}
