package client

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// window holds the items of an import from reading to acknowledgement:
//
//	items:  [ sent, waiting for acknowledgement | read, not yet sent ]
//	         0                                   sent                 len
//
// An acknowledgement drops items from the front; a broken stream moves sent back to 0. Reader, sender and receiver wait
// on one condition, and every wait also ends with the first failure.
type window struct {
	maxItems, maxBytes int

	mu       sync.Mutex
	changed  sync.Cond
	items    []pendingItem
	sent     int
	bytes    int
	inputEnd bool
	stream   int // number of the current stream; a sender of an older one stops
	finished bool
	err      error
}

type pendingItem struct {
	number   int64
	bytes    int
	reported bool // failed, and told to the caller before its acknowledgement
	paper    *Paper
}

func newWindow(items, bytes int) *window {
	w := &window{maxItems: items, maxBytes: bytes}
	w.changed.L = &w.mu
	return w
}

// push adds an item, waiting while the window is full. It returns false once the import has failed.
func (w *window) push(number int64, p *Paper, size int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.finished && len(w.items) > 0 && (len(w.items) >= w.maxItems || w.bytes+size > w.maxBytes) {
		w.changed.Wait()
	}
	if w.finished {
		return false
	}
	w.items = append(w.items, pendingItem{number: number, bytes: size, paper: p})
	w.bytes += size
	if w.sent == len(w.items)-1 {
		w.changed.Broadcast() // the sender was waiting for this one
	}
	return true
}

// endInput says that no further item comes.
func (w *window) endInput() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inputEnd = true
	w.changed.Broadcast()
}

// restart begins a new stream: everything not acknowledged is to be sent again. It returns the stream's number.
func (w *window) restart() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = 0
	w.stream++
	return w.stream
}

// abandon tells the sender of a stream that it broke.
func (w *window) abandon() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stream++
	w.changed.Broadcast()
}

// next returns the next item to send on a stream, waiting for one. It returns nil when the input has ended, when the
// stream is no longer the current one, and when the import has failed.
func (w *window) next(stream int) *akinv1.ImportPapersRequest {
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.finished && w.stream == stream && w.sent == len(w.items) && !w.inputEnd {
		w.changed.Wait()
	}
	if w.finished || w.stream != stream || w.sent == len(w.items) {
		return nil
	}
	it := &w.items[w.sent]
	w.sent++
	return &akinv1.ImportPapersRequest{Item: it.number, Paper: it.paper}
}

// acknowledge drops the items numbered up to number and returns how many those were. Acknowledging what was not sent
// is a fault of the server.
func (w *window) acknowledge(number int64) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, bytes := 0, 0
	for n < len(w.items) && w.items[n].number <= number {
		bytes += w.items[n].bytes
		n++
	}
	if n > w.sent {
		return 0, &Error{
			Op: "import", Code: codes.Internal,
			Message: fmt.Sprintf("the server acknowledged item %d, which it has not been sent", number),
		}
	}
	if n == 0 {
		return 0, nil
	}
	clear(w.items[:n]) // lets go of the papers
	w.items = w.items[n:]
	w.sent -= n
	w.bytes -= bytes
	w.changed.Broadcast()
	return n, nil
}

// failedOnce reports whether a failure of this item is news: the item is on the way, and no stream has reported it.
func (w *window) failedOnce(number int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	sent := w.items[:w.sent]
	i, found := slices.BinarySearchFunc(sent, number, func(it pendingItem, n int64) int {
		return cmp.Compare(it.number, n)
	})
	if !found || sent[i].reported {
		return false
	}
	sent[i].reported = true
	return true
}

// complete reports whether everything is read and acknowledged.
func (w *window) complete() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.inputEnd && len(w.items) == 0
}

// oldest returns the number of the first item that is not acknowledged, 0 when there is none.
func (w *window) oldest() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.items) == 0 {
		return 0
	}
	return w.items[0].number
}

// fail ends the import, with nil for success. Only the first call counts.
func (w *window) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.finished {
		w.finished, w.err = true, err
		w.changed.Broadcast()
	}
}

func (w *window) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// checkItem refuses what could not even be sent, so that it fails alone and not the stream. All other rules are the
// server's. It returns the size of the paper in bytes.
func checkItem(p *Paper) (int, *Error) {
	if p == nil {
		return 0, invalidItem("paper", "is missing")
	}
	texts := []struct{ field, text string }{
		{"paper.id", p.GetId()}, {"paper.title", p.GetTitle()}, {"paper.abstract", p.GetAbstract()},
		{"paper.url", p.GetUrl()}, {"paper.doi", p.GetDoi()},
	}
	for _, t := range texts {
		if !utf8.ValidString(t.text) {
			return 0, invalidItem(t.field, "is not valid UTF-8")
		}
	}
	for _, a := range p.GetAuthors() {
		if !utf8.ValidString(a) {
			return 0, invalidItem("paper.authors", "is not valid UTF-8")
		}
	}
	for _, c := range p.GetCategories() {
		if !utf8.ValidString(c) {
			return 0, invalidItem("paper.categories", "is not valid UTF-8")
		}
	}
	for key, value := range p.GetAttributes() {
		if !utf8.ValidString(key) || !utf8.ValidString(value.GetStringValue()) {
			return 0, invalidItem("paper.attributes", "is not valid UTF-8")
		}
	}
	size := proto.Size(p)
	if size > maxBatchBytes {
		return 0, invalidItem("paper", fmt.Sprintf("is %d bytes; a message holds at most %d", size, maxBatchBytes))
	}
	return size, nil
}

func invalidItem(field, what string) *Error {
	return &Error{
		Op: "import", Code: codes.InvalidArgument, Message: field + " " + what,
		fields: []FieldViolation{{Field: field, Description: what}},
	}
}

// shortID cuts an id for messages to 256 bytes of valid UTF-8.
func shortID(id string) string {
	if len(id) > 256 {
		id = id[:256]
	}
	return string([]rune(id))
}
