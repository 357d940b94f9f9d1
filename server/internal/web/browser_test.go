package web

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/timestamppb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// pagesOfTheSite are all pages, by the names of their pictures.
var pagesOfTheSite = []struct{ name, path string }{
	{"home", "/"},
	{"search", "/search?q=sparse+attention"},
	{"filters", "/search?q=sparse+attention&category=cs.LG&sort=date"},
	{"empty", "/search"},
	{"refused", "/search?q=sparse&filter=xx(("},
	{"paper", "/paper?id=fftnet"},
	{"related", "/related?id=fftnet"},
	{"why", "/why?id=fftnet&target=flashfftconv"},
	{"whytext", "/why?q=fourier+transform&target=fftnet"},
	{"recent", "/recent"},
	{"collections", "/collections"},
	{"collection", "/collection"},
	{"liked", "/collection?view=liked"},
	{"fresh", "/collection?name=fresh"},
	{"delete", "/collection/delete?name=likes"},
	{"statistics", "/statistics"},
	{"alerts", "/alerts"},
	{"alert", "/alert?subscription=moe"},
	{"help", "/help"},
	{"signin", "/signin"},
	{"missing", "/paper?id=nowhere"},
	{"nothing", "/nothing"},
}

func TestEveryPageInABrowser(t *testing.T) {
	browser := newBrowser(t)
	r := newRig(t, nil)
	r.storeSample()
	r.post("/like", "do", "like 1 moefication", "from", "/")
	r.post("/like", "do", "like 1 fourier-transformer", "from", "/")
	r.post("/alerts", subscribing("moe", "text", "mixture of experts", "filter", `categories:"cs.LG"`)...)
	if axeScript(t) == "" {
		t.Log("without axe-core: AKIN_AXE names no file")
	}
	b := newTab(t, browser, r.web.URL)
	for _, width := range []int64{320, 768, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			b.look(width, scheme)
			for _, p := range pagesOfTheSite {
				b.open(p.path)
				b.fits(width)
				b.shoot(fmt.Sprintf("%s-%d-%s", p.name, width, scheme), width)
				if width == 320 && scheme == "dark" || width == 1280 && scheme == "light" {
					b.accessible()
				}
			}
		}
	}
	b.forgive("404", "400") // pages of errors, which the console tells too
}

// forgive drops complaints of the console about statuses that the test asked for.
func (b *browserTab) forgive(statuses ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var rest []string
	for _, c := range b.complaints {
		known := false
		for _, s := range statuses {
			known = known || strings.Contains(c, "status of "+s)
		}
		if !known {
			rest = append(rest, c)
		}
	}
	b.complaints = rest
}

func TestTheKeyboardIsEnough(t *testing.T) {
	browser := newBrowser(t)
	r := newRig(t, nil)
	r.storeSample()
	b := newTab(t, browser, r.web.URL)
	b.look(1280, "light")
	b.open("/recent")
	b.keys("/")
	b.until(`document.activeElement.matches("[data-search]")`)
	b.keys("sparse attention\r")
	b.until(`location.pathname === "/search" && document.readyState === "complete"`)
	b.keys("jj")
	b.until(`document.querySelector(".at")?.id === "p2" && document.querySelector("#p2").contains(document.activeElement)`)
	b.keys("k")
	b.until(`document.querySelector(".at")?.id === "p1"`)
	eval[bool](b, "window.stays = true")
	b.keys("l")
	b.until(`document.querySelector("#p1 [data-like]").ariaPressed === "true"`)
	b.until(`document.querySelector(".mine").innerText.includes("1")`)
	b.until(`document.querySelector("#p1").contains(document.activeElement)`)
	b.until(`document.querySelector("#said").textContent`)
	b.keys("l")
	b.until(`document.querySelector("#p1 [data-like]").ariaPressed === "false"`)
	b.keys("x")
	b.until(`document.querySelector("#p1 [data-hide]").ariaPressed === "true"`)
	if !eval[bool](b, "window.stays === true") {
		t.Error("the page was loaded anew")
	}
	b.keys("?")
	b.until(`document.querySelector("#keys").open`)
	b.accessible()
	b.keys("\x1b")
	b.until(`!document.querySelector("#keys").open`)
	b.keys("jo")
	b.until(`location.pathname === "/paper" && document.readyState === "complete"`)
	b.keys("l")
	b.until(`document.querySelector(".paper [data-like]").ariaPressed === "true"`)
	b.open("/")
	b.keys("\t")
	b.until(`document.activeElement.matches(".skip")`)
	b.keys("\r")
	b.until(`document.activeElement.id === "main"`)
}

