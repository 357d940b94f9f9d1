package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	reflection "google.golang.org/grpc/reflection/grpc_reflection_v1"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/server/internal/sample"
	"github.com/akin-search/akin/server/internal/store"
)

// asServer makes this test binary run main instead of the tests, so that they have a real process to signal.
const asServer = "AKIN_TEST_AS_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		run(failAt(os.Getenv(failPoint)))
		return
	}
	os.Exit(m.Run())
}

// process is a server in a process of its own.
type process struct {
	*exec.Cmd
	addr   string // once it serves
	before string // lines of the log up to then
	log    *bufio.Scanner
	rest   chan string // lines of the log after the one that it serves; closed at the end of the process
}

var addressOf = regexp.MustCompile(`(?:msg=serving address=|"msg":"serving","address":")([^\s"]+)`)

// start runs the server and waits until it serves.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	return command(t, args...).begin(t)
}

// begin starts a process and waits until it serves.
func (p *process) begin(t *testing.T) *process {
	t.Helper()
	if err := p.serves(t); err != nil {
		t.Fatal(err)
	}
	return p
}

// serves is begin for any goroutine.
func (p *process) serves(t *testing.T) error {
	stderr, err := p.StderrPipe()
	if err != nil {
		return err
	}
	if err := p.Start(); err != nil {
		return err
	}
	t.Cleanup(func() {
		_ = p.Process.Kill() // no matter if it has ended
		_ = p.Wait()
	})
	p.log = bufio.NewScanner(stderr)
	var seen []string
	for p.log.Scan() {
		seen = append(seen, p.log.Text())
		if found := addressOf.FindStringSubmatch(p.log.Text()); found != nil {
			p.addr, p.before = found[1], strings.Join(seen, "\n")
			p.rest = make(chan string, 10_000) // more than any test's server writes
			go func() {
				defer close(p.rest)
				for p.log.Scan() {
					p.rest <- p.log.Text()
				}
			}()
			return nil
		}
	}
	return fmt.Errorf("the server does not serve: %v", seen)
}

// untilLog reads the log up to a line with a text, or to its end when the text is empty.
func (p *process) untilLog(text string) string {
	var seen strings.Builder
	for line := range p.rest {
		seen.WriteString(line + "\n")
		if text != "" && strings.Contains(line, text) {
			break
		}
	}
	return seen.String()
}

func command(t *testing.T, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute) // a hang ends, whatever the load
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asServer+"=1")
	return &process{Cmd: cmd}
}

// fails runs the server, which must not start, and returns what it says.
func fails(t *testing.T, args ...string) string {
	t.Helper()
	out, err := command(t, args...).CombinedOutput()
	if err == nil {
		t.Fatalf("the server ran: %s", out)
	}
	return string(out)
}

