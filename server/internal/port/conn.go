package port

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
)

// preface is what every client of HTTP/2 sends first (RFC 9113, section 3.4).
var preface = []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

// conn is a connection of which some bytes have been read already.
type conn struct {
	net.Conn
	read  []byte               // to be read again
	state *tls.ConnectionState // nil: in plain text
}

// TLS is the state of the connection's encryption, nil where it has none.
func (c *conn) TLS() *tls.ConnectionState { return c.state }

// filtered is a connection that is read through a filter.
type filtered struct {
	*conn
	filter io.Reader
}

// Read implements net.Conn.
func (f *filtered) Read(b []byte) (int, error) { return f.filter.Read(b) }

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) {
	if len(c.read) > 0 {
		n := copy(b, c.read)
		if c.read = c.read[n:]; len(c.read) == 0 {
			c.read = nil
		}
		return n, nil
	}
	return c.Conn.Read(b)
}

// startsWith reads until it is known whether the connection begins with a text. What it has read is read again.
func (c *conn) startsWith(text []byte) (bool, error) {
	for len(c.read) < len(text) && bytes.HasPrefix(text, c.read) {
		if err := c.more(len(text) - len(c.read)); err != nil {
			return false, err
		}
	}
	return bytes.HasPrefix(c.read, text), nil
}

// more reads up to n further bytes, to be read again.
func (c *conn) more(n int) error {
	buffer := make([]byte, n)
	n, err := c.Conn.Read(buffer)
	c.read = append(c.read, buffer[:n]...)
	if n > 0 {
		return nil
	}
	return err
}
