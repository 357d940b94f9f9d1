package gateway_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/gateway"
)

const (
	export   = "/akin.v1.PaperService/ExportPapers"
	imported = "/akin.v1.PaperService/ImportPapers"
)

// frame is one of Connect's frames.
type frame struct {
	flags byte
	data  string
}

func (f frame) bytes() string {
	head := make([]byte, 5)
	head[0] = f.flags
	binary.BigEndian.PutUint32(head[1:], uint32(len(f.data)))
	return string(head) + f.data
}

// frames splits a body.
func frames(t *testing.T, body string) (out []frame) {
	t.Helper()
	for len(body) > 0 {
		if len(body) < 5 {
			t.Fatalf("a frame's head is cut off: %q", body)
		}
		n := binary.BigEndian.Uint32([]byte(body[1:5]))
		out = append(out, frame{body[0], body[5 : 5+n]})
		body = body[5+n:]
	}
	return out
}

func TestAServersStreamIsConnects(t *testing.T) {
	r := newRig(t, gateway.Config{}, nil)
	r.store(t, whales, graphs)
	a := r.ask(t, "POST", export, frame{0, `{}`}.bytes(), "Content-Type", "application/connect+json")
	got := frames(t, a.body)
	if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != "application/connect+json" || len(got) < 2 {
		t.Fatalf("%d %v %q", a.StatusCode, a.Header, got)
	}
	if last := got[len(got)-1]; last.flags != 2 || last.data != `{}` {
		t.Errorf("the end: %v", last)
	}
	if !strings.Contains(got[0].data, whales.GetTitle()) && !strings.Contains(got[0].data, graphs.GetTitle()) {
		t.Errorf("the first: %v", got[0])
	}
	// An error is the end of a stream that is otherwise well.
	a = r.ask(t, "POST", export, frame{0, `{"filter": "nonsense ("}`}.bytes(), "Content-Type", "application/connect+json")
	if got = frames(t, a.body); a.StatusCode != http.StatusOK || len(got) != 1 || got[0].flags != 2 {
		t.Fatalf("%d %q", a.StatusCode, a.body)
	}
	var end struct{ Error struct{ Code, Reason string } }
	if err := json.Unmarshal([]byte(got[0].data), &end); err != nil || end.Error.Code != "invalid_argument" ||
		end.Error.Reason != "INVALID_FILTER" {
		t.Errorf("%s", got[0].data)
	}
}

func TestFramesAreCompressedBothWays(t *testing.T) {
	r := newRig(t, gateway.Config{}, nil)
	long := &akinv1.Paper{Id: "l", Title: "Long", Abstract: strings.Repeat("a long abstract ", 500)}
	r.store(t, long)
	a := r.ask(t, "POST", export, frame{1, string(zipped(`{}`))}.bytes(), "Content-Type", "application/connect+json",
		"Connect-Content-Encoding", "gzip", "Connect-Accept-Encoding", "gzip")
	got := frames(t, a.body)
	if a.Header.Get("Connect-Content-Encoding") != "gzip" || len(got) != 2 || got[0].flags != 1 {
		t.Fatalf("%v %q", a.Header, got)
	}
	plain, err := gzip.NewReader(strings.NewReader(got[0].data))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(plain); err != nil || !bytes.Contains(text, []byte(long.GetAbstract())) {
		t.Errorf("%v %q", err, text)
	}
}

func TestBrokenFramesAreRefused(t *testing.T) {
	r := newRig(t, gateway.Config{}, nil)
	for name, body := range map[string]string{
		"nothing":              "",
		"a head cut off":       "\x00\x00",
		"a body cut off":       "\x00\x00\x00\x00\x05{}",
		"too long":             "\x00\xff\xff\xff\xff{}",
		"an unknown flag":      frame{4, `{}`}.bytes(),
		"an end":               frame{2, `{}`}.bytes(),
		"compressed unsaid":    frame{1, string(zipped(`{}`))}.bytes(),
		"two requests":         frame{0, `{}`}.bytes() + frame{0, `{}`}.bytes(),
		"something no message": frame{0, `[]`}.bytes(),
	} {
		a := r.ask(t, "POST", export, body, "Content-Type", "application/connect+json")
		got := frames(t, a.body)
		if a.StatusCode != http.StatusOK || len(got) != 1 || got[0].flags != 2 ||
			!strings.Contains(got[0].data, `"reason":"`) {
			t.Errorf("%s: %d %q", name, a.StatusCode, a.body)
		}
	}
}

