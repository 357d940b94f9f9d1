package port

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	frameHeader = 9
	maxFrame    = 16 << 10 // bytes of a frame's payload, HTTP/2's own bound
	maxPeek     = 4 * maxFrame
)

// hello is the SETTINGS frame that a server of HTTP/2 begins with. The splitter sends one of its own, since clients may
// wait for it before they ask anything; the server that takes the connection sends another, which holds from then on.
// Its values are no larger than that server's.
var hello = settingsFrame(
	http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 100},
	http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: maxFrame},
)

func settingsFrame(settings ...http2.Setting) []byte {
	frame := []byte{0, 0, byte(6 * len(settings)), byte(http2.FrameSettings), 0, 0, 0, 0, 0}
	for _, s := range settings {
		frame = binary.BigEndian.AppendUint16(frame, uint16(s.ID))
		frame = binary.BigEndian.AppendUint32(frame, s.Val)
	}
	return frame
}

// speaksGRPC reads a connection of HTTP/2 up to its first request, and reports whether that is a call of gRPC. So is a
// connection that asks nothing in time, or something that only a server can answer: gRPC's clients keep idle ones.
func (c *conn) speaksGRPC() (bool, error) {
	if _, err := c.Write(hello); err != nil {
		return false, err
	}
	for at := len(preface); ; {
		head, err := c.peek(at, frameHeader)
		if err != nil {
			return silent(err)
		}
		length := int(head[0])<<16 | int(head[1])<<8 | int(head[2])
		kind, flags := http2.FrameType(head[3]), http2.Flags(head[4])
		if length > maxFrame || at+frameHeader+length > maxPeek {
			return true, nil // an error, which gRPC's server tells
		}
		payload, err := c.peek(at+frameHeader, length)
		if err != nil {
			return silent(err)
		}
		switch kind {
		case http2.FrameSettings, http2.FrameWindowUpdate, http2.FramePriority:
			at += frameHeader + length
		case http2.FrameHeaders:
			return grpcHeaders(payload, flags), nil
		default:
			return true, nil
		}
	}
}

// silent is the answer for a connection that went quiet: it stays when it is only late.
func silent(err error) (bool, error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return true, nil
	}
	return false, err
}

// peek is n bytes from an offset on. They are read again later.
func (c *conn) peek(offset, n int) ([]byte, error) {
	for len(c.read) < offset+n {
		if err := c.more(offset + n - len(c.read)); err != nil {
			return nil, err
		}
	}
	return c.read[offset : offset+n], nil
}

// grpcHeaders reports whether a HEADERS frame begins a call of gRPC. Headers that do not fit into one frame are left to
// gRPC's server, which refuses them.
func grpcHeaders(payload []byte, flags http2.Flags) bool {
	padding := 0
	if flags.Has(http2.FlagHeadersPadded) {
		if len(payload) == 0 {
			return true
		}
		padding, payload = int(payload[0]), payload[1:]
	}
	if flags.Has(http2.FlagHeadersPriority) {
		if len(payload) < 5 {
			return true
		}
		payload = payload[5:]
	}
	if padding > len(payload) || !flags.Has(http2.FlagHeadersEndHeaders) {
		return true
	}
	content := ""
	decoder := hpack.NewDecoder(4096, func(f hpack.HeaderField) {
		if f.Name == "content-type" {
			content = f.Value
		}
	})
	decoder.SetMaxStringLength(maxFrame)
	if _, err := decoder.Write(payload[:len(payload)-padding]); err != nil || decoder.Close() != nil {
		return true
	}
	rest, ok := strings.CutPrefix(content, "application/grpc")
	return ok && (rest == "" || rest[0] == '+' || rest[0] == ';')
}

// unacknowledged leaves one acknowledgement of SETTINGS out of what a client of HTTP/2 sends: that of the splitter's,
// of which net/http's server knows nothing. Behind it everything passes.
type unacknowledged struct {
	from io.Reader
	pass int    // bytes that pass before the next frame's header
	head []byte // what is read of a frame's header
	out  []byte // of head, to be passed
	done bool
}

// Read implements io.Reader.
func (u *unacknowledged) Read(b []byte) (int, error) {
	for len(b) > 0 {
		switch {
		case len(u.out) > 0:
			n := copy(b, u.out)
			u.out = u.out[n:]
			return n, nil
		case u.done:
			return u.from.Read(b)
		case u.pass > 0:
			n, err := u.from.Read(b[:min(len(b), u.pass)])
			u.pass -= n
			return n, err
		}
		more := make([]byte, frameHeader-len(u.head))
		n, err := u.from.Read(more)
		u.head = append(u.head, more[:n]...)
		if len(u.head) < frameHeader {
			if err != nil {
				return 0, err
			}
			continue
		}
		head := u.head
		u.head = nil
		if http2.FrameType(head[3]) == http2.FrameSettings && http2.Flags(head[4]).Has(http2.FlagSettingsAck) {
			u.done = true
			continue
		}
		u.out, u.pass = head, int(head[0])<<16|int(head[1])<<8|int(head[2])
	}
	return 0, nil
}
