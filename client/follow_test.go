package client_test

import (
	"errors"
	"testing"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/akintest"
)

// TestReadsNameWhatTheClientWrote calls every read after every kind of write.
func TestReadsNameWhatTheClientWrote(t *testing.T) {
	s := akintest.Start(t, samplePapers(5)...)
	c := dial(t, s)
	ctx := testContext(t)
	reads := map[string]func() error{
		"get":    func() error { _, err := c.Get(ctx, "paper-00001"); return err },
		"many":   func() error { _, _, err := c.GetMany(ctx, []string{"paper-00001"}); return err },
		"search": func() error { _, err := c.Search(ctx, "abstract topic"); return err },
		"batch": func() error {
			_, err := c.QueryBatch(ctx, []*client.SearchRequest{client.TextQuery("topic")})
			return err
		},
		"explain": func() error { _, err := c.ExplainPapers(ctx, "paper-00001", "paper-00002", 3); return err },
		"recommend": func() error {
			_, err := c.Recommend(ctx, client.Taste{Likes: []*client.Preference{client.FromPaper("paper-00001")}})
			return err
		},
		"list": func() error {
			for _, err := range c.List(ctx) {
				return err
			}
			return nil
		},
		"export": func() error {
			for _, err := range c.Export(ctx) {
				return err
			}
			return nil
		},
		"duplicates": func() error {
			for _, err := range c.Duplicates(ctx) {
				return err
			}
			return nil
		},
	}
	writes := map[string]func() error{
		"upsert":       func() error { _, err := c.Upsert(ctx, samplePapers(7)[6]); return err },
		"upsert batch": func() error { _, err := c.UpsertBatch(ctx, samplePapers(9)[7:]); return err },
		"import":       func() error { _, err := c.Import(ctx, client.Papers(samplePapers(12)[9:]...)); return err },
		"delete":       func() error { _, err := c.Delete(ctx, "paper-00000"); return err },
		"purge":        func() error { _, _, err := c.Purge(ctx, `categories:"cs.2"`, true); return err },
	}
	if c.Token() != "" {
		t.Errorf("the token before the first write is %q", c.Token())
	}
	for _, write := range []string{"upsert", "upsert batch", "import", "delete", "purge"} {
		before := c.Token()
		if err := writes[write](); err != nil {
			t.Fatalf("%s: %v", write, err)
		}
		if c.Token() == before {
			t.Errorf("%s left the token as it was: %q", write, before)
		}
		for read, call := range reads {
			n := len(s.Named())
			if err := call(); err != nil && !errors.Is(err, client.ErrNotFound) {
				t.Fatalf("%s after %s: %v", read, write, err)
			}
			named := s.Named()[n:]
			if len(named) == 0 {
				t.Errorf("%s is not among the reads", read)
			}
			for _, p := range named {
				if got := p.GetRevision(); got != s.Revision() {
					t.Errorf("%s after %s names revision %d, the write's was %d", read, write, got, s.Revision())
				}
			}
		}
	}
}

func TestATokenHandsWritesOnToAnotherClient(t *testing.T) {
	s := akintest.Start(t)
	writer, reader := dial(t, s), dial(t, s)
	ctx := testContext(t)
	if _, err := writer.UpsertBatch(ctx, samplePapers(3)); err != nil {
		t.Fatal(err)
	}
	if err := reader.Follow(writer.Token()); err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Get(ctx, "paper-00001"); err != nil {
		t.Fatal(err)
	}
	if named := s.Named(); len(named) != 1 || named[0].GetRevision() != 3 {
		t.Errorf("the read named %v", named)
	}
	if err := reader.Follow("1." + writer.Token()[2:]); err != nil || reader.Token() != writer.Token() {
		t.Errorf("an older token: %v, and the reader is at %q", err, reader.Token())
	}
	for _, token := range []string{"x", "1", "1.", "1.zz", "-1." + writer.Token()[2:], writer.Token() + "00"} {
		if err := reader.Follow(token); !errors.Is(err, client.ErrInvalid) {
			t.Errorf("token %q: %v", token, err)
		}
	}
}

// TestARestoredServerIsToldOnce: the first read after it fails, and the client then goes on with what there is.
func TestARestoredServerIsToldOnce(t *testing.T) {
	s := akintest.Start(t)
	c := dial(t, s)
	ctx := testContext(t)
	if _, err := c.UpsertBatch(ctx, samplePapers(3)); err != nil {
		t.Fatal(err)
	}
	s.Restore()
	if _, err := c.Get(ctx, "paper-00001"); !errors.Is(err, client.ErrLineageChanged) {
		t.Errorf("got %v", err)
	}
	if _, err := c.Get(ctx, "paper-00001"); err != nil {
		t.Errorf("the second read: %v", err)
	}
	if _, err := c.Upsert(ctx, samplePapers(4)[3]); err != nil {
		t.Fatal(err)
	}
	s.Restore()
	var last error
	for _, err := range c.Export(ctx) {
		last = err
	}
	if !errors.Is(last, client.ErrLineageChanged) {
		t.Errorf("a stream: got %v", last)
	}
}
