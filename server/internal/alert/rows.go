package alert

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"
)

// Rows in the store. Values are JSON, so that a field that comes later is absent from older rows.
//
//	SubscriptionTable  owner, 0, id      Subscription
//	StandingTable      uid               standing
//	MatchTable         uid, seq          match; seq is 8 bytes, big-endian, from 1
//	MarkTable          uid, paper id     digest of the text that matched last
//	DeliveryTable      kind, 0, owner, 0, target   delivery
//	AddressTable       owner, 0, address mailbox
//	AlertTable         "cursor"          revision, 8 bytes: papers up to it were matched
//	                   "key"             32 random bytes, of the signatures in links
//	                   "gone", uid       nothing; the subscription was deleted and its rows are being removed

var (
	cursorKey  = []byte("cursor")
	signingKey = []byte("key")
	gonePrefix = []byte("gone")
)

func nameKey(owner, id string) []byte {
	return append(append(append(make([]byte, 0, len(owner)+1+len(id)), owner...), 0), id...)
}

func matchKey(uid UID, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, 16), uid[:]...), seq)
}

func markKey(uid UID, paperID string) []byte {
	return append(append(make([]byte, 0, 8+len(paperID)), uid[:]...), paperID...)
}

func goneKey(uid UID) []byte { return append(bytes.Clone(gonePrefix), uid[:]...) }

// standing is how far a subscription is. It is a value: what is in memory is replaced, never changed.
type standing struct {
	Head       uint64                  // of the last match; 0: there was none
	First      uint64                  // of the oldest match that is kept; Head+1: none is
	Released   uint64                  // matches up to this one may be sent; at once: Head
	Considered uint64                  `json:",omitempty"` // of kinds that rank: revision up to which papers were ranked
	LastMatch  time.Time               `json:",omitzero"`
	Next       time.Time               `json:",omitzero"`  // of a schedule: when matches are released next
	Sends      map[string]sinkStanding `json:",omitempty"` // by Sink.key
}

// sinkStanding is how far one sink is.
type sinkStanding struct {
	Through   uint64    // matches up to this one were delivered or given up
	Delivered int64     `json:",omitempty"`
	Dropped   int64     `json:",omitempty"`
	Last      time.Time `json:",omitzero"`  // when something was delivered
	Error     string    `json:",omitempty"` // of the last attempt
	Retry     time.Time `json:",omitzero"`  // when the next attempt is
	Disabled  bool      `json:",omitempty"`

	Unsubscribed bool `json:",omitempty"` // by the addressee, from this subscription alone
}

// clone copies the sinks, so that the copy may be changed.
func (s standing) clone() standing {
	sinks := make(map[string]sinkStanding, len(s.Sends))
	for k, v := range s.Sends {
		sinks[k] = v
	}
	s.Sends = sinks
	return s
}

// match is a paper that matched.
type match struct {
	seq     uint64
	Paper   string    // id
	Content string    // digest of the text
	Cosine  float64   `json:",omitempty"`
	OneIn   int       `json:",omitempty"`
	Score   float64   `json:",omitempty"` // of kinds that rank
	Updated bool      `json:",omitempty"`
	Because []string  `json:",omitempty"` // ids of likes
	Words   []string  `json:",omitempty"` // of those likes
	Time    time.Time // when it was matched
}

func decodeMatch(key, value []byte) (*match, error) {
	m := &match{}
	if err := json.Unmarshal(value, m); err != nil || len(key) != 16 {
		return nil, fmt.Errorf("a row of matches: %w", err)
	}
	m.seq = binary.BigEndian.Uint64(key[8:])
	return m, nil
}

// encode is the JSON of a row. Only a type that has no JSON makes it fail.
func encode(row any) []byte {
	b, err := json.Marshal(row)
	if err != nil {
		panic(err)
	}
	return b
}
