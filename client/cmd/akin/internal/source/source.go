package source

import (
	"errors"
	"fmt"
	"io"
	"iter"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// Options say how to read an input. The zero value detects everything.
type Options struct {
	// Format is one of FormatNames. Empty: detected by content.
	Format string
	// Columns maps paper fields to the header names of a CSV or TSV file, for example {"abstract": "Summary"}. The fields
	// are id, title, abstract, authors, categories, publish_time, url, doi and attributes.NAME. Fields that are not named
	// here take the column that usual header names suggest; columns that no field takes are left out.
	Columns map[string]string
	// ListSeparator parts authors and categories in a cell of a CSV or TSV file. Empty: "|" where the cell has one, else
	// ";", else for categories ",".
	ListSeparator string
	// Encoding of the text, by its name on the web, such as windows-1252. Empty: by byte order mark, else UTF-8, else
	// Windows-1252 where the first bytes beyond ASCII are that and not UTF-8.
	Encoding string
	// MaxRecord bounds the bytes of one record. 0: 16 MiB.
	MaxRecord int
}

// defaultMaxRecord is a server's limit on a whole message: nothing longer could go in.
const defaultMaxRecord = 16 << 20

// Record is one paper of an input.
type Record struct {
	Paper *akinv1.Paper
	Line  int    // where it begins, from 1, in the decompressed text
	ID    IDKind // what its id is worth
}

// Reader gives the papers of one input. Progress may be called from any goroutine, everything else from one at a time.
type Reader struct {
	in      *input
	format  string
	parser  parser
	notes   *notes
	handled bool // an error that ends the input was yielded
}

// parser is one format. next returns the next paper, an *ItemError for a record that is none, io.EOF at the end, or
// another error that ends the input.
type parser interface {
	next() (*draft, error)
}

// Open opens the file at path, or standard input for "-", and finds out its format. Errors are those of opening and
// reading the file, ErrEmpty, and *FormatError. The caller closes the Reader.
func Open(path string, opts Options) (*Reader, error) {
	in, err := openInput(path, opts.Encoding)
	if err != nil {
		return nil, err
	}
	r, err := newReader(in, opts)
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return r, nil
}

// newReader takes over in unless it returns an error.
func newReader(in *input, opts Options) (*Reader, error) {
	if opts.MaxRecord == 0 {
		opts.MaxRecord = defaultMaxRecord
	}
	if opts.MaxRecord < 0 {
		return nil, fmt.Errorf("the limit of a record is %d bytes: it must be positive", opts.MaxRecord)
	}
	head, err := in.text.Peek(peekSize)
	if err != nil && !errors.Is(err, io.EOF) && len(head) == 0 {
		return nil, fmt.Errorf("reading the input: %w", err)
	}
	if len(head) == 0 {
		return nil, ErrEmpty
	}
	name := opts.Format
	if name == "" {
		if name, err = detect(head, opts); err != nil {
			return nil, err
		}
	} else if what := binary(head); what != "" {
		return nil, &FormatError{What: "the input is " + what}
	}
	for _, f := range formats {
		if f.name == name {
			r := &Reader{in: in, format: name, notes: new(notes)}
			r.parser, err = f.open(newLines(in.text, opts.MaxRecord, r.notes), opts)
			return r, err
		}
	}
	return nil, &FormatError{What: fmt.Sprintf("there is no format %q", name)}
}

// Format returns the name of the input's format.
func (r *Reader) Format() string { return r.format }

// Progress returns how many bytes of the file as on disk were read, and how many there are, 0 when that is unknown.
func (r *Reader) Progress() (read, total int64) { return r.in.read.Load(), r.in.total }

// Close closes the file. Standard input stays open.
func (r *Reader) Close() error { return r.in.Close() }

// Notes says what was left out of papers that went in, and in which encoding the text was read if not UTF-8. It is
// complete when Records has ended.
func (r *Reader) Notes() []string {
	texts := r.notes.texts()
	if r.in.used != "" {
		texts = append(texts, "read as "+r.in.used+"; name another with --encoding if letters look wrong")
	}
	return texts
}

// Records yields the input's papers in their order. An error that is an *ItemError concerns one record, and the next
// papers follow; any other error is the last thing yielded. The paper belongs to the caller. A loop that was left goes
// on where it stopped when Records is called again.
func (r *Reader) Records() iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for !r.handled {
			rec, err := r.next()
			var item *ItemError
			switch {
			case errors.Is(err, io.EOF):
				r.handled = true
				return
			case err != nil && !errors.As(err, &item):
				r.handled = true
			}
			if !yield(rec, err) {
				return
			}
		}
	}
}

// next finishes the next draft.
func (r *Reader) next() (Record, error) {
	for {
		d, err := r.parser.next()
		switch {
		case err != nil:
			return Record{}, err
		case d.dropped:
			continue
		}
		name := d.p.GetId()
		if err := d.finish(); err != nil {
			return Record{}, &ItemError{Line: d.line, Record: excerpt([]byte(firstOf(name, d.excerpt))), Err: err}
		}
		return Record{Paper: d.p, Line: d.line, ID: d.kind}, nil
	}
}
