package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"go.uber.org/goleak"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/akintest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// connect serves papers to a session of the protocol.
func connect(t *testing.T, maxTokens int, papers ...*client.Paper) *sdk.ClientSession {
	t.Helper()
	c, err := client.Dial(akintest.Start(t, papers...).Addr())
	if err != nil {
		t.Fatal(err)
	}
	theirIn, ourOut := io.Pipe()
	ourIn, theirOut := io.Pipe()
	served := make(chan error, 1)
	go func() { served <- Serve(context.Background(), c, theirIn, theirOut, Options{MaxTokens: maxTokens}) }()
	session, err := sdk.NewClient(&sdk.Implementation{Name: "test"}, nil).Connect(t.Context(),
		&sdk.IOTransport{Reader: ourIn, Writer: ourOut}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = session.Close() // the server says below what it thinks of it
		if err := <-served; err != nil {
			t.Errorf("serving ended with %v", err)
		}
		_ = c.Close()
	})
	return session
}

// call returns the text of a tool's answer.
func call(t *testing.T, s *sdk.ClientSession, tool string, arguments map[string]any) (text string, failed bool) {
	t.Helper()
	result, err := s.CallTool(t.Context(), &sdk.CallToolParams{Name: tool, Arguments: arguments})
	if err != nil {
		t.Fatalf("%s: %v", tool, err)
	}
	if len(result.Content) != 1 {
		t.Fatalf("%s answers %d blocks", tool, len(result.Content))
	}
	block, ok := result.Content[0].(*sdk.TextContent)
	if !ok {
		t.Fatalf("%s answers %T", tool, result.Content[0])
	}
	return block.Text, result.IsError
}

// must is call for an answer that is none of an error.
func must[T any](t *testing.T, s *sdk.ClientSession, tool string, arguments map[string]any) T {
	t.Helper()
	text, failed := call(t, s, tool, arguments)
	var out T
	if failed {
		t.Fatalf("%s %v: %s", tool, arguments, text)
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%s %v answers no JSON: %v\n%s", tool, arguments, err, text)
	}
	return out
}

func TestToolsStayWithinTwoThousandTokens(t *testing.T) {
	listed, err := connect(t, 0).ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(listed.Tools)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, tool := range listed.Tools {
		names = append(names, tool.Name)
		if !tool.Annotations.ReadOnlyHint {
			t.Errorf("%s is not said to read alone", tool.Name)
		}
	}
	if len(names) != 6 {
		t.Errorf("there are the tools %v", names)
	}
	n := cost(string(raw))
	t.Logf("%d tools, %d bytes, at most %d tokens", len(names), len(raw), n)
	if n > 2000 {
		t.Errorf("the tools cost %d tokens:\n%s", n, raw)
	}
}

// longPapers are papers whose abstracts are long.
func longPapers(n, words int) []*client.Paper {
	papers := make([]*client.Paper, n)
	for i := range papers {
		var abstract strings.Builder
		for w := range words {
			fmt.Fprintf(&abstract, "attention%d weighs \"neighbours\" <%d> über 注意 ", i, w)
		}
		papers[i] = &client.Paper{
			Id: fmt.Sprintf("p%02d", i), Title: fmt.Sprintf("Attention number %d", i), Abstract: abstract.String(),
			Authors: strings.Split(strings.Repeat("Some Author,", 1000), ",")[:1000],
			Attributes: map[string]*client.AttributeValue{
				"venue": client.String(strings.Repeat("注", 300)), "year": client.Number(2020), "open": client.Bool(true),
			},
		}
	}
	return papers
}

