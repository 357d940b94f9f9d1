package web

import (
	"bytes"
	"fmt"
	"net/http"

	"github.com/akin-search/akin/client/export"
	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// files are the formats in which any list can be had, in the order in which pages name them.
var files = []struct{ name, format, ending, kind string }{
	{"BibTeX", "bibtex", ".bib", "application/x-bibtex; charset=utf-8"},
	{"RIS", "ris", ".ris", "application/x-research-info-systems; charset=utf-8"},
	{"CSV", "csv", ".csv", "text/csv; charset=utf-8"},
}

// exportLinks are the addresses of a list's files. path makes one of a format's name.
func exportLinks(path func(format string) string) []link {
	var out []link
	for _, f := range files {
		out = append(out, link{f.name, path(f.format)})
	}
	return out
}

// export answers with papers as a file.
func (v *visit) export(format, name string, papers []*akinv1.Paper) error {
	for _, f := range files {
		if f.format != format {
			continue
		}
		text, err := written(format, papers...)
		if err != nil {
			return err
		}
		v.w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name+f.ending))
		v.send(http.StatusOK, f.kind, text)
		return nil
	}
	return &refusal{status: http.StatusBadRequest, title: "There is no such format",
		text: fmt.Sprintf("A list can be had as bibtex, ris or csv, and not as “%s”.", shortened(format, 40))}
}

// written is some papers in a format.
func written(format string, papers ...*akinv1.Paper) ([]byte, error) {
	var out bytes.Buffer
	w, err := export.New(format, &out)
	if err != nil {
		return nil, err
	}
	for _, p := range papers {
		if err := w.Write(p); err != nil {
			return nil, err
		}
	}
	err = w.Close()
	return out.Bytes(), err
}
