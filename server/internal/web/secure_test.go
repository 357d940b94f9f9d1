package web

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func TestOtherSitesCanPostNothing(t *testing.T) {
	r := newRig(t, nil)
	for _, header := range []map[string]string{
		{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
		{"Origin": "https://evil.example.org"}, {"Origin": "null"},
	} {
		for _, path := range []string{"/like", "/signin", "/signout", "/collection/use", "/collection/delete"} {
			req, err := http.NewRequest(http.MethodPost, r.web.URL+path, strings.NewReader("do=like+1+x&name=x"))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			for name, value := range header {
				req.Header.Set(name, value)
			}
			r.do(req).wants(t, http.StatusForbidden, "another site")
		}
	}
	r.get("/collections").wants(t, http.StatusOK, "0 papers liked")
}

func TestEveryAnswerIsBoundInTheBrowser(t *testing.T) {
	r := newRig(t, nil)
	for _, path := range []string{
		"/", "/nowhere", "/search", r.site.assets.path("app.js"), "/favicon.ico", "/robots.txt",
	} {
		a := r.get(path)
		policy := a.header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'self'",
			"frame-ancestors 'none'", "base-uri 'none'", "require-trusted-types-for 'script'"} {
			if !strings.Contains(policy, part) {
				t.Errorf("%s: %q lacks %q", path, policy, part)
			}
		}
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
			t.Errorf("%s: %q", path, policy)
		}
		if a.header.Get("X-Content-Type-Options") != "nosniff" || a.header.Get("Referrer-Policy") != "same-origin" {
			t.Errorf("%s: %v", path, a.header)
		}
	}
}

// TestFirstPageWithinItsBudget adds up what a browser loads for the first page: 40 KB in all, compressed.
func TestFirstPageWithinItsBudget(t *testing.T) {
	r := newRig(t, nil)
	r.storeSample()
	const budget = 40_000
	load := func(path string) (int, string) {
		req := httptest.NewRequest(http.MethodGet, path, nil)
		req.Header.Set("Accept-Encoding", "gzip, br")
		w := httptest.NewRecorder()
		r.site.ServeHTTP(w, req)
		if w.Code != http.StatusOK {
			t.Fatalf("%s: %d", path, w.Code)
		}
		size := w.Body.Len()
		if w.Header().Get("Content-Encoding") != "gzip" {
			return size, w.Body.String()
		}
		z, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		return size, string(text)
	}
	for _, page := range []string{"/", "/search?q=sparse+attention", "/paper?id=fftnet"} {
		all, text := load(page)
		for _, m := range regexp.MustCompile(`(?:src|href)="(/assets/[^"]+)"`).FindAllStringSubmatch(text, -1) {
			size, _ := load(m[1])
			all += size
		}
		t.Logf("%s: %d bytes in all", page, all)
		if all > budget {
			t.Errorf("%s: %d bytes, the budget is %d", page, all, budget)
		}
		if strings.Contains(text, `src="http`) || regexp.MustCompile(`<link[^>]*href="http`).MatchString(text) {
			t.Errorf("%s loads from elsewhere", page)
		}
	}
}

func TestAssetsAreKeptForEverAndOldAddressesGoOn(t *testing.T) {
	r := newRig(t, nil)
	a := r.get(r.site.assets.path("app.css"))
	if !strings.Contains(a.header.Get("Cache-Control"), "immutable") || a.status != 200 {
		t.Errorf("%d %v", a.status, a.header)
	}
	if a := r.get("/assets/0123456789ab/app.css"); a.header.Get("Cache-Control") != "no-cache" || a.status != 200 {
		t.Errorf("%d %v", a.status, a.header)
	}
	if a := r.get("/assets/0123456789ab/../../site.go"); a.status != 404 {
		t.Errorf("%d", a.status)
	}
}

func TestGzipOnlyWhereItIsTaken(t *testing.T) {
	for header, want := range map[string]bool{
		"gzip": true, "br, gzip;q=0.5": true, "gzip;q=1.0": true,
		"gzip;q=0": false, "gzip; q=0.0": false, "": false, "identity": false,
	} {
		req := httptest.NewRequest(http.MethodGet, "/", nil)
		req.Header.Set("Accept-Encoding", header)
		if got := takesGzip(req); got != want {
			t.Errorf("%q: %v", header, got)
		}
	}
}
