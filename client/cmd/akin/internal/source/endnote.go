package source

import (
	"regexp"
	"strings"
)

// referDialect reads EndNote's .enw, which is refer's format: % and one character, a space and a value, from %0 to an
// empty line.
var referDialect = dialect{
	line: regexp.MustCompile(`^%([0-9A-Za-z@!#$&()*+<>?\[\]^~])(?: (.*)|)$`), begin: "0", blankEnds: true, fill: fillRefer,
}

func fillRefer(d *draft, f tagValues) {
	p := d.p
	if id := f.first("F"); !bareNumber(id) {
		p.Id = id
	}
	p.Title, p.Abstract, p.Doi, p.Url = f.first("T"), f.first("X"), firstDOI(f.first("R"), f.first("U")), f.first("U", ">")
	for _, name := range f.all("A") {
		p.Authors = append(p.Authors, commaName(strings.TrimSuffix(name, ",")))
	}
	for _, k := range f.all("K") {
		p.Categories = append(p.Categories, splitList(k, ";\n")...)
	}
	if s := f.first("8"); s == "" || !strings.ContainsAny(s, "0123456789") || !d.date(withYear(s, f.first("D"))) {
		d.date(f.first("D"))
	}
	d.string("type", f.first("0"))
	d.string("venue", f.first("J", "B"))
	d.string("volume", f.first("V"))
	d.string("issue", f.first("N"))
	d.string("pages", f.first("P"))
	d.string("publisher", f.first("I"))
	d.string("issn", f.first("@"))
	d.string("language", f.first("G"))
}

// withYear adds the year to a date that lacks it, such as "March 4".
func withYear(date, year string) string {
	if yearInText.MatchString(date) {
		return date
	}
	return strings.TrimRight(date, ", ") + ", " + year
}

// refworksDialect reads RefWorks' tagged format: a tag of two characters, a space and a value, a record beginning with
// RT.
var refworksDialect = dialect{
	line: regexp.MustCompile(`^([A-Z][A-Z0-9])(?: (.*)|)$`), begin: "RT", end: "ER", fill: fillRefWorks,
}

func fillRefWorks(d *draft, f tagValues) {
	p := d.p
	p.Title, p.Abstract = f.first("T1"), f.first("AB")
	p.Doi, p.Url = firstDOI(f.first("DO"), f.first("UL"), f.first("LK")), f.first("UL", "LK")
	for _, name := range f.all("A1") {
		p.Authors = append(p.Authors, commaName(name))
	}
	for _, k := range f.all("K1") {
		p.Categories = append(p.Categories, splitList(k, ";\n")...)
	}
	if s := f.first("FD"); s == "" || !d.date(withYear(s, f.first("YR"))) {
		d.date(f.first("YR"))
	}
	d.string("type", f.first("RT"))
	d.string("venue", f.first("JF", "JO", "T2"))
	d.string("volume", f.first("VO"))
	d.string("issue", f.first("IS"))
	d.string("pages", pageRange(f.first("SP"), f.first("OP")))
	d.string("publisher", f.first("PB"))
	d.string("issn", f.first("SN"))
	d.string("language", f.first("LA"))
}
