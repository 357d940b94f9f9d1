package web

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

const (
	mapPapers = 250_000 // on the map at most; more are thinned, evenly
	mapGlance = 200     // that are looked at for whether papers have categories
	mapHits   = 100     // of a search that are lit at most
	mapLikes  = 1000    // newest likes that are lit
	mapSide   = 65_535  // largest coordinate
	stillSide = 320     // pixels of the still map: the narrowest screen
)

// mapPage is what the page of the map shows.
type mapPage struct {
	Query   string
	Colour  string // year or category
	Kind    string // what a category is called: category, or venue where papers have none
	Filters filters
	Points  string // address of the points
	Still   string // address of the density
	Lit     string // JSON for the script: what to light up
	Labels  []stillLabel
	Topics  []topic
	Found   int // papers on the map
	Shown   int
	Hits    []card
	Faults  []string
}

// stillLabel is a label of the map without a script, in pixels of a square of stillSide.
type stillLabel struct {
	X, Y int
	Text string
	Path string
}

// topic is a subject of the map.
type topic struct {
	Text   string
	Papers int
	Path   string
}

// lit is what the script lights up.
type lit struct {
	Hits  []string `json:"hits"`
	Likes []string `json:"likes"`
	Paper string   `json:"paper,omitempty"` // to look at
}

// showMap shows all papers at once. Without a script it is a picture with words, and a list of subjects.
func (v *visit) showMap() error {
	if err := v.taste(); err != nil {
		return err
	}
	body := &mapPage{Query: strings.TrimSpace(v.query.Get("q")), Colour: "year", Filters: filtersOf(v.query)}
	if v.query.Get("colour") == "category" {
		body.Colour = "category"
	}
	expression := body.Filters.expression()
	body.Faults = body.Filters.Faults
	info, group, err := v.mapInfo(expression)
	switch {
	case reasonOf(err) == "NO_MAP":
		return &refusal{status: http.StatusServiceUnavailable, title: "There is no map yet",
			text: "It is drawn in the background, of 32 papers and more. Look again in a minute."}
	case status.Code(err) == codes.InvalidArgument:
		body.Faults = append(body.Faults, problems(err)...)
		return v.render(http.StatusBadRequest, "map", frame{Title: "Map", Section: "map", Body: body})
	case err != nil:
		return err
	}
	body.Found, body.Shown = int(info.GetFound()), min(mapPapers, int(info.GetFound()))
	body.label(info)
	filtered := url.Values{}
	body.Filters.values(filtered)
	body.Kind = cmp.Or(group, "category")
	version := url.Values{"v": {strconv.FormatUint(info.GetDrawing(),
		36) + "-" + strconv.FormatUint(info.GetPosition().GetRevision(), 36)}}
	for name, values := range filtered {
		version[name] = values
	}
	if group != "" {
		version.Set("group", group)
	}
	body.Still, body.Points = "/map/still.png?"+version.Encode(), "/map/points?"+version.Encode()
	if err := v.light(body, expression); err != nil {
		return err
	}
	return v.render(http.StatusOK, "map", frame{Title: "Map", Section: "map", Body: body})
}

// mapInfo asks what the map is, with few of its papers, and by which attribute these are in groups: none, for their
// categories, unless they have no category but a venue.
func (v *visit) mapInfo(filter string) (info *akinv1.MapInfo, group string, err error) {
	for _, group = range []string{"", "venue"} {
		err = v.eachPiece(&akinv1.GetMapRequest{Filter: filter, GroupBy: group, MaxPapers: mapGlance},
			func(piece *akinv1.GetMapResponse) {
				if i := piece.GetInfo(); i != nil {
					info = i
				}
			})
		if err != nil || len(info.GetGroups()) > 0 {
			return info, group, err
		}
	}
	return info, "", nil
}

