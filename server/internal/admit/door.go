package admit

import (
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// A door stands between a connection and gRPC. While calls are being refused it looks at the headers of each call that
// comes and answers those that would be refused itself: gRPC never hears of them. A refusal by gRPC costs as much as a
// twentieth of a search, and one at the door a tenth of that, so that ten times the sustainable load leaves most of the
// cores to the calls that are accepted.
//
// Three things make that safe. Frames are passed on as they are, and only whole headers are left out. Headers are
// compressed by a table that both ends build of all headers that pass; a door that leaves some out keeps the client's
// table itself, and from its first refusal on writes the others anew, by a table of its own with gRPC. What the door
// says itself is written between two frames of gRPC's, and refers to no table.
//
// Headers of at most maxHeaders bytes are looked at; frames of data and of the connection pass without a copy.

const (
	frameHeader = 9
	maxFrame    = 16 << 10 // bytes of a frame's payload, HTTP/2's own bound
	maxHeaders  = 64 << 10 // bytes of the frames of one call's headers, compressed
	maxFields   = 16 << 10 // bytes of one call's headers as HTTP/2 counts them; gRPC's server is told the same
	tableBytes  = 4096     // of the compression's table, HTTP/2's default, which no side changes
)

// doorPause is how long a connection is not read after calls on it were refused. So what comes meanwhile is read and
// answered together; a client that was told to come back in a tenth of a second has that time.
const doorPause = 10 * time.Millisecond

// Doors puts a door before each connection of a listener. info is the AuthInfo that gRPC gives to a connection.
func (g *Gate) Doors(inner net.Listener, info func(net.Conn) credentials.AuthInfo) net.Listener {
	return &doors{Listener: inner, gate: g, info: info}
}

type doors struct {
	net.Listener
	gate *Gate
	info func(net.Conn) credentials.AuthInfo
}

// Accept implements net.Listener.
func (l *doors) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	d := &Door{Conn: conn, gate: l.gate, preface: len(http2.ClientPreface)}
	d.from = &peer.Peer{Addr: &caller{conn.RemoteAddr(), d}, LocalAddr: conn.LocalAddr(), AuthInfo: l.info(conn)}
	d.decoder = hpack.NewDecoder(tableBytes, d.field)
	d.decoder.SetMaxStringLength(maxFields)
	return d, nil
}

// caller is the address of a connection's other end. Its pointer tells connections apart: it is who is charged for the
// calls of someone without a name.
type caller struct {
	net.Addr
	door *Door
}

// Door is a connection with a door. gRPC reads and writes it, each from one goroutine at a time.
type Door struct {
	net.Conn
	gate *Gate
	from *peer.Peer

	// The reader's own.
	preface int    // bytes of it that are still to pass
	pass    int    // bytes of a frame that are still to pass
	held    []byte // what is read of a frame's header, or of the frames of a call's headers
	spill   []byte // to be read by gRPC before anything else
	blind   bool   // everything passes: it is no HTTP/2 that is understood here, and gRPC says so
	last    uint32 // highest stream so far
	refused int    // by the last read
	head    head
	decoder *hpack.Decoder
	told    map[error]*answer
	table   *rewriter // nil until a call is refused
	passed  []passed  // calls that gRPC is still to hear of

	mu      sync.Mutex
	answers []byte // frames of the door's own, to be written
	written frames // what gRPC has written
}

// AuthInfo is what gRPC is to know of the connection's encryption.
func (d *Door) AuthInfo() credentials.AuthInfo { return d.from.AuthInfo }

// RemoteAddr implements net.Conn.
func (d *Door) RemoteAddr() net.Addr { return d.from.Addr }

var errHeaders = errors.New("headers that are too large, or that cannot be decoded")

// Read implements net.Conn: what it returns is what gRPC gets to see.
func (d *Door) Read(b []byte) (int, error) {
	for {
		if len(d.spill) > 0 {
			n := copy(b, d.spill)
			if d.spill = d.spill[n:]; len(d.spill) == 0 {
				d.spill = nil
			}
			return n, nil
		}
		if d.refused > 0 {
			d.refused = 0
			time.Sleep(doorPause)
		}
		n, err := d.Conn.Read(b)
		kept := n
		if n > 0 && !d.blind {
			var broken error
			if kept, broken = d.sift(b[:n]); broken != nil {
				return 0, broken
			}
			if d.refused > 0 {
				if err := d.flush(); err != nil {
					return 0, err
				}
			}
		}
		if err != nil && kept == 0 && len(d.held) > 0 { // gRPC sees where the client stopped
			d.spill, d.held = d.held, nil
			continue
		}
		if kept > 0 || err != nil {
			return kept, err
		}
	}
}

