package source

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
)

// fuzzFormat feeds any text to one format. Whatever it holds, reading ends, every record is a paper with an id and
// text or a fault with a line (readAll checks both), what comes out is valid UTF-8 and so can be sent, and a second
// reading gives the same.
func fuzzFormat(f *testing.F, format string) {
	for name, of := range fixtures {
		if of == format {
			text, err := os.ReadFile(filepath.Join("testdata", name))
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(text))
		}
	}
	f.Add("")
	f.Add("{}\n\xff\n{")
	f.Fuzz(func(t *testing.T, text string) {
		opts := Options{Format: format, MaxRecord: 1 << 16}
		papers, faults, err := readString(t, text, opts)
		most := 1 // lines, whatever ends them, and elements
		for _, mark := range []string{"\n", "\r", "@", "<"} {
			most += strings.Count(text, mark)
		}
		if len(papers)+len(faults) > 2*most {
			t.Fatalf("%d papers and %d faults out of %d bytes", len(papers), len(faults), len(text))
		}
		again, _, errAgain := readString(t, text, opts)
		if len(again) != len(papers) || (err == nil) != (errAgain == nil) {
			t.Fatalf("%d papers (%v), and %d (%v) when read again", len(papers), err, len(again), errAgain)
		}
		for i, p := range papers {
			if _, err := proto.Marshal(p); err != nil {
				t.Fatalf("paper %d cannot be sent: %v", i, err)
			}
			if !utf8.ValidString(p.GetId()) || !proto.Equal(p, again[i]) {
				t.Fatalf("paper %d is\n%v\nand when read again\n%v", i, p, again[i])
			}
			if len(p.GetAuthors()) > maxAuthors || len(p.GetCategories()) > maxCategories {
				t.Fatalf("paper %d has %d authors and %d categories", i, len(p.GetAuthors()), len(p.GetCategories()))
			}
		}
	})
}

func FuzzAkin(f *testing.F)       { fuzzFormat(f, "akin") }
func FuzzBEIR(f *testing.F)       { fuzzFormat(f, "beir") }
func FuzzArXiv(f *testing.F)      { fuzzFormat(f, "arxiv") }
func FuzzOpenAlex(f *testing.F)   { fuzzFormat(f, "openalex") }
func FuzzScholar(f *testing.F)    { fuzzFormat(f, "semantic-scholar") }
func FuzzCSV(f *testing.F)        { fuzzFormat(f, "csv") }
func FuzzTSV(f *testing.F)        { fuzzFormat(f, "tsv") }
func FuzzBibTeX(f *testing.F)     { fuzzFormat(f, "bibtex") }
func FuzzRIS(f *testing.F)        { fuzzFormat(f, "ris") }
func FuzzPubMed(f *testing.F)     { fuzzFormat(f, "pubmed") }
func FuzzPage(f *testing.F)       { fuzzFormat(f, "page") }
func FuzzCrossref(f *testing.F)   { fuzzFormat(f, "crossref") }
func FuzzCSL(f *testing.F)        { fuzzFormat(f, "csl-json") }
func FuzzAMiner(f *testing.F)     { fuzzFormat(f, "aminer") }
func FuzzJSON(f *testing.F)       { fuzzFormat(f, "json") }
func FuzzMEDLINE(f *testing.F)    { fuzzFormat(f, "medline") }
func FuzzWoS(f *testing.F)        { fuzzFormat(f, "wos") }
func FuzzEndNote(f *testing.F)    { fuzzFormat(f, "endnote") }
func FuzzRefWorks(f *testing.F)   { fuzzFormat(f, "refworks") }
func FuzzAtom(f *testing.F)       { fuzzFormat(f, "atom") }
func FuzzOAI(f *testing.F)        { fuzzFormat(f, "oai") }
func FuzzJATS(f *testing.F)       { fuzzFormat(f, "jats") }
func FuzzDBLP(f *testing.F)       { fuzzFormat(f, "dblp") }
func FuzzEndNoteXML(f *testing.F) { fuzzFormat(f, "endnote-xml") }

// FuzzDetection opens anything at all, compressed or not, and reads it to its end.
func FuzzDetection(f *testing.F) {
	for name := range fixtures {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text[:min(len(text), 2_000)]))
		f.Add(gzipped(f, string(text[:min(len(text), 2_000)])))
		f.Add(zstded(f, string(text[:min(len(text), 2_000)])))
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, _, _ = readString(t, text, Options{MaxRecord: 1 << 16})
	})
}

// FuzzLaTeX holds that decoding ends and leaves valid text.
func FuzzLaTeX(f *testing.F) {
	f.Add(`{\"o}\v{\i}$x$---`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, decode := range []func(string) string{plain, plainLaTeX, bareDOI, bareURL} {
			if out := decode(text); utf8.ValidString(text) && !utf8.ValidString(out) {
				t.Fatalf("%q becomes %q", text, out)
			}
		}
		splitNames(text, "")
	})
}
