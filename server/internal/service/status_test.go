package service

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/engine"
)

func TestEverySentinelOfTheEngineHasACode(t *testing.T) {
	known := make(map[string]bool)
	for _, o := range outcomes {
		known[o.sentinel.Error()] = true
	}
	file, err := parser.ParseFile(token.NewFileSet(), "../engine/errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		call, ok := spec.Values[0].(*ast.CallExpr)
		if !ok {
			return true
		}
		found++
		text := strings.Trim(call.Args[0].(*ast.BasicLit).Value, `"`)
		if !known[text] {
			t.Errorf("engine.%s (%s) is not in the table", spec.Names[0].Name, text)
		}
		return true
	})
	if found < 10 {
		t.Errorf("found %d sentinels in the engine's source", found)
	}
}

func TestReasonsAreStable(t *testing.T) {
	for _, c := range []struct {
		err    error
		code   codes.Code
		reason string
	}{
		{engine.ErrNotFound, codes.NotFound, "PAPER_NOT_FOUND"},
		{engine.ErrNoWords, codes.InvalidArgument, "NO_WORDS"},
		{engine.ErrInvalidVector, codes.InvalidArgument, "INVALID_VECTOR"},
		{engine.ErrInvalidPageToken, codes.InvalidArgument, "INVALID_PAGE_TOKEN"},
		{engine.ErrModelMismatch, codes.FailedPrecondition, "MODEL_MISMATCH"},
		{engine.ErrPageExpired, codes.Aborted, "PAGE_EXPIRED"},
		{engine.ErrTrainingRuns, codes.FailedPrecondition, "TRAINING_RUNS"},
		{engine.ErrTooFewPapers, codes.FailedPrecondition, "TOO_FEW_PAPERS"},
		{engine.ErrReadOnly, codes.Unavailable, "READ_ONLY"},
		{engine.ErrDiskFull, codes.Unavailable, "DISK_FULL"},
		{engine.ErrFull, codes.ResourceExhausted, "INDEX_FULL"},
		{engine.ErrOverloaded, codes.ResourceExhausted, "OVERLOADED"},
		{engine.ErrClosed, codes.Unavailable, "SHUTTING_DOWN"},
		{errors.New("anything"), codes.Internal, "INTERNAL"},
	} {
		wantStatus(t, statusOf(fmt.Errorf("while testing: %w", c.err), &akinv1.SearchPapersRequest{}), c.code, c.reason)
	}
}

func TestTheStateOfTheServerIsToldWithoutItsInside(t *testing.T) {
	for _, sentinel := range []error{engine.ErrReadOnly, engine.ErrDiskFull, engine.ErrOverloaded, engine.ErrClosed} {
		err := statusOf(fmt.Errorf("%w: write /srv/akin/store: no space left on device", sentinel), nil)
		if text := status.Convert(err).Message(); strings.Contains(text, "/srv") {
			t.Errorf("internals reached the client: %s", text)
		}
	}
}
