package gateway

import (
	"mime"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// codec is a form of messages.
type codec int

const (
	jsonCodec codec = iota
	protoCodec
)

// framing is how the messages of a call are told apart.
type framing int

const (
	single    framing = iota // one message, the whole body
	envelopes                // Connect's streams
	lines                    // JSON, one message a line
)

// Content types of the framings.
const (
	typeJSON         = "application/json"
	typeProto        = "application/proto"
	typeConnectJSON  = "application/connect+json"
	typeConnectProto = "application/connect+proto"
	typeLines        = "application/x-ndjson"
)

var contentTypes = map[string]struct {
	codec   codec
	framing framing
}{
	typeJSON:         {jsonCodec, single},
	typeProto:        {protoCodec, single},
	typeConnectJSON:  {jsonCodec, envelopes},
	typeConnectProto: {protoCodec, envelopes},
	typeLines:        {jsonCodec, lines},
}

// contentType is the codec and framing that a Content-Type names.
func contentType(value string) (codec, framing, bool) {
	media, parameters, err := mime.ParseMediaType(value)
	if err != nil {
		return 0, 0, false
	}
	if charset, ok := parameters["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return 0, 0, false
	}
	t, ok := contentTypes[media]
	return t.codec, t.framing, ok
}

// decode fills m. Fields that the contract does not have are refused in JSON: they are typing errors more often than
// fields of a later release, and would be ignored in silence.
func (c codec) decode(data []byte, m proto.Message) error {
	if c == protoCodec {
		if err := proto.Unmarshal(data, m); err != nil {
			return undecoded(m, err)
		}
		return nil
	}
	if len(data) == 0 {
		return failed(codeInvalid, reasonMessage, "the request is empty: send {} where nothing is to be set")
	}
	if err := protojson.Unmarshal(data, m); err != nil {
		return undecoded(m, err)
	}
	return nil
}

func undecoded(m proto.Message, err error) error {
	// protojson varies the space behind its prefix, so that nobody compares its texts.
	text := strings.ReplaceAll(err.Error(), "\u00a0", " ")
	text = strings.TrimSpace(strings.TrimPrefix(text, "proto:"))
	return failed(codeInvalid, reasonMessage, "the request is no "+string(m.ProtoReflect().Descriptor().Name())+": "+text)
}

// encode is the message's form. JSON has the fields that are set, by their lowerCamelCase names.
func (c codec) encode(m proto.Message) ([]byte, error) {
	if c == protoCodec {
		return proto.Marshal(m)
	}
	return protojson.Marshal(m)
}
