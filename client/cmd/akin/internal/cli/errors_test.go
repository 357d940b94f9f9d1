package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/akintest"
)

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		says string // on standard error
	}{
		{[]string{"search"}, exitUsage, "the text to search for is missing"},
		{[]string{"serch", "x"}, exitUsage, "did you mean search"},
		{[]string{"search", "--nonsense", "x"}, exitUsage, "--nonsense"},
		{[]string{"search", "--mode", "guess", "x"}, exitUsage, "auto, exact or approximate"},
		{[]string{"search", "--half-life", "soon", "x"}, exitUsage, "365d"},
		{[]string{"search", "-k", "0", "x"}, exitUsage, "1 to 1,000"},
		{[]string{"search", "?"}, exitUsage, "has no words"},
		{[]string{"search", "--filter", "foo =", "x"}, exitUsage, "filter does not parse"},
		{[]string{"similar", "a", "b"}, exitUsage, "too much"},
		{[]string{"similar", "nowhere"}, exitNotFound, `no paper has the id "nowhere"`},
		{[]string{"explain", "one"}, exitUsage, "two papers"},
		{[]string{"get", "nowhere"}, exitNotFound, "nowhere"},
		{[]string{"get", "nowhere", "1706.03762"}, exitPartial, "nowhere"},
		{[]string{"get", "nowhere", "neither"}, exitNotFound, "neither"},
		{[]string{"delete", "nowhere"}, exitNotFound, "nowhere"},
		{[]string{"delete", "nowhere", "1706.03762"}, exitPartial, "1 of 2"},
		{[]string{"purge", ""}, exitUsage, "required"},
		{[]string{"list", "x"}, exitUsage, "no arguments"},
		{[]string{"list", "--limit", "-1"}, exitUsage, "negative"},
		{[]string{"export", "a", "b"}, exitUsage, "one file"},
		{[]string{"bench"}, exitUsage, "--queries"},
		{[]string{"bench", "--queries", "/does/not/exist"}, exitUsage, "/does/not/exist"},
		{[]string{"import"}, exitUsage, "a file is missing"},
		{[]string{"import", "--format", "word", "x"}, exitUsage, "beir"},
		{[]string{"import", "--column", "title", "x"}, exitUsage, "FIELD=HEADER"},
		{[]string{"import", "/does/not/exist"}, exitError, "no such file"},
		{[]string{"import", "--errors", "/does/not/exist/file", "x"}, exitUsage, "--errors"},
		{[]string{"stats", "--addr", "127.0.0.1:1"}, exitUnavailable, "is a server running at 127.0.0.1:1?"},
		{[]string{"stats", "--addr", "http://localhost"}, exitUsage, "without http"},
		{[]string{"stats", "--timeout", "never"}, exitUsage, "30s"},
		{[]string{"stats", "--tls", "perhaps"}, exitUsage, "auto, on, off"},
		{[]string{"stats", "--ca", "/does/not/exist"}, exitUsage, "--ca"},
		{[]string{"stats", "--config", "/does/not/exist"}, exitUsage, "/does/not/exist"},
		{[]string{"stats", "--tls", "on"}, exitUnavailable, "try --tls off"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			t.Parallel()
			o := newSession(t, library()...).run(c.args...)
			if o.code != c.code || !strings.Contains(o.err, c.says) {
				t.Errorf("exit code %d, not %d; standard error %q should have %q", o.code, c.code, o.err, c.says)
			}
			if lines := strings.Count(o.err, "\n"); lines == 0 || lines > 4 {
				t.Errorf("%d lines of complaint: %q", lines, o.err)
			}
		})
	}
}

// TestAServerThatGivesAReasonIsNotAskedAfter: the reason says what to do, and no other address is asked for.
func TestAServerThatGivesAReasonIsNotAskedAfter(t *testing.T) {
	for _, c := range []struct{ reason, says string }{
		{"SHARD_UNAVAILABLE", "start a node of that shard again"},
		{"NOT_ACKNOWLEDGED", "akin stats calls silent"},
		{"LAGGING", "wait until the node has caught up"},
		{"LOADING", "has just been started"},
		{"TRAINING_LOST", "what is wrong"},
	} {
		s := newSession(t, library()...)
		s.server.Before = func(context.Context, string) error {
			return akintest.Fail(codes.Unavailable, "what is wrong", c.reason)
		}
		o := s.run("delete", "1706.03762") // which is not tried again
		if o.code != exitUnavailable || !strings.Contains(o.err, "what is wrong") || !strings.Contains(o.err, c.says) ||
			strings.Contains(o.err, "is a server running") {
			t.Errorf("%s: exit code %d: %s", c.reason, o.code, o.err)
		}
	}
}

func TestOneSettingTakesPrecedenceOverTheNext(t *testing.T) {
	s := newSession(t, library()...)
	var token string
	s.server.Before = func(ctx context.Context, _ string) error {
		md, _ := metadata.FromIncomingContext(ctx)
		token = strings.Join(md.Get("authorization"), ",")
		return nil
	}
	config := filepath.Join(t.TempDir(), "config.toml")
	writeFile(t, config, "# a comment\naddr = \""+s.server.Addr()+"\"\ntoken = \"file\"\n")
	s.env.ConfigFile = config
	expect := func(want string, args ...string) {
		t.Helper()
		if s.must(append([]string{"stats"}, args...)...); token != "Bearer "+want {
			t.Errorf("the token is %q, not of the %s", token, want)
		}
	}
	delete(s.vars, "AKIN_ADDR")
	expect("file")
	s.vars["AKIN_TOKEN"] = "environment"
	expect("environment")
	expect("flag", "--token", "flag")

	other := filepath.Join(t.TempDir(), "other.toml")
	writeFile(t, other, "addr = \"127.0.0.1:1\"\n")
	if o := s.run("stats", "--config", other); o.code != exitUnavailable {
		t.Errorf("the address of --config was not used: %+v", o)
	}
	s.vars["AKIN_CONFIG"] = other
	if o := s.run("stats"); o.code != exitUnavailable {
		t.Errorf("the address of AKIN_CONFIG was not used: %+v", o)
	}
	writeFile(t, other, "adress = \"x\"\n")
	if o := s.run("stats"); o.code != exitUsage || !strings.Contains(o.err, `"adress" is not a setting`) {
		t.Errorf("a misspelt setting: %+v", o)
	}
}

