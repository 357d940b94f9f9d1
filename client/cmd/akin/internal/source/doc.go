// Package source reads papers out of files as people have them, one paper at a time, for the command line's import.
//
// A file is recognised by its content, never by its name: Open looks through compression (gzip and Zstandard, by their
// magic bytes) and at the beginning of the text, and picks one of
//
//	akin              one akin.v1.Paper a line in protobuf's JSON form, as `akin export` writes it
//	beir              BEIR corpus.jsonl: _id, title, text, metadata
//	arxiv             the public snapshot of arXiv's metadata, one object a line
//	openalex          OpenAlex works, one object a line; the inverted abstract is put back in order
//	semantic-scholar  Semantic Scholar's papers, one object a line: its bulk files and its API's form
//	csv, tsv          a header row, then one paper a row
//	bibtex            BibTeX and biblatex entries, LaTeX accents decoded
//	ris               RIS, as reference managers write it
//	pubmed            PubMed XML
//	page              text copied from a web page: title line, abstract line, and banners in between
//
// # What an error stops
//
// One bad record costs that record: Papers yields an *ItemError with its line and goes on behind it. What the reader can
// not go on from, such as a gzip file that ends early, ends the input; every paper before it has been yielded by then.
// Text that is cut off by such an end is never yielded as if it were whole.
//
// # What is left as it is, and what is not
//
// The server checks papers. This package checks only what would be lost on the way there: a record needs an id or
// something to make one of, and a title or an abstract. A record with invalid UTF-8 is an ItemError rather than a paper
// full of replacement characters, since the usual cause is a whole file in another encoding; UTF-16 with a byte order
// mark is decoded. Line ends may be LF or CRLF. Runs of white space in titles and abstracts become one space, except in
// akin and beir files, whose text is taken verbatim. Lists longer than the contract allows are cut (1,000 authors, 64
// categories; labels over 128 bytes are left out), and the attribute author_count then tells how many authors there are.
//
// Papers without an id of their own take their DOI or, failing that, a slug of their title. The slug is the same in every
// run; where two different papers of a file share it, the later one's ends in a hash of its text.
//
// # Memory
//
// A Reader holds one record at a time, at most Options.MaxRecord bytes of it, and 64 KiB for detection. Formats that make
// ids out of titles keep 16 bytes a paper to tell slugs apart, and so does arxiv for ids that name their version.
package source
