package gateway

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"time"
)

// Flags of an envelope: Connect's frame of one message is a byte of flags, its length in four bytes, big-endian, and
// the message (https://connectrpc.com/docs/protocol#streaming-rpcs).
const (
	envelopeHeader     = 5
	envelopeCompressed = 1
	envelopeEnd        = 2
)

// messages reads the messages of a request's body. next returns io.EOF behind the last one.
type messages struct {
	framing framing
	zipped  bool // compressed envelopes are allowed
	body    *bufio.Reader
	wait    func(time.Duration) // for how long the next reads may take
	hold    *hold
}

// newMessages reads the body of a request with a framing of many messages.
func (g *gateway) newMessages(w http.ResponseWriter, r *http.Request, f framing) (*messages, error) {
	name := r.Header.Get("Content-Encoding")
	if f == envelopes {
		if name != "" && name != "identity" {
			return nil, failed(codeUnimplemented, reasonCompression,
				"a stream's messages are compressed one by one: use Connect-Content-Encoding")
		}
		name = r.Header.Get("Connect-Content-Encoding")
	}
	zipped, err := compressed(name)
	if err != nil {
		w.Header().Set("Connect-Accept-Encoding", "gzip")
		return nil, err
	}
	if f == lines && zipped {
		return nil, failed(codeUnimplemented, reasonCompression, "lines of JSON are not decompressed: send them as they are")
	}
	return &messages{
		framing: f, zipped: zipped, body: bufio.NewReader(r.Body),
		wait: func(d time.Duration) { hurry(w, d) }, hold: &hold{budget: g.budget},
	}, nil
}

// next reads one message. It is counted until the next call, or until release.
func (m *messages) next() ([]byte, error) {
	m.hold.release()
	m.wait(betweenTime)
	if _, err := m.body.Peek(1); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		return nil, unread(err)
	}
	m.wait(receiveTime)
	if m.framing == lines {
		return m.line()
	}
	return m.envelope()
}

func (m *messages) release() { m.hold.release() }

// line reads one line that is not empty, without its end.
func (m *messages) line() ([]byte, error) {
	var line []byte
	for {
		piece, err := m.body.ReadSlice('\n')
		line = append(line, piece...)
		switch {
		case len(line) > maxBody:
			return nil, errTooLarge
		case err != nil && !errors.Is(err, bufio.ErrBufferFull) && !errors.Is(err, io.EOF):
			return nil, unread(err)
		}
		if err := m.hold.grow(int64(len(piece))); err != nil {
			return nil, err
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if text := bytes.TrimSpace(line); len(text) > 0 {
			return text, nil
		}
		if err != nil {
			return nil, io.EOF
		}
		m.hold.release()
		line = line[:0]
	}
}

// envelope reads one message of Connect's frames.
func (m *messages) envelope() ([]byte, error) {
	var header [envelopeHeader]byte
	if _, err := io.ReadFull(m.body, header[:]); err != nil {
		return nil, unread(err)
	}
	length := int64(binary.BigEndian.Uint32(header[1:]))
	if length > maxBody {
		return nil, errTooLarge
	}
	flags := header[0]
	if flags&^envelopeCompressed != 0 {
		return nil, failed(codeInvalid, reasonMessage, "the request's frames have flags that mean nothing here")
	}
	data, err := readAll(io.LimitReader(m.body, length), m.hold)
	switch {
	case err != nil:
		return nil, err
	case int64(len(data)) < length:
		return nil, errCutOff
	case flags == 0:
		return data, nil
	case !m.zipped:
		return nil, failed(codeInvalid, reasonMessage,
			"a message is compressed, and Connect-Content-Encoding does not say how")
	}
	return unzip(bytes.NewReader(data), m.hold)
}

// one reads the only message.
func (m *messages) one() ([]byte, error) {
	data, err := m.next()
	if errors.Is(err, io.EOF) {
		return nil, failed(codeInvalid, reasonMessage, "the call ended before its request")
	}
	if err != nil {
		return nil, err
	}
	data = bytes.Clone(data)
	if _, err := m.next(); !errors.Is(err, io.EOF) {
		if err == nil {
			err = failed(codeInvalid, reasonMessage, "the call has more than one request")
		}
		return nil, err
	}
	return data, nil
}
