package admit

import (
	"bytes"
	"encoding/binary"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// head is what the headers of one call say.
type head struct {
	fields []hpack.HeaderField
	bytes  int // of the fields, as HTTP/2 counts them
	cut    bool

	verb, method, content, host string
	authorization, names        []string
	timeout                     time.Duration
	timed, odd                  bool // odd: gRPC must say what is wrong
}

func (h *head) reset() {
	*h = head{fields: h.fields[:0], authorization: h.authorization[:0], names: h.names[:0]}
}

// field takes one header in. It is called by the decoder.
func (d *Door) field(f hpack.HeaderField) {
	h := &d.head
	if h.bytes += int(f.Size()); h.bytes > maxFields {
		h.cut = true
		return
	}
	h.fields = append(h.fields, f)
	switch f.Name {
	case ":method":
		h.verb = f.Value
	case ":path":
		h.method = f.Value
	case ":authority":
		h.odd = h.odd || h.host != ""
		h.host = f.Value
	case "content-type":
		h.content = f.Value
	case "authorization":
		h.authorization = append(h.authorization, f.Value)
	case RequestHeader:
		h.names = append(h.names, f.Value)
	case "grpc-timeout":
		h.timeout, h.timed = timeoutOf(f.Value)
		h.odd = h.odd || !h.timed
	case "connection", "host":
		h.odd = true
	}
}

// usual reports whether nothing is wrong with a call's headers: otherwise gRPC says what is.
func (h *head) usual() bool {
	return !h.odd && !h.cut && h.verb == http.MethodPost && h.host != "" &&
		strings.HasPrefix(h.content, "application/grpc")
}

// timeoutOf reads a call's timeout as gRPC writes it: up to eight digits and a unit.
func timeoutOf(s string) (time.Duration, bool) {
	if len(s) < 2 || len(s) > 9 {
		return 0, false
	}
	unit := time.Duration(1)
	switch s[len(s)-1] {
	case 'H':
		unit = time.Hour
	case 'M':
		unit = time.Minute
	case 'S':
		unit = time.Second
	case 'm':
		unit = time.Millisecond
	case 'u':
		unit = time.Microsecond
	case 'n':
	default:
		return 0, false
	}
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 32)
	if err != nil {
		return 0, false
	}
	return time.Duration(min(float64(n)*float64(unit), float64(1<<62))), true
}

// judge decides on the frames of a call's headers: what it returns passes.
func (d *Door) judge(frames []byte) ([]byte, error) {
	stream := binary.BigEndian.Uint32(frames[5:]) &^ (1 << 31)
	closed := http2.Flags(frames[4]).Has(http2.FlagHeadersEndStream)
	d.head.reset()
	// Where no call can be refused, the headers are decoded for the table alone.
	d.decoder.SetEmitEnabled(d.table != nil || d.gate.watches(time.Now()))
	block, ok := blockOf(frames)
	if ok {
		_, err := d.decoder.Write(block)
		ok = err == nil && d.decoder.Close() == nil
	}
	if !ok {
		if d.table != nil {
			return nil, errHeaders
		}
		d.blind = true
		return frames, nil
	}
	if stream > d.last && stream%2 == 1 {
		d.last = stream
		if d.head.usual() {
			if err := d.gate.turnAway(d); err != nil {
				d.refuse(stream, closed, err)
				return nil, nil
			}
		}
	}
	switch {
	case d.table == nil:
		return frames, nil
	case d.head.cut:
		d.mu.Lock()
		d.answers = appendReset(d.answers, stream, http2.ErrCodeFrameSize) // as gRPC does
		d.mu.Unlock()
		d.refused++
		return nil, nil
	}
	return d.table.write(stream, closed, d.head.fields), nil
}

// blockOf is the compressed headers within the frames of a call's headers.
func blockOf(frames []byte) (block []byte, ok bool) {
	for first := true; len(frames) > 0; first = false {
		size, flags := payload(frames), http2.Flags(frames[4])
		part := frames[frameHeader : frameHeader+size]
		frames = frames[frameHeader+size:]
		padding := 0
		if first && flags.Has(http2.FlagHeadersPadded) {
			if len(part) == 0 {
				return nil, false
			}
			padding, part = int(part[0]), part[1:]
		}
		if first && flags.Has(http2.FlagHeadersPriority) {
			if len(part) < 5 {
				return nil, false
			}
			part = part[5:]
		}
		if padding > len(part) {
			return nil, false
		}
		part = part[:len(part)-padding]
		if first && len(frames) == 0 {
			return part, true // the usual case, without a copy
		}
		block = append(block, part...)
	}
	return block, true
}

// rewriter writes headers anew for gRPC, by a table of its own.
type rewriter struct {
	block   bytes.Buffer
	encoder *hpack.Encoder
	out     []byte
}

func newRewriter() *rewriter {
	r := &rewriter{}
	r.encoder = hpack.NewEncoder(&r.block)
	r.encoder.SetMaxDynamicTableSize(0) // both updates are written: gRPC forgets what it has
	r.encoder.SetMaxDynamicTableSize(tableBytes)
	return r
}

// write returns the frames of headers, which are the rewriter's until the next write.
func (r *rewriter) write(stream uint32, closed bool, fields []hpack.HeaderField) []byte {
	r.block.Reset()
	for _, f := range fields {
		_ = r.encoder.WriteField(f) // to memory
	}
	r.out = r.out[:0]
	kind, flags := http2.FrameHeaders, http2.Flags(0)
	if closed {
		flags |= http2.FlagHeadersEndStream
	}
	for {
		part := r.block.Next(maxFrame)
		if r.block.Len() == 0 {
			flags |= http2.FlagHeadersEndHeaders
		}
		r.out = append(appendFrame(r.out, len(part), kind, flags, stream), part...)
		if r.block.Len() == 0 {
			return r.out
		}
		kind, flags = http2.FrameContinuation, 0
	}
}
