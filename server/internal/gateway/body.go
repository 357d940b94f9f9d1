package gateway

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc/codes"

	"github.com/akin-search/akin/server/internal/admit"
)

// Bounds of bodies, bytes. A message of JSON is held as text, as a message and as what goes inside, so that each byte
// counts several times.
const (
	maxBody    = admit.MaxMessage
	smallBody  = 64 << 10 // not counted: the number of connections bounds them
	pieceBody  = 64 << 10
	bodyWeight = 4
	bodyBudget = 128 << 20 // of all that are held at a time, weighted
	fromGzip   = 1 << 10   // smaller responses are not compressed
)

// Times. They are those of gRPC's messages.
const (
	receiveTime = 10 * time.Second // for a message, once it has begun
	betweenTime = 2 * time.Minute  // between two messages of a stream
	sendTime    = 20 * time.Second // for a message or response to be taken
)

var (
	errTooLarge = failed(codeExhausted, reasonTooLarge, "a request holds at most 4 MiB, before and after decompression: "+
		"send fewer papers in one call, or use ImportPapers")
	errBudget = admit.Refuse(codeExhausted, reasonOverloaded,
		"the messages that the server holds are too large together: try again later", time.Second)
	errLate   = failed(codes.DeadlineExceeded, reasonReceive, "the request did not arrive in time")
	errCutOff = failed(codeInvalid, reasonMessage, "the request is cut off")
	errGzip   = failed(codeInvalid, reasonMessage, "the request is not compressed as its headers say")
)

// hold counts bytes of large bodies until release.
type hold struct {
	budget *semaphore.Weighted
	size   int64
	taken  int64
}

// grow counts n further bytes.
func (h *hold) grow(n int64) error {
	h.size += n
	due := bodyWeight*h.size - h.taken
	if h.size <= smallBody || due == 0 {
		return nil
	}
	if !h.budget.TryAcquire(due) {
		return errBudget
	}
	h.taken += due
	return nil
}

func (h *hold) release() {
	h.budget.Release(h.taken)
	h.size, h.taken = 0, 0
}

// readAll reads at most maxBody bytes, counting them as they come.
func readAll(r io.Reader, h *hold) ([]byte, error) {
	var out bytes.Buffer
	for {
		n, err := io.CopyN(&out, r, pieceBody)
		switch {
		case int64(out.Len()) > maxBody:
			return nil, errTooLarge
		case err != nil && !errors.Is(err, io.EOF):
			return nil, unread(err)
		}
		if err := h.grow(n); err != nil {
			return nil, err
		}
		if err != nil {
			return out.Bytes(), nil
		}
	}
}

// unread says why a body could not be read.
func unread(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errLate
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum):
		return errGzip
	}
	return errCutOff
}

// compressed is an encoding of a body that a header names. Empty and identity are none.
func compressed(name string) (bool, error) {
	switch name {
	case "", "identity":
		return false, nil
	case "gzip":
		return true, nil
	}
	return false, failed(codeUnimplemented, reasonCompression,
		"the compression "+cut(name)+" is not known: use gzip, or none")
}

// unzip decompresses data, counting what comes out.
func unzip(data io.Reader, h *hold) ([]byte, error) {
	plain, err := gzip.NewReader(data)
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, errLate
		}
		return nil, errGzip
	}
	out, err := readAll(plain, h)
	if errors.Is(err, errCutOff) {
		return nil, errGzip
	}
	return out, err
}

var zippers = sync.Pool{New: func() any { z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed); return z }}

// zip compresses data.
func zip(data []byte) []byte {
	var out bytes.Buffer
	z := zippers.Get().(*gzip.Writer)
	defer zippers.Put(z)
	z.Reset(&out)
	_, _ = z.Write(data) // into memory
	_ = z.Close()
	return out.Bytes()
}

// patient gives the next write its time. Before it the server may have worked for as long as the caller let it.
func patient(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(sendTime)) // in tests there is no connection
}

// hurry gives the next read its time; 0: as long as it takes.
func hurry(w http.ResponseWriter, d time.Duration) {
	var at time.Time
	if d > 0 {
		at = time.Now().Add(d)
	}
	_ = http.NewResponseController(w).SetReadDeadline(at) // in tests there is no connection
}
