package gateway_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/admit"
	"github.com/akin-search/akin/server/internal/gateway"
)

const (
	get    = "/akin.v1.PaperService/GetPaper"
	search = "/akin.v1.SimilarityService/SearchPapers"
)

var (
	whales = &akinv1.Paper{Id: "w/1", Title: "Songs of whales", Abstract: "How whales sing in the sea."}
	graphs = &akinv1.Paper{Id: "g/1", Title: "Colours of graphs", Abstract: "How graphs are coloured."}
)

func TestAMethodIsCalledWithPlainJSON(t *testing.T) {
	r := newRig(t, gateway.Config{}, nil)
	r.store(t, whales, graphs)
	a := r.post(t, "SimilarityService/SearchPapers", `{"text": "whales", "pageSize": 1, "options": {"readMask": "title"}}`)
	hits := a.want(t, 200)["hits"].([]any)
	if paper := hits[0].(map[string]any)["paper"].(map[string]any); len(hits) != 1 || paper["title"] != whales.Title ||
		paper["abstract"] != nil {
		t.Errorf("%s", a.body)
	}
	for name, want := range map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store",
		"X-Content-Type-Options": "nosniff"} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	// The names of the contract do as well as those of JSON.
	r.post(t, "SimilarityService/SearchPapers", `{"text": "whales", "page_size": 1}`, "Content-Type",
		"application/json; charset=UTF-8").want(t, 200)
}

