// Package source reads papers out of files as people have them, one paper at a time, for the command line's import.
//
// A file is recognised by its content, never by its name: Open looks through compression (gzip and Zstandard, by their
// magic bytes) and at the first 64 KiB of the text, and picks one of Formats: JSON of many services, tables, BibTeX,
// tagged exports of reference managers and databases, XML, and text copied from a web page. JSON objects may stand one
// a line, in an array, in the pages of web services, or over several lines.
//
// # What an error stops
//
// One bad record costs that record: Records yields an *ItemError with its line and goes on behind it. What the reader
// can not go on from, such as a gzip file that ends early, ends the input; every paper before it has been yielded by
// then. Text that is cut off by such an end is never yielded as if it were whole.
//
// # What becomes of text
//
// One normaliser (plain) makes LaTeX, markup, character references and white space into plain text, for titles,
// abstracts, names, labels and attributes of every format but akin, whose papers are taken as they are. Values such as
// NA, None and n.d. are no value. A date that cannot be read, a DOI that is none, and fields without a place in a
// paper are left out, and Reader.Notes says so.
//
// The server checks papers. This package checks only what would be lost on the way there: a record needs a title or an
// abstract. Text is UTF-8, UTF-16 with a byte order mark, or Windows-1252 where it cannot be UTF-8 and looks like
// that; Options.Encoding names another. A record with invalid UTF-8 in a text that is UTF-8 elsewhere is an ItemError.
// Line ends may be LF, CR LF or CR. Lists longer than the contract allows are cut (1,000 authors, 64 categories;
// labels over 128 bytes are left out), and the attribute author_count then tells how many authors there are.
//
// # Ids
//
// A record keeps the id of its source; IDKind says what it is worth. Papers without one take their DOI or, failing
// that, a slug of title, year and first author (madeID), which depends on nothing else. Package ids keeps different
// papers apart that come under one id.
//
// # Memory
//
// A Reader holds one record at a time, at most Options.MaxRecord bytes of it, and 64 KiB for detection. Format arxiv
// keeps 16 bytes for each id that names its version, and bibtex up to 64 MiB of entries that refer to others.
package source
