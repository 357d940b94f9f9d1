package cli

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func (s *session) importJSON(args ...string) (importJSON, output) {
	s.t.Helper()
	o := s.run(append([]string{"import", "--json"}, args...)...)
	var summary importJSON
	if err := json.Unmarshal([]byte(o.out), &summary); err != nil {
		s.t.Fatalf("%v in %+v", err, o)
	}
	return summary, o
}

func TestImportSaysWhatItDid(t *testing.T) {
	s := newSession(t)
	file := filepath.Join(t.TempDir(), "corpus.jsonl")
	writeFile(t, file, beir(1200))
	golden(t, "import", s.must("import", file))
	golden(t, "import-again", s.must("import", file))
	golden(t, "import-json", s.must("import", "--json", file))
	if n := len(s.server.IDs()); n != 1200 {
		t.Errorf("%d papers", n)
	}
}

func TestImportReadsThroughGzip(t *testing.T) {
	s := newSession(t)
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, _ = io.WriteString(w, beir(50)) // a buffer takes everything
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "corpus.gz")
	writeFile(t, file, z.String())
	if summary, o := s.importJSON(file); o.code != exitOK || summary.Written != 50 {
		t.Errorf("%+v", o)
	}
}

func TestABadRecordIsNamedAndTheRestGoesIn(t *testing.T) {
	dir := t.TempDir()
	file, faults := filepath.Join(dir, "corpus.jsonl"), filepath.Join(dir, "failed.jsonl")
	lines := strings.SplitAfter(beir(30), "\n")
	lines[6] = "{\"_id\": \"broken\n"
	lines[20] = `{"_id":"long","title":"` + strings.Repeat("x", 3000) + "\"}\n"
	writeFile(t, file, strings.Join(lines, ""))

	s := newSession(t)
	summary, o := s.importJSON("--errors", faults, file)
	if o.code != exitPartial || summary.Written != 28 || summary.Failed != 2 {
		t.Fatalf("%+v %+v", summary, o)
	}
	raw, err := os.ReadFile(faults)
	if err != nil {
		t.Fatal(err)
	}
	var got []faultJSON
	for line := range strings.Lines(string(raw)) {
		var f faultJSON
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatal(err)
		}
		got = append(got, f)
	}
	if len(got) != 2 || got[0].Line != 7 || got[0].File != file || got[1].ID != "long" || got[1].Item != 20 ||
		got[1].Line != 21 || got[1].Field != "paper.title" {
		t.Errorf("%+v", got)
	}
	if !strings.Contains(o.err, "2 failures are in "+faults) {
		t.Errorf("standard error: %q", o.err)
	}
	if o = s.run("import", file); o.code != exitPartial || !strings.Contains(o.err, file+":7 (") ||
		!strings.Contains(o.err, file+":21 (long): ") {
		t.Errorf("without --errors: %+v", o)
	}
}

func TestManyFailuresAreSummarised(t *testing.T) {
	file := filepath.Join(t.TempDir(), "corpus.jsonl")
	writeFile(t, file, beir(5)+strings.Repeat("{broken\n", 40))
	o := newSession(t).run("import", "--format", "beir", file)
	if o.code != exitPartial || !strings.Contains(o.err, "... and 30 more; --errors FILE keeps them all") ||
		strings.Count(o.err, "\n") > 14 {
		t.Errorf("%+v", o)
	}
}

func TestAFileThatCannotBeReadDoesNotStopTheOthers(t *testing.T) {
	dir := t.TempDir()
	good, strange, cut := filepath.Join(dir, "good.jsonl"), filepath.Join(dir, "strange"),
		filepath.Join(dir, "cut.jsonl.gz")
	writeFile(t, good, beir(10))
	writeFile(t, strange, "\x7fELF\x02\x01\x01\x00\x00\x00")
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, _ = io.WriteString(w, beir(5000)) // a buffer takes everything
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	writeFile(t, cut, z.String()[:z.Len()/2])

	s := newSession(t)
	summary, o := s.importJSON(strange, filepath.Join(dir, "missing"), cut, good)
	if o.code != exitPartial || len(summary.FailedFiles) != 3 || summary.Written < 1000 || summary.Failed != 0 {
		t.Fatalf("%+v %+v", summary, o)
	}
	for _, want := range []string{strange + ": ", "missing: no such file", cut + ": after ", "3 files failed"} {
		if !strings.Contains(o.err, want) {
			t.Errorf("%q does not say %q", o.err, want)
		}
	}
	if o = s.run("import", strange); o.code != exitError || !strings.Contains(o.err, "nothing went in") {
		t.Errorf("only a strange file: %+v", o)
	}
}

