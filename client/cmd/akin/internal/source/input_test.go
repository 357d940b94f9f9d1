package source

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding/unicode"
)

// manyLines returns n papers in BEIR form with text that does not compress to nothing.
func manyLines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"_id":"p%d","title":"Title %d","text":"%x and some more"}`+"\n", i, i, i*i*7919)
	}
	return b.String()
}

// gzipped compresses text.
func gzipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// zstded compresses text.
func zstded(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestCompressedInputsReadLikePlainOnes(t *testing.T) {
	text := manyLines(500)
	half := strings.Index(text, `{"_id":"p250"`)
	for name, data := range map[string]string{
		"gzip":                gzipped(t, text),
		"gzip of two members": gzipped(t, text[:half]) + gzipped(t, text[half:]),
		"zstd":                zstded(t, text),
		"zstd of two frames":  zstded(t, text[:half]) + zstded(t, text[half:]),
	} {
		t.Run(name, func(t *testing.T) {
			papers, faults, err := readString(t, data, Options{})
			if len(papers) != 500 || len(faults) != 0 || err != nil {
				t.Errorf("%d papers, faults %v, error %v; want 500", len(papers), faults, err)
			}
		})
	}
}

func TestTruncatedCompressedInputGivesWhatCameBeforeAndThenOneError(t *testing.T) {
	text := manyLines(5_000)
	for name, data := range map[string]string{"gzip": gzipped(t, text), "zstd": zstded(t, text)} {
		for _, part := range []int{50, 90, 99} {
			t.Run(fmt.Sprintf("%s cut at %d%%", name, part), func(t *testing.T) {
				papers, faults, err := readString(t, data[:len(data)*part/100], Options{})
				if name == "gzip" && len(papers) < 5_000*part/200 {
					t.Errorf("only %d papers came before the end", len(papers))
				}
				if len(faults) != 0 {
					t.Errorf("the line cut off was reported as a record: %v", faults)
				}
				if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "ends early") {
					t.Errorf("error %v, want one that says the data ends early", err)
				}
				for i, p := range papers {
					if p.GetId() != fmt.Sprintf("p%d", i) {
						t.Fatalf("paper %d is %s", i, p.GetId())
					}
				}
			})
		}
	}
}

func TestDamagedGzipGivesAnErrorThatSaysSo(t *testing.T) {
	data := []byte(gzipped(t, manyLines(5_000)))
	data[len(data)-6] ^= 0xff // in the checksum
	papers, _, err := readString(t, string(data), Options{})
	if len(papers) != 5_000 || err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("%d papers and error %v; want 5,000 and one that says damaged", len(papers), err)
	}
	if _, _, err := readString(t, "\x1f\x8b\x08\x00 no gzip", Options{}); err == nil {
		t.Error("a broken gzip header opened")
	}
}

// TestACutInTheMiddleOfARecordIsNeverAPaper cuts every fixture, gzipped, at many places: whatever the format, no paper
// may come out that the whole file does not have.
func TestACutInTheMiddleOfARecordIsNeverAPaper(t *testing.T) {
	for name, format := range fixtures {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			whole, _, err := readString(t, string(text), Options{Format: format})
			if err != nil {
				t.Fatal(err)
			}
			for cut := len(text) / 4; cut < len(text); cut += 37 {
				in, err := newInput(io.MultiReader(bytes.NewReader(text[:cut]), failing{}), 0, "", nil)
				if err != nil {
					t.Fatal(err)
				}
				r, err := newReader(in, Options{Format: format})
				if err != nil {
					continue // the cut took the header row
				}
				papers, _, end := readAll(t, r)
				if !errors.Is(end, errFailing) {
					t.Fatalf("cut at %d: ended with %v", cut, end)
				}
				for i, p := range papers {
					if w := whole[i]; p.GetId() != w.GetId() || p.GetTitle() != w.GetTitle() || p.GetAbstract() != w.GetAbstract() {
						t.Fatalf("cut at %d: paper %d is\n%v\nand in the whole file\n%v", cut, i, p, w)
					}
				}
			}
		})
	}
}

var errFailing = errors.New("the disk is gone")

// failing is a reader that fails.
type failing struct{}

// Read fails.
func (failing) Read([]byte) (int, error) { return 0, errFailing }

func TestInputsThatAreNoPapersAreRefusedByName(t *testing.T) {
	cases := []struct{ name, text, want string }{
		{"a zip archive", "PK\x03\x04\x00\x00", "zip archive"},
		{"a PDF", "%PDF-1.7\n%\xe2\xe3", "a PDF"},
		{"bytes", "\x00\x01\x02\x03abc", "binary"},
		{"bytes without zeros", strings.Repeat("\x01\x02\xff", 50), "binary"},
		{"bzip2", "BZh91AY&SY", "bunzip2"},
		{"a JSON array of something else", "[\n {\"id\": 1}]", "fields of no known format"},
		{"JSON of something else", "{\"name\": \"x\", \"price\": 3}\n", "fields of no known format"},
		{"HTML", "<!doctype html><html><body>papers</body></html>", "XML or HTML"},
		{"running text", "It was a dark night. " + strings.Repeat("The wind blew hard and long. ", 20), "no known format"},
		{"a table of something else", "city,price\nOslo,3\n", "table without title and abstract columns"},
		{"a short note", "hello\nworld\n", "no known format"},
		{"gzip of a PDF", gzipped(t, "%PDF-1.7 and so on"), "a PDF"},
		{"gzip in gzip", gzipped(t, gzipped(t, "x")), "gzip twice"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := readString(t, c.text, Options{})
			var format *FormatError
			if !errors.As(err, &format) {
				t.Fatalf("error %v, want a *FormatError", err)
			}
			if text := err.Error(); !strings.Contains(text, c.want) || !strings.Contains(text, "semantic-scholar") {
				t.Errorf("error %q does not say %q or does not name the formats", text, c.want)
			}
		})
	}
}

func TestForcedFormatsAreChecked(t *testing.T) {
	var format *FormatError
	if _, _, err := readString(t, "x", Options{Format: "docx"}); !errors.As(err, &format) ||
		!strings.Contains(err.Error(), "bibtex") {
		t.Errorf("unknown format: %v", err)
	}
	if _, _, err := readString(t, "%PDF-1.4", Options{Format: "bibtex"}); !errors.As(err, &format) {
		t.Errorf("a PDF forced to be BibTeX: %v", err)
	}
	papers, faults, err := readString(t, "{\"id\":\"a\",\"title\":\"T\"}\nnot json\n", Options{Format: "akin"})
	if len(papers) != 1 || len(faults) != 1 || err != nil {
		t.Errorf("%v %v %v", papers, faults, err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none"), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := Open(t.TempDir(), Options{}); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("a folder: %v", err)
	}
	for _, text := range []string{"", "\uFEFF", " \n\n", gzipped(t, "")} {
		if _, _, err := readString(t, text, Options{}); !errors.Is(err, ErrEmpty) {
			t.Errorf("%q: %v, want ErrEmpty", text, err)
		}
	}
}

func TestALineOverTheLimitIsOneFaultAndTheRestGoesIn(t *testing.T) {
	text := `{"_id":"a","title":"A","text":"x"}` + "\n" +
		`{"_id":"b","title":"B","text":"` + strings.Repeat("long ", 1_000_000) + `"}` + "\n" +
		`{"_id":"c","title":"C","text":"y"}` + "\n"
	papers, faults, err := readString(t, text, Options{MaxRecord: 1 << 20})
	if err != nil || len(papers) != 2 || papers[1].GetId() != "c" {
		t.Fatalf("papers %v, error %v", papers, err)
	}
	var item *ItemError
	if len(faults) != 1 || !errors.As(faults[0], &item) || item.Line != 2 ||
		!strings.Contains(item.Error(), "longer than 1 MiB") {
		t.Errorf("faults %v", faults)
	}
}

func TestUTF16WithAByteOrderMarkIsDecoded(t *testing.T) {
	text := "title\tabstract\nÜber Brücken\tSie halten.\n"
	for _, order := range []unicode.Endianness{unicode.LittleEndian, unicode.BigEndian} {
		data, err := unicode.UTF16(order, unicode.UseBOM).NewEncoder().String(text)
		if err != nil {
			t.Fatal(err)
		}
		papers, faults, err := readString(t, data, Options{})
		if len(papers) != 1 || len(faults) != 0 || err != nil || papers[0].GetTitle() != "Über Brücken" ||
			papers[0].GetId() != "uber-brucken" {
			t.Errorf("%v %v %v", papers, faults, err)
		}
	}
}

func TestInvalidUTF8IsAFaultOfItsRecordAlone(t *testing.T) {
	article := func(pmid, title string) string {
		return "<PubmedArticle><MedlineCitation><PMID>" + pmid + "</PMID><Article><ArticleTitle>" + title +
			"</ArticleTitle></Article></MedlineCitation></PubmedArticle>"
	}
	for format, text := range map[string]string{
		"beir": "{\"_id\":\"a\",\"title\":\"Ä\"}\n{\"_id\":\"b\",\"title\":\"Caf\xe9\"}\n" +
			"{\"_id\":\"c\",\"title\":\"C\"}\n",
		"csv":    "id,title\na,Ä\nb,Caf\xe9\nc,C\n",
		"bibtex": "@misc{a, title={Ä}}\n@misc{b,\n title={Caf\xe9}}\n@misc{c, title={C}}\n",
		"ris": "TY  - JOUR\nID  - a\nTI  - Ä\nER  - \nTY  - JOUR\nID  - b\nTI  - Caf\xe9\nER  - \nTY  - JOUR\n" +
			"ID  - c\nTI  - C\nER  - \n",
		"pubmed": "<PubmedArticleSet>" + article("a", "Ä") + article("b", "Caf\xe9") + article("c", "C") +
			"</PubmedArticleSet>",
	} {
		papers, faults, err := readString(t, text, Options{})
		if err != nil || len(papers) != 2 || papers[0].GetId() != "a" || papers[1].GetId() != "c" {
			t.Errorf("%s: papers %v, error %v", format, papers, err)
		}
		if len(faults) != 1 || !strings.Contains(faults[0].Error(), "invalid UTF-8") {
			t.Errorf("%s: faults %v", format, faults)
		}
	}
}

func TestCRLFAndLFGiveTheSamePapers(t *testing.T) {
	for name, format := range fixtures {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		unix, _, err := readString(t, string(text), Options{})
		if err != nil {
			t.Fatal(err)
		}
		dos, _, err := readString(t, "\uFEFF"+strings.ReplaceAll(string(text), "\n", "\r\n"), Options{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if fmt.Sprint(unix) != fmt.Sprint(dos) {
			t.Errorf("%s (%s): %d papers with LF, %d with CRLF, or other ones", name, format, len(unix), len(dos))
		}
	}
}

func TestALoopThatWasLeftGoesOnWhereItStopped(t *testing.T) {
	in, err := newInput(strings.NewReader(manyLines(10)), 0, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := newReader(in, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for rec := range r.Records() {
		if rec.Paper.GetId() == "p3" {
			break
		}
	}
	for rec, err := range r.Records() {
		if err != nil || rec.Paper.GetId() != "p4" {
			t.Errorf("went on with %v, %v; want p4", rec.Paper, err)
		}
		break
	}
}

// TestAFirstRecordLongerThanDetectionSeesIsStillRecognised opens files of which detection sees part of one line.
func TestAFirstRecordLongerThanDetectionSeesIsStillRecognised(t *testing.T) {
	long := strings.Repeat("word ", 40_000)
	for format, text := range map[string]string{
		"beir": `{"_id":"a","title":"T","text":"` + long + `"}` + "\n",
		"akin": `{"id":"a","title":"T","abstract":"` + long + `"}` + "\n",
		"openalex": `{"id":"https://openalex.org/W1","title":"T","abstract_inverted_index":{"` + long + `":[0]}}` +
			"\n",
		"semantic-scholar": `{"paperId":"a","title":"T","abstract":"` + long + `"}` + "\n",
		"arxiv":            `{"id":"1","title":"T","report-no":null,"abstract":"` + long + `"}` + "\n",
		"csv":              "id,title,abstract\na,T," + long + "\n",
		"ris":              "TY  - JOUR\nID  - a\nAB  - " + long + "\nER  - \n",
		"bibtex":           "@misc{a, title={T}, abstract={" + long + "}}\n",
		"page":             "A Title\n" + long + "\n",
	} {
		in, err := newInput(strings.NewReader(text), 0, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := newReader(in, Options{})
		if err != nil {
			t.Errorf("%s: %v", format, err)
			continue
		}
		papers, faults, end := readAll(t, r)
		if r.Format() != format || len(papers) != 1 || len(faults) != 0 || end != nil ||
			len(papers[0].GetAbstract()) < 190_000 {
			t.Errorf("%s: detected as %s; %d papers, faults %v, end %v", format, r.Format(), len(papers), faults, end)
		}
	}
}

// TestProgressMayBeReadFromAnotherGoroutine is for the race detector.
func TestProgressMayBeReadFromAnotherGoroutine(t *testing.T) {
	text := gzipped(t, manyLines(2_000))
	in, err := newInput(strings.NewReader(text), int64(len(text)), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := newReader(in, Options{})
	if err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for last := int64(0); ; {
			read, total := r.Progress()
			if read < last || read > total {
				t.Errorf("read %d of %d after %d", read, total, last)
			}
			last = read
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	papers, _, _ := readAll(t, r)
	close(stop)
	<-stopped
	if read, total := r.Progress(); len(papers) != 2_000 || read != total {
		t.Errorf("%d papers, %d of %d bytes", len(papers), read, total)
	}
}
