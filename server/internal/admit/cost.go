package admit

import (
	"cmp"

	"google.golang.org/protobuf/proto"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// Cost is what a call is charged, once its message is known.
type Cost struct {
	Class Class
	Units float64 // 1: a title searched for with the defaults among up to 100,000 papers, about .4 ms of a core
}

// wideUnits is from which cost on a search is no longer interactive: it then takes a core long enough to be felt by
// others.
const wideUnits = 4

// Breadth is how much a search looks through.
type Breadth struct {
	Vectors int // that a scan looks at
	Width   int // of a walk that names no width of its own; 0: of usualWidth
}

// usualWidth is that of the walk which costs one unit.
const usualWidth = 64

// CostOf estimates a call by its message: how deep it looks (page size, ef), whether it scans, whether it filters, and
// how much there is to read. rule is the method's.
func CostOf(rule Rule, b Breadth, m proto.Message) Cost {
	cost := Cost{Class: rule.Class, Units: 1}
	switch r := m.(type) {
	case *akinv1.SearchPapersRequest:
		cost.Units = b.units(r.GetOptions(), r.GetPageSize()) + float64(len(r.GetText()))/4096
	case *akinv1.RecommendPapersRequest:
		cost.Units = b.units(r.GetOptions(), r.GetPageSize()) + float64(len(r.GetLikes())+len(r.GetDislikes()))/20
	case *akinv1.BatchSearchPapersRequest:
		cost.Units = 0
		for _, q := range r.GetRequests() {
			cost.Units += b.units(q.GetOptions(), q.GetPageSize()) + float64(len(q.GetText()))/4096
		}
	case *akinv1.PreviewSubscriptionRequest:
		cost.Units = 2 + float64(max(1000, r.GetLast()))/1000
	case *akinv1.EmbedTextsRequest:
		bytes := 0
		for _, text := range r.GetTexts() {
			bytes += len(text)
		}
		cost.Units = float64(len(r.GetTexts()))/40 + float64(bytes)/16384
	case *akinv1.BatchUpsertPapersRequest:
		cost.Units = float64(len(r.GetPapers())) / 8
	case *akinv1.RecordEventsRequest:
		cost.Units = float64(len(r.GetEvents())) / 50
	case *akinv1.BatchGetPapersRequest:
		cost.Units = float64(len(r.GetIds())) / 50
	case *akinv1.ListPapersRequest:
		cost.Units = 1 + float64(max(100, min(1000, r.GetPageSize())))/200
		if r.GetFilter() != "" {
			cost.Units += 2
		}
	}
	cost.Units = max(cost.Units, .25)
	if cost.Class == Interactive && cost.Units > wideUnits {
		cost.Class = Batch
	}
	return cost
}

// units is k x ef x filter of a search. The constants follow from measured searches of 87,247 papers: ef 4,096 costs
// about 30 times the default, 1,000 hits about 8 times ten, and an exact one about 8.
func (b Breadth) units(o *akinv1.SearchOptions, size int32) float64 {
	width := float64(o.GetEf())
	if width == 0 {
		width = float64(cmp.Or(b.Width, usualWidth))
	}
	units := (75 + width) / (75 + usualWidth) * (1 + float64(max(0, min(1000, size)))/150)
	if o.GetMode() == akinv1.SearchMode_SEARCH_MODE_EXACT {
		units = (1 + float64(b.Vectors)/12_000) * (1 + float64(max(0, min(1000, size)))/150)
	}
	if o.GetFilter() != "" {
		units *= 1.5 + float64(len(o.GetFilter()))/256 // each condition may be a pass over all papers
	}
	if o.GetDiversity() > 0 {
		units *= 2
	}
	return units
}
