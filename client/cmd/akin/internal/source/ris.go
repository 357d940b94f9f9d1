package source

import (
	"regexp"
	"strings"
)

// risDialect reads RIS: a tag of two characters, two spaces, a hyphen and a value, from TY to ER. Writers differ in the
// spaces. Lines without a tag continue the value before.
var risDialect = dialect{
	line: regexp.MustCompile(`^([A-Z][A-Z0-9]) {0,2}-(?: (.*)|)$`), begin: "TY", end: "ER", fill: fillRIS,
}

// akinProvider is the database provider (DP) that marks a RIS record as akin export's, whose AN is the paper's id.
const akinProvider = "Akin"

// fillRIS makes a paper of a RIS record. Its ID stays unless it is a number, which counts the records of one library.
func fillRIS(d *draft, f tagValues) {
	p := d.p
	switch {
	case f.first("DP") == akinProvider:
		p.Id, d.kind = f.first("AN"), OwnID
	case !bareNumber(f.first("ID")) && f.first("ID") != "":
		p.Id = f.first("ID")
	case !bareNumber(f.first("AN")):
		p.Id = f.first("AN")
	}
	p.Title, p.Abstract = f.first("TI", "T1", "CT", "BT"), strings.Join(f.all("AB", "N2"), " ")
	p.Doi = firstDOI(f.first("DO"), f.first("M3"), f.first("L3"), f.first("UR"))
	p.Url = f.first("UR", "L2", "LK")
	for _, tag := range []string{"AU", "A1"} {
		for _, name := range f.all(tag) {
			p.Authors = append(p.Authors, risName(name))
		}
	}
	if len(p.GetAuthors()) == 0 {
		for _, name := range f.all("A2", "ED") {
			p.Authors = append(p.Authors, risName(name))
		}
	}
	for _, k := range f.all("KW") {
		p.Categories = append(p.Categories, splitList(k, ";\n")...)
	}
	for _, tag := range []string{"DA", "PY", "Y1"} {
		if s := f.first(tag); d.date(risDate(s)) {
			break
		}
	}
	d.string("venue", f.first("JO", "JF", "T2", "JA", "J2"))
	d.string("type", f.first("TY"))
	d.string("volume", f.first("VL"))
	d.string("issue", f.first("IS"))
	d.string("pages", pageRange(f.first("SP"), f.first("EP")))
	d.string("publisher", f.first("PB"))
	d.string("issn", f.first("SN"))
	d.string("language", f.first("LA"))
}

// risDate takes the empty parts off a RIS date, which is YYYY/MM/DD/other: "2019///", "2019/03//spring".
func risDate(s string) string {
	parts := strings.Split(strings.TrimSpace(s), "/")
	if len(parts) < 2 || len(parts[0]) != 4 {
		return s
	}
	var kept []string
	for _, part := range parts[:min(3, len(parts))] {
		if part = strings.TrimSpace(part); part == "" {
			break
		}
		kept = append(kept, part)
	}
	return strings.Join(kept, "/")
}

// firstDOI returns the first of some texts that holds a DOI.
func firstDOI(texts ...string) string {
	for _, s := range texts {
		if bareDOI(s) != "" {
			return s
		}
	}
	return firstOf(texts[0])
}

// risName turns "Last, First, Suffix" around.
func risName(s string) string {
	parts := append(strings.Split(s, ","), "", "")
	return clean(parts[1] + " " + parts[0] + " " + strings.Join(parts[2:], " "))
}
