package engine

import "context"

// polite is the context of long work in the background: where the work asks whether it has ended, it gives way to what
// is more urgent. The work needs to know nothing of who that is.
type polite struct {
	context.Context
	giveWay func()
}

// politely makes work under ctx give way, if there is anyone to say so. ctx must not be derived from further: a derived
// context does not ask.
func (e *Engine) politely(ctx context.Context) context.Context {
	if e.cfg.GiveWay == nil {
		return ctx
	}
	return polite{ctx, e.cfg.GiveWay}
}

// Err implements context.Context.
func (p polite) Err() error {
	p.giveWay()
	return p.Context.Err()
}