// sift takes refused calls out of what was read. What passes is moved to the front of b, and kept is how much that is;
// where it does not fit, which only headers that are written anew can cause, it goes to spill.
func (d *Door) sift(b []byte) (kept int, err error) {
	at := 0
	emit := func(p []byte, until int) { // until: b may be written up to there
		switch {
		case len(d.spill) > 0 || kept+len(p) > until:
			d.spill = append(d.spill, p...)
		case len(p) > 0 && &b[kept] == &p[0]: // nothing has been taken out
			kept += len(p)
		default:
			kept += copy(b[kept:], p)
		}
	}
	for at < len(b) {
		rest := b[at:]
		switch {
		case d.blind:
			emit(rest, len(b))
			at = len(b)
		case d.preface > 0:
			n := min(d.preface, len(rest))
			d.preface -= n
			at += n
			emit(rest[:n], at)
		case d.pass > 0:
			n := min(d.pass, len(rest))
			d.pass -= n
			at += n
			emit(rest[:n], at)
		default:
			frames, n, whole := d.gather(rest)
			at += n
			switch size, _ := needed(d.held); {
			case !whole && (size == 0 || len(d.held) > maxHeaders):
				if d.table != nil {
					return 0, errHeaders
				}
				d.blind = true
				emit(d.held, 0)
				d.held = nil
			case !whole: // more must be read
			case http2.FrameType(frames[3]) != http2.FrameHeaders:
				d.pass = payload(frames)
				emit(frames, at)
				d.held = d.held[:0]
			default:
				passed, err := d.judge(frames)
				if err != nil {
					return 0, err
				}
				emit(passed, at)
				d.held = d.held[:0]
			}
		}
	}
	return kept, nil
}

// gather returns the header of a frame, or where it is one of HEADERS all frames up to the end of the call's headers,
// as far as they are there; otherwise they are held until more is read. n is how much of b it took.
func (d *Door) gather(b []byte) (frames []byte, n int, whole bool) {
	if len(d.held) == 0 {
		if size, ends := needed(b); ends && size <= len(b) {
			return b[:size], size, true // the usual case, without a copy
		}
	}
	for {
		size, ends := needed(d.held)
		switch {
		case ends && size <= len(d.held):
			return d.held, n, true
		case size == 0 || len(d.held) > maxHeaders:
			return nil, n, false
		case n == len(b):
			return nil, n, false
		}
		more := min(size-len(d.held), len(b)-n)
		d.held = append(d.held, b[n:n+more]...)
		n += more
	}
}

// needed is how many bytes of b must be there to know what follows, and ends says that nothing else needs to be known.
// 0: what is there is not allowed.
func needed(b []byte) (size int, ends bool) {
	for size = frameHeader; ; size += frameHeader {
		if len(b) < size {
			return size, false
		}
		frame := b[size-frameHeader:]
		switch http2.FrameType(frame[3]) {
		case http2.FrameHeaders:
			if size > frameHeader {
				return 0, false
			}
		case http2.FrameContinuation:
			if size == frameHeader {
				return 0, false
			}
		default:
			if size > frameHeader {
				return 0, false
			}
			return size, true
		}
		if payload(frame) > maxFrame {
			return 0, false
		}
		size += payload(frame)
		if http2.Flags(frame[4]).Has(http2.FlagHeadersEndHeaders) {
			return size, true
		}
	}
}

// payload is the length of a frame behind its header.
func payload(frame []byte) int { return int(frame[0])<<16 | int(frame[1])<<8 | int(frame[2]) }

// Write implements net.Conn: what gRPC says.
func (d *Door) Write(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.say(); err != nil {
		return 0, err
	}
	n, err := d.Conn.Write(b)
	d.written.add(b[:n])
	if err != nil {
		return n, err
	}
	return n, d.say()
}

// flush writes answers, unless gRPC is in the midst of a frame: then its next write does.
func (d *Door) flush() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.say()
}

// say writes answers between two frames. mu is held.
func (d *Door) say() error {
	if len(d.answers) == 0 || !d.written.between() {
		return nil
	}
	_, err := d.Conn.Write(d.answers)
	d.answers = d.answers[:0]
	if cap(d.answers) > maxHeaders {
		d.answers = nil
	}
	return err
}

// frames follows a stream of bytes from frame to frame.
type frames struct {
	head      [frameHeader]byte
	have      int  // of head
	left      int  // of the payload
	continued bool // headers are to go on in the next frame
}

// add takes bytes in.
func (f *frames) add(b []byte) {
	for len(b) > 0 {
		if f.left > 0 {
			n := min(f.left, len(b))
			f.left -= n
			b = b[n:]
			continue
		}
		n := copy(f.head[f.have:], b)
		f.have += n
		b = b[n:]
		if f.have < frameHeader {
			return
		}
		f.have, f.left = 0, payload(f.head[:])
		switch http2.FrameType(f.head[3]) {
		case http2.FrameHeaders, http2.FrameContinuation:
			f.continued = !http2.Flags(f.head[4]).Has(http2.FlagHeadersEndHeaders)
		}
	}
}

// between reports whether a frame of another stream may follow.
func (f *frames) between() bool { return f.have == 0 && f.left == 0 && !f.continued }

// appendFrame adds a frame's header to b.
func appendFrame(b []byte, length int, kind http2.FrameType, flags http2.Flags, stream uint32) []byte {
	b = append(b, byte(length>>16), byte(length>>8), byte(length), byte(kind), byte(flags))
	return binary.BigEndian.AppendUint32(b, stream)
}
