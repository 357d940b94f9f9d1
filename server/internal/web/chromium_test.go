package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// newBrowser starts Chromium, for as long as the test runs. The test is skipped where there is none.
// It draws WebGL by the processor, as machines without a screen do.
func newBrowser(t testing.TB) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes its time: not with -short")
	}
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			program = found
			break
		}
	}
	if program == "" {
		t.Skip("Chromium is not installed")
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program), chromedp.Flag("use-angle", "swiftshader"), chromedp.Flag("enable-unsafe-swiftshader",
			true),
	}
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // root has none
	}
	ctx, cancel := chromedp.NewContext(context.Background(), chromedp.WithAllocatorOptions(options...))
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// browserTab is one page of a browser, with cookies of its own. It notes what the page asks for and complains about.
type browserTab struct {
	t    testing.TB
	ctx  context.Context
	base string

	mu         sync.Mutex
	requests   []string
	complaints []string
}

// patience is how long a browser may take for one step on a machine that has other work.
const patience = 5 * time.Minute

func newTab(t testing.TB, browser context.Context, base string) *browserTab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	b := &browserTab{t: t, ctx: ctx, base: base}
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Listen(ctx, func(ev any) {
		if sent, ok := ev.(*network.EventRequestWillBeSent); ok {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.requests = append(b.requests, sent.Request.URL)
		}
	}); err != nil {
		t.Fatal(err)
	}
	messages := chromedp.Console(ctx)
	var reading sync.WaitGroup
	reading.Go(func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.Type == "debug" || m.Type == "info" {
				continue
			}
			b.mu.Lock()
			b.complaints = append(b.complaints, fmt.Sprintf("%s: %v", m.Type, m))
			b.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		cancel()
		reading.Wait()
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, r := range b.requests {
			if !strings.HasPrefix(r, base+"/") && !strings.HasPrefix(r, "data:") {
				t.Errorf("asked another host: %s", r)
			}
		}
		for _, c := range b.complaints {
			t.Errorf("the console: %s", c)
		}
	})
	if err := chromedp.Do(ctx, command(network.Enable, network.EnableParams{})); err != nil {
		t.Fatal(err)
	}
	return b
}

// command makes an action of a command of the protocol.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

// do runs steps, and ends the test where one fails.
func (b *browserTab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// open goes to a page of the site.
func (b *browserTab) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.base + path))
}

// look sets the size of the window and the scheme of colours.
func (b *browserTab) look(width int64, scheme string) {
	b.t.Helper()
	b.do(
		command(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: width, Height: 900, DeviceScaleFactor: 1, Mobile: width < 500,
		}),
		command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{
				{Name: "prefers-color-scheme", Value: scheme},
				{Name: "prefers-reduced-motion", Value: "reduce"}, // colours are what they will be
			},
		}),
	)
}

// eval returns the value of an expression in the page.
func eval[T any](b *browserTab, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits for an expression to be true.
func (b *browserTab) until(expression string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for {
		_, err := chromedp.Run(ctx, chromedp.Poll[bool]("Boolean("+expression+")"))
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			b.t.Fatalf("%s never came: %v; at %s", expression, err, eval[string](b, "location.href"))
		}
		b.do(chromedp.WaitReady(chromedp.CSS("body"))) // the page that was asked has gone, and another one comes
	}
}

// namedKeys are keys that are no letters, with their codes.
var namedKeys = map[rune]struct {
	key  string
	code int64
}{'\r': {"Enter", 13}, '\t': {"Tab", 9}, '\x1b': {"Escape", 27}}

// keys presses keys one after another, so that a page may keep a letter from being typed.
func (b *browserTab) keys(keys string) {
	b.t.Helper()
	for _, r := range keys {
		down := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: string(r), Text: string(r)}
		if k, ok := namedKeys[r]; ok {
			down.Key, down.Code, down.WindowsVirtualKeyCode = k.key, k.key, k.code
			if r != '\r' {
				down.Type, down.Text = input.DispatchKeyEventTypeRawKeyDown, ""
			}
		}
		up := down
		up.Type, up.Text = input.DispatchKeyEventTypeKeyUp, ""
		b.do(command(input.DispatchKeyEvent, down), command(input.DispatchKeyEvent, up))
	}
}

// path is the address of the page, without the site.
func (b *browserTab) path() string {
	b.t.Helper()
	u, err := url.Parse(eval[string](b, "location.href"))
	if err != nil {
		b.t.Fatal(err)
	}
	return u.RequestURI()
}

// fits fails the test where a page is wider than its window.
func (b *browserTab) fits(width int64) {
	b.t.Helper()
	if wide := eval[float64](b, "document.documentElement.scrollWidth"); wide > float64(width) {
		b.t.Errorf("%s is %v wide in a window of %d", b.path(), wide, width)
	}
}

// shoot keeps a picture of the page in the folder that AKIN_SHOTS names, for people to look at.
func (b *browserTab) shoot(name string, width int64) {
	b.t.Helper()
	folder := os.Getenv("AKIN_SHOTS")
	if folder == "" {
		return
	}
	yes := true
	high := min(eval[float64](b, "document.documentElement.scrollHeight"), 1800)
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		shot, err := cdp.Call(ctx, t, page.CaptureScreenshot, page.CaptureScreenshotParams{
			CaptureBeyondViewport: &yes, Clip: &page.Viewport{Width: float64(width), Height: high, Scale: 1},
		})
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(folder, name+".png"), shot.Data, 0o600)
	}))
}

// accessible has axe-core look at the page, where AKIN_AXE names its file.
func (b *browserTab) accessible() {
	b.t.Helper()
	axe := axeScript(b.t)
	if axe == "" {
		return
	}
	if !eval[bool](b, "Boolean(window.axe)") {
		eval[bool](b, axe+"\n;true")
	}
	var violations []string
	text := eval[string](b, `axe.run(document, {resultTypes: ["violations"]}).then((r) =>
		JSON.stringify(r.violations.map((v) => v.id + ": " + v.help + ": " +
			v.nodes.slice(0, 3).map((n) => n.target.join(" ") + ": " + n.failureSummary).join("; "))))`)
	if err := json.Unmarshal([]byte(text), &violations); err != nil {
		b.t.Fatal(err)
	}
	for _, v := range violations {
		b.t.Errorf("%s: %s", b.path(), v)
	}
}

// axeScript is axe-core, or "" where AKIN_AXE names no file.
func axeScript(t testing.TB) string {
	t.Helper()
	file := os.Getenv("AKIN_AXE")
	if file == "" {
		return ""
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
