package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

func TestEveryPageStandsUnderAnAddress(t *testing.T) {
	r := newRig(t, nil)
	r.storeSample()
	for path, wants := range map[string][]string{
		"/": {"Find papers by what they say", "198 papers", "A place to begin", `name="q"`},
		"/search?q=sparse+attention": {`value="sparse attention"`, "<mark",
			"/why?q=sparse&#43;attention&amp;target=", "page=2"},
		"/search?q=sparse+attention&page=2": {`id="p21"`, `rel="prev"`},
		"/search?q=sparse+attention&sort=date&category=cs.LG&mode=exact&show=50": {
			`<details class="filters" open>`, "cs.LG", "selected>exact"},
		"/search": {"What are you looking for?"},
		"/paper?id=fftnet": {"The FFT Strikes Back", "Related papers", "@misc{fftnet,",
			`class="node seed"`, "Time runs from left to right"},
		"/related?id=fftnet&show=100":        {"Related to", `id="p100"`},
		"/why?id=fftnet&target=flashfftconv": {"Why these are alike", "FlashFFTConv", "The words that count", "data-t="},
		"/why?q=fourier&target=flashfftconv": {"Your search", "Fourier"},
		"/recent":                            {"Recent papers", `id="p20"`},
		"/recent?category=astro-ph.HE":       {"Papers in", "astro-ph.HE"},
		"/collections":                       {"Collections", "likes go here"},
		"/collection":                        {"Nothing is liked yet"},
		"/statistics":                        {"Statistics", "<b>198</b>", "v1.2.3"},
		"/help":                              {"<kbd>j</kbd>"},
		"/signin":                            {"asks for no token"},
		"/collection/delete?name=likes":      {"Delete", "likes"},
	} {
		t.Run(path, func(t *testing.T) {
			a := r.get(path)
			a.wants(t, http.StatusOK, append(wants, "<title>", "</html>")...)
			a.lacks(t, "<no value>", "ZgotmplZ", "%!", " style=", "onclick")
			if kind := a.header.Get("Content-Type"); kind != "text/html; charset=utf-8" {
				t.Errorf("Content-Type %q", kind)
			}
		})
	}
	if r.log.String() != "" {
		t.Errorf("logged: %s", r.log)
	}
}

func TestBadInputGetsAPageThatSaysWhatToDo(t *testing.T) {
	r := newRig(t, nil)
	r.storeSample()
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/paper?id=nowhere":                      {404, "A search by its title finds it"},
		"/paper":                                 {400, "Which paper?"},
		"/paper?id=" + strings.Repeat("x", 300):  {400, "That was not understood"},
		"/paper?id=fftnet&as=docx":               {400, "bibtex, ris or csv"},
		"/search?q=the+of":                       {400, "Add a word or two of the subject"},
		"/search?q=+++":                          {200, "What are you looking for?"},
		"/search?q=sparse&filter=xx((":           {400, "The filter expression"},
		"/search?q=sparse&from=soon":             {200, "“soon” is no date"},
		"/search?q=sparse&from=0000":             {200, "is no date"},
		"/search?q=sparse&page=-3&show=99999999": {200, `id="p1"`},
		"/search?q=sparse&page=9999":             {200, ""},
		"/search?q=sparse&category=no%22such%5C": {200, "No paper fits"},
		"/search?q=zzzqqqxxy+attention":          {200, "No paper here has"},
		"/search?q=" + url.QueryEscape(strings.Repeat("long ", 20_000)): {400, "The text"},
		"/why":                                         {400, "Why what?"},
		"/why?id=fftnet&target=nowhere":                {404, "No paper is stored"},
		"/why?q=the&target=fftnet":                     {400, "That was not understood"},
		"/recent?filter=xx((":                          {400, "The filter expression"},
		"/collection?name=%00":                         {400, "There is no such collection"},
		"/collection?name=" + strings.Repeat("n", 300): {400, "too long"},
		"/nothing/here":                                {404, "There is no such page"},
		"/like":                                        {404, "There is no such page"},
	} {
		t.Run(fmt.Sprintf("%.60s", path), func(t *testing.T) {
			a := r.get(path)
			a.wants(t, want.status, want.text, "</html>")
			a.lacks(t, "rpc error", "code = ")
		})
	}
	if r.log.String() != "" {
		t.Errorf("logged: %s", r.log)
	}
}

func TestAnEmptyServerSaysHowToImport(t *testing.T) {
	r := newRig(t, nil)
	r.get("/").wants(t, 200, "No papers are here yet", "akin import")
	r.get("/search?q=attention").wants(t, 200, "No paper fits")
	r.get("/recent").wants(t, 200, "No paper is here")
	r.get("/statistics").wants(t, 200, "<b>0</b>")
}

func TestAServerThatLoadsSaysSoAndComesBackByItself(t *testing.T) {
	r := newLoadingRig(t, nil)
	for _, path := range []string{"/", "/search?q=x", "/paper?id=x", "/recent", "/collection", "/statistics"} {
		a := r.get(path)
		a.wants(t, 503, "Akin is loading its papers", `http-equiv="refresh"`)
		if a.header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", path)
		}
	}
	a := r.post("/like", "do", "like 1 x", "from", "/")
	a.wants(t, 503, "loading")
	a.lacks(t, `http-equiv="refresh"`) // a form is not sent again unasked
}

func TestTextsOfPapersAreInert(t *testing.T) {
	r := newRig(t, nil)
	long := strings.Repeat("W", 2048)
	for i, title := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `{{.Body}} ' " & </title></textarea>`,
		"\u202Egnirts desrever\u202C שלום עולם", long,
	} {
		r.store(&akinv1.Paper{
			Id: fmt.Sprintf(`<b id="x">%d&"'`, i), Title: title,
			Abstract: `Peat <script>alert(2)</script> </main> bogs ` + title,
			Authors:  []string{`<i onmouseover=alert(3)>Eve</i>`}, Categories: []string{`<u>c"u</u>`},
			Url: "javascript:alert(4)", Doi: `10.1/"><script>`,
		})
	}
	for i := range 5 {
		id := url.QueryEscape(fmt.Sprintf(`<b id="x">%d&"'`, i))
		for _, path := range []string{"/", "/search?q=peat+bogs+%3Cscript%3Ealert",
			"/paper?id=" + id, "/recent", "/related?id=" + id,
			"/why?q=peat&target=" + id, "/collection?name=%3Cscript%3Ealert(5)%3C%2Fscript%3E", "/collections"} {
			a := r.get(path)
			a.wants(t, 200)
			a.lacks(t, "<script>", "<img", "<i on", "<u>", "<b id", `="javascript:`, "href=\"10.1")
			if n := strings.Count(a.body, "<script"); n != 1 {
				t.Errorf("%s: %d scripts", path, n)
			}
		}
	}
}