func TestImportGoesOnWhenTheServerDiesInTheMiddle(t *testing.T) {
	s := newSession(t)
	file := filepath.Join(t.TempDir(), "corpus.jsonl")
	writeFile(t, file, beir(3000))
	killed := make(chan struct{})
	s.server.Import.Stored = func(stream, items int) error {
		if stream == 1 && items == 500 {
			close(killed)
		}
		return nil
	}
	restarted, waits := make(chan struct{}), make(chan struct{})
	var once sync.Once
	s.said = func(all string) {
		if strings.Contains(all, "waiting for the server") {
			once.Do(func() { close(waits) })
		}
	}
	go func() {
		defer close(restarted)
		<-killed
		s.server.Kill()
		<-waits // an attempt has failed
		s.server.Listen()
	}()
	summary, o := s.importJSON(file)
	<-restarted
	if o.code != exitOK || summary.Written+summary.Unchanged != 3000 || summary.Reconnects == 0 {
		t.Fatalf("%+v %+v", summary, o)
	}
	if !strings.Contains(o.err, "waiting for the server") {
		t.Errorf("standard error: %q", o.err)
	}
	for i := range 3000 {
		if n := s.server.Writes(fmt.Sprintf("p-%05d", i)); n != 1 {
			t.Fatalf("paper %d was written %d times", i, n)
		}
	}
}

func TestImportGivesUpWhenTheServerStaysAway(t *testing.T) {
	s := newSession(t)
	file := filepath.Join(t.TempDir(), "corpus.jsonl")
	writeFile(t, file, beir(300))
	s.server.Import.Received = func(_, items int) error {
		if items == 100 {
			go s.server.Kill()
			return status.Error(codes.Unavailable, "dying")
		}
		return nil
	}
	o := s.run("import", "--patience", "300ms", file)
	if o.code != exitUnavailable || !strings.Contains(o.err, "running the import again is safe") ||
		!strings.Contains(o.err, "is a server running") {
		t.Errorf("%+v", o)
	}
}

func TestTheBarFitsTheTerminalAndLeavesNothingBehind(t *testing.T) {
	file := filepath.Join(t.TempDir(), "corpus.jsonl")
	writeFile(t, file, beir(400))
	for _, width := range []int{20, 40, 80} {
		s := newSession(t)
		s.env.ErrWidth = width
		s.server.Import.AckDelay = 2 * time.Millisecond
		o := s.run("import", file)
		if o.code != exitOK || !strings.Contains(o.err, "papers") || !strings.Contains(o.err, "/s") {
			t.Errorf("%d columns: %+v", width, o)
		}
		if !strings.HasPrefix(o.out, "400 papers written in ") {
			t.Errorf("%d columns: %q", width, o.out)
		}
	}
}

func TestStateTextSaysShareRateAndTimeLeft(t *testing.T) {
	for _, c := range []struct {
		state state
		want  string
	}{
		{state{items: 4000, fraction: .25}, "25% 400/s 0:30 left"},
		{state{items: 4000, fraction: -1}, "400/s"},
		{state{items: 4000, fraction: .001}, "0% 400/s"},
		{state{note: "waiting for the server: gone"}, "waiting for the server: gone"},
	} {
		if got := c.state.text(10*time.Second, 0); got != c.want {
			t.Errorf("%+v: %q, not %q", c.state, got, c.want)
		}
	}
	if got := clock(2*time.Hour + 3*time.Minute + 4*time.Second); got != "2:03:04" {
		t.Error(got)
	}
}

func TestWhatIsExportedCanBeImported(t *testing.T) {
	from, to := newSession(t, library()...), newSession(t)
	for _, name := range []string{"papers.jsonl", "papers.jsonl.gz"} {
		file := filepath.Join(t.TempDir(), name)
		from.must("export", file)
		if o := from.run("export", file); o.code != exitUsage || !strings.Contains(o.err, "--force") {
			t.Errorf("an export over a file: %+v", o)
		}
		from.must("export", "--force", file)
		if o := to.run("import", file); o.code != exitOK {
			t.Fatalf("%s: %+v", name, o)
		}
	}
	a, b := from.must("list", "--json", "--abstracts"), to.must("list", "--json", "--abstracts")
	strip := func(text string) string {
		var b strings.Builder
		for line := range strings.Lines(text) {
			var m map[string]any
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Fatal(err)
			}
			delete(m, "revision")
			delete(m, "create_time")
			delete(m, "update_time")
			raw, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			b.Write(append(raw, '\n'))
		}
		return b.String()
	}
	if strip(a) != strip(b) {
		t.Errorf("exported\n%s\nimported\n%s", a, b)
	}
}

func TestAFailedBackupLeavesNoFile(t *testing.T) {
	s := newSession(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "akin.backup")
	s.must("backup", file)
	if raw, err := os.ReadFile(file); err != nil || string(raw) != "piece 0\npiece 1\npiece 2\npiece 3\n" {
		t.Errorf("%q, %v", raw, err)
	}
	s.server.Kill()
	if o := s.run("backup", filepath.Join(dir, "second")); o.code != exitUnavailable {
		t.Errorf("%+v", o)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestPurgeDeletesOnlyWithForce(t *testing.T) {
	s := newSession(t, library()...)
	if o := s.run("purge", "*"); o.code != exitOK || !strings.Contains(o.err, "7 papers would be deleted") ||
		len(s.server.IDs()) != 7 {
		t.Errorf("%+v, %d papers left", o, len(s.server.IDs()))
	}
	if o := s.run("purge", "--force", "*"); o.code != exitOK || !strings.Contains(o.err, "7 papers deleted") ||
		len(s.server.IDs()) != 0 {
		t.Errorf("%+v, %d papers left", o, len(s.server.IDs()))
	}
}
