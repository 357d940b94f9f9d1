package cli

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/akintest"
)

var refresh = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// library is what the fake server holds: a wide script, a hostile title and near duplicates among it.
func library() []*client.Paper {
	day := timestamppb.New(time.Date(2017, 6, 12, 0, 0, 0, 0, time.UTC))
	return []*client.Paper{
		{
			Id: "1706.03762", Title: "Attention Is All You Need", Authors: []string{"A. Vaswani", "N. Shazeer"},
			Categories:  []string{"cs.CL", "cs.LG"},
			Abstract:    "A network built from attention alone, without recurrence, translates better and trains faster.",
			PublishTime: day, Doi: "10.48550/arXiv.1706.03762", Url: "https://arxiv.org/abs/1706.03762",
			Attributes: map[string]*client.AttributeValue{"venue": client.String("NIPS"), "oral": client.Bool(true),
				"pages": client.Number(11)},
		},
		{Id: "graph-attention", Title: "Attention over the neighbours in a graph", Abstract: "Attention weighs neighbours.",
			Attributes: map[string]*client.AttributeValue{"year": client.Number(2018)}},
		{Id: "10.1000/a-rather-long-identifier-of-a-paper",
			Title: "A network for very long titles: how a title that never seems to end is cut where the terminal ends and " +
				"not later", Abstract: "Attention to width."},
		{Id: "wide", Title: "注意力机制在自然语言处理中的应用研究综述 attention", Abstract: "Survey."},
		{Id: "hostile", Title: "Attention\x1b[31m red\nand \u202e reversed", Abstract: "Control characters."},
		{Id: "folding-1", Title: "Protein folding", Abstract: "Structure of proteins from sequence."},
		{Id: "folding-2", Title: "Protein folding", Abstract: "Structure of proteins from sequence."},
	}
}

// session runs command lines against one fake server.
type session struct {
	t      *testing.T
	server *akintest.Server
	env    Env
	vars   map[string]string
	said   func(all string) // told of all that stands on standard error, whenever something is added; nil: no one
}

func newSession(t *testing.T, papers ...*client.Paper) *session {
	s := &session{t: t, server: akintest.Start(t, papers...), vars: map[string]string{}}
	s.vars["AKIN_ADDR"], s.vars["NO_COLOR"] = s.server.Addr(), "1"
	s.env = Env{In: strings.NewReader(""), Getenv: func(name string) string { return s.vars[name] }}
	return s
}

// output is what a command line did.
type output struct {
	code     int
	out, err string
}

func (s *session) run(args ...string) output {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Minute)
	defer cancel()
	var out, errs lockedBuffer
	errs.said = s.said
	env := s.env
	if env.Out == nil {
		env.Out = &out
	}
	env.Err = &errs
	code := Run(ctx, &env, args)
	return output{code, out.String(), errs.String()}
}

// must runs a command line that has to succeed and returns what it printed.
func (s *session) must(args ...string) string {
	s.t.Helper()
	o := s.run(args...)
	if o.code != exitOK {
		s.t.Fatalf("akin %s: exit code %d\n%s", strings.Join(args, " "), o.code, o.err)
	}
	return o.out
}

// lockedBuffer is a buffer that a meter may write to beside the command.
type lockedBuffer struct {
	mu   sync.Mutex
	b    bytes.Buffer
	said func(all string)
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.b.Write(p)
	if l.said != nil {
		l.said(l.b.String())
	}
	return n, err
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

var changing = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "ADDRESS"},
	{regexp.MustCompile(`in [\d.]+ (us|ms|s) \([\d,]+/s\)`), "in TIME (RATE/s)"},
	{
		regexp.MustCompile(`"(seconds|papers_per_second|(ceiling_)?qps|(ceiling_)?(p50|p90|p99|max)_us)":[\d.e+-]+`),
		`"$1":N`,
	},
	{regexp.MustCompile(`"(qps_of_ceiling|p50_over_ceiling|(client|server)_cpu_us)":[\d.e+-]+`), `"$1":N`},
	{regexp.MustCompile(`(?m)^(QPS|p50|p90|p99|max|ceiling|processor)\t.*$`), "$1\tN"},
}

// golden compares with testdata/NAME.txt; -update writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	for _, c := range changing {
		got = c.pattern.ReplaceAllString(got, c.instead)
	}
	path := filepath.Join("testdata", name+".txt")
	if *refresh {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run go test ./client/cmd/akin/internal/cli -update", err)
	}
	if got != string(want) {
		t.Errorf("%s differs; run with -update and read the difference\n--- got\n%s--- want\n%s", path, got, want)
	}
}

