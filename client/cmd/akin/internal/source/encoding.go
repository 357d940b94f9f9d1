package source

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/transform"
)

// decoder returns r's text in UTF-8. name is one of the encoding names of the web, such as windows-1252 or gb18030;
// with "" the encoding is that of the first bytes beyond ASCII: UTF-8, or Windows-1252 where they cannot be UTF-8 and
// look like letters of western languages. used tells the name of an encoding other than UTF-8 once the text has been
// read that far.
func decoder(r io.Reader, name string, used *string) (io.Reader, error) {
	if name == "" {
		return &sniffer{raw: bufio.NewReaderSize(r, peekSize), used: used}, nil
	}
	enc, err := htmlindex.Get(name)
	if err != nil {
		return nil, &FormatError{What: fmt.Sprintf("there is no encoding %q", name)}
	}
	if canonical, err := htmlindex.Name(enc); err == nil && canonical == "utf-8" {
		return r, nil
	}
	*used = name
	return transform.NewReader(r, enc.NewDecoder()), nil
}

// sniffer passes ASCII on until the first other byte, and decides about the encoding there.
type sniffer struct {
	raw     *bufio.Reader
	decoded io.Reader // nil while undecided
	used    *string
}

// Read passes text on.
func (s *sniffer) Read(p []byte) (int, error) {
	if s.decoded != nil {
		return s.decoded.Read(p)
	}
	head, err := s.raw.Peek(1)
	if len(head) == 0 {
		return 0, err
	}
	if head[0] < utf8.RuneSelf {
		head, _ = s.raw.Peek(min(len(p), s.raw.Buffered()))
		n := 0
		for n < len(head) && head[n] < utf8.RuneSelf {
			n++
		}
		return s.raw.Read(p[:n])
	}
	head, _ = s.raw.Peek(peekSize)
	s.decoded = s.raw
	if western(head) {
		*s.used = "windows-1252"
		s.decoded = transform.NewReader(s.raw, charmap.Windows1252.NewDecoder())
	}
	return s.decoded.Read(p)
}

// western reports whether a text that begins with a byte beyond ASCII is Windows-1252 rather than UTF-8: it holds no
// character of UTF-8 beyond ASCII, every byte beyond ASCII has a meaning, and no more than two of them stand side by
// side, as they would in a text of another script.
func western(text []byte) bool {
	if len(text) == peekSize { // the last character may be cut off
		text = text[:len(text)-utf8.UTFMax]
	}
	run := 0
	for i := 0; i < len(text); {
		if text[i] < utf8.RuneSelf {
			run = 0
			i++
			continue
		}
		if _, n := utf8.DecodeRune(text[i:]); n > 1 {
			return false
		}
		if run++; run > 2 {
			return false
		}
		switch text[i] {
		case 0x81, 0x8d, 0x8f, 0x90, 0x9d: // undefined
			return false
		}
		i++
	}
	return true
}

// newlines makes the line ends of old Macintosh and of Windows, CR and CR LF, into LF.
type newlines struct{ transform.NopResetter }

// Transform copies text up to the next CR, and writes LF for it.
func (newlines) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	for nSrc < len(src) {
		part := src[nSrc:]
		cut := bytes.IndexByte(part, '\r')
		if cut >= 0 {
			part = part[:cut]
		}
		n := copy(dst[nDst:], part)
		nDst, nSrc = nDst+n, nSrc+n
		if n < len(part) {
			return nDst, nSrc, transform.ErrShortDst
		}
		if cut < 0 {
			return nDst, nSrc, nil
		}
		switch {
		case nSrc+1 == len(src) && !atEOF:
			return nDst, nSrc, transform.ErrShortSrc
		case nSrc+1 < len(src) && src[nSrc+1] == '\n':
			nSrc++ // the LF follows
		case nDst == len(dst):
			return nDst, nSrc, transform.ErrShortDst
		default:
			dst[nDst] = '\n'
			nDst++
			nSrc++
		}
	}
	return nDst, nSrc, nil
}
