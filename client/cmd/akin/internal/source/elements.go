package source

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// elementKind is an XML element that is one record.
type elementKind struct {
	name  string // without its prefix
	fill  func(x *xml.Decoder, d *draft) error
	nests bool // an element of the same name may stand inside of it
}

// elements reads XML. The text of each record's element is cut out of the stream, and encoding/xml reads it alone: so
// a malformed record is one ItemError, and memory holds one record, where reading the document in one piece would end
// at the first fault. encoding/xml expands no entities but the characters of HTML, so that none can grow. Other
// elements are passed over.
type elements struct {
	lines *lines
	kinds []elementKind

	record bytes.Buffer // from its start tag on; empty between records
	kind   *elementKind
	name   string // of the record's element, with its prefix
	nested int    // elements of the same name open inside it
	at     int
	fault  error
}

// newElements reads the elements of some kinds.
func newElements(l *lines, kinds []elementKind) *elements { return &elements{lines: l, kinds: kinds} }

// next returns the next record's paper.
func (x *elements) next() (*draft, error) {
	for {
		piece, err := x.lines.readTo('>')
		switch {
		case errors.Is(err, io.EOF) && x.record.Len() > 0:
			return x.drop(errors.New("the file ends inside this record"))
		case err != nil && !isPieceError(err):
			return nil, err
		case err != nil && x.fault == nil && x.record.Len() > 0:
			x.fault = err
		}
		tag := piece[max(bytes.LastIndexByte(piece, '<'), 0):]
		name, kind := x.starts(tag)
		if kind != nil && (x.record.Len() == 0 || !x.kind.nests) {
			var unclosed error
			if x.record.Len() > 0 {
				_, unclosed = x.drop(errors.New("the next record begins inside this one: its end tag is missing"))
			}
			x.record.Write(tag)
			x.at, x.fault, x.kind, x.name, x.nested = x.lines.next, nil, kind, name, 0
			if unclosed != nil {
				return nil, unclosed
			}
			if bytes.HasSuffix(tag, []byte("/>")) {
				x.record.Reset()
			}
			continue
		}
		if x.record.Len() == 0 {
			continue
		}
		if x.record.Len()+len(piece) > x.lines.limit {
			return x.drop(errTooLong(x.lines.limit))
		}
		x.record.Write(piece)
		switch {
		case kind != nil && name == x.name && !bytes.HasSuffix(tag, []byte("/>")):
			x.nested++
		case bytes.HasPrefix(tag, []byte("</"+x.name)) && strings.TrimSpace(string(tag[2+len(x.name):])) == ">":
			if x.nested--; x.nested < 0 {
				return x.take()
			}
		}
	}
}

// starts returns the kind of record that a start tag begins, and the element's name with its prefix.
func (x *elements) starts(tag []byte) (name string, kind *elementKind) {
	if len(tag) < 2 || tag[0] != '<' || tag[1] == '/' {
		return "", nil
	}
	end := bytes.IndexAny(tag, " \t\n/>")
	if end < 0 {
		return "", nil
	}
	name = string(tag[1:end])
	local := name[strings.IndexByte(name, ':')+1:]
	for i := range x.kinds {
		if x.kinds[i].name == local {
			return name, &x.kinds[i]
		}
	}
	return "", nil
}

// drop gives the record in hand up.
func (x *elements) drop(why error) (*draft, error) {
	defer x.record.Reset()
	if x.fault != nil {
		why = x.fault
	}
	return nil, &ItemError{Line: x.at, Record: elementName(x.record.Bytes()), Err: why}
}

// elementName says which record an error is about.
func elementName(text []byte) string {
	if m := pmid.FindSubmatch(text); m != nil {
		return "PMID " + string(m[1])
	}
	return excerpt(text)
}

// take makes a paper of the record in hand.
func (x *elements) take() (*draft, error) {
	text := bytes.Clone(x.record.Bytes())
	x.record.Reset()
	d := newDraft(x.at, x.lines.notes)
	d.excerpt = elementName(text)
	err := x.fault
	if err == nil {
		decoder := xml.NewDecoder(bytes.NewReader(text))
		decoder.Entity = xml.HTMLEntity
		decoder.Strict = true
		if err = x.kind.fill(decoder, d); err != nil {
			var syntax *xml.SyntaxError
			if errors.As(err, &syntax) { // its line counts from the record's first
				syntax.Line += x.at - 1
			}
			err = fmt.Errorf("is not valid XML: %w", err)
		}
	}
	if err != nil {
		return nil, &ItemError{Line: x.at, Record: d.excerpt, Err: err}
	}
	return d, nil
}

// markedText is an element's text without the elements inside it, which are typographical; those that part words leave
// a space, and the second writing of a formula is left out.
type markedText string

// UnmarshalXML joins the character data at all depths.
func (t *markedText) UnmarshalXML(x *xml.Decoder, _ xml.StartElement) error {
	var b strings.Builder
	for depth := 1; depth > 0; {
		token, err := x.Token()
		if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.StartElement:
			if token.Name.Local == "tex-math" || token.Name.Local == "annotation" {
				if err := x.Skip(); err != nil {
					return err
				}
				continue
			}
			depth++
			if blocks[token.Name.Local] {
				b.WriteByte(' ')
			}
			if token.Name.Local == "sup" {
				b.WriteString("<sup>") // for the normaliser, which knows what stands in front of it
			}
		case xml.EndElement:
			depth--
			if depth > 0 && blocks[token.Name.Local] {
				b.WriteByte(' ')
			}
		case xml.CharData:
			b.Write(token)
		}
	}
	*t = markedText(clean(b.String()))
	return nil
}
