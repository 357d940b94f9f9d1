package alert

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/cespare/xxhash/v2"

	"github.com/akin-search/akin/server/internal/filter"
	"github.com/akin-search/akin/server/internal/paper"
)

// Limits. What is beyond them is refused.
const (
	MaxSubscriptions = 100_000 // of all principals
	MaxOwned         = 20_000  // of one principal
	MaxSinks         = 8       // of one subscription
	DefaultOneIn     = 1000
	DefaultBest      = 10
	DefaultPeriod    = 7 * 24 * time.Hour
	DefaultMinute    = 8 * 60
)

// Kind is what a subscription goes by. The numbers are stored.
type Kind uint8

// The kinds of subscriptions.
const (
	ByFilter  Kind = iota + 1 // papers that its filter accepts
	ByText                    // papers near to a text
	ByPaper                   // papers near to a stored paper
	ByProfile                 // the best of a period for a profile
	Rising                    // the best of what rises
)

// Nearness reports whether a kind goes by the cosine with something.
func (k Kind) Nearness() bool { return k == ByText || k == ByPaper }

// Ranked reports whether a kind takes the best of a period.
func (k Kind) Ranked() bool { return k == ByProfile || k == Rising }

// UID names a subscription for all time: an id that is used again names another one.
type UID [8]byte

func (u UID) String() string { return hex.EncodeToString(u[:]) }

// MarshalText implements encoding.TextMarshaler.
func (u UID) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, u[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (u *UID) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil || len(b) != len(u) {
		return fmt.Errorf("%q is no id of 16 hex digits", text)
	}
	copy(u[:], b)
	return nil
}

// newUID draws one.
func newUID() (u UID) {
	_, _ = rand.Read(u[:]) // never fails
	return u
}

// Subscription says which papers matter, and where they go. One in memory is shared and does not change: an update puts
// another in its place.
type Subscription struct {
	UID   UID
	ID    string // of the owner's choice
	Owner string // name of the principal that made it
	Name  string `json:",omitempty"` // for people

	Kind      Kind
	Text      string        `json:",omitempty"` // of ByText
	PaperID   string        `json:",omitempty"` // of ByPaper
	ProfileID string        `json:",omitempty"` // of ByProfile
	Period    time.Duration `json:",omitempty"` // of Rising
	Filter    string        `json:",omitempty"` // papers it accepts, besides; empty: all

	OneIn     int      `json:",omitempty"` // of ByText and ByPaper; 0: MinCosine counts
	MinCosine *float64 `json:",omitempty"`
	Best      int      `json:",omitempty"` // papers a period, of kinds that rank

	Schedule Schedule
	Sinks    []Sink `json:",omitempty"`
	Paused   bool   `json:",omitempty"`
	Once     bool   `json:",omitempty"` // a paper whose text changes does not match again

	Since   uint64 // revision: papers written up to it do not count
	Created time.Time
	Updated time.Time

	filter *filter.Filter // of Filter
}

// DisplayName is what people know the subscription by.
func (s *Subscription) DisplayName() string {
	switch {
	case s.Name != "":
		return s.Name
	case s.Kind == ByText:
		return shorten(s.Text, 80)
	case s.Kind == ByPaper:
		return "Papers like " + s.PaperID
	case s.Kind == ByProfile:
		return "Recommended for " + s.ProfileID
	case s.Kind == Rising:
		return "Rising papers"
	}
	return "Papers with " + shorten(s.Filter, 80)
}

// shorten cuts a text to a number of characters, on one line.
func shorten(text string, n int) string {
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return string(runes)
}

// compile reads what the stored form does not hold.
func (s *Subscription) compile() (err error) {
	s.filter = nil
	if s.Filter != "" {
		s.filter, err = filter.Parse(s.Filter)
	}
	return err
}

// decodeSubscription reads a row.
func decodeSubscription(value []byte) (*Subscription, error) {
	s := &Subscription{}
	if err := json.Unmarshal(value, s); err != nil {
		return nil, fmt.Errorf("a row of subscriptions: %w", err)
	}
	if err := s.compile(); err != nil {
		return nil, fmt.Errorf("the filter of subscription %q: %w", s.ID, err)
	}
	return s, nil
}

// SinkKind is how matches are sent. The numbers are stored.
type SinkKind uint8

// The kinds of sinks.
const (
	Email SinkKind = iota + 1
	Webhook
	Feed
)

// SinkKinds are all of them.
var SinkKinds = [...]SinkKind{Email, Webhook, Feed}

func (k SinkKind) String() string { return [...]string{"", "email", "webhook", "feed"}[k] }

// Sink is a place that matches are sent to.
type Sink struct {
	Kind    SinkKind
	Address string `json:",omitempty"` // of Email
	URL     string `json:",omitempty"` // of Webhook
	Secret  string `json:",omitempty"` // of Webhook: the key in the form of Standard Webhooks; of Feed: its token
}

// key tells the sinks of a subscription apart.
func (s *Sink) key() string { return s.Kind.String() + ":" + s.Address + s.URL }

// digest stands for the text of a paper, whatever its capitals, spaces and marks: a paper that differs in those alone
// has the same text.
func digest(p *paper.Paper) string {
	var h xxhash.Digest
	h.Reset()
	var buf [256]byte
	b := buf[:0]
	for i, text := range [...]string{p.Title, p.Abstract} {
		if i > 0 {
			b = append(b, 0)
		}
		for _, r := range text {
			if unicode.IsLetter(r) || unicode.IsNumber(r) {
				b = append(b, string(unicode.ToLower(r))...)
			}
			if len(b) > len(buf)-8 {
				_, _ = h.Write(b) // never fails
				b = buf[:0]
			}
		}
	}
	_, _ = h.Write(b)
	return hex.EncodeToString(h.Sum(nil))
}

// matchID is the id of a match: of subscription, paper and text alone.
func matchID(uid UID, paperID, content string) string {
	sum := sha256.Sum256([]byte(uid.String() + "\x00" + paperID + "\x00" + content))
	return hex.EncodeToString(sum[:16])
}
