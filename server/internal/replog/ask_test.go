package replog

import (
	"context"
	"errors"
	"testing"
)

// TestANodeDoesWorkForAnother has work asked for by two askers under one name, stopped by its last asker, repeated
// after its end, and lost with its node.
func TestANodeDoesWorkForAnother(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	begun, finish, ended := make(chan string, 9), make(chan bool, 9), make(chan error, 9)
	r.logs["n1"].Does("work", func(ctx context.Context, request []byte, progress func([]byte)) ([]byte, bool) {
		begun <- string(request)
		progress([]byte("half"))
		select {
		case good := <-finish:
			ended <- nil
			return append([]byte("done "), request...), good
		case <-ctx.Done():
			ended <- ctx.Err()
			return nil, false
		}
	})
	type outcome struct {
		answer string
		err    error
	}
	halves := make(chan string, 9)
	ask := func(ctx context.Context, from, name string) chan outcome {
		out := make(chan outcome, 1)
		go func() {
			answer, err := r.logs[from].Ask(ctx, "n1", "work", name, []byte(name), func(b []byte) { halves <- string(b) })
			out <- outcome{string(answer), err}
		}()
		return out
	}
	first := ask(ctx, "n2", "a")
	if got := <-begun; got != "a" || <-halves != "half" {
		t.Fatal(got)
	}
	leaving, leave := context.WithCancel(ctx)
	second := ask(leaving, "n3", "a")
	leave() // the work goes on for the other
	if got := <-second; !errors.Is(got.err, context.Canceled) {
		t.Fatal(got)
	}
	finish <- true
	if got := <-first; got.answer != "done a" || got.err != nil {
		t.Fatal(got)
	}
	if got := <-ask(ctx, "n1", "a"); got.answer != "done a" || got.err != nil {
		t.Errorf("asked again: %v", got)
	}
	if err := <-ended; err != nil || len(begun) != 0 {
		t.Errorf("%v, %d more began", err, len(begun))
	}

	alone, stop := context.WithCancel(ctx)
	stopped := ask(alone, "n2", "b")
	<-begun
	stop()
	if got := <-stopped; !errors.Is(got.err, context.Canceled) {
		t.Errorf("an asker that has left: %v", got)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("work that nobody waits for: %v", err)
	}
	bad := ask(ctx, "n2", "b")
	<-begun
	finish <- false
	if got := <-bad; got.answer != "done b" || got.err != nil {
		t.Errorf("%v", got)
	}
	<-ended

	lost := ask(ctx, "n2", "b") // as it was not good, it begins anew
	<-begun
	r.stop(t, "n1")
	if got := <-lost; got.err == nil && got.answer != "" {
		t.Errorf("a node that ends: %v", got)
	}
	if _, err := r.logs["n2"].Ask(ctx, "n1", "work", "c", nil, func([]byte) {}); !errors.Is(err, ErrGone) {
		t.Errorf("a node that is gone: %v", err)
	}
}
