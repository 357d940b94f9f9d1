package queries

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const beir = `{"_id":"1","text":"first query"}

{"_id":"2","title":"","text":" second query ","metadata":{"paper_id":"x"}}
{"_id":"3","title":"a title","text":"an abstract"}
`

func TestEachFormGivesItsTexts(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"queries and corpus": {beir, []string{"first query", "second query", "a title"}},
		"plain lines":        {"one\n\n  two words \r\nthree", []string{"one", "two words", "three"}},
		"byte order mark":    {"\ufeffone\n", []string{"one"}},
	} {
		for how, text := range map[string]string{"plain": c.text, "gzip": gzipped(t, c.text), "zstd": zstandard(t, c.text)} {
			got, err := Read(file(t, text), 0)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%s, %s: %q, %v", name, how, got, err)
			}
		}
	}
}

func TestTheLimitEndsTheReading(t *testing.T) {
	if got, err := Read(file(t, "a\nb\n{broken"), 2); err != nil || len(got) != 2 {
		t.Errorf("%q, %v", got, err)
	}
}

func TestFaultsNameTheFile(t *testing.T) {
	for _, c := range []struct{ text, says string }{
		{"", "no queries"},
		{"\n \n", "no queries"},
		{"{\"text\":\"a\"}\n{broken\n", "line 2"},
		{strings.Repeat("x", maxLine+1), "longer than"},
		{gzipped(t, beir)[:20], "unexpected EOF"},
	} {
		path := file(t, c.text)
		if _, err := Read(path, 0); err == nil || !strings.Contains(err.Error(), c.says) ||
			!strings.Contains(err.Error(), path) {
			t.Errorf("%.20q: %v", c.text, err)
		}
	}
	if _, err := Read("/does/not/exist", 0); err == nil {
		t.Error("a missing file has no error")
	}
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "queries")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	return closed(t, &b, gzip.NewWriter(&b), text)
}

func zstandard(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	return closed(t, &b, w, text)
}

func closed(t *testing.T, b *bytes.Buffer, w io.WriteCloser, text string) string {
	t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
