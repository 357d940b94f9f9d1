package admit

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/akin-search/akin/server/internal/filter"
)

// hashPrefix names the digest of a token. Tokens made by NewToken hold 256 random bits, so that one round of SHA-256
// without salt keeps them as well as a slow hash would, and can be computed for every call.
const hashPrefix = "sha256:"

// Entry is one entry of a tokens file, under [[principal]].
type Entry struct {
	// Name of the principal, as logs, profiles and subscriptions call it. Entries of one name (an old and a new token
	// while one replaces the other) must agree in all but hash, subject and expiry.
	Name string `toml:"name"`
	// Hash of the token: "sha256:" and 64 hexadecimal digits.
	Hash string `toml:"hash,omitempty"`
	// Subject of the client's certificate, in the form of RFC 2253. An entry has a hash, a subject, or both, and then
	// either is enough.
	Subject string `toml:"subject,omitempty"`
	// Roles: read, write, admin.
	Roles []string `toml:"roles"`
	// Filter that every paper must pass that the principal sees. Only with the role read alone.
	Filter string `toml:"filter,omitempty"`
	// Expires is when the entry ends. Default: never.
	Expires time.Time `toml:"expires,omitempty"`
	// Rate in calls a second; a second's worth may come at once. Default 0: any.
	Rate float64 `toml:"rate,omitempty"`
}

// NewToken makes a token and the hash that stands for it in a tokens file.
func NewToken() (token, hash string) {
	var secret [32]byte
	rand.Read(secret[:]) // never fails: it ends the program where the system has no randomness
	token = "akin_" + base64.RawURLEncoding.EncodeToString(secret[:])
	return token, HashToken(token)
}

// HashToken is the hash of a token; whitespace at its ends does not count.
func HashToken(token string) string {
	sum := digest(token)
	return hashPrefix + hex.EncodeToString(sum[:])
}

func digest(token string) [sha256.Size]byte { return sha256.Sum256([]byte(strings.TrimSpace(token))) }

// Entries holds principals to look up. It does not change.
type Entries struct {
	hashes   []hashed
	subjects map[string]*Principal
}

type hashed struct {
	sum       [sha256.Size]byte
	principal *Principal
}

// ParseEntries reads a tokens file. Principals take over the accounts of those of the same name and rate in old, which
// may be nil.
func ParseEntries(text string, old *Entries) (*Entries, error) {
	var file struct {
		Principal []Entry `toml:"principal"`
	}
	meta, err := toml.Decode(text, &file)
	if err != nil {
		return nil, err
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return nil, fmt.Errorf("there is no setting %q", unknown[0])
	}
	if len(file.Principal) == 0 {
		return nil, errors.New("there is no [[principal]] in it")
	}
	out := &Entries{subjects: make(map[string]*Principal)}
	known := make(map[string]*Principal)
	for i, e := range file.Principal {
		if err := out.add(&e, known, old); err != nil {
			return nil, fmt.Errorf("principal %d (%q): %w", i+1, e.Name, err)
		}
	}
	return out, nil
}

func (s *Entries) add(e *Entry, known map[string]*Principal, old *Entries) error {
	p, err := e.principal()
	if err != nil {
		return err
	}
	if twin := known[p.Name]; twin == nil {
		known[p.Name] = p
		if before := old.named(p.Name); before != nil && before.account.perSec == p.account.perSec {
			p.account = before.account
		}
	} else {
		if twin.Roles != p.Roles || twin.account.perSec != p.account.perSec || textOf(twin.Filter) != textOf(p.Filter) {
			return errors.New("an entry of the same name before it has other roles, another filter or rate")
		}
		p.account = twin.account
	}
	if e.Hash != "" {
		sum, err := hex.DecodeString(strings.TrimPrefix(e.Hash, hashPrefix))
		if err != nil || len(sum) != sha256.Size || !strings.HasPrefix(e.Hash, hashPrefix) {
			return fmt.Errorf("its hash is not %s and 64 hexadecimal digits: make one with akin-server token new", hashPrefix)
		}
		h := hashed{principal: p}
		copy(h.sum[:], sum)
		for _, other := range s.hashes {
			if other.sum == h.sum {
				return fmt.Errorf("its hash is that of %q too", other.principal.Name)
			}
		}
		s.hashes = append(s.hashes, h)
	}
	if e.Subject != "" {
		if other := s.subjects[e.Subject]; other != nil {
			return fmt.Errorf("its subject is that of %q too", other.Name)
		}
		s.subjects[e.Subject] = p
	}
	return nil
}

func (e *Entry) principal() (*Principal, error) {
	switch {
	case strings.TrimSpace(e.Name) == "" || len(e.Name) > 128:
		return nil, errors.New("it needs a name of 1 to 128 bytes")
	case e.Hash == "" && e.Subject == "":
		return nil, errors.New("it needs a hash or a subject")
	case !(e.Rate >= 0 && e.Rate <= 1e9):
		return nil, fmt.Errorf("its rate %v is no number of calls a second", e.Rate)
	case len(e.Roles) == 0:
		return nil, fmt.Errorf("it has no roles: name some of %s", strings.Join(roleNames, ", "))
	}
	p := &Principal{Name: e.Name, expires: e.Expires, account: newAccount(e.Rate)}
	for _, name := range e.Roles {
		role, err := ParseRole(name)
		if err != nil {
			return nil, err
		}
		p.Roles |= role
	}
	if e.Filter == "" {
		return p, nil
	}
	if p.Roles != Read {
		return nil, errors.New("a filter cannot bind writing and administration: give it the role read alone")
	}
	f, err := filter.Parse(e.Filter)
	if err != nil {
		return nil, fmt.Errorf("its filter: %w", err)
	}
	p.Filter = f
	return p, nil
}

func textOf(f *filter.Filter) string {
	if f == nil {
		return ""
	}
	return f.String()
}

// single is the one principal of the short form: whoever has the token may do everything.
func single(token string) hashed {
	return hashed{sum: digest(token), principal: NewPrincipal("token", AllRoles, nil)}
}

func (s *Entries) named(name string) *Principal {
	if s == nil {
		return nil
	}
	for _, h := range s.hashes {
		if h.principal.Name == name {
			return h.principal
		}
	}
	for _, p := range s.subjects {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// byToken compares digests, in the same time whether and where one is equal.
func (s *Entries) byToken(token string) *Principal {
	sum := digest(token)
	found := -1
	for i := range s.hashes {
		equal := subtle.ConstantTimeCompare(sum[:], s.hashes[i].sum[:])
		found = subtle.ConstantTimeSelect(equal, i, found)
	}
	if found < 0 {
		return nil
	}
	return s.hashes[found].principal
}
