package engine

import (
	"testing"
	"time"
)

func TestPlanChoosesByThePolicy(t *testing.T) {
	quiet := state{trainAt: 1000, needIdle: 30 * time.Second, idle: time.Hour, every: 8000, keeps: true}
	with := func(change func(*state)) state {
		s := quiet
		change(&s)
		return s
	}
	for name, test := range map[string]struct {
		s    state
		want task
	}{
		"nothing stored":                   {quiet, nothing},
		"few papers, words never counted":  {with(func(s *state) { s.papers, s.slots = 20, 20 }), refit},
		"few papers, counted":              {with(func(s *state) { s.papers, s.slots, s.learnt = 30, 30, 20 }), nothing},
		"few papers, doubled":              {with(func(s *state) { s.papers, s.slots, s.learnt = 40, 40, 20 }), refit},
		"enough papers":                    {with(func(s *state) { s.papers, s.slots, s.learnt = 1000, 1000, 900 }), train},
		"enough papers, in a bulk write":   {with(func(s *state) { s.papers, s.slots, s.idle = 1000, 1000, time.Second }), nothing},
		"trained, not doubled":             {with(func(s *state) { s.papers, s.slots, s.learnt, s.trained = 1900, 1900, 1000, true }), nothing},
		"trained, doubled":                 {with(func(s *state) { s.papers, s.slots, s.learnt, s.trained = 2000, 2000, 1000, true }), train},
		"training turned off":              {with(func(s *state) { s.papers, s.slots, s.learnt, s.trainAt = 5000, 5000, 4000, -1 }), nothing},
		"a third is dead":                  {with(func(s *state) { s.papers, s.slots, s.learnt, s.trained = 2000, 3000, 2000, true }), compact},
		"few are dead":                     {with(func(s *state) { s.papers, s.slots, s.learnt, s.trained = 9000, 9500, 9000, true }), nothing},
		"much to replay":                   {with(func(s *state) { s.behind, s.idle = 10_000, 0 }), snapshot},
		"little to replay, busy":           {with(func(s *state) { s.behind, s.idle = 10, 0 }), nothing},
		"little to replay, quiet":          {with(func(s *state) { s.behind = 10 }), snapshot},
		"most of the store is free":        {with(func(s *state) { s.file, s.free = 300<<20, 200<<20 }), shrink},
		"some of the store is free":        {with(func(s *state) { s.file, s.free = 300<<20, 100<<20 }), nothing},
		"the graph has grown":              {with(func(s *state) { s.unsaved = 5000 }), snapshot},
		"the graph still grows":            {with(func(s *state) { s.unsaved, s.tail = 5000, 5000 }), nothing},
		"training failed just now":         {with(func(s *state) { s.papers, s.slots, s.avoid[train], s.behind = 1000, 1000, true, 10 }), snapshot},
		"one paper is nothing to learn":    {with(func(s *state) { s.papers, s.slots, s.trainAt = 1, 1, 1 }), nothing},
		"little to replay, no checkpoints": {with(func(s *state) { s.behind, s.keeps = 10, false }), nothing},
	} {
		if got := plan(test.s); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}
