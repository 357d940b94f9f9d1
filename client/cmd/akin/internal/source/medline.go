package source

import (
	"regexp"
	"strings"
)

// medlineDialect reads PubMed's own format (.nbib): a tag of up to four characters, padded with spaces, a hyphen and a
// value that goes on in indented lines. A record begins with PMID.
var medlineDialect = dialect{
	line: regexp.MustCompile(`^([A-Z]{2,4}) {0,2}-(?: (.*)|)$`), begin: "PMID", indent: "    ", fill: fillMEDLINE,
}

func fillMEDLINE(d *draft, f tagValues) {
	p := d.p
	d.kind = GlobalID
	p.Id, p.Title, p.Abstract = f.first("PMID"), f.first("TI", "TT", "BTI"), f.first("AB", "OAB")
	p.Title = unbracketed(p.GetTitle(), f.first("TT"))
	if p.GetId() != "" {
		p.Url = pubmedPage(p.GetId())
	}
	for _, tag := range []string{"LID", "AID"} {
		for _, v := range f.all(tag) {
			id, ok := strings.CutSuffix(v, "[doi]")
			if ok && p.GetDoi() == "" {
				p.Doi = id
			}
			if id, ok := strings.CutSuffix(v, "[pii]"); ok {
				d.string("pii", clean(id))
			}
		}
	}
	for _, name := range f.all("FAU", "AU", "FED", "ED") {
		p.Authors = append(p.Authors, commaName(name))
	}
	p.Authors = append(p.Authors, f.all("CN")...)
	for _, term := range append(f.all("MH"), f.all("OT")...) {
		term, _, _ = strings.Cut(term, "/")
		p.Categories = append(p.Categories, strings.ReplaceAll(term, "*", ""))
	}
	if !d.date(f.first("DEP")) {
		d.date(f.first("DP"))
	}
	d.string("venue", f.first("JT", "TA", "BTI"))
	d.string("type", f.first("PT"))
	d.string("volume", f.first("VI"))
	d.string("issue", f.first("IP"))
	d.string("pages", f.first("PG"))
	d.string("issn", firstOf(strings.Fields(f.first("IS"))...))
	d.string("language", f.first("LA"))
	d.string("pmcid", f.first("PMC"))
}

// unbracketed takes the brackets off a title that PubMed translated, and prefers the paper's own where there is one and
// nothing else.
func unbracketed(title, own string) string {
	inner, opened := strings.CutPrefix(strings.TrimSpace(title), "[")
	if inner, closed := strings.CutSuffix(strings.TrimSuffix(inner, "."), "]"); opened && closed {
		title = inner
	}
	if missing(title) {
		return own
	}
	return title
}

// pubmedPage is the address of a paper's page.
func pubmedPage(pmid string) string { return "https://pubmed.ncbi.nlm.nih.gov/" + pmid + "/" }

// wosDialect reads Web of Science's tagged format: a tag of two characters and a value that goes on in lines indented
// by three spaces, from PT to ER. Of the lists, each line is an entry.
var wosDialect = dialect{line: regexp.MustCompile(`^([A-Z][A-Z0-9])(?: (.*)|)$`), begin: "PT", end: "ER", indent: "   ",
	lists: words("AU AF BA BF CA BE ED CR C1"), fill: fillWoS}

func fillWoS(d *draft, f tagValues) {
	p := d.p
	if p.Id = f.first("UT"); p.GetId() != "" {
		d.kind = GlobalID
	}
	p.Title, p.Abstract, p.Doi = f.first("TI"), f.first("AB"), f.first("DI", "D2")
	for _, name := range f.all("AF", "AU", "BF", "BA", "CA") {
		p.Authors = append(p.Authors, commaName(name))
	}
	for _, list := range append(f.all("DE"), f.all("ID", "WC")...) {
		p.Categories = append(p.Categories, splitList(strings.ReplaceAll(list, "\n", " "), ";")...)
	}
	d.date(clean(f.first("PY")))
	if month, ok := monthOf(f.first("PD")); ok {
		if t := p.GetPublishTime(); t != nil {
			day, _ := atoi(firstOf(append(strings.Fields(f.first("PD")), "", "")[1]))
			d.parts(t.AsTime().Year(), month, day)
		}
	}
	d.string("venue", f.first("SO", "CT"))
	d.string("type", f.first("DT"))
	d.string("volume", f.first("VL"))
	d.string("issue", f.first("IS"))
	d.string("pages", pageRange(f.first("BP", "AR"), f.first("EP")))
	d.string("publisher", f.first("PU"))
	d.string("issn", f.first("SN"))
	d.string("isbn", f.first("BN"))
	d.string("language", f.first("LA"))
	d.string("pmid", f.first("PM"))
}
