package admit

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// fileCheck is how often a call looks whether the tokens file has changed.
const fileCheck = time.Second

// Keyring says who a caller is, by token or certificate. Its methods may be called from many goroutines at once.
type Keyring struct {
	file   string  // empty: only the short form's token
	short  *hashed // nil: none
	log    *slog.Logger
	now    func() time.Time
	live   atomic.Pointer[Entries]
	due    atomic.Int64 // Unix nanoseconds of the next look at the file
	reload sync.Mutex
	seen   stamp // of the file that live was read from, or that could not be read
}

// stamp tells two versions of a file apart.
type stamp struct {
	modified time.Time
	bytes    int64
}

// NewKeyring reads a tokens file (empty: none) and takes a single token (empty: none) beside it. It is nil, which lets
// everyone in, when both are empty.
func NewKeyring(file, token string, log *slog.Logger) (*Keyring, error) {
	token = strings.TrimSpace(token)
	if file == "" && token == "" {
		return nil, nil
	}
	k := &Keyring{file: file, log: log, now: time.Now}
	if token != "" {
		h := single(token)
		k.short = &h
	}
	k.live.Store(k.with(&Entries{}))
	if file == "" {
		return k, nil
	}
	if err := k.read(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	k.due.Store(k.now().Add(fileCheck).UnixNano())
	return k, nil
}

// with adds the short form's token to entries.
func (k *Keyring) with(e *Entries) *Entries {
	if k.short != nil {
		e.hashes = append(slices.Clip(e.hashes), *k.short)
	}
	return e
}

// read takes the file in. Its stamp is taken first: what changes while it is read is read again.
func (k *Keyring) read() error {
	info, err := os.Stat(k.file)
	if err != nil {
		return err
	}
	k.seen = stamp{info.ModTime(), info.Size()}
	text, err := os.ReadFile(k.file)
	if err != nil {
		return err
	}
	entries, err := ParseEntries(string(text), k.live.Load())
	if err != nil {
		return err
	}
	k.live.Store(k.with(entries))
	return nil
}

// entries are those of the newest file that could be read: while a new one is faulty the old ones hold.
func (k *Keyring) entries() *Entries {
	now := k.now().UnixNano()
	if due := k.due.Load(); k.file == "" || now < due || !k.due.CompareAndSwap(due, now+int64(fileCheck)) {
		return k.live.Load()
	}
	k.reload.Lock()
	defer k.reload.Unlock()
	info, err := os.Stat(k.file)
	switch {
	case err != nil:
		k.log.Error("the tokens file cannot be read, the old entries hold", "error", err)
	case k.seen == stamp{info.ModTime(), info.Size()}:
	default:
		if err := k.read(); err != nil {
			k.log.Error("the new tokens file is faulty, the old entries hold", "file", k.file, "error", err)
		} else {
			k.log.Info("tokens read again", "file", k.file)
		}
	}
	return k.live.Load()
}

// Known returns the principal of a name, for what is done for it while it does not call; nil when there is none, or it
// has expired. A nil Keyring knows Everyone.
func (k *Keyring) Known(name string) *Principal {
	if k == nil {
		if name == Everyone.Name {
			return Everyone
		}
		return nil
	}
	entries, now := k.entries(), k.now()
	holds := func(p *Principal) bool { return p.Name == name && (p.expires.IsZero() || now.Before(p.expires)) }
	for _, h := range entries.hashes {
		if holds(h.principal) {
			return h.principal
		}
	}
	for _, p := range entries.subjects {
		if holds(p) {
			return p
		}
	}
	return nil
}

var (
	errNoToken = Refuse(codes.Unauthenticated, ReasonUnauthenticated,
		`this server needs the metadata "authorization: Bearer TOKEN" with a token it knows`, 0)
	errExpired = Refuse(codes.Unauthenticated, ReasonUnauthenticated, "this token or certificate has expired", 0)
)

// identify finds the principal of a call by its authorization metadata, and where none of these is known by the
// certificate of its connection.
func (k *Keyring) identify(authorization []string, from *peer.Peer) (*Principal, error) {
	if k == nil {
		return Everyone, nil
	}
	entries := k.entries()
	var p *Principal
	for _, value := range authorization {
		scheme, token, _ := strings.Cut(strings.TrimSpace(value), " ")
		if strings.EqualFold(scheme, "Bearer") && p == nil {
			p = entries.byToken(token)
		}
	}
	if p == nil {
		p = entries.subjects[subjectOf(from)]
	}
	switch {
	case p == nil:
		return nil, errNoToken
	case !p.expires.IsZero() && !k.now().Before(p.expires):
		return nil, errExpired
	}
	return p, nil
}

// subjectOf is the subject of the client's verified certificate, or empty.
func subjectOf(from *peer.Peer) string {
	if from == nil {
		return ""
	}
	info, ok := from.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 {
		return ""
	}
	return info.State.VerifiedChains[0][0].Subject.String()
}