// pipe is standard output whose reader goes away after some bytes.
type pipe struct{ left int }

func (p *pipe) Write(b []byte) (int, error) {
	if p.left -= len(b); p.left < 0 {
		return 0, &os.PathError{Op: "write", Path: "|1", Err: syscall.EPIPE}
	}
	return len(b), nil
}

var _ io.Writer = (*pipe)(nil)

func TestAClosedPipeEndsQuietly(t *testing.T) {
	s := newSession(t)
	file := filepath.Join(t.TempDir(), "corpus.jsonl")
	writeFile(t, file, beir(3000))
	s.must("import", file)
	for _, args := range [][]string{{"list"}, {"list", "--json"}, {"export"}, {"search", "-k", "1000", "paper"},
		{"backup", "-"}} {
		for _, left := range []int{0, 5000} {
			s.env.Out = &pipe{left: left}
			if o := s.run(args...); o.code != exitOK || o.err != "" {
				t.Errorf("%v into a closed pipe: %+v", args, o)
			}
		}
	}
	if n := s.server.Calls("ListPapers"); n > 4*3 {
		t.Errorf("%d pages were fetched though nobody read them", n)
	}
}

func TestAnInterruptIsSaidInOneLine(t *testing.T) {
	s := newSession(t, library()...)
	ctx, cancel := context.WithCancel(t.Context())
	s.server.Before = func(call context.Context, _ string) error {
		cancel()
		<-call.Done()
		return call.Err()
	}
	var errs lockedBuffer
	env := s.env
	env.Out, env.Err = io.Discard, &errs
	if code := Run(ctx, &env, []string{"search", "x"}); code != exitInterrupted || errs.String() != "akin: interrupted\n" {
		t.Errorf("exit code %d, %q", code, errs.String())
	}
}

func TestAdviceFollowsCommonErrors(t *testing.T) {
	for _, c := range []struct {
		answer error
		code   int
		says   string
	}{
		{status.Error(codes.Unauthenticated, "no token"), exitError, "AKIN_TOKEN"},
		{status.Error(codes.Unimplemented, "unknown method"), exitError, "older release"},
		{status.Error(codes.Internal, "broken"), exitError, "broken"},
		{status.Error(codes.DeadlineExceeded, "late"), exitUnavailable, "late"},
	} {
		s := newSession(t)
		s.server.Before = func(context.Context, string) error { return c.answer }
		if o := s.run("stats"); o.code != c.code || !strings.Contains(o.err, c.says) {
			t.Errorf("%v: %+v", c.answer, o)
		}
	}
}

func TestCompletionScriptsAreMadeForTheShells(t *testing.T) {
	s := newSession(t)
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if out := s.must("completion", shell); !strings.Contains(out, "akin") || len(out) < 500 {
			t.Errorf("%s: %q", shell, out)
		}
	}
	if out := s.must("__complete", "import", "--format", ""); !strings.Contains(out, "beir\n") ||
		!strings.Contains(out, "pubmed\n") {
		t.Errorf("formats: %q", out)
	}
	if out := s.must("__complete", "se"); !strings.Contains(out, "search\t") {
		t.Errorf("commands: %q", out)
	}
}

func TestExitCodeOfAnErrorFromNowhereIsOne(t *testing.T) {
	if code := exitCode(t.Context(), errors.New("x")); code != exitError {
		t.Error(code)
	}
}

func TestACommandThatWaitsSaysWhyOnce(t *testing.T) {
	s := newSession(t, library()...)
	s.server.Before = func(context.Context, string) error {
		return akintest.Fail(codes.Unavailable, "the server is still loading", "LOADING", akintest.After(silence))
	}
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	errs := lockedBuffer{said: func(all string) {
		if strings.Contains(all, "still loading") {
			interrupt() // or the command would go on for as long as it says
		}
	}}
	env := s.env
	env.Out, env.Err = &lockedBuffer{}, &errs
	if code := Run(ctx, &env, []string{"stats", "--timeout", "5m"}); code != exitInterrupted {
		t.Errorf("exit code %d", code)
	}
	if said := errs.String(); !strings.HasPrefix(said, "waiting for 1m30s at most: the server is still loading\n") {
		t.Error(said)
	}
}

func TestShortWaitsAndKnownReasonsAreNotTold(t *testing.T) {
	var errs lockedBuffer
	a := &app{env: &Env{Err: &errs}, settings: settings{timeout: 30 * time.Second}}
	wait := client.Wait{Err: errors.New("busy"), Delay: silence / 2, Waited: silence/2 - 1}
	a.waiting(wait)
	if said := errs.String(); said != "" {
		t.Errorf("a short wait is told of: %s", said)
	}
	wait.Waited++
	a.waiting(wait)
	a.waiting(wait)
	wait.Err = errors.New("away")
	a.waiting(wait)
	if said := errs.String(); said != "waiting for 30s at most: busy\nwaiting for 30s at most: away\n" {
		t.Error(said)
	}
}
