package web

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/emulation"
)

func TestTheMapInABrowser(t *testing.T) {
	browser := newBrowser(t)
	r := newRig(t, nil)
	r.drawMap()
	r.post("/like", "do", "like 1 moefication", "from", "/")
	b := newTab(t, browser, r.web.URL)
	for _, width := range []int64{320, 768, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			b.look(width, scheme)
			b.open("/map?q=fourier+transform")
			b.until(`document.querySelector(".map.live")?.dataset.drawn > 100`)
			b.until(`document.querySelector(".map .words span")`)
			b.fits(width)
			b.shoot(fmt.Sprintf("map-%d-%s", width, scheme), width)
			b.accessible()
			wantNoOverlap(t, b)
		}
	}

	eval[bool](b, `document.querySelector(".map").focus() ?? true`)
	before := eval[string](b, `location.hash`)
	b.keys("+++")
	b.until(`location.hash !== "" && location.hash !== "` + before + `"`)
	wantNoOverlap(t, b)
	b.until(`!document.querySelector(".map .tip").hidden`) // the paper nearest to the middle is told
	title := eval[string](b, `document.querySelector(".map .tip span").textContent`)
	view := eval[string](b, `location.href`)
	b.keys("\r")
	b.until(`location.pathname === "/paper" && document.querySelector("h1")`)
	if got := eval[string](b, `document.querySelector("h1").textContent`); got != title {
		t.Errorf("the map said %q and opened %q", title, got)
	}
	b.open(view[len(r.web.URL):]) // the view is in the address
	b.until(`document.querySelector(".map.live")?.dataset.drawn > 0`)
	if got := eval[string](b, `location.href`); got != view {
		t.Errorf("%s became %s", view, got)
	}

	b.open("/map#plain")
	b.until(`document.querySelector(".map.live")?.dataset.drawn > 100`)
	b.do(command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
	b.open("/map")
	b.shoot("map-noscript", 1280)
}

// wantNoOverlap fails the test where a word on the map covers another.
func wantNoOverlap(t *testing.T, b *browserTab) {
	t.Helper()
	bad := eval[string](b, `(() => {
		const boxes = [...document.querySelectorAll(".map .words span")].
			map((s) => [s.textContent, s.getBoundingClientRect()]);
		for (const [i, [a, p]] of boxes.entries()) for (const [o, q] of boxes.slice(0, i))
			if (p.left < q.right && q.left < p.right && p.top < q.bottom && q.top < p.bottom) return a + " over " + o;
		return "";
	})()`)
	if bad != "" {
		t.Errorf("at %s: %s", b.path(), bad)
	}
}