func TestLikesChangeWhatIsRecommendedInPlace(t *testing.T) {
	browser := newBrowser(t)
	r := newRig(t, nil)
	r.storeSample()
	r.post("/like", "do", "like 1 moefication", "from", "/")
	b := newTab(t, browser, r.web.URL)
	b.look(768, "light")
	b.open("/collection")
	eval[bool](b, `(window.stays = [...document.querySelectorAll(".cards h3")].map((h) => h.innerText).join("|")) !== ""`)
	b.do(chromedp.Click(chromedp.CSS("#p1 [data-like]")))
	b.until(`document.querySelector(".tabs").innerText.includes("2")`)
	if eval[bool](b, `window.stays === [...document.querySelectorAll(".cards h3")].map((h) => h.innerText).join("|")`) {
		t.Error("recommends the same after another like")
	}
}

func TestEverythingWorksWithoutAScript(t *testing.T) {
	browser := newBrowser(t)
	r := newRig(t, nil)
	r.storeSample()
	b := newTab(t, browser, r.web.URL)
	b.look(768, "light")
	b.do(command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
	b.open("/")
	b.do(chromedp.SendKeys(chromedp.CSS("#q"), "sparse attention\r"), chromedp.WaitVisible(chromedp.CSS("#p20")))
	b.do(chromedp.Click(chromedp.CSS("#p2 [data-like]")), chromedp.WaitVisible(chromedp.CSS("#p2.liked")))
	if path := b.path(); !strings.HasPrefix(path, "/search?q=sparse+attention") {
		t.Errorf("came back to %s", path)
	}
	b.do(chromedp.Click(chromedp.CSS(".mine")), chromedp.WaitVisible(chromedp.CSS(".because")))
	b.do(chromedp.Click(chromedp.CSS("#p1 [data-open]")), chromedp.WaitVisible(chromedp.CSS(".graph svg")))
	b.do(chromedp.Click(chromedp.CSS(".foot a")), chromedp.WaitVisible(chromedp.CSS(".sides mark")))
	b.do(chromedp.Click(chromedp.CSS(`.bottom a[href="/statistics"]`)), chromedp.WaitVisible(chromedp.CSS(".tiles")))
}

func TestSigningInWithABrowser(t *testing.T) {
	browser := newBrowser(t)
	r := newRig(t, newKeys(t))
	b := newTab(t, browser, r.web.URL)
	b.look(320, "dark")
	b.open("/statistics")
	b.until(`document.querySelector("#token")`)
	b.accessible()
	b.shoot("token-320-dark", 320)
	b.do(chromedp.SendKeys(chromedp.CSS("#token"), "not-the-token-not-the-token\r"),
		chromedp.WaitVisible(chromedp.CSS("#fault")))
	b.accessible()
	b.do(chromedp.SendKeys(chromedp.CSS("#token"), writeToken+"\r"), chromedp.WaitVisible(chromedp.CSS(".tiles")))
	if cookies := eval[string](b, "document.cookie"); cookies != "" {
		t.Errorf("scripts see %q", cookies)
	}
	r.ctx = metadata.AppendToOutgoingContext(r.ctx, "authorization", "Bearer "+writeToken)
	r.store(&akinv1.Paper{Id: "x", Title: "Peat bogs"})
	b.open("/search?q=peat")
	r.now.advance(idleTime + time.Hour) // the session ends while the page is open
	b.do(chromedp.Click(chromedp.CSS("#p1 [data-like]")), chromedp.WaitVisible(chromedp.CSS("#token")))
	b.until(`document.body.innerText.includes("Your session has ended")`)
	if next := eval[string](b, `new URL(location.href).searchParams.get("next")`); next != "/search?q=peat" {
		t.Errorf("goes on at %s", next)
	}
	b.forgive("422")
}

func TestHostileTextsAreInertInABrowser(t *testing.T) {
	browser := newBrowser(t)
	r := newRig(t, nil)
	for i, title := range []string{
		`<script>window.harm = 1</script>Peat`,
		`Peat "><img src=x onerror="window.harm = 1">`,
		`Peat <svg onload="window.harm = 1">`,
		"Peat \u202Esgob\u202C שלום עולם مرحبا",
		"Peat " + strings.Repeat("W", 2000),
		"Peat \u0000\u0007",
		`Peat </title></script><style>*{display:none}</style>`,
	} {
		p := &akinv1.Paper{Id: fmt.Sprintf(`"><b>%d`, i), Title: title,
			Abstract: title + " bogs and moss",
			Authors:  []string{title[:min(len(title), 200)]}, Categories: []string{"<img src=x onerror=window.harm=1>"},
			Url: "javascript:window.harm=1", Doi: `10.1/"onmouseover="window.harm=1`}
		if _, err := r.papers.UpsertPaper(context.Background(), &akinv1.UpsertPaperRequest{Paper: p}); err != nil {
			t.Logf("%.20q is refused: %v", title, err)
		}
	}
	b := newTab(t, browser, r.web.URL)
	b.look(320, "light")
	long, turned := url.QueryEscape(`"><b>4`), url.QueryEscape(`"><b>3`)
	for i, path := range []string{
		"/", "/search?q=peat+bogs", "/recent", "/paper?id=" + long, "/paper?id=" + turned, "/why?q=peat&target=" + long,
		"/search?q=" + url.QueryEscape(`"><script>window.harm=1</script>`),
	} {
		b.open(path)
		b.fits(320)
		b.shoot(fmt.Sprintf("hostile%d-320-light", i), 320)
		if eval[bool](b, "window.harm !== undefined") {
			t.Errorf("%s: a text of a paper ran", path)
		}
		if i > 0 {
			b.accessible()
		}
	}
}

func TestFiveHundredPapersOnOnePage(t *testing.T) {
	browser := newBrowser(t)
	r := newRig(t, nil)
	var papers []*akinv1.Paper
	for i := range 700 {
		papers = append(papers, &akinv1.Paper{
			Id: fmt.Sprintf("2401.%05d", i), Title: fmt.Sprintf("Peat bogs, part %d", i),
			Abstract: strings.Repeat("Moss keeps water. ", 40),
			Authors:  []string{"Eva Moor", "Ib Fen"}, Categories: []string{"q-bio.PE"},
			PublishTime: timestamppb.New(time.Date(2024, 1, 1+i, 0, 0, 0, 0, time.UTC)),
		})
	}
	r.store(papers...)
	b := newTab(t, browser, r.web.URL)
	b.look(1280, "light")
	b.open("/recent?show=500")
	if n := eval[int](b, `document.querySelectorAll(".card").length`); n != 500 {
		t.Errorf("%d papers", n)
	}
	if first := eval[string](b, `document.querySelector(".card h3").innerText`); first != "Peat bogs, part 699" {
		t.Errorf("the newest is %q", first)
	}
	b.accessible()
	b.keys("jjj")
	b.until(`document.querySelector(".at")?.id === "p3"`)
	b.keys("l")
	b.until(`document.querySelector("#p3 [data-like]").ariaPressed === "true"`)
	if n := eval[int](b, `document.querySelectorAll(".card").length`); n != 500 {
		t.Errorf("%d papers after a like", n)
	}
	b.shoot("many-1280-light", 1280)
}
