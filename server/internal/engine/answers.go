package engine

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
)

// Answers of FindDuplicates are kept for their further pages: each for answerFor since a page of it was last asked
// for, all together within answerBytes. The newest is kept however large it is: it holds little but ids, of at most
// duplicateMost papers. Variables, so that tests shrink them.
var (
	answerFor   = 10 * time.Minute
	answerBytes = int64(64 << 20)
)

// duplicateKey says what a set of groups is the answer to.
type duplicateKey struct {
	generation uint64 // its serial: the key must not keep a replaced generation in memory
	revision   uint64
	filter     string
	minCosine  float64
}

// duplicateAnswer is a set of groups, which its page tokens name by its number.
type duplicateAnswer struct {
	key    duplicateKey
	groups []DuplicateGroup
	number uint64
	bytes  int64
	used   time.Time
}

// answers keeps the latest answers. Its zero value is ready.
type answers struct {
	mu    sync.Mutex
	kept  []*duplicateAnswer // that which was used longest ago first
	bytes int64
}

// keep takes an answer in, and forgets others until it fits. The answer's number is random, so that a token of another
// process names none.
func (a *answers) keep(key duplicateKey, groups []DuplicateGroup, now time.Time) *duplicateAnswer {
	answer := &duplicateAnswer{key: key, groups: groups, number: rand.Uint64(), used: now, bytes: groupBytes(groups)}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.kept = append(a.kept, answer)
	a.bytes += answer.bytes
	a.trim(now)
	return answer
}

// find returns the answer that match accepts, nil when there is none, and notes that it was used.
func (a *answers) find(now time.Time, match func(*duplicateAnswer) bool) *duplicateAnswer {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.trim(now)
	for i, answer := range a.kept {
		if match(answer) {
			answer.used = now
			a.kept = append(append(a.kept[:i], a.kept[i+1:]...), answer)
			return answer
		}
	}
	return nil
}

// expire forgets what was last used too long ago.
func (a *answers) expire(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.trim(now)
}

// trim is called under mu.
func (a *answers) trim(now time.Time) {
	old := 0
	for old < len(a.kept) && (now.Sub(a.kept[old].used) >= answerFor || a.bytes > answerBytes && old+1 < len(a.kept)) {
		a.bytes -= a.kept[old].bytes
		a.kept[old] = nil
		old++
	}
	a.kept = a.kept[old:]
}

// groupBytes is the memory of groups.
func groupBytes(groups []DuplicateGroup) int64 {
	const perGroup, perID = 32 + 24, 16 + 16 // headers and their allocations
	total := int64(0)
	for _, g := range groups {
		total += perGroup
		for _, id := range g.IDs {
			total += perID + int64(len(id))
		}
	}
	return total
}

// groupToken names the page of an answer that begins at an offset, bound to the request by a check.
func groupToken(number uint64, offset int, request uint64) string {
	b := binary.LittleEndian.AppendUint64(nil, number)
	b = binary.LittleEndian.AppendUint32(b, uint32(offset))
	b = binary.LittleEndian.AppendUint64(b, request^xxhash.Sum64(b))
	return base64.RawURLEncoding.EncodeToString(b)
}

// groupTokenBytes is the length of a decoded token.
const groupTokenBytes = 8 + 4 + 8

// decodeGroupToken reads a token made for the same request.
func decodeGroupToken(token string, request uint64) (number uint64, offset int, err error) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) != groupTokenBytes {
		return 0, 0, ErrInvalidPageToken
	}
	if binary.LittleEndian.Uint64(b[12:]) != request^xxhash.Sum64(b[:12]) {
		return 0, 0, fmt.Errorf("%w: it belongs to a request with other fields", ErrInvalidPageToken)
	}
	return binary.LittleEndian.Uint64(b), int(binary.LittleEndian.Uint32(b[8:])), nil
}
