package replog

import (
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

func TestAFullLogIsToldInPlainWords(t *testing.T) {
	var err error = &jetstream.APIError{Code: 503, ErrorCode: 10077, Description: "maximum bytes exceeded"}
	if !isFull(err) {
		t.Fatal("it is not full")
	}
	err = refusedAsFull(err)
	text := err.Error()
	if !errors.Is(err, ErrFull) || strings.Contains(text, "nats") || !strings.Contains(text, "maximum bytes exceeded") {
		t.Error(text)
	}
}
