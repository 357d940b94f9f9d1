package cli

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/akin-search/akin/client/cmd/akin/internal/term"
)

// plainInterval is the time between two lines of progress where standard error is not a terminal.
const plainInterval = 5 * time.Second

// state is how far some work is.
type state struct {
	items    int64
	fraction float64 // done, 0 to 1; negative when nobody knows
	note     string  // in place of rate and time left, such as why nothing moves
}

// meter shows the state of work on standard error: a bar on a terminal, a line every few seconds elsewhere.
type meter struct {
	app   *app
	noun  string
	began time.Time

	mu    sync.Mutex
	state state
	last  string // note last written as a line

	pool *mpb.Progress
	bar  *mpb.Bar
	quit chan struct{}
	done sync.WaitGroup
}

// barSteps is the resolution of the bar.
const barSteps = 10_000

// newMeter starts to show work on items of some kind. The caller stops it.
func (a *app) newMeter(noun string, known bool) *meter {
	m := &meter{app: a, noun: noun, began: time.Now(), state: state{fraction: -1}, quit: make(chan struct{})}
	if width := a.env.ErrWidth; width > 0 {
		m.pool = mpb.New(mpb.WithOutput(a.env.Err), mpb.WithWidth(width), mpb.WithAutoRefresh(),
			mpb.WithRefreshRate(150*time.Millisecond))
		style := mpb.NopStyle()
		if known && width >= 50 {
			style = mpb.BarStyle()
		}
		m.bar = m.pool.New(barSteps, style,
			mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return m.left() })),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return " " + m.right(width) })))
		return m
	}
	m.done.Go(m.lines)
	return m
}

// update changes the state. Safe for concurrent use.
func (m *meter) update(change func(*state)) {
	m.mu.Lock()
	change(&m.state)
	s := m.state
	news := s.note != "" && s.note != m.last
	m.last = s.note
	m.mu.Unlock()
	if m.bar != nil {
		m.bar.SetCurrent(int64(min(max(0, s.fraction), .9999) * barSteps)) // the end of the bar is stop's to reach
	} else if news {
		m.app.note("%s: %s", m.left(), s.note)
	}
}

// stop takes the bar away.
func (m *meter) stop() {
	close(m.quit)
	m.done.Wait()
	if m.bar != nil {
		m.bar.Abort(true)
		m.pool.Wait()
	}
}

func (m *meter) lines() {
	tick := time.NewTicker(plainInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			m.app.note("%s", m.left()+"  "+m.right(0))
		case <-m.quit:
			return
		}
	}
}

func (m *meter) snapshot() (state, time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state, time.Since(m.began)
}

func (m *meter) left() string {
	s, _ := m.snapshot()
	return strings.TrimSpace(count(s.items) + " " + m.noun)
}

// right is what stands behind the bar: share, rate and time left, as much of it as the width has room for.
func (m *meter) right(width int) string {
	s, elapsed := m.snapshot()
	return s.text(elapsed, width)
}

func (s state) text(elapsed time.Duration, width int) string {
	if s.note != "" {
		if width > 0 {
			return term.Cut(term.Clean(s.note), max(10, width-24))
		}
		return s.note
	}
	var parts []string
	if s.fraction >= 0 {
		parts = append(parts, fmt.Sprintf("%.0f%%", 100*s.fraction))
	}
	parts = append(parts, count(int64(rate(s.items, elapsed)))+"/s")
	if width > 0 && width < 34 {
		return parts[len(parts)-1]
	}
	if s.fraction > .001 && s.fraction < 1 {
		left := time.Duration(float64(elapsed) * (1 - s.fraction) / s.fraction)
		parts = append(parts, clock(left)+" left")
	}
	return strings.Join(parts, " ")
}

// clock prints a time left as 0:07, 12:30 or 1:02:30.
func clock(d time.Duration) string {
	seconds := int64(d.Round(time.Second) / time.Second)
	if seconds >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
	}
	return fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
}
