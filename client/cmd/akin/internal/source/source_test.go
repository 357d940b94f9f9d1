package source

import (
	"errors"
	"strings"
	"testing"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// readString reads a text as if it were a file: its papers, the faults of single records in their order, and the error
// that ended the input or kept it from being opened.
func readString(t testing.TB, text string, opts Options) ([]*akinv1.Paper, []error, error) {
	t.Helper()
	in, err := newInput(strings.NewReader(text), int64(len(text)), opts.Encoding, nil)
	if err != nil {
		return nil, nil, err
	}
	r, err := newReader(in, opts)
	if err != nil {
		return nil, nil, errors.Join(err, in.Close())
	}
	papers, faults, err := readAll(t, r)
	return papers, faults, errors.Join(err, r.Close())
}

// readAll reads r to its end and checks what holds for every format: papers have an id and text, faults name a line and
// come without a paper, nothing follows the end.
func readAll(t testing.TB, r *Reader) (papers []*akinv1.Paper, faults []error, end error) {
	t.Helper()
	for rec, err := range r.Records() {
		if end != nil {
			t.Fatalf("yielded after the end of the input: %v %v", rec, err)
		}
		p := rec.Paper
		var item *ItemError
		switch {
		case errors.As(err, &item):
			if p != nil || item.Line < 1 || item.Err == nil || len(item.Record) > 80 {
				t.Fatalf("fault %#v with paper %v", item, p)
			}
			faults = append(faults, err)
		case err != nil:
			end = err
		default:
			if p.GetId() == "" || strings.TrimSpace(p.GetTitle()+p.GetAbstract()) == "" || rec.Line < 1 {
				t.Fatalf("line %d: a paper without id, text or line: %v", rec.Line, p)
			}
			papers = append(papers, p)
		}
	}
	for rec, err := range r.Records() {
		t.Fatalf("yielded after the end of the input: %v %v", rec, err)
	}
	return papers, faults, end
}
