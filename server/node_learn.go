package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/akin-search/akin/server/internal/admit"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/replog"
)

// learnWork is what nodes ask the one that leads for: to learn a model for all.
const learnWork = "learn"

// leaderPatience is how long a node waits for one that leads, at the start or after an election.
const leaderPatience = 30 * time.Second

// learnAnswer is what the node that learns says, on the way and at the end.
type learnAnswer struct {
	Progress *engine.TrainProgress `json:",omitempty"`
	Sequence uint64                `json:",omitempty"` // of the log, by which the model serves
	Fault    string                `json:",omitempty"` // one of learnFaults, or empty
	Text     string                `json:",omitempty"` // of any fault
	Shard    int                   `json:",omitempty"` // that does not answer, from 1: of the fault "shard"
	Shards   int                   `json:",omitempty"`
}

// learnElsewhere: the node that was asked does not lead.
const learnElsewhere = "elsewhere"

// learnFaults are those that callers tell apart.
var learnFaults = map[string]error{
	"runs": engine.ErrTrainingRuns, "papers": engine.ErrTooFewPapers, "lost": engine.ErrTrainingLost,
	"unacknowledged": engine.ErrNotAcknowledged, "full": engine.ErrLogFull, "disk": engine.ErrDiskFull,
	"fault": engine.ErrReadOnly, "lagging": engine.ErrLagging, "shard": engine.ErrShardUnavailable,
	"deadline": context.DeadlineExceeded, "cancelled": context.Canceled,
}

// fail has the answer tell an error.
func (a *learnAnswer) fail(err error) {
	a.Text = err.Error()
	var missing *engine.ShardError
	if errors.As(err, &missing) { // whatever its cause is
		a.Fault, a.Shard, a.Shards = "shard", missing.Shard, missing.Shards
		return
	}
	if errors.Is(err, engine.ErrClosed) {
		err = engine.ErrTrainingLost
	}
	for name, fault := range learnFaults {
		if errors.Is(err, fault) {
			a.Fault = name
		}
	}
}

// told is the error that the node that learns told, if any.
func (a *learnAnswer) told(leader string) error {
	switch {
	case a.Shard > 0:
		return &engine.ShardError{Shard: a.Shard, Shards: a.Shards, Cause: fmt.Errorf("%s says: %s", leader, a.Text)}
	case a.Fault != "":
		return fmt.Errorf("%w (on %s)", learnFaults[a.Fault], leader)
	case a.Text != "":
		return fmt.Errorf("the node %s could not learn a model: %s", leader, a.Text)
	}
	return nil
}

// learnForAll is what the node that leads does when it is asked to learn.
func (n *node) learnForAll(ctx context.Context, request []byte, progress func([]byte)) (text []byte, good bool) {
	var answer learnAnswer
	var o engine.TrainOptions
	err := json.Unmarshal(request, &o)
	switch {
	case err != nil:
	case !n.writes.Leads():
		answer.Fault = learnElsewhere
	default:
		_, err = n.live.LearnForAll(ctx, o, func(p engine.TrainProgress) {
			if p.Model != nil {
				return // it serves here; the end says so
			}
			if text, err := json.Marshal(learnAnswer{Progress: &p}); err == nil {
				progress(text)
			}
		})
		answer.Sequence = n.live.Sequence()
	}
	if err != nil {
		answer.fail(err)
	}
	good = answer.Fault == "" && answer.Text == ""
	if text, err = json.Marshal(answer); err != nil {
		return nil, false
	}
	return text, good
}

// learn has the node that leads learn a model, and returns once it serves here.
func (n *node) learn(ctx context.Context, o engine.TrainOptions, progress func(engine.TrainProgress)) (
	engine.ModelInfo, error,
) {
	request, err := json.Marshal(o)
	if err != nil {
		return engine.ModelInfo{}, err
	}
	id := admit.CallOf(ctx).RequestID()
	if id == "" {
		id = rand.Text()
	}
	answer, err := n.askLeader(ctx, id+" "+string(request), request, progress)
	if err != nil {
		return engine.ModelInfo{}, err
	}
	if err := n.live.AwaitSequence(ctx, answer.Sequence); err != nil {
		return engine.ModelInfo{}, err
	}
	for { // a node that had not prepared it fetches it now: see adopt
		wanted, err := n.live.WantedModel()
		if err != nil {
			return engine.ModelInfo{}, err
		}
		if wanted == n.live.Model() {
			stats, err := n.live.Stats(ctx)
			return stats.Model, err
		}
		select {
		case <-time.After(modelPoll):
		case <-ctx.Done():
			return engine.ModelInfo{}, ctx.Err()
		}
	}
}

// askLeader has the node that leads learn, whichever that is. One that is lost once it had begun is told.
func (n *node) askLeader(ctx context.Context, name string, request []byte, progress func(engine.TrainProgress)) (
	learnAnswer, error,
) {
	begun := false
	for since := time.Now(); ; {
		if leader := n.leader(); leader != "" {
			body, err := n.writes.Ask(ctx, leader, learnWork, name, request, func(text []byte) {
				var on learnAnswer
				if json.Unmarshal(text, &on) == nil && on.Progress != nil {
					begun = true
					progress(*on.Progress)
				}
			})
			var answer learnAnswer
			if err == nil {
				err = json.Unmarshal(body, &answer)
			}
			switch {
			case errors.Is(err, replog.ErrGone) && begun:
				return answer, fmt.Errorf("%w: %s", engine.ErrTrainingLost, leader)
			case errors.Is(err, replog.ErrGone), err == nil && answer.Fault == learnElsewhere: // another leads by now
			case err != nil:
				return answer, err
			default:
				return answer, answer.told(leader)
			}
		}
		if time.Since(since) > leaderPatience {
			return learnAnswer{}, fmt.Errorf("%w: no node leads the cluster", engine.ErrNotAcknowledged)
		}
		select {
		case <-time.After(modelPoll):
		case <-ctx.Done():
			return learnAnswer{}, ctx.Err()
		}
	}
}

// leader is the node that leads the log; empty while none is heard.
func (n *node) leader() string {
	for _, m := range n.writes.Members() {
		if m.Leads && m.Heard() {
			return m.Node
		}
	}
	return ""
}
