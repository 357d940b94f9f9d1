package source

// format is one way to write papers down.
type format struct {
	name  string
	about string // for the list of formats that help prints
	open  func(l *lines, opts Options) (parser, error)
}

// formats holds every format by name, in the order in which help and errors name them.
var formats = []format{
	{"akin", "JSON, papers as akin export writes them", objectsOf(func() func([]byte, *draft) error { return parseAkin })},
	{"beir", "JSON, a BEIR corpus: _id, title, text, metadata", objectsOf(func() func([]byte, *draft) error {
		return parseBEIR
	})},
	{"arxiv", "JSON, the public snapshot of arXiv's metadata", objectsOf(func() func([]byte, *draft) error {
		return new(arxiv).parse
	})},
	{"openalex", "JSON, OpenAlex works", objectsOf(func() func([]byte, *draft) error { return parseOpenAlex })},
	{"semantic-scholar", "JSON, Semantic Scholar's API and data sets", objectsOf(func() func([]byte, *draft) error {
		return parseScholar
	})},
	{"crossref", "JSON, Crossref's API", objectsOf(func() func([]byte, *draft) error { return parseCrossref })},
	{"csl-json", "JSON, as Zotero and pandoc exchange it", objectsOf(func() func([]byte, *draft) error {
		return parseCSL
	})},
	{"aminer", "JSON, AMiner's citation data", objectsOf(func() func([]byte, *draft) error { return parseAMiner })},
	{"json", "JSON, fields with usual names: title, abstract, authors", objectsOf(func() func([]byte, *draft) error {
		return parseObject
	})},
	{"csv", "a header row with usual names (CORD-19, Scopus, Zotero)", func(l *lines, o Options) (parser, error) {
		return newTable(l, 0, o)
	}},
	{"tsv", "the same with tabs, also Web of Science's", func(l *lines, o Options) (parser, error) {
		return newTable(l, '\t', o)
	}},
	{"bibtex", "BibTeX and biblatex", func(l *lines, _ Options) (parser, error) { return newBibTeX(l), nil }},
	{"ris", "RIS", func(l *lines, _ Options) (parser, error) { return newTagged(l, &risDialect), nil }},
	{"medline", "PubMed's .nbib", func(l *lines, _ Options) (parser, error) { return newTagged(l, &medlineDialect), nil }},
	{"wos", "Web of Science, tagged", func(l *lines, _ Options) (parser, error) { return newTagged(l, &wosDialect), nil }},
	{"endnote", "EndNote's .enw (refer)", func(l *lines, _ Options) (parser, error) {
		return newTagged(l, &referDialect), nil
	}},
	{"refworks", "RefWorks, tagged", func(l *lines, _ Options) (parser, error) {
		return newTagged(l, &refworksDialect), nil
	}},
	{"pubmed", "PubMed XML, articles and books", elementsOf(pubmedElements)},
	{"atom", "XML, the answers of arXiv's API", elementsOf(atomElements)},
	{"oai", "XML, OAI-PMH: arXiv's forms and Dublin Core", elementsOf(oaiElements)},
	{"jats", "XML, JATS articles", elementsOf(jatsElements)},
	{"dblp", "XML, DBLP", elementsOf(dblpElements)},
	{"endnote-xml", "XML, EndNote", elementsOf(endnoteElements)},
	{"page", "text copied from a web page: title line, abstract line", func(l *lines, _ Options) (parser, error) {
		return newPage(l), nil
	}},
}

// objectsOf opens a format of JSON objects; parse makes its parser, one for each input.
func objectsOf(parse func() func([]byte, *draft) error) func(*lines, Options) (parser, error) {
	return func(l *lines, _ Options) (parser, error) { return newRecords(l, parse()) }
}

// elementsOf opens a format of XML elements.
func elementsOf(kinds []elementKind) func(*lines, Options) (parser, error) {
	return func(l *lines, _ Options) (parser, error) { return newElements(l, kinds), nil }
}

// Format is a format's name and what it is.
type Format struct{ Name, About string }

// Formats lists the formats in the order in which help names them.
func Formats() []Format {
	list := make([]Format, len(formats))
	for i, f := range formats {
		list[i] = Format{f.name, f.about}
	}
	return list
}

// FormatNames lists the names that Options.Format takes.
func FormatNames() []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.name
	}
	return names
}
