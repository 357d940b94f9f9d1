package cli

import (
	"sync"
	"time"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/cmd/akin/internal/term"
)

// silence is how long a call may wait before standard error says why. Restarts and busy moments are shorter, mostly.
const silence = 2 * time.Second

// waits is what has been said about calls that wait.
type waits struct {
	mu   sync.Mutex
	said string // the reason of the last line
}

// waiting says why a call is made again and again, once for each reason.
func (a *app) waiting(w client.Wait) {
	if w.Waited+w.Delay < silence {
		return
	}
	a.waits.mu.Lock()
	defer a.waits.mu.Unlock()
	if why := w.Err.Error(); why != a.waits.said {
		a.waits.said = why
		a.note("waiting for %s at most: %s", min(a.settings.timeout, client.CallPatience), term.Clean(why))
	}
}