func TestAnswersStayWithinTheirBudgetAndCursorsReachAllOfIt(t *testing.T) {
	papers := longPapers(12, 100)
	for _, budget := range []int{LeastMaxTokens, DefaultMaxTokens} {
		s := connect(t, budget, papers...)
		for _, c := range []struct {
			tool      string
			arguments map[string]any
			whole     bool // abstracts are to come whole
		}{
			{"search", map[string]any{"text": "attention weighs", "limit": 5}, false},
			{"search", map[string]any{"text": "attention weighs", "limit": 5, "abstracts": "full"}, true},
			{"recommend", map[string]any{"interests": []string{"attention weighs"}, "abstracts": "none"}, false},
			{"get", map[string]any{"ids": []string{"p00", "p01", "p02", "p03", "p04", "p05", "p06", "p07", "p08", "p09",
				"p10", "p11"}}, true},
		} {
			got := map[string]string{} // abstracts by id
			calls := 0
			for arguments := c.arguments; ; {
				text, failed := call(t, s, c.tool, arguments)
				if failed {
					t.Fatalf("%s: %s", c.tool, text)
				}
				if n := cost(text); n > budget {
					t.Errorf("%s answers %d tokens of %d:\n%s", c.tool, n, budget, text)
				}
				var a answer
				if err := json.Unmarshal([]byte(text), &a); err != nil {
					t.Fatal(err)
				}
				if a.Notice != notice || len(a.Papers) == 0 {
					t.Fatalf("%s answers %s", c.tool, text)
				}
				for _, p := range a.Papers {
					if _, again := got[p.ID]; again != p.Continued {
						t.Errorf("%s: %s comes again", c.tool, p.ID)
					}
					got[p.ID] += p.Abstract
				}
				if calls++; a.NextCursor == "" {
					break
				}
				arguments = map[string]any{"cursor": a.NextCursor}
			}
			if len(got) != len(papers) {
				t.Errorf("%s with %d tokens: %d papers of %d in %d calls", c.tool, budget, len(got), len(papers), calls)
			}
			for _, p := range papers {
				if want := plain(p.GetAbstract()); c.whole && got[p.GetId()] != want {
					t.Errorf("%s with %d tokens: the abstract of %s comes as %d bytes of %d", c.tool, budget, p.GetId(),
						len(got[p.GetId()]), len(want))
				}
			}
		}
	}
}

func TestACursorIsGoodTwiceAndForItsOwnTool(t *testing.T) {
	s := connect(t, 0, longPapers(6, 3)...)
	first := must[answer](t, s, "search", map[string]any{"text": "attention weighs", "limit": 2})
	again := map[string]any{"cursor": first.NextCursor}
	a, b := must[answer](t, s, "search", again), must[answer](t, s, "search", again)
	if a.Papers[0].ID != b.Papers[0].ID || a.Papers[0].ID == first.Papers[0].ID {
		t.Errorf("one cursor answers %s and %s behind %s", a.Papers[0].ID, b.Papers[0].ID, first.Papers[0].ID)
	}
	for tool, cursor := range map[string]string{"similar": first.NextCursor, "search": "c99", "get": "nonsense"} {
		if text, failed := call(t, s, tool, map[string]any{"cursor": cursor}); !failed ||
			!strings.Contains(text, "without a cursor") {
			t.Errorf("%s with the cursor %s: %v, %s", tool, cursor, failed, text)
		}
	}
}

func TestCursorsAreForgotten(t *testing.T) {
	var c cursors
	for range keptCursors + 1 {
		c.keep(&rest{tool: "search"})
	}
	if c.find("c1") != nil || c.find("c2") == nil || c.find("c65") == nil || c.find("c66") != nil || c.find("c0") != nil {
		t.Error("another cursor than the first was forgotten")
	}
}

func TestWhatAModelIsToldOfFaults(t *testing.T) {
	s := connect(t, 0, longPapers(2, 1)...)
	for _, c := range []struct {
		tool      string
		arguments map[string]any
		want      string
	}{
		{"search", map[string]any{}, "text is missing"},
		{"search", map[string]any{"text": "attention", "limit": 51}, "1 to 50"},
		{"search", map[string]any{"text": "attention", "from": "yesterday"}, "YYYY"},
		{"search", map[string]any{"text": "attention", "abstracts": "some"}, "short, full or none"},
		{"search", map[string]any{"text": "attention", "categories": []string{`a"b`}}, "filter"},
		{"search", map[string]any{"text": "attention", "filter": "bad ="}, "filter"},
		{"similar", map[string]any{}, "id is missing"},
		{"similar", map[string]any{"id": "nowhere"}, "nowhere"},
		{"get", map[string]any{}, "ids is missing"},
		{"export_bibtex", map[string]any{"ids": make([]string, 51)}, "at most 50"},
	} {
		if text, failed := call(t, s, c.tool, c.arguments); !failed || !strings.Contains(text, c.want) {
			t.Errorf("%s %v: %v, %q; want %q", c.tool, c.arguments, failed, text, c.want)
		}
	}
	missing := make([]string, 50)
	for i := range missing {
		missing[i] = strings.Repeat("注", 80) + fmt.Sprint(i)
	}
	if text, _ := call(t, s, "get", map[string]any{"ids": missing}); cost(text) > DefaultMaxTokens ||
		!strings.Contains(text, "50 ids are not stored") {
		t.Errorf("50 long ids that are not stored: %d tokens, %s", cost(text), text)
	}
	got := must[answer](t, s, "get", map[string]any{"ids": []string{"p00", "nowhere"}})
	if len(got.Papers) != 1 || len(got.MissingIDs) != 1 || got.Note == "" {
		t.Errorf("a missing id: %+v", got)
	}
}

