package web

import (
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

var cardTitle = regexp.MustCompile(
	`<li class="card[^>]*>\s*<div class="head"><h3 dir="auto"><a href="/paper\?id=([^"]*)"`)

// titlesIn are the papers of a list, in its order.
func titlesIn(a answer) []string {
	var out []string
	for _, m := range cardTitle.FindAllStringSubmatch(a.body, -1) {
		out = append(out, m[1])
	}
	return out
}

func TestWhatIsLikedRecommendsFromTheFirstLikeOn(t *testing.T) {
	r := newRig(t, nil)
	r.storeSample()
	a := r.post("/like", "do", "like 3 moefication", "from", "/search?q=sparse")
	a.wants(t, http.StatusOK, `value="undo `, "sparse")
	if !strings.HasPrefix(a.path, "/search?q=sparse") {
		t.Errorf("came back to %s", a.path)
	}
	first := r.get("/collection")
	first.wants(t, http.StatusOK, "because you like", "/paper?id=moefication", "Liked <span class=\"count\">1</span>")
	one := titlesIn(first)
	if len(one) < 10 {
		t.Fatalf("recommends %q", one)
	}
	r.post("/like", "do", "like 1 fftnet", "from", "/collection")
	both := titlesIn(r.get("/collection"))
	if fmt.Sprint(one) == fmt.Sprint(both) {
		t.Error("a second like recommends the same")
	}
	r.get("/").wants(t, http.StatusOK, "For you", "because you like")
	r.get("/collection?view=liked").wants(t, http.StatusOK, "fftnet", "moefication")

	put := both[0]
	r.post("/like", "do", "hide 1 "+put, "from", "/collection")
	for _, id := range titlesIn(r.get("/collection")) {
		if id == put {
			t.Errorf("%s is recommended although it was put away", id)
		}
	}
	r.get("/collection?view=hidden").wants(t, http.StatusOK, put)
	r.post("/like", "do", "undo 1 "+put, "from", "/collection")
	r.get("/collection?view=hidden").wants(t, http.StatusOK, "Nothing is put away")

	r.post("/like", "do", "undo 1 fftnet", "from", "/collection")
	if back := titlesIn(r.get("/collection")); fmt.Sprint(back) != fmt.Sprint(one) {
		t.Errorf("once the second like is taken back: %q, was %q", back, one)
	}
}

func TestALikeThatComesTwiceIsOne(t *testing.T) {
	r := newRig(t, nil)
	r.storeSample()
	for range 2 {
		r.post("/like", "do", "like 1 fftnet", "from", "/")
	}
	r.post("/like", "do", "undo 1 fftnet", "from", "/")
	r.post("/like", "do", "undo 1 fftnet", "from", "/").wants(t, http.StatusOK, "A place to begin")
	r.post("/like", "do", "hide 1 fftnet", "from", "/")
	r.post("/like", "do", "like 1 fftnet", "from", "/")
	r.post("/like", "do", "undo 1 fftnet", "from", "/")
	r.get("/collection").wants(t, http.StatusOK, "Nothing is liked yet", "Not for me <span class=\"count\">0</span>")
}

func TestFormsThatSayNothingAreRefused(t *testing.T) {
	r := newRig(t, nil)
	for _, do := range []string{"", "like", "like 1", "like 1 ", "burn 1 x"} {
		r.post("/like", "do", do, "from", "/").wants(t, http.StatusBadRequest, "not understood")
	}
	r.post("/like", "do", "like 1 x", "collection", "\x00", "from", "/").wants(t, http.StatusBadRequest)
	r.post("/like", "do", "like 1 "+strings.Repeat("x", 300), "from", "/").wants(t, http.StatusBadRequest)
	r.post("/collection/use", "name", "  ").wants(t, http.StatusUnprocessableEntity, "Give the collection a name")
	r.post("/like", "do", strings.Repeat("x", 80<<10)).wants(t, http.StatusBadRequest)
}

func TestAFormLeadsBackToThisSiteAlone(t *testing.T) {
	r := newRig(t, nil)
	for _, from := range []string{
		"https://evil.example.org/", "//evil.example.org", `/\evil.example.org`, "javascript:alert(1)", "", "x",
	} {
		if a := r.post("/like", "do", "like 1 x", "from", from); a.status != http.StatusOK || a.path != "/" {
			t.Errorf("from %q: %d %s", from, a.status, a.path)
		}
	}
}

func TestCollectionsAreApart(t *testing.T) {
	r := newRig(t, nil)
	r.storeSample()
	r.post("/collection/use", "name", "Fourier & co <b>").
		wants(t, http.StatusOK, "Fourier &amp; co &lt;b&gt;", "likes go here")
	r.post("/like", "do", "like 1 fftnet", "from", "/")
	r.get("/collection").wants(t, http.StatusOK, "because you like")
	r.get("/collection?name=likes").wants(t, http.StatusOK, "Nothing is liked yet")
	r.get("/collections").wants(t, http.StatusOK, "1 paper liked", "Fourier &amp; co")
	r.get("/collection/delete?name=Fourier+%26+co+%3Cb%3E").wants(t, http.StatusOK, "1 like and 0 papers")
	r.post("/collection/delete", "name", "Fourier & co <b>").wants(t, http.StatusOK, "0 papers liked")
	r.post("/collection/delete", "name", "Fourier & co <b>").wants(t, http.StatusOK)
}

func TestTenThousandLikesAreShownByThePage(t *testing.T) {
	r := newRig(t, nil)
	r.storeSample()
	profiles := akinv1.NewProfileServiceClient(r.conn)
	for i := 0; i < 10_000; i += 1000 {
		req := &akinv1.RecordEventsRequest{}
		for n := i; n < i+1000; n++ {
			req.Events = append(req.Events, &akinv1.Event{
				ProfileId: "likes", EventId: fmt.Sprint(n), PaperId: fmt.Sprintf("elsewhere-%05d", n),
				Kind: akinv1.EventKind_EVENT_KIND_LIKE,
			})
		}
		if _, err := profiles.RecordEvents(context.Background(), req); err != nil {
			t.Fatal(err)
		}
	}
	r.post("/like", "do", "like 1 fftnet", "from", "/")
	r.get("/collection").wants(t, http.StatusOK, "The newest 5,000 likes", "because you like")
	a := r.get("/collection?view=liked&show=500&page=2")
	a.wants(t, http.StatusOK, `id="p1000"`, "not stored any more")
	a = r.get("/collection?view=liked&as=csv")
	if rows, err := csv.NewReader(strings.NewReader(a.body)).ReadAll(); err != nil || len(rows) != 2 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

func TestAnyListIsAFile(t *testing.T) {
	r := newRig(t, nil)
	r.storeSample()
	r.post("/like", "do", "like 1 fftnet", "from", "/")
	for path, want := range map[string]int{
		"/search?q=sparse+attention": 20, "/search?q=sparse+attention&show=50&page=2": 50, "/recent": 20,
		"/related?id=fftnet": 40, "/collection": 20, "/collection?view=liked": 1, "/paper?id=fftnet": 1,
	} {
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		bib, ris, table := r.get(path+sep+"as=bibtex"), r.get(path+sep+"as=ris"), r.get(path+sep+"as=csv")
		for _, a := range []answer{bib, ris, table} {
			if a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment; filename=\"") {
				t.Errorf("%s: %d %v", a.path, a.status, a.header)
			}
		}
		if n := strings.Count(bib.body, "\n@") + 1; n != want {
			t.Errorf("%s: %d entries of BibTeX, wants %d", path, n, want)
		}
		if n := strings.Count(ris.body, "ER  -"); n != want {
			t.Errorf("%s: %d of RIS, wants %d", path, n, want)
		}
		if rows, err := csv.NewReader(strings.NewReader(table.body)).ReadAll(); err != nil || len(rows) != want+1 {
			t.Errorf("%s: %d rows (%v), wants %d", path, len(rows), err, want+1)
		}
	}
}
