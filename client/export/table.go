package export

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strings"
	"time"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// table writes CSV with a header row. Attributes without a column of their own stand in the last one, as a JSON object.
type table struct {
	w     *csv.Writer
	begun bool
}

// columns are the columns that hold a string attribute.
var columns = []string{"venue", "type", "volume", "issue", "pages", "publisher", "issn", "isbn", "language", "pmid",
	"pmcid", "arxiv_id"}

// newTable writes to w.
func newTable(w io.Writer) *table { return &table{w: csv.NewWriter(w)} }

// header writes the header row, once.
func (t *table) header() error {
	if t.begun {
		return nil
	}
	t.begun = true
	names := append([]string{"id", "title", "abstract", "authors", "categories", "publish_time", "url", "doi"}, columns...)
	return t.w.Write(append(names, "attributes"))
}

// Write writes one row.
func (t *table) Write(p *akinv1.Paper) error {
	if err := t.header(); err != nil {
		return err
	}
	published := ""
	if p.GetPublishTime().IsValid() {
		at := p.GetPublishTime().AsTime()
		published = at.Format("2006-01-02T15:04:05.999999999Z07:00")
		if at.Equal(at.Truncate(24 * time.Hour)) {
			published = at.Format(time.DateOnly)
		}
	}
	row := []string{p.GetId(), p.GetTitle(), p.GetAbstract(), list(p.GetAuthors()), list(p.GetCategories()), published,
		p.GetUrl(), p.GetDoi()}
	for _, name := range columns {
		row = append(row, p.GetAttributes()[name].GetStringValue())
	}
	rest := ""
	if m := attributes(p, columns...); len(m) > 0 {
		raw, err := json.Marshal(m)
		if err != nil {
			return err
		}
		rest = string(raw)
	}
	if err := t.w.Write(append(row, rest)); err != nil {
		return err
	}
	t.w.Flush()
	return t.w.Error()
}

// Close writes the header row of an empty table.
func (t *table) Close() error {
	if err := t.header(); err != nil {
		return err
	}
	t.w.Flush()
	return t.w.Error()
}

// list joins the entries of a cell by "; ". Where an entry holds a mark that parts entries, or is the only one and
// could be taken for several, the cell is a JSON list.
func list(entries []string) string {
	apart := false
	for _, e := range entries {
		apart = apart || strings.ContainsAny(e, ";|[]&") ||
			len(entries) == 1 && (strings.Contains(e, ",") || strings.Contains(e, " and "))
	}
	if !apart {
		return strings.Join(entries, "; ")
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(entries); err != nil { // strings always encode
		return strings.Join(entries, "; ")
	}
	return strings.TrimSpace(b.String())
}
