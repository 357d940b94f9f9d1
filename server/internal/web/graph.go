package web

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// graph is a paper among those nearest to it, drawn: time runs from left to right, and a line joins papers that are
// alike. It is a picture of the server's making, so that it needs no script.
type graph struct {
	Width, Height int
	Nodes         []node
	Edges         []edge
	Ticks         []tick
	ByTime        bool // else from left to right papers come nearer to the one in question
}

type node struct {
	X, Y, R int
	ID      string
	Title   string
	About   string // for the tip
	Label   string // empty: none is drawn
	Anchor  string // of the label: start, middle or end
	LabelX  int
	LabelY  int
	Class   string
}

type edge struct {
	A, B           int // numbers of nodes
	X1, Y1, X2, Y2 int
	Class          string // e1 to e4 by cosine
}

type tick struct {
	X    int
	Text string
}

// fewest is how many papers a graph needs to say anything.
const fewest = 3

// graph draws a paper and the hits that are nearest to it, the nearest first. The cosines among them are those of their
// vectors, which the live model gives to their texts just as it did when they were stored.
func (v *visit) graph(seed *akinv1.Paper, hits []*akinv1.Hit, papers map[string]*akinv1.Paper) (*graph, error) {
	all := []*akinv1.Paper{seed}
	for _, h := range hits {
		if p := papers[h.GetPaper().GetId()]; p != nil {
			all = append(all, p)
		}
	}
	if len(all) <= fewest {
		return nil, nil
	}
	req := &akinv1.EmbedTextsRequest{}
	for _, p := range all {
		text := p.GetTitle() + "\n" + p.GetAbstract()
		req.Texts = append(req.Texts, text[:min(len(text), 64<<10)])
	}
	for i, t := range req.Texts {
		req.Texts[i] = strings.ToValidUTF8(t, "") // where the cut went through a sign
	}
	answer, err := v.site.similarity.EmbedTexts(v.ctx, req)
	if err != nil {
		return nil, err
	}
	cosines := make([][]float64, len(all))
	for i := range cosines {
		cosines[i] = make([]float64, len(all))
		for j := range cosines[i] {
			cosines[i][j] = dot(answer.GetEmbeddings()[i].GetValues(), answer.GetEmbeddings()[j].GetValues())
		}
	}
	stars := make([]star, len(all))
	for i, p := range all {
		t, ok := published(p)
		stars[i] = star{when: t, dated: ok}
	}
	g := draw(stars, cosines)
	for i, p := range all {
		n := &g.Nodes[i]
		n.ID, n.Title = p.GetId(), shown(titleOf(p))
		about := []string{n.Title, people(p.GetAuthors(), 3), when(p)}
		if i > 0 {
			about = append(about, fmt.Sprintf("cosine %.2f", cosines[0][i]))
		}
		n.Class = "node"
		if i == 0 {
			n.Class += " seed"
		}
		if _, ok := v.active.likes[n.ID]; ok {
			n.Class += " liked"
			about = append(about, "liked")
		}
		if _, ok := v.active.hidden[n.ID]; ok {
			n.Class += " hidden"
		}
		n.About = strings.Join(slices.DeleteFunc(about, func(s string) bool { return s == "" }), " · ")
	}
	g.label()
	return g, nil
}

// shown is a text without signs that cannot be seen: in a picture, which is not set line by line, those that turn the
// direction of text would turn its neighbours too.
func shown(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cf, unicode.Cc) {
			return -1
		}
		return r
	}, s)
}