func TestEntriesThatDoNotFitAreNamed(t *testing.T) {
	papers := longPapers(3, 1)
	papers[0].Authors, papers[1].Authors = []string{"Ada Lovelace"}, []string{"Alan Turing"}
	s := connect(t, 0, papers...)
	got := must[bibtex](t, s, "export_bibtex", map[string]any{"ids": []string{"p00", "p01", "p02", "p03"}})
	if !strings.Contains(got.BibTeX, "@misc{p00") && !strings.Contains(got.BibTeX, "{p00,") ||
		!strings.Contains(got.BibTeX, "Turing, Alan") {
		t.Errorf("entries:\n%s", got.BibTeX)
	}
	if len(got.RemainingIDs) != 1 || got.RemainingIDs[0] != "p02" || len(got.MissingIDs) != 1 {
		t.Errorf("%+v", got)
	}
	if last := must[bibtex](t, s, "export_bibtex", map[string]any{"ids": got.RemainingIDs}); len(last.TooLongIDs) != 1 {
		t.Errorf("an entry of 1,000 authors: %+v", last)
	}
}

func TestStatsTellTheScope(t *testing.T) {
	papers := longPapers(3, 1)
	papers[0].Categories = []string{"cs.CL"}
	got := must[statsOut](t, connect(t, 0, papers...), "stats", nil)
	if got.Papers != 3 || got.Sample == nil {
		t.Errorf("%+v", got)
	}
	if empty := must[statsOut](t, connect(t, 0), "stats", nil); empty.Papers != 0 || empty.Sample != nil {
		t.Errorf("an empty corpus: %+v", empty)
	}
}

func TestFiltersOfAScope(t *testing.T) {
	for _, c := range []struct {
		in   scope
		want string
	}{
		{scope{}, ``},
		{scope{From: "2020"}, `publish_time >= "2020-01-01T00:00:00Z"`},
		{scope{To: "2020"}, `publish_time < "2021-01-01T00:00:00Z"`},
		{scope{From: "2020-02", To: "2020-02"},
			`publish_time >= "2020-02-01T00:00:00Z" AND publish_time < "2020-03-01T00:00:00Z"`},
		{scope{To: "2020-12-31"}, `publish_time < "2021-01-01T00:00:00Z"`},
		{scope{Categories: []string{"cs.CL"}}, `categories:"cs.CL"`},
		{scope{Categories: []string{"a", "b"}, Filter: "x = 1 OR y = 2"},
			`(categories:"a" OR categories:"b") AND (x = 1 OR y = 2)`},
	} {
		if got, err := c.in.filter(); err != nil || got != c.want {
			t.Errorf("%+v: %s, %v; want %s", c.in, got, err, c.want)
		}
	}
}

func FuzzTextsArePlainAndCutWithinTheirCost(f *testing.F) {
	f.Add("a\u202eb\U000e0041c \x00 d", 3)
	f.Add("注意力 über aB12", 1)
	f.Fuzz(func(t *testing.T, text string, tokens int) {
		tokens = min(max(tokens, 0), 1000)
		text = plain(text)
		end := head(text, tokens)
		if cost(text[:end]) > tokens || !utf8.ValidString(text[:end]) || strings.ContainsAny(text, "\u202e\U000e0041\x00") {
			t.Errorf("%q is cut to %q for %d tokens", text, text[:end], tokens)
		}
	})
}
