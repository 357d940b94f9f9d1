package source

// format is one way to write papers down.
type format struct {
	name string
	open func(l *lines, opts Options) (parser, error)
}

// formats holds every format by name, in the order in which help and errors name them.
var formats = []format{
	{"akin", func(l *lines, _ Options) (parser, error) { return newRecords(l, parseAkin), nil }},
	{"beir", func(l *lines, _ Options) (parser, error) { return newRecords(l, parseBEIR), nil }},
	{"arxiv", func(l *lines, _ Options) (parser, error) { return newRecords(l, new(arxiv).parse), nil }},
	{"openalex", func(l *lines, _ Options) (parser, error) { return newRecords(l, parseOpenAlex), nil }},
	{"semantic-scholar", func(l *lines, _ Options) (parser, error) { return newRecords(l, parseScholar), nil }},
	{"csv", func(l *lines, o Options) (parser, error) { return newTable(l, 0, o) }},
	{"tsv", func(l *lines, o Options) (parser, error) { return newTable(l, '\t', o) }},
	{"bibtex", func(l *lines, _ Options) (parser, error) { return newBibTeX(l), nil }},
	{"ris", func(l *lines, _ Options) (parser, error) { return newRIS(l), nil }},
	{"pubmed", func(l *lines, _ Options) (parser, error) { return newPubMed(l), nil }},
	{"page", func(l *lines, _ Options) (parser, error) { return newPage(l), nil }},
}

// FormatNames lists the names that Options.Format takes.
func FormatNames() []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.name
	}
	return names
}