func dial(t *testing.T, p *process) *client.Client {
	t.Helper()
	c, err := client.Dial(p.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestASignalDrainsAndThePapersAreThereAfterwards(t *testing.T) {
	data := t.TempDir()
	for round, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGKILL} {
		p := start(t, "--addr", "127.0.0.1:0", "--data", data)
		c := dial(t, p)
		if round > 0 {
			if got, err := c.Get(t.Context(), "a"); err != nil || got.GetTitle() != "A title" {
				t.Fatalf("round %d: %v %v", round, got, err)
			}
		}
		if _, err := c.Upsert(t.Context(), &client.Paper{Id: "a", Title: "A title"}); err != nil {
			t.Fatal(err)
		}
		if err := p.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		rest := p.untilLog("")
		if err := p.Wait(); (err == nil) != (signal != syscall.SIGKILL) {
			t.Errorf("%v: %v\n%s", signal, err, rest)
		}
	}
	p := start(t, "--addr", "127.0.0.1:0", "--data", data)
	if _, err := dial(t, p).Get(t.Context(), "a"); err != nil {
		t.Errorf("after a kill: %v", err)
	}
}

func TestAHangupIsSurvived(t *testing.T) {
	p := start(t, "--addr", "127.0.0.1:0", "--data", t.TempDir())
	for range 2 {
		if err := p.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		if text := p.untilLog("hangup"); !strings.Contains(text, "hangup") {
			t.Fatalf("the server has ended: %s", text)
		}
	}
	if _, err := dial(t, p).Upsert(t.Context(), &client.Paper{Id: "a", Title: "A title"}); err != nil {
		t.Error(err)
	}
}

func TestASecondServerSaysWhatIsTaken(t *testing.T) {
	data := t.TempDir()
	p := start(t, "--addr", "127.0.0.1:0", "--data", data)
	if text := fails(t, "--addr", p.addr, "--data", t.TempDir()); !strings.Contains(text, p.addr+" is taken") ||
		!strings.Contains(text, "--addr") {
		t.Errorf("the port: %s", text)
	}
	if text := fails(t, "--addr", "127.0.0.1:0", "--data", data); !strings.Contains(text, data) ||
		!strings.Contains(text, "in use") {
		t.Errorf("the folder: %s", text)
	}
}

func TestASecondSignalStopsAtOnce(t *testing.T) {
	p := start(t, "--addr", "127.0.0.1:0", "--data", t.TempDir(), "--drain", "10m")
	conn, err := grpc.NewClient(p.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// A client that asks about the services and never hangs up: a drain waits for that.
	stream, err := reflection.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = stream.Send(&reflection.ServerReflectionRequest{
		MessageRequest: &reflection.ServerReflectionRequest_ListServices{},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.untilLog("draining") // two signals of one kind may become one
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest := p.untilLog("")
	if err := p.Wait(); err != nil || !strings.Contains(rest, "stopped") {
		t.Errorf("%v\n%s", err, rest)
	}
}

func TestTheDemoAnswersThreeQueries(t *testing.T) {
	var out bytes.Buffer
	if err := demo(t.Context(), &out, "127.0.0.1:0", true); err != nil {
		t.Fatal(err)
	}
	tables := strings.Split(out.String(), "score  ")
	if len(tables) != 4 {
		t.Fatalf("%d tables:\n%s", len(tables)-1, &out)
	}
	for i, table := range tables[1:] {
		if rows := regexp.MustCompile(`(?m)^  -?\d\.\d{3}  [a-z0-9-]+ +\S`).FindAllString(table, -1); len(rows) != demoHits {
			t.Errorf("table %d has %d rows:\n%s", i+1, len(rows), &out)
		}
	}
	if !strings.Contains(tables[1], "  wanda  ") {
		t.Errorf("the text does not find the papers on pruning:\n%s", &out)
	}
}

func TestTheDemoGoesOnServingUntilItIsStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	ended := make(chan error, 1)
	go func() {
		err := demo(ctx, writer, "127.0.0.1:0", false)
		writer.Close()
		ended <- err
	}()
	lines := bufio.NewScanner(reader)
	for lines.Scan() {
		if _, addr, ok := strings.Cut(lines.Text(), "stats  --addr "); ok {
			c, err := client.Dial(addr)
			if err != nil {
				t.Fatal(err)
			}
			stats, err := c.Stats(ctx)
			if err != nil || stats.GetPapers() == 0 {
				t.Errorf("the demo's server: %v %v", stats, err)
			}
			c.Close()
			stop()
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestTheDemosPapersAreInTheSample(t *testing.T) {
	papers, err := sample.Papers()
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]bool, len(papers))
	for _, p := range papers {
		found[p.ID] = true
	}
	for _, id := range append([]string{demoRelated, demoDislike}, demoLikes...) {
		if !found[id] {
			t.Errorf("%s is not in the sample", id)
		}
	}
}

func TestHelpTeachesByExample(t *testing.T) {
	for _, args := range [][]string{{"-h"}, {"demo", "-h"}} {
		var out bytes.Buffer
		cmd := newCommand(nil)
		cmd.SetArgs(args)
		cmd.SetOut(&out)
		if err := cmd.Execute(); err != nil || !strings.Contains(out.String(), "Examples:") {
			t.Errorf("%v: %v\n%s", args, err, &out)
		}
	}
}

func TestFaultySettingsAreNamed(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	for _, c := range []struct {
		args []string
		text string
	}{
		{[]string{"--index", "btree"}, "auto, flat, hnsw, coder"},
		{[]string{"--addr", "7700"}, "host:port"},
		{[]string{"--tls-cert", missing}, "go together"},
		{[]string{"--tls-cert", missing, "--tls-key", missing}, missing},
		{[]string{"--token-file", missing}, missing},
		{[]string{"--tokens-file", missing}, missing},
		{[]string{"--tls-client-ca", missing}, "--tokens-file"},
		{[]string{"--max-connections", "0"}, "1 or more"},
		{[]string{"--addr", "0.0.0.0:0"}, "--insecure"},
		{[]string{"--addr", ":0", "--token-file", missing}, "unencrypted"},
		{[]string{"--addr", "[::]:0", "--tls-cert", missing, "--tls-key", missing}, "--tokens-file"},
		{[]string{"--drain", "-1s"}, "negative"},
		{[]string{"--memory-limit", "lots"}, "2GiB"},
		{[]string{"--debug-addr", "0.0.0.0:7701"}, "127.0.0.1"},
		{[]string{"--addr", "127.0.0.1:99999"}, "host:port"},
		{[]string{"--metrics-addr", "9464"}, "--metrics-addr"},
		{[]string{"--traces-share", "-0.5"}, "0 to 1"},
		{[]string{"--traces-share", "nan", "--traces-endpoint", "http://127.0.0.1:1"}, "0 to 1"},
		{[]string{"--traces-endpoint", "collector:4317"}, "http://"},
		{[]string{"--log-level", "loud"}, "debug, info"},
		{[]string{"--log-format", "xml"}, "text or json"},
		{[]string{"somewhere"}, "unknown command"},
	} {
		cmd := newCommand(nil)
		cmd.SetArgs(append([]string{"--data", t.TempDir()}, c.args...))
		if err := cmd.Execute(); err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%v: %v", c.args, err)
		}
	}
}

func TestABackupIsRestoredIntoAnEmptyFolder(t *testing.T) {
	from, file := t.TempDir(), filepath.Join(t.TempDir(), "papers.backup")
	p := start(t, "--addr", "127.0.0.1:0", "--data", from)
	if _, err := dial(t, p).Upsert(t.Context(), &client.Paper{Id: "a", Title: "A title"}); err != nil {
		t.Fatal(err)
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if p.untilLog(""); p.Wait() != nil {
		t.Fatal("the server did not end well")
	}
	backup(t, from, file)

	run := func(args ...string) (string, error) {
		var out bytes.Buffer
		cmd := newCommand(nil)
		cmd.SetArgs(append([]string{"restore"}, args...))
		cmd.SetOut(&out)
		err := cmd.Execute()
		return out.String(), err
	}
	to := filepath.Join(t.TempDir(), "new")
	if out, err := run("--data", to, file); err != nil || !strings.Contains(out, "papers 1,") {
		t.Fatalf("%s %v", out, err)
	}
	if _, err := run("--data", to, file); err == nil || !strings.Contains(err.Error(), "--replace") {
		t.Errorf("a second restore: %v", err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(t.TempDir(), "half")
	if err := os.WriteFile(half, content[:len(content)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := run("--data", to, "--replace", half); err == nil {
		t.Error("half a backup was restored")
	}
	if _, err := run("--data", to, "--replace", file); err != nil {
		t.Error(err)
	}
	p = start(t, "--addr", "127.0.0.1:0", "--data", to)
	if text := fails(t, "restore", "--data", to, "--replace", file); !strings.Contains(text, "in use") {
		t.Errorf("restore under a running server: %s", text)
	}
	if got, err := dial(t, p).Get(t.Context(), "a"); err != nil || got.GetTitle() != "A title" {
		t.Errorf("after the restore: %v %v", got, err)
	}
}

// backup writes the papers of a folder that no server has open to a file.
func backup(t *testing.T, folder, file string) {
	t.Helper()
	s, err := store.Open(folder, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := s.Backup(t.Context(), f, nil); err != nil {
		t.Fatal(err)
	}
}