func TestOutputOfEveryCommand(t *testing.T) {
	dir := t.TempDir()
	queries := filepath.Join(dir, "queries.jsonl")
	writeFile(t, queries, `{"_id":"1","text":"attention network"}`+"\n"+`{"_id":"2","text":"protein folding"}`+"\n")
	for _, c := range []struct {
		name  string
		width int // of the terminal; 0: none
		args  []string
	}{
		{"search-plain", 0, []string{"search", "attention", "network"}},
		{"search-json", 0, []string{"search", "--json", "-k", "1", "attention"}},
		{"search-80", 80, []string{"search", "attention", "network"}},
		{"search-40", 40, []string{"search", "attention", "network"}},
		{"search-20", 20, []string{"search", "attention", "network"}},
		{"search-colour", 60, []string{"search", "--color", "always", "-k", "2", "attention"}},
		{"search-abstracts-40", 40, []string{"search", "--abstracts", "-k", "2", "attention"}},
		{"similar", 80, []string{"similar", "folding-1"}},
		{"recommend", 80, []string{"recommend", "graph-attention", "--like-text", "recurrence", "--dislike", "folding-1",
			"--exclude", "wide"}},
		{"explain", 60, []string{"explain", "--text", "attention in a graph", "graph-attention"}},
		{"explain-cut", 60, []string{"explain", "folding-1", "folding-2", "-n", "2"}},
		{"explain-json", 0, []string{"explain", "--json", "-n", "1", "--text", "attention", "1706.03762"}},
		{"get-60", 60, []string{"get", "1706.03762"}},
		{"get-40", 40, []string{"get", "1706.03762", "wide"}},
		{"get-plain", 0, []string{"get", "1706.03762"}},
		{"get-json", 0, []string{"get", "--json", "1706.03762"}},
		{"list-80", 80, []string{"list"}},
		{"list-40", 40, []string{"list", "--limit", "3"}},
		{"list-plain", 0, []string{"list", "--filter", `categories:"cs.CL"`}},
		{"list-json", 0, []string{"list", "--json", "--limit", "2"}},
		{"purge", 0, []string{"purge", `categories:"cs.CL"`}},
		{"export", 0, []string{"export", "--filter", `categories:"cs.CL"`}},
		{"stats-plain", 0, []string{"stats"}},
		{"stats-40", 40, []string{"stats"}},
		{"stats-json", 0, []string{"stats", "--json"}},
		{"train", 0, []string{"train", "--epochs", "2"}},
		{"train-json", 0, []string{"train", "--json"}},
		{"recall", 0, []string{"recall"}},
		{"recall-json", 0, []string{"recall", "--json", "-n", "3"}},
		{"duplicates-40", 40, []string{"duplicates", "--min-cosine", ".9"}},
		{"duplicates-json", 0, []string{"duplicates", "--json"}},
		{"backup-json", 0, []string{"backup", "-"}},
		{"bench", 0, []string{"bench", "--queries", queries, "-c", "2", "-n", "20"}},
		{"bench-json", 0, []string{"bench", "--queries", queries, "-c", "2", "-n", "20", "--json"}},
		{"help", 0, []string{"--help"}},
		{"help-import", 0, []string{"import", "--help"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSession(t, library()...)
			s.env.OutWidth = c.width
			golden(t, c.name, s.must(c.args...))
		})
	}
}

func TestNoLineIsWiderThanTheTerminal(t *testing.T) {
	s := newSession(t, library()...)
	for _, width := range []int{30, 40, 60, 80, 200} {
		s.env.OutWidth = width
		for _, args := range [][]string{{"search", "attention"}, {"list"}, {"stats"},
			{"explain", "--text", "attention", "wide"}, {"get", "wide"}} {
			for line := range strings.Lines(s.must(args...)) {
				line = strings.TrimSuffix(line, "\n")
				if strings.HasPrefix(line, "10.1000/") || strings.Contains(line, akintest.Model) {
					continue // whole ids are broken by the terminal alone
				}
				if w := displayWidth(line); w > width {
					t.Errorf("%d columns: %s prints a line of %d: %q", width, args, w, line)
				}
			}
		}
	}
}

func displayWidth(line string) int {
	n := 0
	for _, r := range line {
		if n++; r >= 0x2e80 && r < 0xfffd { // the wide runes of the library
			n++
		}
	}
	return n
}

func TestTitlesCannotControlTheTerminal(t *testing.T) {
	s := newSession(t, library()...)
	s.env.OutWidth = 80
	for _, args := range [][]string{{"search", "attention"}, {"list"}, {"get", "hostile"},
		{"search", "--abstracts", "attention"}} {
		if out := s.must(args...); strings.ContainsAny(out, "\x1b\u202e") {
			t.Errorf("%v passes control characters on: %q", args, out)
		}
	}
}

func TestColourIsForTerminalsAndNotAgainstTheUsersWish(t *testing.T) {
	for _, c := range []struct {
		width   int
		noColor string
		flag    string
		want    bool
	}{
		{0, "", "", false}, {80, "", "", true}, {80, "1", "", false}, {80, "", "never", false}, {0, "", "always", true},
		{80, "1", "always", true},
	} {
		s := newSession(t, library()...)
		s.env.OutWidth, s.vars["NO_COLOR"] = c.width, c.noColor
		args := []string{"search", "attention"}
		if c.flag != "" {
			args = append(args, "--color", c.flag)
		}
		if c.flag == "always" && c.width == 0 {
			args = []string{"get", "1706.03762", "--color", "always"}
			c.want = false // rows for programs carry no colour
		}
		if got := strings.Contains(s.must(args...), "\x1b["); got != c.want {
			t.Errorf("%+v: colour %v", c, got)
		}
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func beir(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"_id":"p-%05d","title":"Paper number %d","text":"About topic %d.","metadata":{"year":%d}}`+"\n", i,
			i, i%7, 2000+i%20)
	}
	return b.String()
}
