package gateway

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

// forwarded are the headers of a request that its call carries on as metadata.
var forwarded = []string{"authorization", "traceparent", "tracestate"}

// begin is the context of a request's call: its deadline and its metadata. It refuses who may not call the method.
func (g *gateway) begin(r *http.Request, m *method) (context.Context, context.CancelFunc, error) {
	ctx := r.Context()
	for _, name := range forwarded {
		for _, value := range r.Header.Values(name) {
			ctx = metadata.AppendToOutgoingContext(ctx, name, value)
		}
	}
	if err := g.Allows(ctx, m.path, r.Header.Values("Authorization")); err != nil {
		return nil, nil, err
	}
	text := r.Header.Get("Connect-Timeout-Ms")
	if text == "" {
		ctx, cancel := context.WithCancel(ctx)
		return ctx, cancel, nil
	}
	millis, err := strconv.ParseUint(text, 10, 64)
	if err != nil || len(text) > 10 {
		return nil, nil, failed(codeInvalid, reasonTimeout,
			"Connect-Timeout-Ms is a whole number of milliseconds of at most ten digits")
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(millis)*time.Millisecond)
	return ctx, cancel, nil
}

// unary answers a call of one request and one response.
func (g *gateway) unary(w http.ResponseWriter, r *http.Request, m *method) {
	ctx, cancel, err := g.begin(r, m)
	if err != nil {
		fail(w, err)
		return
	}
	defer cancel()
	held := hold{budget: g.budget}
	defer held.release()
	in := m.in.New().Interface()
	form, err := g.request(w, r, m, in, &held)
	if err != nil {
		fail(w, err)
		return
	}
	out := m.out.New().Interface()
	if err := g.Conn.Invoke(ctx, m.path, in, out); err != nil {
		fail(w, told(ctx, err))
		return
	}
	g.respond(w, r, form, out, &held)
}

// told is the error of a call. Where its deadline has passed here before it did inside, that is the reason.
func told(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) && len(describe(err).Details) == 0 {
		return failed(codes.DeadlineExceeded, "DEADLINE_EXCEEDED", "the deadline has passed")
	}
	return err
}

// request reads the one message of a request, by whatever way it comes.
func (g *gateway) request(w http.ResponseWriter, r *http.Request, m *method, in proto.Message, h *hold) (codec, error) {
	if r.Method != http.MethodPost {
		return fromQuery(r, in, h)
	}
	form, _, _ := contentType(r.Header.Get("Content-Type"))
	zipped, err := compressed(r.Header.Get("Content-Encoding"))
	if err != nil {
		w.Header().Set("Accept-Encoding", "gzip")
		return form, err
	}
	read := readAll
	if zipped {
		read = unzip
	}
	data, err := read(r.Body, h)
	if err != nil {
		return form, err
	}
	readToEnd(w)
	return form, form.decode(data, in)
}

// fromQuery reads a message from the query: Connect's form, or parameters named as the fields.
func fromQuery(r *http.Request, in proto.Message, h *hold) (codec, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return jsonCodec, failed(codeInvalid, reasonMessage,
			"the query is no list of name=value pairs with & between them, percent-encoded")
	}
	if !values.Has("encoding") && !values.Has("message") {
		return jsonCodec, decodeQuery(values, in.ProtoReflect())
	}
	form := jsonCodec
	switch encoding := values.Get("encoding"); encoding {
	case "json":
	case "proto":
		form = protoCodec
	default:
		return form, failed(codeUnimplemented, reasonContentType,
			"encoding="+cut(encoding)+" is not known: use json or proto")
	}
	data := []byte(values.Get("message"))
	if values.Get("base64") == "1" {
		text := strings.TrimRight(values.Get("message"), "=")
		if data, err = base64.RawURLEncoding.DecodeString(text); err != nil {
			return form, failed(codeInvalid, reasonMessage, "message is not base64 with the alphabet of URLs")
		}
	}
	zipped, err := compressed(values.Get("compression"))
	if err != nil {
		return form, err
	}
	if zipped {
		if data, err = unzip(bytes.NewReader(data), h); err != nil {
			return form, err
		}
	}
	return form, form.decode(data, in)
}

// respond writes a call's response.
func (g *gateway) respond(w http.ResponseWriter, r *http.Request, form codec, out proto.Message, h *hold) {
	body, err := form.encode(out)
	if err == nil {
		err = h.grow(int64(len(body)))
	}
	if err != nil {
		fail(w, err)
		return
	}
	header := w.Header()
	header.Set("Content-Type", typeJSON)
	if form == protoCodec {
		header.Set("Content-Type", typeProto)
	}
	header.Add("Vary", "Accept-Encoding")
	if len(body) >= fromGzip && accepts(r.Header.Values("Accept-Encoding"), "gzip") {
		header.Set("Content-Encoding", "gzip")
		body = zip(body)
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	patient(w)
	_, _ = w.Write(body) // whoever does not take it has gone
}

// accepts reports whether a list of encodings has one, and does not give it the weight 0.
func accepts(values []string, name string) bool {
	for _, value := range values {
		for one := range strings.SplitSeq(value, ",") {
			coding, weight, _ := strings.Cut(one, ";")
			if strings.EqualFold(strings.TrimSpace(coding), name) {
				q, found := strings.CutPrefix(strings.ReplaceAll(weight, " ", ""), "q=")
				number, err := strconv.ParseFloat(q, 64)
				return !found || err == nil && number > 0
			}
		}
	}
	return false
}
