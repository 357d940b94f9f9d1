package export

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// ris writes RIS. The id stands in AN, the accession number, beside the provider (DP) Akin, since a RIS ID is the
// number of a record in one library.
type ris struct{ w io.Writer }

// risType matches what a type may be.
var risType = regexp.MustCompile(`^[A-Z]{3,6}$`)

// Write writes one record.
func (r *ris) Write(p *akinv1.Paper) error {
	kind := "GEN"
	if k := kindOf(p); k >= 0 {
		kind = kinds[k].ris
	} else if attribute(p, "venue") != "" {
		kind = "JOUR"
	}
	if own := attribute(p, "type"); risType.MatchString(own) {
		kind = own
	}
	var out strings.Builder
	field := func(tag, value string) {
		if value = line(value); value != "" {
			fmt.Fprintf(&out, "%s  - %s\r\n", tag, value)
		}
	}
	field("TY", kind)
	field("TI", p.GetTitle())
	for _, a := range p.GetAuthors() {
		n := nameOf(a)
		switch {
		case n.given == "":
			field("AU", n.family)
		case n.suffix != "":
			field("AU", n.family+", "+n.given+", "+n.suffix)
		default:
			field("AU", n.family+", "+n.given)
		}
	}
	if year, month, day, ok := date(p); ok {
		field("PY", fmt.Sprint(year))
		switch {
		case day > 0:
			field("DA", fmt.Sprintf("%d/%02d/%02d", year, month, day))
		case month > 0:
			field("DA", fmt.Sprintf("%d/%02d", year, month))
		}
	}
	field("T2", attribute(p, "venue"))
	field("VL", attribute(p, "volume"))
	field("IS", attribute(p, "issue"))
	first, last := pages(line(attribute(p, "pages")))
	field("SP", first)
	field("EP", last)
	field("PB", attribute(p, "publisher"))
	field("SN", attribute(p, "issn"))
	field("DO", p.GetDoi())
	field("UR", p.GetUrl())
	field("LA", attribute(p, "language"))
	for _, c := range p.GetCategories() {
		field("KW", c)
	}
	field("AB", p.GetAbstract())
	field("DP", "Akin")
	field("AN", p.GetId())
	out.WriteString("ER  - \r\n\r\n")
	_, err := io.WriteString(r.w, out.String())
	return err
}

// Close has nothing to write.
func (r *ris) Close() error { return nil }
