// Package export writes papers in the formats of reference managers, one paper at a time, so that "akin import" reads
// them back: for every field that a format can hold, what is read is what was written. server/docs/formats.md says
// field by field what each format holds.
package export

import (
	"fmt"
	"io"
	"strings"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// Writer writes papers. Close writes what stands behind the last one; it does not close the writer beneath. A Writer
// is for one goroutine.
type Writer interface {
	Write(p *akinv1.Paper) error
	Close() error
}

// formats holds the writers by their names, in the order in which help names them.
var formats = []struct {
	name, ending string
	open         func(w io.Writer) Writer
}{
	{"jsonl", ".jsonl", func(w io.Writer) Writer { return &jsonLines{w: w} }},
	{"bibtex", ".bib", func(w io.Writer) Writer { return &bibtex{w: w, keys: make(map[string]bool)} }},
	{"ris", ".ris", func(w io.Writer) Writer { return &ris{w: w} }},
	{"csv", ".csv", func(w io.Writer) Writer { return newTable(w) }},
	{"csl-json", ".json", func(w io.Writer) Writer { return &csl{w: w} }},
}

// Formats lists the names that New takes.
func Formats() []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.name
	}
	return names
}

// New returns a writer of a format.
func New(format string, w io.Writer) (Writer, error) {
	for _, f := range formats {
		if f.name == format {
			return f.open(w), nil
		}
	}
	return nil, fmt.Errorf("there is no format %q; formats are %s", format, strings.Join(Formats(), ", "))
}

// ForFile returns the format that a file's name ends in, before .gz, or "".
func ForFile(name string) string {
	name = strings.TrimSuffix(strings.ToLower(name), ".gz")
	for _, f := range formats {
		if strings.HasSuffix(name, f.ending) {
			return f.name
		}
	}
	return ""
}
