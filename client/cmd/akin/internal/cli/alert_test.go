package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/akin-search/akin/client"
)

func TestAnAlertFromItsMakingToItsEnd(t *testing.T) {
	s := newSession(t, library()...)
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"alert", "create", "graphs", "--text", "attention over graphs", "--min-cosine", "0.1"}, exitOK,
			"cosine 0.100"},
		{[]string{"alert", "create", "weekly", "--filter", `categories:"cs.LG"`, "--weekly", "monday 08:00", "--zone",
			"Europe/Berlin"}, exitOK,
			"monday 08:00 Europe/Berlin"},
		{[]string{"alert", "create", "hook", "--text", "graphs", "--webhook", "https://example.org/"}, exitOK, "active"},
		{[]string{"alert", "list"}, exitOK, "weekly"},
		{[]string{"alert", "preview", "--text", "attention over graphs", "--min-cosine", "0.1"}, exitOK, "match"},
		{[]string{"alert", "pause", "graphs"}, exitOK, ""},
		{[]string{"alert", "list"}, exitOK, "paused"},
		{[]string{"alert", "resume", "graphs"}, exitOK, ""},
		{[]string{"rising"}, exitOK, "nothing is rising"},
		{[]string{"alert", "create"}, exitUsage, "--filter"},
		{[]string{"alert", "create", "--text", "a", "--paper", "b"}, exitUsage, "one of --text"},
		{[]string{"alert", "create", "--text", "a", "--one-in", "5", "--min-cosine", "0.5"}, exitUsage, "--one-in"},
		{[]string{"alert", "create", "--text", "a", "--daily", "08:00", "--hourly"}, exitUsage, "--daily"},
		{[]string{"alert", "create", "--text", "a", "--weekly", "someday"}, exitUsage, "someday"},
		{[]string{"alert", "create", "--text", "a", "--email", "ada@example.org"}, exitError, "not set up"},
		{[]string{"alert", "pause", "nothing"}, exitNotFound, "nothing"},
		{[]string{"alert", "adore"}, exitUsage, "adore"},
	} {
		if out := s.run(c.args...); out.code != c.code || !strings.Contains(out.out+out.err, c.want) {
			t.Errorf("akin %s: exit code %d, %s%s; want %d with %q", strings.Join(c.args, " "), out.code, out.out, out.err,
				c.code, c.want)
		}
	}
	file := filepath.Join(t.TempDir(), "new.jsonl")
	if err := os.WriteFile(file, []byte(`{"id":"new","title":"Attention over graphs","abstract":"Again."}`),
		0o600); err != nil {
		t.Fatal(err)
	}
	if out := s.run("import", file); out.code != exitOK {
		t.Fatal(out.err)
	}
	out := s.run("alert", "watch", "graphs", "-n", "1", "--json")
	match := &client.Match{}
	if line := strings.TrimSpace(out.out); out.code != exitOK || !strings.HasPrefix(line, `{"cursor":"1","match":`) {
		t.Fatalf("watching prints %q, %s", out.out, out.err)
	} else if err := protojson.Unmarshal([]byte(line[len(`{"cursor":"1","match":`):len(line)-1]), match); err != nil ||
		match.GetPaper().GetId() != "new" {
		t.Errorf("%v, %v", match, err)
	}
	if out := s.run("alert", "delete", "graphs"); out.code != exitOK {
		t.Error(out.err)
	}
	if out := s.run("alert", "watch", "graphs"); out.code != exitNotFound {
		t.Errorf("watching what is gone: %d, %s", out.code, out.err)
	}
}
