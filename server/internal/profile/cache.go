package profile

import (
	"container/list"
	"hash/maphash"
	"sync"
)

// cacheBytes bounds the profiles that are kept added up.
const cacheBytes = 64 << 20

// cache keeps the profiles used last, up to a number of bytes.
type cache struct {
	mu    sync.Mutex
	limit int64
	bytes int64
	byKey map[string]*list.Element // of *cached
	order list.List                // the one used last in front

	// Versions tell a reader that read before a write from one that read after it: a profile that was read under an older
	// version is not kept. They are counted for groups of keys.
	seed     maphash.Seed
	versions [256]uint64
}

type cached struct {
	key     string
	profile *Profile
	bytes   int64
}

func newCache(limit int64) *cache {
	return &cache{limit: limit, byKey: map[string]*list.Element{}, seed: maphash.MakeSeed()}
}

func (c *cache) group(key string) *uint64 {
	return &c.versions[maphash.String(c.seed, key)%uint64(len(c.versions))]
}

func (c *cache) get(key string) *Profile {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byKey[key]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached).profile
}

// version is what put wants from before the reading.
func (c *cache) version(key string) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return *c.group(key)
}

// put keeps a profile unless it changed since its version was asked for.
func (c *cache) put(key string, version uint64, p *Profile) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if *c.group(key) != version {
		return
	}
	c.remove(key)
	one := &cached{key, p, int64(len(key)) + p.size()}
	if one.bytes > c.limit {
		return
	}
	c.byKey[key] = c.order.PushFront(one)
	for c.bytes += one.bytes; c.bytes > c.limit; {
		c.remove(c.order.Back().Value.(*cached).key)
	}
}

// drop forgets a profile because it changes.
func (c *cache) drop(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*c.group(key)++
	c.remove(key)
}

func (c *cache) remove(key string) {
	if e := c.byKey[key]; e != nil {
		c.bytes -= e.Value.(*cached).bytes
		c.order.Remove(e)
		delete(c.byKey, key)
	}
}

// size is about the bytes of a profile.
func (p *Profile) size() int64 {
	n := int64(256)
	for _, side := range [][]Preference{p.Likes, p.Dislikes} {
		for i := range side {
			n += 80 + int64(len(side[i].PaperID)+len(side[i].EventID))
		}
	}
	for i := range p.Seen {
		n += 48 + int64(len(p.Seen[i].PaperID))
	}
	return n
}
