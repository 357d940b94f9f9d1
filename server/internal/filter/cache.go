package filter

import "sync"

// cachedAnswers bounds the answers kept: a service is asked with few filters, again and again.
const cachedAnswers = 64

// cache keeps the last answers, each for the number of slots there were. An answer never changes, since slots do not.
type cache struct {
	mu      sync.Mutex
	entries map[string]*cached // by the filter's text
	clock   uint64
}

type cached struct {
	n    int // slots the answer is for
	set  *Set
	used uint64 // clock at the last use
}

// get returns the answer for n slots, or nil.
func (c *cache) get(filter string, n int) *Set {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[filter]
	if e == nil || e.n != n {
		return nil
	}
	c.clock++
	e.used = c.clock
	return e.set
}

// put keeps an answer in place of the one used longest ago.
func (c *cache) put(filter string, n int, set *Set) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[filter]; e != nil && e.n > n { // a slower reader of fewer slots
		return
	}
	if c.entries == nil {
		c.entries = make(map[string]*cached, cachedAnswers)
	}
	if _, known := c.entries[filter]; !known && len(c.entries) == cachedAnswers {
		oldest := ""
		for text, e := range c.entries {
			if oldest == "" || e.used < c.entries[oldest].used {
				oldest = text
			}
		}
		delete(c.entries, oldest)
	}
	c.clock++
	c.entries[filter] = &cached{n: n, set: set, used: c.clock}
}

func (c *cache) bytes() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	total := int64(0)
	for text, e := range c.entries {
		total += int64(len(text)) + e.set.bytes() + 200
	}
	return total
}
