package admit

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func entry(name, hash, more string) string {
	return fmt.Sprintf("[[principal]]\nname = %q\nhash = %q\nroles = [\"read\"]\n%s\n", name, hash, more)
}

func bearer(token string) []string { return []string{"Bearer " + token} }

func TestATokenFindsItsPrincipal(t *testing.T) {
	one, hashOne := NewToken()
	two, hashTwo := NewToken()
	entries, err := ParseEntries(entry("one", hashOne, `filter = 'categories:"a"'`)+entry("two", hashTwo, "rate = 3"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if p := entries.byToken(one); p == nil || p.Name != "one" || p.Roles != Read || p.Filter == nil {
		t.Errorf("got %+v", p)
	}
	if p := entries.byToken(" " + two + "\n"); p == nil || p.Name != "two" || p.Filter != nil {
		t.Errorf("whitespace at the ends: %+v", p)
	}
	for _, wrong := range []string{"", one[1:], one + "x", hashOne, strings.ToUpper(one)} {
		if p := entries.byToken(wrong); p != nil {
			t.Errorf("%q is %s", wrong, p.Name)
		}
	}
}

func TestFaultyEntriesAreNamed(t *testing.T) {
	_, hash := NewToken()
	for text, want := range map[string]string{
		"":                                          "no [[principal]]",
		"principal = 3":                             "principal",
		entry("", hash, ""):                         "name",
		entry("a", "", ""):                          "a hash or a subject",
		entry("a", "md5:00", ""):                    "64 hexadecimal",
		entry("a", hash[:len(hash)-2], ""):          "64 hexadecimal",
		entry("a", hash, "colour = 3"):              "colour",
		entry("a", hash, "rate = -1"):               "rate",
		entry("a", hash, `filter = "x y z"`):        "filter",
		entry("a", hash, "") + entry("b", hash, ""): "is that of",
		strings.Replace(entry("a", hash, ""), `"read"`, `"king"`, 1):                             "no role",
		strings.Replace(entry("a", hash, `filter = 'id = "x"'`), `"read"`, `"read", "write"`, 1): "read alone",
		strings.Replace(entry("a", hash, ""), `"read"`, "", 1):                                   "no roles",
	} {
		if _, err := ParseEntries(text, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngives %v, want %q", text, err, want)
		}
	}
}

func TestATokenIsReplacedWhileTheServerRuns(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens.toml")
	write := func(text string, at int64) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, time.Unix(at, 0), time.Unix(at, 0)); err != nil { // file systems may keep times too coarse
			t.Fatal(err)
		}
	}
	before, hashBefore := NewToken()
	after, hashAfter := NewToken()
	write(entry("a", hashBefore, "rate = 2"), 1)
	k, err := NewKeyring(file, "short\n", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	k.now = func() time.Time { return now }
	lets := func(token string, want bool) *Principal {
		t.Helper()
		now = now.Add(2 * fileCheck)
		p, err := k.identify(bearer(token), nil)
		if (err == nil) != want {
			t.Errorf("%s: %v", token, err)
		}
		return p
	}
	account := lets(before, true).account
	lets(after, false)
	write(entry("a", hashBefore, "rate = 2")+entry("a", hashAfter, "rate = 2"), 2)
	lets(before, true)
	if lets(after, true).account != account {
		t.Error("the new token does not share what its principal has used")
	}
	write(entry("a", hashAfter, "rate = 2"), 3)
	lets(before, false)
	lets(after, true)
	write("[[princ", 4) // half a file: the old entries hold
	lets(after, true)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	lets(after, true)
	lets("short", true)
}

func TestAnExpiredEntryEnds(t *testing.T) {
	token, hash := NewToken()
	file := filepath.Join(t.TempDir(), "tokens.toml")
	end := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	if err := os.WriteFile(file, []byte(entry("a", hash, "expires = "+end.Format(time.RFC3339))), 0o600); err != nil {
		t.Fatal(err)
	}
	k, err := NewKeyring(file, "", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	k.now = func() time.Time { return end.Add(-time.Second) }
	if _, err := k.identify(bearer(token), nil); err != nil {
		t.Error(err)
	}
	k.now = func() time.Time { return end }
	if _, err := k.identify(bearer(token), nil); status.Code(err) != codes.Unauthenticated {
		t.Errorf("after the end: %v", err)
	}
}

func TestWithoutTokensEveryoneIsLetIn(t *testing.T) {
	k, err := NewKeyring("", " \n", nil)
	if err != nil || k != nil {
		t.Fatalf("%v %v", k, err)
	}
	if p, err := k.identify(nil, nil); err != nil || p != Everyone {
		t.Errorf("%v %v", p, err)
	}
}

func FuzzParseEntries(f *testing.F) {
	_, hash := NewToken()
	f.Add(entry("a", hash, `filter = 'id = "x"'`))
	f.Add("[[principal]]\nsubject = \"CN=a\"\nname = \"a\"\nroles = [\"admin\"]")
	f.Fuzz(func(t *testing.T, text string) {
		entries, err := ParseEntries(text, nil)
		if err != nil {
			return
		}
		for _, h := range entries.hashes {
			if h.principal.Filter != nil && h.principal.Roles != Read {
				t.Errorf("%s may write beside its filter", h.principal.Name)
			}
		}
	})
}
