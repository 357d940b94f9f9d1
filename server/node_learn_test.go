package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/akin-search/akin/server/internal/engine"
)

// TestWhyNoModelWasLearntIsToldBetweenNodes: the one that was called tells its caller what the one that learns met.
func TestWhyNoModelWasLearntIsToldBetweenNodes(t *testing.T) {
	pass := func(err error) error {
		t.Helper()
		var answer learnAnswer
		answer.fail(fmt.Errorf("gather the papers of all shards: %w", err))
		text, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		var read learnAnswer
		if err := json.Unmarshal(text, &read); err != nil {
			t.Fatal(err)
		}
		return read.told("n2")
	}
	for _, cause := range []error{
		errors.New("connection refused"), engine.ErrClosed, engine.ErrDiskFull, context.Canceled,
	} {
		var missing *engine.ShardError
		err := pass(&engine.ShardError{Shard: 3, Shards: 4, Cause: cause})
		if !errors.As(err, &missing) || missing.Public() != "no node answers for shard 3 of 4" ||
			!errors.Is(err, engine.ErrShardUnavailable) || errors.Is(err, engine.ErrTrainingLost) {
			t.Errorf("of a shard, %v: %v", cause, err)
		}
	}
	for _, fault := range learnFaults {
		if err := pass(fault); !errors.Is(err, fault) {
			t.Errorf("%v became %v", fault, err)
		}
	}
	if err := pass(engine.ErrClosed); !errors.Is(err, engine.ErrTrainingLost) {
		t.Errorf("a node that stops: %v", err)
	}
	if err := new(learnAnswer).told("n2"); err != nil {
		t.Errorf("no fault: %v", err)
	}
	if err := pass(errors.New("out of luck")); err == nil {
		t.Error("a fault without a name is lost")
	}
}
