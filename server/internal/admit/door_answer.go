package admit

import (
	"encoding/base64"
	"encoding/binary"
	"strconv"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// refuse answers a call instead of gRPC. closed: its request is complete.
func (d *Door) refuse(stream uint32, closed bool, err error) {
	if d.table == nil {
		d.table = newRewriter()
	}
	a := d.told[err]
	if a == nil {
		a = newAnswer(err)
		if d.told == nil {
			d.told = make(map[error]*answer)
		}
		d.told[err] = a
	}
	d.refused++
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answers = a.appendTo(d.answers, stream, requestID(d.head.names))
	if !closed {
		d.answers = appendReset(d.answers, stream, http2.ErrCodeNo)
	}
}

func appendReset(b []byte, stream uint32, code http2.ErrCode) []byte {
	return binary.BigEndian.AppendUint32(appendFrame(b, 4, http2.FrameRSTStream, 0, stream), uint32(code))
}

// answer is a refusal as it goes over the wire, but for what differs from call to call.
type answer struct {
	fields  []byte // compressed headers that stay the same
	details []byte // the status as a message, to which the request's name is added
}

func newAnswer(err error) *answer {
	st := status.Convert(err)
	details, failed := proto.Marshal(st.Proto())
	if failed != nil {
		details = nil // a status of ours always marshals
	}
	a := &answer{details: details, fields: []byte{0x88}} // :status 200, of HTTP/2's own table
	a.fields = appendField(a.fields, "content-type", "application/grpc")
	a.fields = appendField(a.fields, "grpc-status", strconv.Itoa(int(st.Code())))
	a.fields = appendField(a.fields, "grpc-message", st.Message()) // plain ASCII, as all refusals are
	return a
}

// appendTo adds the frame of an answer.
func (a *answer) appendTo(b []byte, stream uint32, id string) []byte {
	var room [1024]byte
	details := append(room[:0], a.details...)
	details = appendRequestInfo(details, id)
	begin := len(b)
	b = appendFrame(b, 0, http2.FrameHeaders, http2.FlagHeadersEndHeaders|http2.FlagHeadersEndStream, stream)
	b = append(b, a.fields...)
	b = appendName(b, detailsField)
	b = appendLength(b, base64.RawStdEncoding.EncodedLen(len(details)))
	b = base64.RawStdEncoding.AppendEncode(b, details)
	size := len(b) - begin - frameHeader
	b[begin], b[begin+1], b[begin+2] = byte(size>>16), byte(size>>8), byte(size)
	return b
}

const detailsField = "grpc-status-details-bin"

// appendRequestInfo adds a detail to a status that is marshalled: what Named does, without reading it again.
func appendRequestInfo(b []byte, id string) []byte {
	const url = "type.googleapis.com/google.rpc.RequestInfo"
	info := 1 + protowire.SizeBytes(len(id))
	size := 1 + protowire.SizeBytes(len(url)) + 1 + protowire.SizeBytes(info)
	b = protowire.AppendVarint(protowire.AppendTag(b, 3, protowire.BytesType), uint64(size)) // Status.details
	b = protowire.AppendString(protowire.AppendTag(b, 1, protowire.BytesType), url)          // Any.type_url
	b = protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.BytesType), uint64(info)) // Any.value
	return protowire.AppendString(protowire.AppendTag(b, 1, protowire.BytesType), id)        // RequestInfo.request_id
}

// appendField adds a header that enters no table: a literal without indexing, with a new name (RFC 7541, 6.2.2).
func appendField(b []byte, name, value string) []byte {
	return append(appendLength(appendName(b, name), len(value)), value...)
}

func appendName(b []byte, name string) []byte {
	return append(appendLength(append(b, 0), len(name)), name...)
}

// appendLength adds the length of a string that is not compressed: an integer with a prefix of seven bits (RFC 7541,
// 5.1).
func appendLength(b []byte, n int) []byte {
	if n < 127 {
		return append(b, byte(n))
	}
	b = append(b, 127)
	for n -= 127; n >= 128; n >>= 7 {
		b = append(b, byte(n)|128)
	}
	return append(b, byte(n))
}