func TestAServersStreamIsLinesOfJSON(t *testing.T) {
	r := newRig(t, gateway.Config{}, nil)
	r.store(t, whales, graphs)
	for name, a := range map[string]answer{
		"GET":          r.ask(t, "GET", export, ""),
		"plain JSON":   r.post(t, "PaperService/ExportPapers", `{}`),
		"one line":     r.ask(t, "POST", export, `{}`, "Content-Type", "application/x-ndjson"),
		"by the query": r.ask(t, "GET", export+"?filter=", ""),
	} {
		if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != "application/x-ndjson" {
			t.Fatalf("%s: %d %v", name, a.StatusCode, a.Header)
		}
		for line := range strings.Lines(a.body) {
			if !json.Valid([]byte(line)) {
				t.Errorf("%s: %q", name, line)
			}
		}
		if !strings.Contains(a.body, whales.GetTitle()) || !strings.Contains(a.body, graphs.GetTitle()) {
			t.Errorf("%s: %q", name, a.body)
		}
	}
	a := r.ask(t, "GET", export+"?filter=nonsense+(", "")
	if got := a.want(t, 400); got["reason"] != "INVALID_FILTER" {
		t.Errorf("an error before the first line: %s", a.body)
	}
	zipped := r.ask(t, "GET", export, "", "Accept-Encoding", "gzip")
	plain, err := gzip.NewReader(strings.NewReader(zipped.body))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(plain); err != nil || !strings.Contains(string(text), whales.GetTitle()) {
		t.Errorf("compressed: %v %q", err, text)
	}
}

// items are n papers to import, one request each.
func items(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf(`{"item":"%d","paper":{"id":"p/%d","title":"Paper %d"}}`, i+1, i, i))
	}
	return list
}

func TestPapersAreImportedByBothFramings(t *testing.T) {
	r := newRig(t, gateway.Config{}, nil)
	const n = 200
	var framed strings.Builder
	for _, item := range items(n) {
		framed.WriteString(frame{0, item}.bytes())
	}
	a := r.ask(t, "POST", imported, framed.String(), "Content-Type", "application/connect+json")
	got := frames(t, a.body)
	if last := got[len(got)-1]; a.StatusCode != http.StatusOK || last.flags != 2 || last.data != `{}` {
		t.Fatalf("%d %q", a.StatusCode, a.body)
	}
	a = r.ask(t, "POST", imported, strings.Join(items(n), "\n\n")+"\n", "Content-Type", "application/x-ndjson")
	if a.StatusCode != http.StatusOK || !strings.Contains(a.body, fmt.Sprintf(`"%d"`, n)) {
		t.Fatalf("%d %q", a.StatusCode, a.body)
	}
	if !a.Close {
		t.Error("a connection whose reading was cut off is used again")
	}
	if stats := r.ask(t, "GET", "/akin.v1.IndexService/GetIndexStats", "").want(t, 200); stats["papers"] != fmt.Sprint(n) {
		t.Errorf("%v", stats)
	}
	// A faulty item of the client's ends the call with what is wrong, and not with what came of it.
	a = r.ask(t, "POST", imported, items(1)[0]+"\n{\"itm\":1}\n", "Content-Type", "application/connect+json")
	if !strings.Contains(a.body, "flags") && !strings.Contains(a.body, "4 MiB") {
		t.Errorf("lines as frames: %q", a.body)
	}
	a = r.ask(t, "POST", imported, `{"itm":1}`, "Content-Type", "application/x-ndjson")
	if got := a.want(t, 400); !strings.Contains(got["message"].(string), `unknown field "itm"`) {
		t.Errorf("%s", a.body)
	}
	if got := r.post(t, "PaperService/ImportPapers", `{}`).want(t, 415); got["reason"] != "CONTENT_TYPE" {
		t.Errorf("plain JSON: %v", got)
	}
}

func TestAnImportAnswersWhileItIsSent(t *testing.T) {
	r := newRig(t, gateway.Config{}, nil)
	pr, pw := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+imported, pr)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/connect+json")
	go io.WriteString(pw, frame{0, items(1)[0]}.bytes()) // and the body stays open
	resp, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	head := make([]byte, 5)
	if _, err := io.ReadFull(resp.Body, head); err != nil || head[0] != 0 {
		t.Fatalf("%v %v", head, err)
	}
	pw.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Errorf("the rest: %v", err)
	}
}