func dot(a, b []float32) float64 {
	sum := 0.
	for i := range min(len(a), len(b)) {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

// star is what the drawing knows of a paper.
type star struct {
	when  time.Time
	dated bool
}

// Measures of the drawing, in its own units: the height leaves room for the axis.
const (
	graphWidth  = 760
	graphHeight = 400
	graphMargin = 34
	graphAxis   = 26
	linksEach   = 2 // lines of a paper beside that to the one in question
)

// draw places papers, the one in question first. Its work is in proportion to the square of their number, and it draws
// the same for the same papers.
func draw(stars []star, cosines [][]float64) *graph {
	g := &graph{Width: graphWidth, Height: graphHeight, Nodes: make([]node, len(stars))}
	xs := g.axis(stars, cosines)
	g.link(cosines)
	ys := place(xs, g.Edges, cosines)
	for i := range g.Nodes {
		g.Nodes[i].X, g.Nodes[i].Y = int(math.Round(xs[i])), int(math.Round(ys[i]))
		g.Nodes[i].R = radius(i, cosines)
	}
	for i := range g.Edges {
		e := &g.Edges[i]
		e.X1, e.Y1, e.X2, e.Y2 = g.Nodes[e.A].X, g.Nodes[e.A].Y, g.Nodes[e.B].X, g.Nodes[e.B].Y
	}
	return g
}

// radius grows with the likeness to the paper in question.
func radius(i int, cosines [][]float64) int {
	if i == 0 {
		return 11
	}
	most, least := 0., 1.
	for _, c := range cosines[0][1:] {
		most, least = max(most, c), min(least, c)
	}
	if most <= least {
		return 7
	}
	return 5 + int(math.Round(4*(cosines[0][i]-least)/(most-least)))
}

// axis gives each paper its place from left to right: by time where that is known of most and differs, else by
// likeness.
func (g *graph) axis(stars []star, cosines [][]float64) []float64 {
	xs := make([]float64, len(stars))
	wide := float64(graphWidth - 2*graphMargin)
	var known []time.Time
	for _, s := range stars {
		if s.dated {
			known = append(known, s.when)
		}
	}
	slices.SortFunc(known, time.Time.Compare)
	if len(known)*2 > len(stars) && known[len(known)-1].Sub(known[0]) > 60*24*time.Hour {
		g.ByTime = true
		first, last := known[0], known[len(known)-1]
		whole := last.Sub(first).Hours()
		at := func(t time.Time) float64 {
			return graphMargin + 2*graphMargin + (wide-2*graphMargin)*t.Sub(first).Hours()/whole
		}
		for i, s := range stars {
			xs[i] = graphMargin // without a date: at the edge
			if s.dated {
				xs[i] = at(s.when)
			}
		}
		g.ticks(first, last, at)
		return xs
	}
	most, least := -1., 1.
	for _, c := range cosines[0][1:] {
		most, least = max(most, c), min(least, c)
	}
	for i := range stars {
		xs[i] = graphMargin
		if i == 0 {
			xs[i] = graphMargin + wide
		} else if most > least { // the root spreads the many that are about as near
			xs[i] = graphMargin + .86*wide*math.Sqrt((cosines[0][i]-least)/(most-least))
		}
	}
	return xs
}

// ticks marks years, at most nine.
func (g *graph) ticks(first, last time.Time, at func(time.Time) float64) {
	step := 1
	for (last.Year()-first.Year())/step > 8 {
		step *= 2
		if step == 4 {
			step = 5
		}
	}
	for year := first.Year(); year <= last.Year()+1; year++ {
		t := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
		if year%step != 0 || t.Before(first) || t.After(last) {
			continue
		}
		g.Ticks = append(g.Ticks, tick{int(math.Round(at(t))), fmt.Sprint(year)})
	}
}

// link joins each paper to the few that are nearest to it in the graph, and to the one in question.
func (g *graph) link(cosines [][]float64) {
	n := len(cosines)
	seen := make(map[[2]int]bool)
	var values []float64
	add := func(a, b int) {
		if a > b {
			a, b = b, a
		}
		if a == b || seen[[2]int{a, b}] || cosines[a][b] <= 0 {
			return
		}
		seen[[2]int{a, b}] = true
		g.Edges = append(g.Edges, edge{A: a, B: b})
		values = append(values, cosines[a][b])
	}
	for i := range n {
		order := make([]int, 0, n-1)
		for j := range n {
			if j != i {
				order = append(order, j)
			}
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(cosines[i][b], cosines[i][a]) })
		each := linksEach
		if i == 0 {
			each = 10
		}
		for _, j := range order[:min(each, len(order))] {
			add(i, j)
		}
	}
	if len(values) == 0 {
		return
	}
	most, least := slices.Max(values), slices.Min(values)
	for i := range g.Edges {
		level := 4
		if most > least {
			level = 1 + int(3.999*(values[i]-least)/(most-least))
		}
		g.Edges[i].Class = fmt.Sprintf("e%d", level)
	}
	slices.SortStableFunc(g.Edges, func(a, b edge) int { return cmp.Compare(a.Class, b.Class) }) // strong lines on top
}

// place moves papers until linked ones are near to each other and none covers another: a system of springs (Eades 1984)
// that moves up and down freely, and from left to right only to make room.
func place(xs []float64, edges []edge, cosines [][]float64) []float64 {
	const (
		rounds = 300
		apart  = 30. // the least distance of two papers
		top    = graphMargin
		bottom = graphHeight - graphMargin - graphAxis
		golden = .6180339887
	)
	n := len(xs)
	home := slices.Clone(xs)
	ys := make([]float64, n)
	for i := range ys {
		_, share := math.Modf(float64(i) * golden)
		ys[i] = top + (bottom-top)*share
	}
	ys[0] = (top + bottom) / 2
	for round := range rounds {
		heat := 1 - float64(round)/rounds
		dx, dy := make([]float64, n), make([]float64, n)
		for _, e := range edges {
			pull := .03 * cosines[e.A][e.B] * (ys[e.B] - ys[e.A])
			dy[e.A] += pull
			dy[e.B] -= pull
		}
		for i := range n {
			for j := range i {
				x, y := xs[i]-xs[j], ys[i]-ys[j]
				d := math.Hypot(x, y)
				if d < 1e-6 {
					x, y, d = 0, float64(1+i-j), float64(1+i-j)
				}
				push := 30 / (d * d) // spreads everything
				if d < apart {
					push += .5 * (apart - d) / d
				}
				dx[i], dx[j] = dx[i]+.5*push*x, dx[j]-.5*push*x
				dy[i], dy[j] = dy[i]+push*y, dy[j]-push*y
			}
		}
		for i := range n {
			dx[i] += .2 * (home[i] - xs[i])
			dy[i] += .012 * ((top+bottom)/2 - ys[i])
			limit := 4 + 20*heat
			ys[i] = min(max(ys[i]+min(max(dy[i], -limit), limit), top), bottom)
			xs[i] = min(max(xs[i]+min(max(dx[i], -limit), limit), graphMargin), graphWidth-graphMargin)
		}
	}
	return ys
}

// label names the paper in question and the nearest others, where there is room: no name covers a paper or a name.
func (g *graph) label() {
	const (
		most   = 9
		letter = 6.5 // width of one, on average
		high   = 13
	)
	type box struct{ left, top, right, bottom int }
	meets := func(a, b box) bool {
		return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
	}
	var taken []box
	for _, n := range g.Nodes {
		taken = append(taken, box{n.X - n.R, n.Y - n.R, n.X + n.R, n.Y + n.R})
	}
	named := 0
	for i := range g.Nodes {
		n := &g.Nodes[i]
		text := shortened(n.Title, 30)
		wide := int(letter * float64(len([]rune(text))))
		for _, try := range []struct {
			anchor string
			x, y   int
			left   int
		}{
			{"start", n.X + n.R + 4, n.Y + 4, n.X + n.R + 4},
			{"end", n.X - n.R - 4, n.Y + 4, n.X - n.R - 4 - wide},
			{"middle", n.X, n.Y - n.R - 5, n.X - wide/2},
			{"middle", n.X, n.Y + n.R + 13, n.X - wide/2},
		} {
			b := box{try.left, try.y - high + 3, try.left + wide, try.y + 3}
			free := b.left >= 6 && b.right <= g.Width-6 && b.bottom <= g.Height-graphAxis
			for k, t := range taken {
				free = free && (k == i || !meets(b, t))
			}
			if free {
				n.Label, n.Anchor, n.LabelX, n.LabelY = text, try.anchor, try.x, try.y
				taken = append(taken, b)
				named++
				break
			}
		}
		if named == most {
			return
		}
	}
}