// eachPiece reads a map to its end.
func (v *visit) eachPiece(req *akinv1.GetMapRequest, take func(*akinv1.GetMapResponse)) error {
	stream, err := v.site.index.GetMap(v.ctx, req)
	for err == nil {
		var piece *akinv1.GetMapResponse
		if piece, err = stream.Recv(); err == nil {
			take(piece)
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// label chooses the words of the map without a script: those of the first level that have room on the narrowest screen.
func (p *mapPage) label(info *akinv1.MapInfo) {
	if len(info.GetLevels()) == 0 {
		return
	}
	type box struct{ x, y, w int }
	var taken []box
	said := map[string]bool{}
	for _, l := range info.GetLevels()[0].GetLabels() {
		path := "/search?" + url.Values{"q": {l.GetText()}}.Encode()
		p.Topics = append(p.Topics, topic{Text: l.GetText(), Papers: int(l.GetPapers()), Path: path})
		text := l.GetText()
		first, _, _ := strings.Cut(text, ", ")
		b := box{int(l.GetX()) * stillSide / mapSide, stillSide - int(l.GetY())*stillSide/mapSide, len([]rune(first))*6 + 8}
		b.x = min(max(b.x, b.w/2), stillSide-b.w/2)
		b.y = min(max(b.y, 12), stillSide-6)
		free := !said[first]
		said[first] = true
		for _, o := range taken {
			free = free && (abs(o.x-b.x) >= (o.w+b.w)/2 || abs(o.y-b.y) >= 16)
		}
		if free {
			taken = append(taken, b)
			p.Labels = append(p.Labels, stillLabel{b.x, b.y, first, path})
		}
	}
}

func abs(n int) int { return max(n, -n) }

// light finds what is lit: the hits of a search, what is liked, and a paper that is to be looked at.
func (v *visit) light(body *mapPage, expression string) error {
	l := lit{Hits: []string{}, Likes: []string{}, Paper: v.query.Get("id")}
	if body.Query != "" {
		answer, err := v.site.similarity.SearchPapers(v.ctx, &akinv1.SearchPapersRequest{
			Query:    &akinv1.SearchPapersRequest_Text{Text: body.Query},
			PageSize: int32(min(mapHits, max(10, body.Found/20))), // so that what is lit stands out
			Options:  &akinv1.SearchOptions{Filter: expression, ReadMask: idsOnly},
		})
		switch {
		case status.Code(err) == codes.InvalidArgument:
			body.Faults = append(body.Faults, problems(err)...)
		case err != nil:
			return err
		}
		hits := answer.GetHits()
		for _, hit := range hits {
			l.Hits = append(l.Hits, hit.GetPaper().GetId())
		}
		if body.Hits, _, err = v.cards(hits[:min(10, len(hits))], 0); err != nil {
			return err
		}
	}
	for _, like := range v.active.order[:min(mapLikes, len(v.active.order))] {
		l.Likes = append(l.Likes, like.GetPaperId())
	}
	encoded, err := json.Marshal(l)
	body.Lit = string(encoded)
	return err
}

// mapPaper is what a point of the map is called, for the script.
func (v *visit) mapPaper() error {
	id := v.query.Get("id")
	answer, err := v.site.papers.GetPaper(v.ctx, &akinv1.GetPaperRequest{
		Id: id, ReadMask: &fieldmaskpb.FieldMask{Paths: []string{"id", "title", "authors", "publish_time"}},
	})
	if err != nil {
		return err
	}
	paper := answer.GetPaper()
	who := ""
	if authors := paper.GetAuthors(); len(authors) > 0 {
		who = authors[0]
		if len(authors) > 1 {
			who += " and others"
		}
	}
	year := ""
	if t, ok := published(paper); ok {
		year = strconv.Itoa(t.UTC().Year())
	}
	body, err := json.Marshal(map[string]string{
		"title": shortened(oneLine(paper.GetTitle()), 200), "who": shortened(oneLine(who), 80), "year": year,
		"path": paperPath(id),
	})
	if err != nil {
		return err
	}
	v.send(http.StatusOK, "application/json", body)
	return nil
}
