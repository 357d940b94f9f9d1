package web

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// BenchmarkMapFrame draws a map of 87,247 papers in Chromium, with WebGL by the processor and on a plain canvas, all of
// them and while it moves, and reports the milliseconds that a frame takes to be drawn.
func BenchmarkMapFrame(b *testing.B) {
	const n = 87_247
	rng := rand.New(rand.NewPCG(1, 1))
	m := &mapColumns{info: &akinv1.MapInfo{Found: n}}
	for i := range n {
		angle, r := 2*math.Pi*rng.Float64(), 30_000*math.Sqrt(rng.Float64())
		m.papers = append(m.papers, mapPoint{
			fmt.Sprintf("%08d", i), uint16(32_768 + r*math.Cos(angle)), uint16(32_768 + r*math.Sin(angle)),
			uint16(2000 + i%25), uint8(i % 9),
		})
	}
	points, err := m.encode()
	if err != nil {
		b.Fatal(err)
	}
	assets := loadAssets()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, `<!doctype html><link rel="stylesheet" href="%s"><link rel="stylesheet" href="%s">
				<script type="module" src="%s"></script><main>
				<div class="map" data-map data-points="/points" data-lit="{}"></div></main>`,
				assets.path("app.css"), assets.path("map.css"), assets.path("map.js"))
		case "/favicon.ico":
			w.WriteHeader(http.StatusNoContent)
		case "/points":
			_, _ = w.Write(points) // fails where the browser has gone
		default:
			assets.ServeHTTP(w, r)
		}
	}))
	b.Cleanup(web.Close)
	browser := newBrowser(b)
	for _, way := range []string{"", "#plain"} {
		tab := newTab(b, browser, web.URL)
		tab.look(1280, "light")
		tab.open("/" + way)
		tab.until(fmt.Sprintf(`document.querySelector(".map.live")?.dataset.drawn === "%d"`, n))
		name := "webgl"
		if way != "" {
			name = "canvas"
		}
		b.Run(name, func(b *testing.B) {
			var all, moving float64
			for b.Loop() {
				frames := eval[[]float64](tab, `(async () => {
					const box = document.querySelector(".map"), frame = () => new Promise(requestAnimationFrame);
					const wheel = (d) => box.dispatchEvent(new WheelEvent("wheel", {
						 deltaY: d, clientX: 600, clientY: 500, cancelable: true }));
					const moving = [], all = [];
					for (let i = 0; i < 6; i++) {
						wheel(i % 2 ? 30 : -30);
						await frame();
						moving.push(Number(box.dataset.cost));
					}
					for (let i = 0; i < 3; i++) {
						wheel(i % 2 ? 30 : -30);
						await new Promise((done) => setTimeout(done, 400));
						all.push(Number(box.dataset.cost));
					}
					const median = (a) => a.sort((x, y) => x - y)[a.length >> 1];
					return [median(all), median(moving)];
				})()`)
				all, moving = frames[0], frames[1]
			}
			b.ReportMetric(all, "ms/frame")
			b.ReportMetric(moving, "ms/moving-frame")
		})
	}
}
