package replog

import "testing"

func TestTheLogIsTrimmedBelowWhatTwoNodesHave(t *testing.T) {
	for _, c := range []struct {
		what        string
		applied     []uint64
		first, last uint64
		share       float64
		below       uint64
	}{
		{"there is room", []uint64{100, 100, 100}, 1, 100, .49, 0},
		{"all are level: a quarter of the log's size is kept", []uint64{100, 100, 100}, 1, 100, .5, 51},
		{"one is away", []uint64{100, 3, 100}, 1, 100, .5, 51},
		{"two are behind", []uint64{100, 3, 7}, 1, 100, .9, 8},
		{"two are behind what is trimmed already", []uint64{100, 3, 7}, 50, 100, .9, 0},
		{"the log is empty", []uint64{100, 100, 100}, 101, 100, .9, 0},
	} {
		var all []Member
		for _, n := range c.applied {
			all = append(all, Member{Applied: n})
		}
		if below := trimmable(all, 0, c.first, c.last, c.share); below != c.below {
			t.Errorf("%s: below %d, not %d", c.what, below, c.below)
		}
	}
}

func TestTheLogIsTrimmedBelowWhatEachShardHas(t *testing.T) {
	for _, c := range []struct {
		what    string
		members []Member
		shards  int
		below   uint64
	}{
		{"a node a shard, one of them behind", []Member{{Shard: 1, Applied: 90}, {Shard: 2, Applied: 9}}, 2, 10},
		{"two nodes a shard, one of them behind",
			[]Member{{Shard: 1, Applied: 90}, {Shard: 2, Applied: 9}, {Shard: 1, Applied: 80}, {Shard: 2, Applied: 70}}, 2, 10},
		{"three nodes of one shard, one of them behind",
			[]Member{{Shard: 1, Applied: 40}, {Shard: 1, Applied: 9}, {Shard: 1, Applied: 30}, {Shard: 2, Applied: 70}}, 2, 31},
		{"a node was never heard", []Member{{Shard: 1, Applied: 90}, {Never: true}, {Shard: 2, Applied: 90}}, 2, 0},
		{"a shard has no node", []Member{{Shard: 1, Applied: 90}, {Shard: 1, Applied: 90}}, 2, 0},
	} {
		if below := trimmable(c.members, c.shards, 1, 100, .9); below != c.below {
			t.Errorf("%s: below %d, not %d", c.what, below, c.below)
		}
	}
}

func TestWrongShardsAreRefused(t *testing.T) {
	peers := map[string]string{"n1": "h:1", "n2": "h:2", "n3": "h:3"}
	for _, c := range []struct {
		shard, shards int
		right         bool
	}{{0, 0, true}, {1, 3, true}, {3, 3, true}, {1, 2, true}, {0, 3, false}, {4, 3, false}, {1, 4, false}, {1, 0, false}} {
		cfg := Config{Cluster: "c", Node: "n1", Peers: peers, Shard: c.shard, Shards: c.shards}
		if err := cfg.Check(); (err == nil) != c.right {
			t.Errorf("shard %d of %d: %v", c.shard, c.shards, err)
		}
	}
}
