package web

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/akin-search/akin/server/internal/alert"
)

// TestSubscribingInABrowserWithoutAScript opens the form of a search, sends it, pauses and deletes what it made; in
// between each page is looked at in both schemes, narrow and wide, with the script of axe.
func TestSubscribingInABrowserWithoutAScript(t *testing.T) {
	browser := newBrowser(t)
	r := newAlertRig(t, nil, alert.Config{PublicURL: "http://127.0.0.1:7700"})
	r.storeSample()
	r.post("/like", "do", "like 1 moefication", "from", "/")
	b := newTab(t, browser, r.web.URL)
	see := func(name string) {
		t.Helper()
		for _, width := range []int64{320, 1280} {
			for _, scheme := range []string{"light", "dark"} {
				b.look(width, scheme)
				b.fits(width)
				b.shoot(fmt.Sprintf("%s-%d-%s", name, width, scheme), width)
				b.accessible()
			}
		}
	}
	open := []chromedp.Action[chromedp.Void]{
		chromedp.Click(chromedp.CSS(".subscribe summary")), chromedp.WaitVisible(chromedp.CSS(".subscribe button")),
	}
	script := func(on bool) {
		b.do(command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on}))
	}
	script(false)
	b.look(320, "light")
	b.open("/search?q=sparse+attention")
	b.do(open...)
	b.do(chromedp.Click(chromedp.CSS(`.subscribe [name="feed"]`)), chromedp.Click(chromedp.CSS(".subscribe button")),
		chromedp.WaitVisible(chromedp.CSS(`a[href*="/alerts/feed/"]`)))
	b.do(chromedp.Click(chromedp.CSS(`button[value="pause"]`)), chromedp.WaitVisible(chromedp.CSS(".badge")))
	made := b.path()
	script(true)
	r.post("/alerts", subscribing("second", "collection", "likes", "name", "What I read")...)
	for name, path := range map[string]string{"search": "/search?q=sparse+attention", "collection": "/collection"} {
		b.open(path)
		b.do(open...)
		see("subscribe-" + name)
	}
	for name, path := range map[string]string{"alert": made, "alerts": "/alerts"} {
		b.open(path)
		see(name)
	}
	script(false)
	b.open(made)
	b.do(chromedp.Click(chromedp.CSS("main details summary")), chromedp.Click(chromedp.CSS("main button.bad")),
		chromedp.WaitVisible(chromedp.CSS(".alerts")))
	if path := b.path(); path != "/alerts" {
		t.Errorf("came to %s", path)
	}
}
