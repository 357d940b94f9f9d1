package web

import (
	"cmp"
	"math"
	"net/http"
	"slices"
	"strings"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// whyPage says which words make two texts alike.
type whyPage struct {
	Query    []piece // a text that was searched for, or the abstract of From
	From     *card   // the paper that the other one is compared with; nil: a text
	FromText []piece // title of From
	Target   card
	Title    []piece
	Abstract []piece
	Hit      likeness
	Parts    []part
	Terms    []termRow
}

// part is one part of a score.
type part struct {
	Name  string
	Value float64
	Tenth int // of the score, 0 to 10
	About string
}

// termRow is one word of the explanation.
type termRow struct {
	Number  int
	Term    string
	Level   int
	Share   int // of the likeness, in hundredths
	Matches string
}

// whyTerms is how many words an explanation has.
const whyTerms = 24

// why explains one hit.
func (v *visit) why() error {
	text, id, target := strings.TrimSpace(v.query.Get("q")), v.query.Get("id"), v.query.Get("target")
	req := &akinv1.ExplainSimilarityRequest{TargetPaperId: target, MaxTerms: whyTerms}
	switch {
	case target == "" || text == "" && id == "":
		return &refusal{status: http.StatusBadRequest, title: "Why what?",
			text: "An explanation needs two sides: open it by the link “why” beside a paper."}
	case text != "":
		req.Query = &akinv1.ExplainSimilarityRequest_Text{Text: text}
	default:
		req.Query = &akinv1.ExplainSimilarityRequest_PaperId{PaperId: id}
	}
	if err := v.taste(); err != nil {
		return err
	}
	answer, err := v.site.similarity.ExplainSimilarity(v.ctx, req)
	if err != nil {
		return err
	}
	ids := []string{target}
	if text == "" {
		ids = append(ids, id)
	}
	papers, err := v.ordered(ids)
	if err != nil {
		return err
	}
	rows, query, other := explained(answer)
	p := papers[0]
	body := &whyPage{
		Target: v.card(1, p), Title: marked(titleOf(p), other), Abstract: marked(p.GetAbstract(), other),
		Hit:   likeness{answer.GetScore(), answer.GetCosine(), answer.GetOneIn()},
		Parts: partsOf(answer), Terms: rows, Query: marked(text, query),
	}
	if text == "" {
		from := papers[1]
		c := v.card(2, from)
		body.From, body.FromText, body.Query = &c, marked(titleOf(from), query), marked(from.GetAbstract(), query)
	}
	title := "Why " + shortened(body.Target.Plain, 60)
	return v.render(http.StatusOK, "why", frame{Title: title, Section: "paper", Body: body})
}

// ordered returns papers in the order of ids, in whatever spelling; NOT_FOUND where one is not stored.
func (v *visit) ordered(ids []string) ([]*akinv1.Paper, error) {
	var out []*akinv1.Paper
	for _, id := range ids {
		answer, err := v.site.papers.GetPaper(v.ctx, &akinv1.GetPaperRequest{Id: id, ReadMask: fullMask})
		if err != nil {
			return nil, err
		}
		out = append(out, answer.GetPaper())
	}
	return out, nil
}

// explained makes rows of the terms that count for the likeness, and the marks of both texts. A term's weight is the
// mean of its shares of cosine and BM25.
func explained(answer *akinv1.ExplainSimilarityResponse) (rows []termRow, query, other map[uint32]mark) {
	weight := func(t *akinv1.TermPart) float64 {
		w, of := 0., 0.
		if c := answer.GetCosine(); c > 0 {
			w, of = w+max(0, t.GetCosine())/c, of+1
		}
		if b := answer.GetBm25(); b > 0 {
			w, of = w+t.GetBm25()/b, of+1
		}
		return w / max(1, of)
	}
	query, other = make(map[uint32]mark), make(map[uint32]mark)
	most := 0.
	for _, t := range answer.GetTerms() {
		most = max(most, weight(t))
	}
	terms := slices.Clone(answer.GetTerms())
	slices.SortStableFunc(terms, func(a, b *akinv1.TermPart) int { return cmp.Compare(weight(b), weight(a)) })
	for _, t := range terms {
		w := weight(t)
		if most <= 0 || w < most/50 {
			continue
		}
		row := termRow{
			Number: len(rows) + 1, Term: t.GetTerm(), Share: int(math.Round(100 * w)), Level: levelOf(w / most),
			Matches: strings.Join(t.GetMatches(), ", "),
		}
		rows = append(rows, row)
		own := wordsOf(t.GetTerm())
		for _, id := range own {
			setMark(query, id, mark{row.Level, row.Number})
			if t.GetBm25() > 0 {
				setMark(other, id, mark{row.Level, row.Number})
			}
		}
		for _, m := range t.GetMatches() {
			if row.Level < 2 {
				break // what counts for little has no likeness worth showing
			}
			for _, id := range wordsOf(m) {
				if _, ok := other[id]; !ok {
					other[id] = mark{1, row.Number} // a likeness, not the word itself
				}
			}
		}
	}
	return rows, query, other
}

// setMark keeps the stronger of two marks of a word.
func setMark(marks map[uint32]mark, id uint32, m mark) {
	if old, ok := marks[id]; !ok || m.level > old.level {
		marks[id] = m
	}
}

// levelOf grades a weight by that of the strongest term.
func levelOf(share float64) int {
	switch {
	case share > .6:
		return 4
	case share > .3:
		return 3
	case share > .12:
		return 2
	}
	return 1
}

// partsOf are the parts of the score that are there.
func partsOf(answer *akinv1.ExplainSimilarityResponse) []part {
	p := answer.GetParts()
	all := []part{
		{Name: "Meaning", Value: p.GetDense(), About: "how near the two embeddings are"},
		{Name: "Words", Value: p.GetWords(), About: "the words that both have"},
		{Name: "Phrases", Value: p.GetPhrase(), About: "pairs of neighbouring words that both have"},
		{Name: "Neighbours", Value: p.GetNeighbourhood(), About: "other good hits that are near to this paper"},
	}
	var out []part
	for _, one := range all {
		if one.Value > .0005 {
			one.Tenth = int(math.Round(10 * one.Value / max(answer.GetScore(), 1e-9)))
			out = append(out, one)
		}
	}
	return out
}
