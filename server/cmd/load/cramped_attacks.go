package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// attack is one way of trying to end a server. It counts its own calls; its error is one of this program.
type attack struct {
	name string
	run  func(ctx context.Context, c *cramped, abuser string, loud *tally) error
}

var attacks = []attack{
	{"nothing", func(context.Context, *cramped, string, *tally) error { return nil }},
	{"bombs without a token", func(ctx context.Context, c *cramped, _ string, loud *tally) error {
		return c.bombs(ctx, 256, "", loud)
	}},
	{"bombs with a token", func(ctx context.Context, c *cramped, abuser string, loud *tally) error {
		return c.bombs(ctx, 256, abuser, loud)
	}},
	{"half-sent messages", func(ctx context.Context, c *cramped, abuser string, loud *tally) error {
		return c.halfSend(ctx, 128, abuser, loud)
	}},
	{"ten times the load", tenfold},
	{"unread exports", func(ctx context.Context, c *cramped, abuser string, loud *tally) error {
		return c.together(ctx, 200, loud, func(ctx context.Context, conn *grpc.ClientConn, _ int) error {
			stream, err := akinv1.NewPaperServiceClient(conn).ExportPapers(as(ctx, abuser), &akinv1.ExportPapersRequest{})
			if err == nil {
				_, err = stream.Recv()
			}
			if err != nil {
				return err
			}
			<-ctx.Done() // reads no further
			return nil
		})
	}},
	{"pathological texts", func(ctx context.Context, c *cramped, abuser string, loud *tally) error {
		return c.together(ctx, 16, loud, func(ctx context.Context, conn *grpc.ClientConn, i int) error {
			client := akinv1.NewSimilarityServiceClient(conn)
			for n := i; ctx.Err() == nil; n++ {
				_, err := client.SearchPapers(as(ctx, abuser), textQuery(hostile[n%len(hostile)]))
				if code := status.Code(err); code != codes.OK && code != codes.InvalidArgument && ctx.Err() == nil &&
					code != codes.ResourceExhausted {
					return err
				}
			}
			return nil
		})
	}},
}

// hostile are texts of the largest size that have made analysers slow or large.
var hostile = []string{
	"a" + strings.Repeat("\u0301", 32_000) + " model",
	strings.Repeat("a", 64<<10),
	strings.Repeat("\U0001F469\u200d", 9_000) + " network",
	strings.Repeat("\ufdfa", 21_000), // one letter that folds to eighteen
	strings.Repeat("x-", 32_000),
	strings.Repeat("word ", 13_000),
	strings.Repeat("\u00df\u0130", 16_000),
}

// bombs is sixteen mebibytes of one letter in sixteen kilobytes, sent at once by n callers, again and again.
func (c *cramped) bombs(ctx context.Context, n int, token string, loud *tally) error {
	paper := &akinv1.Paper{Id: "bomb", Title: "bomb", Abstract: strings.Repeat("a", 16<<20)}
	raw, err := proto.Marshal(&akinv1.UpsertPaperRequest{Paper: paper})
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	packed.Write([]byte{1, 0, 0, 0, 0}) // compressed, and its length, below
	squeeze := gzip.NewWriter(&packed)
	if _, err := squeeze.Write(raw); err != nil {
		return err
	}
	if err := squeeze.Close(); err != nil {
		return err
	}
	message := packed.Bytes()
	binary.BigEndian.PutUint32(message[1:], uint32(len(message)-5)) //nolint:gosec // some kilobytes
	return c.raw(ctx, n, token, loud, "UpsertPaper", func(context.Context) io.Reader { return bytes.NewReader(message) })
}

// together runs n callers at once, sixteen to a connection, for the time of an attack.
func (c *cramped) together(ctx context.Context, n int, loud *tally,
	call func(ctx context.Context, conn *grpc.ClientConn, i int) error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(c.seconds*float64(time.Second)))
	defer cancel()
	var wait sync.WaitGroup
	defer wait.Wait()
	var conn *grpc.ClientConn
	for i := range n {
		if i%16 == 0 {
			var err error
			if conn, err = dial(c.addr); err != nil {
				return err
			}
			defer conn.Close()
		}
		wait.Go(func() { loud.add(0, call(ctx, conn, i)) })
	}
	wait.Wait()
	return nil
}

// halfSend begins messages of 4 MiB and sends all of each but the end, as far as the server takes it.
func (c *cramped) halfSend(ctx context.Context, n int, token string, loud *tally) error {
	return c.raw(ctx, n, token, loud, "BatchUpsertPapers", func(ctx context.Context) io.Reader { return &half{ctx: ctx} })
}

// raw posts bodies of its own to a method of PaperService, by n callers at once, for the time of an attack.
func (c *cramped) raw(ctx context.Context, n int, token string, loud *tally, method string,
	body func(ctx context.Context) io.Reader) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(c.seconds*float64(time.Second)))
	defer cancel()
	var plain http.Protocols
	plain.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: &plain, DisableCompression: true}
	defer transport.CloseIdleConnections()
	var wait sync.WaitGroup
	for range n {
		wait.Go(func() {
			for ctx.Err() == nil {
				loud.add(0, post(ctx, transport, "http://"+c.addr+"/akin.v1.PaperService/"+method, token, body(ctx)))
			}
		})
	}
	wait.Wait()
	return nil
}

const halfBytes = 4 << 20

// post makes one call of gRPC by hand, and returns its status as an error.
func post(ctx context.Context, transport http.RoundTripper, url, token string, body io.Reader) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("Grpc-Encoding", "gzip")
	request.Header.Set("Te", "trailers")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		if ctx.Err() != nil {
			return context.Canceled
		}
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return context.Canceled // the server ends what it has refused
	}
	answer := cmp.Or(response.Trailer.Get("Grpc-Status"), response.Header.Get("Grpc-Status"))
	if answer != "0" {
		return status.Error(codes.ResourceExhausted, "refused with code "+answer)
	}
	return nil
}

// half is a message that never ends. It is read by one goroutine.
type half struct {
	ctx  context.Context
	sent int
}

// Read implements io.Reader.
func (h *half) Read(p []byte) (int, error) {
	if h.sent == 0 {
		h.sent = 5
		binary.BigEndian.PutUint32(p[1:], halfBytes)
		return 5, nil
	}
	if n := min(len(p), halfBytes+4-h.sent); n > 0 {
		h.sent += n
		return n, nil
	}
	<-h.ctx.Done()
	return 0, h.ctx.Err()
}

// tenfold offers ten times what a closed loop reaches, each call with a second's time.
func tenfold(ctx context.Context, c *cramped, abuser string, loud *tally) error {
	o := &overload{target: c.target, conns: 16, callers: 16, deadline: time.Second, seconds: c.seconds}
	o.token = abuser
	closeAll, err := o.dialWires()
	if err != nil {
		return err
	}
	defer closeAll()
	o.offer(ctx, 10*o.closedLoop(ctx, 2*time.Second), loud)
	return nil
}
