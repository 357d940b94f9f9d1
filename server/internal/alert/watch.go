package alert

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/akin-search/akin/server/internal/paper"
	"github.com/akin-search/akin/server/internal/store"
)

// Match is a paper that matched a subscription, as it is shown.
type Match struct {
	ID             string
	SubscriptionID string
	Paper          *paper.Paper // as it is stored now, without its abstract; nil: gone, or not to be seen
	Cosine         float64
	OneIn          int
	Score          float64
	Words          []string
	Because        []string
	Updated        bool
	Time           time.Time // when it was matched
	Cursor         string    // where a watcher goes on behind it
	seq            uint64
}

// A cursor names a match by its number and its id: after a restore the numbers may stand for others, and the id tells.
// uid, number, then the first 8 bytes of the id.
const cursorSize = 8 + 8 + 8

func encodeCursor(uid UID, seq uint64, id string) string {
	b := append(make([]byte, 0, cursorSize), uid[:]...)
	b = binary.BigEndian.AppendUint64(b, seq)
	short, _ := hex.DecodeString(id[:16]) // of our own making
	return base64.RawURLEncoding.EncodeToString(append(b, short...))
}

// cursorOf is the cursor of a match that is kept, or empty.
func (a *Alerts) cursorOf(uid UID, seq uint64) (string, error) {
	row, err := a.engine.Record(store.MatchTable, matchKey(uid, seq))
	if err != nil || row == nil {
		return "", err
	}
	m, err := decodeMatch(matchKey(uid, seq), row)
	if err != nil {
		return "", err
	}
	return encodeCursor(uid, seq, matchID(uid, m.Paper, m.Content)), nil
}

// ErrCursor: a text is no cursor.
var ErrCursor = errors.New("invalid cursor")

// place is the number behind which a cursor goes on: 0, all that is kept, for one that is not of a kept match.
func (a *Alerts) place(uid UID, cursor string) (uint64, error) {
	if cursor == "" {
		return 0, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(b) != cursorSize {
		return 0, fmt.Errorf("%w: it is not one of WatchMatches or of a subscription", ErrCursor)
	}
	seq := binary.BigEndian.Uint64(b[8:])
	if own, err := a.cursorOf(uid, seq); err != nil || own != cursor {
		return 0, err
	}
	return seq, nil
}

// watchRun is how many matches are read at a time.
const watchRun = 100

// Watch calls fn with the matches of a subscription behind a cursor, and then with each as it comes, until the context
// ends or fn fails. ErrNotFound when the subscription is deleted meanwhile.
func (a *Alerts) Watch(ctx context.Context, owner, id, cursor string, fn func(*Match) error) error {
	e, err := a.find(owner, id)
	if err != nil {
		return err
	}
	a.mu.RLock()
	uid := e.sub.UID
	a.mu.RUnlock()
	at, err := a.place(uid, cursor)
	if err != nil {
		return err
	}
	for {
		a.mu.RLock()
		sub, changed, gone, head := e.sub, e.changed, e.gone, e.standing.Head
		a.mu.RUnlock()
		if gone {
			return fmt.Errorf("%w: %q was deleted", ErrNotFound, id)
		}
		for at < head {
			list, err := a.matches(sub, at, head, watchRun)
			if err != nil {
				return err
			}
			if len(list) == 0 {
				break // removed meanwhile
			}
			shown, err := a.show(ctx, sub, list)
			if err != nil {
				return err
			}
			for _, m := range shown {
				if err := fn(m); err != nil {
					return err
				}
				at = m.seq
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-a.ctx.Done():
			return ErrClosed
		}
	}
}

// matches reads up to limit matches of a subscription with numbers above after, up to through.
func (a *Alerts) matches(sub *Subscription, after, through uint64, limit int) ([]*match, error) {
	rows, err := a.engine.Records(store.MatchTable, sub.UID[:], matchKey(sub.UID, after), limit)
	if err != nil {
		return nil, err
	}
	var list []*match
	for _, r := range rows {
		m, err := decodeMatch(r.Key, r.Value)
		if err != nil {
			return nil, err
		}
		if m.seq <= through {
			list = append(list, m)
		}
	}
	return list, nil
}

// matchWords is how many words of a match are shown.
const matchWords = 5

// show makes kept matches readable: with their papers as they are now, where the owner may see them.
func (a *Alerts) show(ctx context.Context, sub *Subscription, list []*match) ([]*Match, error) {
	forced, known := a.cfg.Filter(sub.Owner)
	ids := make([]string, len(list))
	for i, m := range list {
		ids[i] = m.Paper
	}
	papers, err := a.engine.Visible(ctx, forced, ids)
	if err != nil {
		return nil, err
	}
	out := make([]*Match, len(list))
	for i, m := range list {
		id := matchID(sub.UID, m.Paper, m.Content)
		out[i] = &Match{
			ID: id, SubscriptionID: sub.ID, Cosine: m.Cosine, OneIn: m.OneIn, Score: m.Score, Because: m.Because,
			Words: m.Words, Updated: m.Updated, Time: m.Time, seq: m.seq,
		}
		if m.seq > 0 {
			out[i].Cursor = encodeCursor(sub.UID, m.seq, id)
		}
		if !known || papers[i] == nil {
			continue
		}
		out[i].Paper = papers[i]
		if sub.Kind.Nearness() {
			if out[i].Words, err = a.engine.MatchingWords(ctx, sub.Text, sub.PaperID, m.Paper, matchWords); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}