func TestReadsAreCalledByGET(t *testing.T) {
	r := newRig(t, gateway.Config{}, nil)
	r.store(t, whales, graphs)
	message := url.QueryEscape(`{"text":"whales","pageSize":1}`)
	encoded := base64.URLEncoding.EncodeToString([]byte(`{"text":"whales","pageSize":1}`))
	binary, err := proto.Marshal(&akinv1.SearchPapersRequest{
		Query: &akinv1.SearchPapersRequest_Text{Text: "whales"}, PageSize: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, query := range map[string]string{
		"parameters":     "text=whales&page_size=1",
		"other spelling": "text=whales&pageSize=1",
		"nested": "text=whales&page_size=1&options.filter=" + url.QueryEscape(`id = "w/1"`) +
			"&options.read_mask=title,publishTime&options.recency_half_life=3600s&options.mode=SEARCH_MODE_EXACT",
		"Connect's":          "connect=v1&encoding=json&message=" + message,
		"Connect's base64":   "encoding=json&base64=1&message=" + encoded,
		"Connect's unpadded": "encoding=json&base64=1&message=" + strings.TrimRight(encoded, "="),
		"compressed": "encoding=json&base64=1&compression=gzip&message=" +
			base64.RawURLEncoding.EncodeToString(zipped(`{"text":"whales","pageSize":1}`)),
	} {
		a := r.ask(t, "GET", search+"?"+query, "")
		if hits := a.want(t, 200)["hits"].([]any); len(hits) != 1 {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	a := r.ask(t, "GET", search+"?encoding=proto&base64=1&message="+base64.RawURLEncoding.EncodeToString(binary), "")
	var found akinv1.SearchPapersResponse
	if err := proto.Unmarshal([]byte(a.body), &found); err != nil || len(found.GetHits()) != 1 ||
		a.Header.Get("Content-Type") != "application/proto" {
		t.Errorf("protobuf: %v %q", err, a.body)
	}
	if a := r.ask(t, "HEAD", get+"?id=w/1", ""); a.StatusCode != http.StatusOK || a.body != "" || a.ContentLength == 0 {
		t.Errorf("HEAD: %d %q", a.StatusCode, a.body)
	}
	recommended := r.ask(t, "GET", "/akin.v1.SimilarityService/RecommendPapers?likes[0].paper_id=w/1&likes[1].text=sea"+
		"&likes[1].weight=.5&exclude_paper_ids=x&exclude_paper_ids=y", "")
	if hits := recommended.want(t, 200)["hits"].([]any); len(hits) != 1 {
		t.Errorf("recommended: %s", recommended.body)
	}
}

func TestWritesAreNotCalledByGET(t *testing.T) {
	r := newRig(t, gateway.Config{}, nil)
	for verb, path := range map[string]string{"GET": "/akin.v1.PaperService/DeletePaper?id=a", "DELETE": get, "PUT": get} {
		a := r.ask(t, verb, path, "")
		if got := a.want(t, 405); got["code"] != "unimplemented" || !strings.Contains(a.Header.Get("Allow"), "POST") {
			t.Errorf("%s: %v, Allow %q", verb, got, a.Header.Get("Allow"))
		}
	}
}

func TestErrorsAreReadable(t *testing.T) {
	r := newRig(t, gateway.Config{}, nil)
	for name, c := range map[string]struct {
		answer       answer
		status       int
		code, reason string
		field, text  string
	}{
		"a violation": {r.post(t, "PaperService/UpsertPaper", `{"paper": {"id": ""}}`), 400, "invalid_argument",
			"INVALID_FIELD", "paper.id", "id"},
		"an unknown paper": {r.ask(t, "GET", get+"?id=nobody", ""), 404, "not_found", "PAPER_NOT_FOUND", "", "nobody"},
		"no method":        {r.post(t, "PaperService/Nothing", `{}`), 404, "unimplemented", "NO_METHOD", "", "/docs"},
		"no JSON": {r.post(t, "PaperService/GetPaper", `{"id":`), 400, "invalid_argument", "INVALID_MESSAGE", "",
			"GetPaperRequest"},
		"no such field": {r.post(t, "PaperService/GetPaper", `{"di": "a"}`), 400, "invalid_argument", "INVALID_MESSAGE",
			"", `unknown field "di"`},
		"an empty body": {r.post(t, "PaperService/GetPaper", ``), 400, "invalid_argument", "INVALID_MESSAGE", "",
			"send {}"},
		"no content type": {r.ask(t, "POST", get, `{"id": "a"}`), 415, "unimplemented", "CONTENT_TYPE", "",
			"application/json"},
		"a form": {r.post(t, "PaperService/GetPaper", `id=a`, "Content-Type", "application/x-www-form-urlencoded"),
			415, "unimplemented", "CONTENT_TYPE", "", ""},
		"another charset": {r.post(t, "PaperService/GetPaper", `{}`, "Content-Type", "application/json; charset=latin1"),
			415, "unimplemented", "CONTENT_TYPE", "", ""},
		"a compression": {r.post(t, "PaperService/GetPaper", `{}`, "Content-Encoding", "br"), 501, "unimplemented",
			"COMPRESSION", "", "gzip"},
		"no gzip": {r.post(t, "PaperService/GetPaper", `{}`, "Content-Encoding", "gzip"), 400, "invalid_argument",
			"INVALID_MESSAGE", "", "compressed"},
		"a timeout": {r.post(t, "PaperService/GetPaper", `{"id": "a"}`, "Connect-Timeout-Ms", "soon"), 400,
			"invalid_argument", "INVALID_TIMEOUT", "", "milliseconds"},
		"no time": {r.post(t, "PaperService/GetPaper", `{"id": "a"}`, "Connect-Timeout-Ms", "0"), 504,
			"deadline_exceeded", "DEADLINE_EXCEEDED", "", ""},
		"too much": {r.post(t, "PaperService/GetPaper", `{"id": "`+strings.Repeat("a", 4<<20)+`"}`), 413,
			"resource_exhausted", "MESSAGE_TOO_LARGE", "", "4 MiB"},
		"too much within": {r.post(t, "PaperService/GetPaper", string(zipped(`{"id": "`+strings.Repeat("a", 5<<20)+`"}`)),
			"Content-Encoding", "gzip"), 413, "resource_exhausted", "MESSAGE_TOO_LARGE", "", "4 MiB"},
		"a query's field": {r.ask(t, "GET", search+"?txt=whales", ""), 400, "invalid_argument", "INVALID_FIELD", "txt",
			"no such field"},
		"a query's number": {r.ask(t, "GET", search+"?text=whales&page_size=ten", ""), 400, "invalid_argument",
			"INVALID_FIELD", "page_size", "whole number"},
		"a query's oneof": {r.ask(t, "GET", search+"?text=whales&paper_id=a", ""), 400, "invalid_argument", "INVALID_FIELD",
			"text", "only one"},
		"a broken query": {r.ask(t, "GET", search+"?text=%zz", ""), 400, "invalid_argument", "INVALID_MESSAGE", "",
			"percent"},
		"an encoding": {r.ask(t, "GET", search+"?encoding=xml&message=a", ""), 415, "unimplemented", "CONTENT_TYPE", "",
			"json"},
	} {
		got := c.answer.want(t, c.status)
		if got["code"] != c.code || got["reason"] != c.reason || !strings.Contains(got["message"].(string), c.text) {
			t.Errorf("%s: %s", name, c.answer.body)
		}
		if details, ok := got["details"].([]any); !ok || details[0].(map[string]any)["type"] != "google.rpc.ErrorInfo" {
			t.Errorf("%s: details %v", name, got["details"])
		}
		if c.field != "" {
			if list, ok := got["fieldViolations"].([]any); !ok || list[0].(map[string]any)["field"] != c.field {
				t.Errorf("%s: violations %v", name, got["fieldViolations"])
			}
		}
	}
}

func TestAServerThatLoadsSaysWhenToComeAgain(t *testing.T) {
	r := newLoadingRig(t, gateway.Config{}, nil)
	a := r.ask(t, "GET", get+"?id=a", "")
	if got := a.want(t, 503); got["reason"] != "LOADING" || got["retryAfter"] != "1s" ||
		a.Header.Get("Retry-After") != "1" {
		t.Errorf("%s, Retry-After %q", a.body, a.Header.Get("Retry-After"))
	}
}

func TestRolesAndFiltersHoldOverHTTP(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens.toml")
	entries := "[[principal]]\nname = \"reader\"\nhash = \"" + admit.HashToken("reading") +
		"\"\nroles = [\"read\"]\nfilter = 'id = \"w/1\"'\n"
	if err := os.WriteFile(file, []byte(entries), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := admit.NewKeyring(file, "everything", nil)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, gateway.Config{}, keys)
	for _, p := range []string{`{"paper":{"id":"w/1","title":"Songs"}}`, `{"paper":{"id":"g/1","title":"Colours"}}`} {
		r.post(t, "PaperService/UpsertPaper", p, "Authorization", "Bearer everything").want(t, 200)
	}
	a := r.ask(t, "GET", get+"?id=w/1", "")
	if got := a.want(t, 401); got["reason"] != "UNAUTHENTICATED" || a.Header.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("without a token: %s", a.body)
	}
	reader := []string{"Authorization", "Bearer reading"}
	r.ask(t, "GET", get+"?id=w/1", "", reader...).want(t, 200)
	r.ask(t, "GET", get+"?id=g/1", "", reader...).want(t, 404)
	got := r.post(t, "PaperService/DeletePaper", `{"id":"w/1"}`, reader...).want(t, 403)
	if got["reason"] != "PERMISSION_DENIED" {
		t.Errorf("a write: %v", got)
	}
	got = r.ask(t, "GET", "/akin.v1.IndexService/GetIndexStats", "", reader...).want(t, 403)
	if got["reason"] != "FILTER_FORCED" {
		t.Errorf("counts: %v", got)
	}
	// Nobody's body is read before it is known who sends it.
	got = r.post(t, "PaperService/UpsertPaper", strings.Repeat("a", 8<<20)).want(t, 401)
	if got["reason"] != "UNAUTHENTICATED" {
		t.Errorf("a large body: %v", got)
	}
}

func TestBodiesAreCompressedBothWays(t *testing.T) {
	r := newRig(t, gateway.Config{}, nil)
	long := &akinv1.Paper{Id: "l", Title: "Long", Abstract: strings.Repeat("a long abstract ", 500)}
	r.store(t, long)
	a := r.post(t, "PaperService/GetPaper", string(zipped(`{"id":"l"}`)), "Content-Encoding", "gzip", "Accept-Encoding",
		"br, gzip;q=0.5")
	if a.Header.Get("Content-Encoding") != "gzip" || len(a.body) > 1000 {
		t.Fatalf("%q of %d bytes", a.Header.Get("Content-Encoding"), len(a.body))
	}
	plain, err := gzip.NewReader(strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(plain); err != nil || !bytes.Contains(text, []byte(long.GetAbstract())) {
		t.Errorf("%v %q", err, text)
	}
	if a := r.ask(t, "GET", get+"?id=l", "", "Accept-Encoding", "gzip;q=0"); a.Header.Get("Content-Encoding") != "" {
		t.Errorf("gzip was refused, and came")
	}
}

func TestForeignPagesAreKeptOut(t *testing.T) {
	r := newRig(t, gateway.Config{Origins: []string{"https://app.example.org"}, Hosts: []string{"akin.example.org"}}, nil)
	const foreign, ours = "https://evil.example.org", "https://app.example.org"
	for name, c := range map[string]struct {
		answer answer
		status int
		allow  string
	}{
		"a foreign page": {r.post(t, "PaperService/DeletePaper", `{"id":"a"}`, "Origin", foreign), 403, ""},
		"a foreign page, by Sec-": {r.post(t, "PaperService/DeletePaper", `{"id":"a"}`, "Sec-Fetch-Site", "cross-site"),
			403, ""},
		"a foreign page's read": {r.ask(t, "GET", get+"?id=a", "", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode",
			"no-cors"), 403, ""},
		"a link": {r.ask(t, "GET", get+"?id=a", "", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode",
			"navigate"), 404, ""},
		"the same site's page": {r.post(t, "PaperService/DeletePaper", `{"id":"a"}`, "Sec-Fetch-Site", "same-origin",
			"Origin", r.url), 404, ""},
		"no page": {r.post(t, "PaperService/DeletePaper", `{"id":"a"}`), 404, ""},
		"an allowed page": {r.post(t, "PaperService/DeletePaper", `{"id":"a"}`, "Origin", ours, "Sec-Fetch-Site",
			"cross-site"), 404, ours},
		"an allowed page's read": {r.ask(t, "GET", get+"?id=a", "", "Origin", ours, "Sec-Fetch-Site", "cross-site",
			"Sec-Fetch-Mode", "cors"), 404, ours},
		"an allowed page's question": {r.ask(t, "OPTIONS", get, "", "Origin", ours, "Access-Control-Request-Method", "POST"),
			204, ours},
		"a foreign page's question": {r.ask(t, "OPTIONS", get, "", "Origin", foreign, "Access-Control-Request-Method",
			"POST"), 405, ""},
		"another name":                {r.ask(t, "GET", get+"?id=a", "", "Host", "evil.example.org"), 421, ""},
		"another name, for pages":     {r.ask(t, "GET", "/", "", "Host", "evil.example.org"), 421, ""},
		"an allowed name":             {r.ask(t, "GET", "/", "", "Host", "akin.example.org:7700"), 200, ""},
		"an allowed page, and a form": {r.ask(t, "POST", "/likes", "", "Origin", ours), 403, ""},
	} {
		if got := c.answer.Header.Get("Access-Control-Allow-Origin"); c.answer.StatusCode != c.status || got != c.allow {
			t.Errorf("%s: %d, allowed %q: %s", name, c.answer.StatusCode, got, c.answer.body)
		}
	}
	closed := newRig(t, gateway.Config{}, nil)
	a := closed.ask(t, "OPTIONS", get, "", "Origin", ours, "Access-Control-Request-Method", "POST")
	if a.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("without a list: %d %v", a.StatusCode, a.Header)
	}
}

func TestListsOfHostsAndOriginsAreChecked(t *testing.T) {
	for _, host := range []string{"", "https://a", "a/b", "*.a"} {
		if gateway.CheckHosts([]string{host}) == nil {
			t.Errorf("host %q", host)
		}
	}
	for _, origin := range []string{"", "*", "a.org", "https://a.org/", "https://a.org/b", "null"} {
		if gateway.CheckOrigins([]string{origin}) == nil {
			t.Errorf("origin %q", origin)
		}
	}
}

// zipped is a text under gzip.
func zipped(text string) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	io.WriteString(z, text)
	z.Close()
	return out.Bytes()
}
