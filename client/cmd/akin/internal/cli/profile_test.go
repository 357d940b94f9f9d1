package cli

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestAProfileFromItsFirstEventToItsLast(t *testing.T) {
	s := newSession(t, library()...)
	run := func(args ...string) string {
		t.Helper()
		out := s.run(args...)
		if out.code != exitOK {
			t.Fatalf("akin %s: exit code %d, %s", strings.Join(args, " "), out.code, out.err)
		}
		return out.out + out.err
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"profile", "like", "ada", "graph-attention", "wide"}, "2 events recorded"},
		{[]string{"profile", "dislike", "--weight", "2", "ada", "folding-1"}, "1 event recorded"},
		{[]string{"profile", "seen", "ada", "folding-2"}, "1 event recorded"},
		{[]string{"profile", "show", "ada"}, "graph-attention"},
		{[]string{"profile", "list"}, "ada"},
	} {
		if got := run(c.args...); !strings.Contains(got, c.want) {
			t.Errorf("akin %s prints\n%s\nwithout %q", strings.Join(c.args, " "), got, c.want)
		}
	}
	for _, id := range []string{"graph-attention", "wide", "folding-1", "folding-2"} {
		if got := run("recommend", "--profile", "ada", "--json"); strings.Contains(got, `"id":"`+id+`"`) {
			t.Errorf("%s is recommended, which the profile has", id)
		}
	}
	file := filepath.Join(t.TempDir(), "events.jsonl")
	if got := run("export", "--profiles", file); !strings.Contains(got, "4 events in") {
		t.Errorf("export says %q", got)
	}
	if got := run("profile", "import", file); !strings.Contains(got, "4 events read, 0 new") {
		t.Errorf("importing what is there says %q", got)
	}
	run("profile", "delete", "ada")
	if got := run("profile", "import", file); !strings.Contains(got, "4 events read, 4 new") {
		t.Errorf("importing into nothing says %q", got)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"profile", "delete", "nobody"}, exitNotFound, "nobody"},
		{[]string{"profile", "like", "ada"}, exitUsage, "the ids of papers"},
		{[]string{"profile", "adore", "ada", "x"}, exitUsage, "adore"},
		{[]string{"recommend", "--profile", "ada", "--fading", "soon"}, exitUsage, "--fading"},
		{[]string{"export", "--profiles", "--format", "ris"}, exitUsage, "JSON lines alone"},
	} {
		if out := s.run(c.args...); out.code != c.code || !strings.Contains(out.err, c.want) {
			t.Errorf("akin %s: exit code %d, %s; want %d with %q", strings.Join(c.args, " "), out.code, out.err, c.code, c.want)
		}
	}
}
