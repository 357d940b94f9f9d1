package web

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image/png"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// drawMap stores the sample and waits until its map is drawn.
func (r *rig) drawMap() {
	r.t.Helper()
	r.storeSample()
	r.awaitMap()
}

func (r *rig) awaitMap() {
	r.t.Helper()
	for r.get("/map").status == http.StatusServiceUnavailable {
		time.Sleep(50 * time.Millisecond)
	}
}

// decodedMap reads the points as the script does.
func decodedMap(t testing.TB, body string) (head mapHead, points []mapPoint) {
	t.Helper()
	b := []byte(body)
	if len(b) < 16 || string(b[:8]) != "AKINMAP1" {
		t.Fatalf("the points begin with %q", b[:min(16, len(b))])
	}
	le := binary.LittleEndian
	size, n := int(le.Uint32(b[8:])), int(le.Uint32(b[12:]))
	if err := json.Unmarshal(b[16:16+size], &head); err != nil {
		t.Fatal(err)
	}
	b = b[16+size:]
	points = make([]mapPoint, n)
	for i := range points {
		p := &points[i]
		p.x, p.y, p.year = le.Uint16(b[2*i:]), le.Uint16(b[2*n+2*i:]), le.Uint16(b[4*n+2*i:])
		p.group = b[6*n+i]
	}
	b = b[7*n:]
	last := ""
	for i := range points {
		shared, more := int(b[0]), int(le.Uint16(b[1:]))
		last = last[:shared] + string(b[3:3+more])
		points[i].id = last
		b = b[3+more:]
	}
	if len(b) > 0 {
		t.Errorf("%d bytes are left", len(b))
	}
	return head, points
}

func TestTheMapWithoutAScriptIsAPictureWithWords(t *testing.T) {
	r := newRig(t, nil)
	r.get("/map").wants(t, http.StatusServiceUnavailable, "no map yet")
	r.drawMap()
	page := r.get("/map?q=fourier+transform&colour=category")
	page.wants(t, http.StatusOK, `data-points="/map/points?v=`, `<image href="/map/still.png?v=`, "<text x=",
		"<h2>Subjects</h2>", "<h2>Lit up</h2>",
		`<option value="category" selected>`, `href="/search?q=`, `aria-current="page">Map`)
	_, rest, _ := strings.Cut(page.body, `<image href="`)
	still, _, _ := strings.Cut(rest, `"`)
	picture := r.get(strings.ReplaceAll(still, "&amp;", "&"))
	picture.wants(t, http.StatusOK)
	img, err := png.Decode(strings.NewReader(picture.body))
	if err != nil || img.Bounds().Dx() != stillSide*stillScale || picture.header.Get("Content-Type") != "image/png" {
		t.Errorf("the still map is %v, %v", picture.header, err)
	}
	r.get("/map?filter=xx((").wants(t, http.StatusBadRequest, `class="notice bad"`)
	r.get("/map?from=yesterday").wants(t, http.StatusOK, "is no date")
	r.get("/map?category=nothing").wants(t, http.StatusOK, "0 papers")
	r.get("/map/points?filter=xx((").wants(t, http.StatusBadRequest)
}

func TestThePointsOfTheMapAreAllPapersByTheirIDs(t *testing.T) {
	r := newRig(t, nil)
	r.drawMap()
	answer := r.get("/map/points")
	head, points := decodedMap(t, answer.body)
	if len(points) < 100 || head.Found != len(points) || len(head.Levels) < 3 || head.Drawing == 0 {
		t.Fatalf("%d points of %d", len(points), head.Found)
	}
	if !slices.IsSortedFunc(points, func(a, b mapPoint) int { return strings.Compare(a.id, b.id) }) {
		t.Error("the ids do not rise")
	}
	for _, p := range points {
		if p.x == 0 || p.y == 0 || p.year < 2015 || p.year > 2024 || int(p.group) > len(head.Groups) {
			t.Fatalf("a point is %+v", p)
		}
	}
	var paper map[string]string
	got := r.get("/map/paper?id=" + url.QueryEscape(points[0].id))
	if err := json.Unmarshal([]byte(got.body), &paper); err != nil || paper["title"] == "" ||
		paper["path"] != paperPath(points[0].id) {
		t.Errorf("a point is called %v, %v", paper, err)
	}
	r.get("/map/paper?id=nowhere").wants(t, http.StatusNotFound)
	group := head.Groups[0]
	head, fewer := decodedMap(t, r.get("/map/points?category="+url.QueryEscape(group)).body)
	if len(fewer) == 0 || len(fewer) >= len(points) || !slices.Contains(head.Groups, group) {
		t.Errorf("%d points of %q", len(fewer), group)
	}
}

// TestHostilePapersOnTheMap has ids and titles that would do harm, and ids that share much or nothing.
func TestHostilePapersOnTheMap(t *testing.T) {
	r := newRig(t, nil)
	var papers []*akinv1.Paper
	want := map[string]bool{}
	for i := range 60 {
		id := fmt.Sprintf("%s%d", strings.Repeat("long", i), i)
		switch i % 4 {
		case 1:
			id = fmt.Sprintf(`<script>alert(%d)</script>`, i)
		case 2:
			id = fmt.Sprintf("%d\u05d0\u00e9\u4e2d", i)
		}
		want[id] = true
		papers = append(papers, &akinv1.Paper{
			Id: id, Title: "<img src=x onerror=alert(1)> graph " + strings.Repeat("deep ", 5*(i%3)),
			Abstract:   "graphs <script> networks",
			Categories: []string{`<b>"cs"</b>`}, PublishTime: timestamppb.New(time.Unix(int64(i)*1e8, 0)),
		})
	}
	r.store(papers...)
	r.awaitMap()
	_, points := decodedMap(t, r.get("/map/points").body)
	for _, p := range points {
		if !want[p.id] {
			t.Errorf("no paper has the id %q", p.id)
		}
	}
	if len(points) != len(want) {
		t.Errorf("%d points of %d papers", len(points), len(want))
	}
	page := r.get("/map?q=%3Cscript%3E+graph&id=" + url.QueryEscape(papers[1].GetId()))
	page.wants(t, http.StatusOK)
	page.lacks(t, "<script>alert", "<img src=x", "<b>\"cs\"")
}

func TestTheMapsScriptAndStyleAreSmall(t *testing.T) {
	total := 0
	for _, name := range []string{"map.js", "map.css"} {
		body, err := staticFiles.ReadFile("static/" + name)
		if err != nil {
			t.Fatal(err)
		}
		total += len(zip(body, gzip.BestCompression))
	}
	if total > 25<<10 {
		t.Errorf("they take %d bytes compressed", total)
	}
	t.Logf("%d bytes compressed", total)
}

// BenchmarkMapPoints makes the answer with the points of many papers, and reports its size.
func BenchmarkMapPoints(b *testing.B) {
	const n = 87_247
	m := &mapColumns{info: &akinv1.MapInfo{Found: n}}
	state := uint32(1)
	for i := range n {
		state = state*1664525 + 1013904223
		m.papers = append(m.papers, mapPoint{fmt.Sprintf("2101.%05d", i), uint16(state >> 16), uint16(state >> 8), 2021,
			uint8(i % 9)})
	}
	var body []byte
	for b.Loop() {
		var err error
		if body, err = m.encode(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(body)), "bytes")
	b.ReportMetric(float64(len(zip(bytes.Clone(body), gzip.DefaultCompression))), "gzipped-bytes")
}
