package shard

import (
	"math"

	"github.com/cespare/xxhash/v2"
)

// Map says which shard a paper belongs to, by a hash of its id alone. The zero value is one shard.
type Map struct{ shards int }

// NewMap makes the map of a number of shards, from 1.
func NewMap(shards int) Map { return Map{shards} }

// Shards is their number.
func (m Map) Shards() int { return max(1, m.shards) }

// Of is the shard of an id, from 0. With twice as many shards, the papers of shard i are in i and i+Shards.
func (m Map) Of(id string) int { return int(xxhash.Sum64String(id) % uint64(m.Shards())) }

// Sampled reports whether a paper is in the sample that is a share of all papers, 0 to 1. A larger sample holds every
// smaller one, and each shard has its share of it.
func Sampled(id string, share float64) bool {
	// Of is decided by the low bits of the hash, this by the high ones of another mixing of it.
	return float64(xxhash.Sum64String(id)*0x9E3779B97F4A7C15>>11) < share*math.Exp2(53)
}
