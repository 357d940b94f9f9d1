package export

import (
	"encoding/json"
	"strings"
	"testing"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// write exports papers.
func write(t *testing.T, format string, papers ...*akinv1.Paper) string {
	t.Helper()
	var b strings.Builder
	w, err := New(format, &b)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range papers {
		if err := w.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func setText(p *akinv1.Paper, name, s string) {
	if p.Attributes == nil {
		p.Attributes = make(map[string]*akinv1.AttributeValue)
	}
	p.Attributes[name] = &akinv1.AttributeValue{Value: &akinv1.AttributeValue_StringValue{StringValue: s}}
}

func TestAnEmptyExportIsAnEmptyFileOfItsFormat(t *testing.T) {
	for format, want := range map[string]string{"jsonl": "", "bibtex": "", "ris": "", "csl-json": "[]\n"} {
		if got := write(t, format); got != want {
			t.Errorf("%s: %q", format, got)
		}
	}
	if got := write(t, "csv"); !strings.HasPrefix(got, "id,title,") || strings.Count(got, "\n") != 1 {
		t.Errorf("csv: %q", got)
	}
	if _, err := New("docx", nil); err == nil || !strings.Contains(err.Error(), "bibtex") {
		t.Errorf("%v", err)
	}
}

// TestEveryTypeIsOneThatZoteroOpens holds the types by which Zotero's importers recognise a file.
func TestEveryTypeIsOneThatZoteroOpens(t *testing.T) {
	for _, own := range []string{"", "journal-article", "posted-content", "Proceedings Paper", "book-chapter", "whatever",
		"JOUR", "inproceedings", "dataset"} {
		p := &akinv1.Paper{Id: "x", Title: "T"}
		setText(p, "type", own)
		var items []struct{ Type string }
		if err := json.Unmarshal([]byte(write(t, "csl-json", p)), &items); err != nil || !cslTypes[items[0].Type] {
			t.Errorf("%q becomes %v in CSL-JSON (%v)", own, items, err)
		}
		if text := write(t, "ris", p); !strings.HasPrefix(text, "TY  - ") ||
			!risType.MatchString(strings.TrimSpace(text[6:strings.Index(text, "\r\n")])) {
			t.Errorf("%q becomes %q in RIS", own, text)
		}
	}
}

func TestEndingsNameFormats(t *testing.T) {
	for name, want := range map[string]string{"a.bib": "bibtex", "A.RIS.gz": "ris", "x.csv": "csv", "x.json": "csl-json",
		"x.jsonl.gz": "jsonl", "x": "", "x.txt": ""} {
		if got := ForFile(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
