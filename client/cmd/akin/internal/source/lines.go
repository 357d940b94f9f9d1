package source

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// lines reads text piece by piece, most often line by line. Every format reads through it, so that the bound on memory,
// the line numbers and the check of UTF-8 are the same in all of them.
type lines struct {
	r     *bufio.Reader
	notes *notes // of the input
	limit int    // bytes of a piece
	line  int    // number of the line on which the last piece began, from 1
	next  int    // number of the line on which the next piece begins
	buf   []byte // grown to the longest piece so far, at most limit
}

// newLines reads r, whose first line has the number 1, in pieces of at most limit bytes.
func newLines(r *bufio.Reader, limit int, n *notes) *lines {
	return &lines{r: r, limit: limit, notes: n, next: 1}
}

// pieceError is a fault of one piece. Reading goes on behind it.
type pieceError struct{ error }

// read returns the next line without its end, valid until the next call. io.EOF ends the text. A *pieceError is a
// fault of this line alone, which is returned as far as it was kept. Any other error ends the text, and the incomplete
// line in front of it is not returned.
func (l *lines) read() ([]byte, error) {
	piece, err := l.readTo('\n')
	piece = bytes.TrimSuffix(piece, []byte("\n"))
	return bytes.TrimSuffix(piece, []byte("\r")), err
}

// readTo returns the text up to and including the next delim, under the same rules as read.
func (l *lines) readTo(delim byte) ([]byte, error) {
	l.line = l.next
	l.buf = l.buf[:0]
	long := false
	for {
		part, err := l.r.ReadSlice(delim)
		l.next += bytes.Count(part, []byte("\n"))
		if room := l.limit - len(l.buf); len(part) > room {
			long = true
			part = part[:room]
		}
		l.buf = append(l.buf, part...)
		switch {
		case err == nil || err == io.EOF && (len(l.buf) > 0 || long):
			return l.buf, l.check(long)
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		default:
			return nil, err
		}
	}
}

// check finds the faults of a whole piece.
func (l *lines) check(long bool) error {
	if long {
		return &pieceError{errTooLong(l.limit)}
	}
	return checkUTF8(l.buf)
}

// checkUTF8 returns a *pieceError that says where the first invalid byte is.
func checkUTF8(b []byte) error {
	if utf8.Valid(b) {
		return nil
	}
	at := 0
	for {
		r, n := utf8.DecodeRune(b[at:])
		if r == utf8.RuneError && n == 1 {
			return &pieceError{fmt.Errorf("invalid UTF-8 at byte %d of the line (0x%02x): convert the file, for example "+
				"with iconv -f WINDOWS-1252 -t UTF-8, or name its encoding with --encoding", at+1, b[at])}
		}
		at += n
	}
}

// isPieceError reports whether err is a fault of one piece.
func isPieceError(err error) bool {
	var p *pieceError
	return errors.As(err, &p)
}

// byte returns the next byte, for a reader of structures that lines do not part.
func (l *lines) byte() (byte, error) {
	c, err := l.r.ReadByte()
	if c == '\n' && err == nil {
		l.next++
	}
	return c, err
}
