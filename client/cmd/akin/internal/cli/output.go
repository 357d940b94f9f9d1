package cli

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/cmd/akin/internal/term"
	"github.com/akin-search/akin/client/export"
)

// printJSON writes one value as one line.
func (a *app) printJSON(value any) error {
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(value)
}

func (a *app) printPaperJSON(p *client.Paper) error {
	raw, err := export.JSON(p)
	if err != nil {
		return err
	}
	_, err = a.out.Write(append(raw, '\n'))
	return err
}

// hitJSON is a hit as --json prints it.
type hitJSON struct {
	Score  float64         `json:"score"`
	Parts  *partsJSON      `json:"parts,omitempty"`
	Cosine float64         `json:"cosine"`
	BM25   float64         `json:"bm25"`
	OneIn  int32           `json:"one_in,omitempty"`
	Paper  json.RawMessage `json:"paper"`

	BecauseOf *becauseJSON `json:"because_of,omitempty"` // of a recommendation with --why
}

// partsJSON is what a score is made of.
type partsJSON struct {
	Dense         float64 `json:"dense"`
	Words         float64 `json:"words"`
	Phrase        float64 `json:"phrase"`
	Neighbourhood float64 `json:"neighbourhood"`
}

func partsOf(p *client.Parts) *partsJSON {
	if p == nil {
		return nil
	}
	return &partsJSON{p.GetDense(), p.GetWords(), p.GetPhrase(), p.GetNeighbourhood()}
}

// infoJSON says how an answer was found.
type infoJSON struct {
	Exact        bool     `json:"exact"`
	Scored       int64    `json:"scored"`
	Model        string   `json:"model"`
	Revision     uint64   `json:"revision"`
	DenseWeight  float64  `json:"dense_weight"`
	UnknownWords []string `json:"unknown_words,omitempty"`
	Warnings     []string `json:"warnings,omitempty"`
	WithoutLikes bool     `json:"without_likes,omitempty"`

	MissingShards []int32 `json:"missing_shards,omitempty"` // with --partial: that did not answer
}

// printResult writes the hits of a search.
func (a *app) printResult(r *client.Result) error {
	if a.json {
		hits := make([]hitJSON, len(r.Hits))
		for i, h := range r.Hits {
			paper, err := export.JSON(h.GetPaper())
			if err != nil {
				return err
			}
			hits[i] = hitJSON{
				Score: h.GetScore(), Parts: partsOf(h.GetParts()), Cosine: h.GetCosine(), BM25: h.GetBm25(), OneIn: h.GetOneIn(),
				Paper:     paper,
				BecauseOf: becauseOf(h),
			}
		}
		return a.printJSON(struct {
			Hits    []hitJSON `json:"hits"`
			Info    infoJSON  `json:"info"`
			Missing []string  `json:"missing_paper_ids,omitempty"`
			Next    string    `json:"next_page_token,omitempty"`
		}{hits, infoJSON{
			Exact: r.Info.GetExact(), Scored: r.Info.GetScored(), Model: r.Info.GetModel(),
			Revision:    r.Info.GetPosition().GetRevision(),
			DenseWeight: r.Info.GetDenseWeight(), UnknownWords: r.Info.GetUnknownWords(), WithoutLikes: r.Info.GetWithoutLikes(),
			Warnings: r.Info.GetWarnings(), MissingShards: r.MissingShards,
		}, r.MissingIDs, r.NextPageToken})
	}
	a.noteMissingShards(r)
	if len(r.MissingIDs) > 0 {
		a.note("not stored, and left out: %s", term.Clean(strings.Join(r.MissingIDs, ", ")))
	}
	if r.Info.GetWithoutLikes() {
		a.note("no stored paper is liked: these are the newest and most central ones")
	}
	for _, w := range r.Info.GetWarnings() {
		a.note("%s", term.Clean(w))
	}
	if words := r.Info.GetUnknownWords(); len(words) > 0 {
		a.note("no paper has: %s", term.Clean(strings.Join(words, ", ")))
	}
	if len(r.Hits) == 0 {
		a.note("nothing found")
		return nil
	}
	columns := []term.Column{
		{Title: "SCORE", Right: true, Style: term.Green},
		{Title: "ID", Whole: true, Style: term.Cyan},
		{Title: "TITLE", Least: 16, Style: term.Bold},
		{Title: "AS ALIKE", Right: true, Optional: a.screen.Width < 72 || r.Hits[0].GetOneIn() == 0},
		{Title: "YEAR", Optional: true},
		{Title: "COSINE", Right: true, Optional: true},
	}
	parts := r.Hits[0].GetParts() != nil
	if parts {
		for _, title := range []string{"DENSE", "WORDS", "PHRASE", "NEIGHBOURS"} {
			columns = append(columns, term.Column{Title: title, Right: true})
		}
	}
	table := term.NewTable(columns...)
	for _, h := range r.Hits {
		p := h.GetPaper()
		row := []string{fixedPoint(h.GetScore()), p.GetId(), titleOf(p), oneIn(h.GetOneIn()), yearOf(p),
			fixedPoint(h.GetCosine())}
		if s := h.GetParts(); parts {
			row = append(row, fixedPoint(s.GetDense()), fixedPoint(s.GetWords()), fixedPoint(s.GetPhrase()),
				fixedPoint(s.GetNeighbourhood()))
		}
		table.Row(row...)
	}
	if err := table.Write(a.out, a.screen); err != nil {
		return err
	}
	if err := a.printReasons(r); err != nil {
		return err
	}
	return a.printAbstracts(r)
}

// noteMissingShards says which shards a result leaves out.
func (a *app) noteMissingShards(r *client.Result) {
	if len(r.MissingShards) == 0 {
		return
	}
	a.note("no answer from %s: papers there are not among these", shardNames(r.MissingShards))
}

// printAbstracts writes the abstracts of hits below the table, where they were asked for.
func (a *app) printAbstracts(r *client.Result) error {
	for i, h := range r.Hits {
		p := h.GetPaper()
		if p.GetAbstract() == "" || a.screen.Width == 0 {
			continue
		}
		fmt.Fprintf(a.out, "\n%s\n", a.screen.Paint(term.Bold, fmt.Sprintf("%d. %s", i+1, titleOf(p))))
		for _, line := range term.Wrap(term.Clean(p.GetAbstract()), a.screen.Width) {
			if _, err := fmt.Fprintln(a.out, line); err != nil {
				return err
			}
		}
	}
	return nil
}

func titleOf(p *client.Paper) string {
	if p.GetTitle() != "" {
		return term.Clean(p.GetTitle())
	}
	return "(no title)"
}

// yearOf is the year of publication, from publish_time or an attribute "year"; empty when neither is known.
func yearOf(p *client.Paper) string {
	if t := p.GetPublishTime(); t.IsValid() {
		return strconv.Itoa(t.AsTime().Year())
	}
	switch year := p.GetAttributes()["year"]; {
	case year.GetDoubleValue() != 0:
		return strconv.FormatFloat(year.GetDoubleValue(), 'f', 0, 64)
	default:
		return year.GetStringValue()
	}
}

// fixedPoint prints a score with three digits and without a negative zero.
func fixedPoint(f float64) string {
	s := strconv.FormatFloat(f, 'f', 3, 64)
	if s == "-0.000" {
		return "0.000"
	}
	return s
}

// oneIn says how rare a likeness is; nothing where that is not known.
func oneIn(n int32) string {
	if n == 0 {
		return ""
	}
	return "1 in " + count(int64(n))
}

// count prints a number with commas between thousands.
func count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// things is a count with its noun.
func things(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}

// size prints bytes in binary units.
func size(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	f, u := float64(n), 0
	for f >= 1024 && u < len(units)-1 {
		f, u = f/1024, u+1
	}
	if u == 0 || f >= 100 {
		return fmt.Sprintf("%.0f %s", f, units[u])
	}
	return fmt.Sprintf("%.1f %s", f, units[u])
}

// span prints a duration with about three digits.
func span(d time.Duration) string {
	switch {
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= time.Millisecond:
		return fmt.Sprintf("%.2f ms", float64(d)/1e6)
	default:
		return fmt.Sprintf("%d us", d/time.Microsecond)
	}
}

// rate is n a second; 0 before any time has passed.
func rate(n int64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return math.Round(float64(n)/d.Seconds()*10) / 10
}

// pairs writes aligned names and values; on a narrow screen values are cut.
func (a *app) pairs(rows ...[2]string) error {
	wide := 0
	for _, r := range rows {
		wide = max(wide, term.Width(r[0]))
	}
	for _, r := range rows {
		if r[1] == "" {
			continue
		}
		if a.screen.Width == 0 {
			if _, err := fmt.Fprintf(a.out, "%s\t%s\n", r[0], term.Clean(r[1])); err != nil {
				return err
			}
			continue
		}
		for i, line := range term.Wrap(term.Clean(r[1]), max(8, a.screen.Width-wide-2)) {
			name := strings.Repeat(" ", wide)
			if i == 0 {
				name = a.screen.Paint(term.Dim, r[0]) + strings.Repeat(" ", wide-term.Width(r[0]))
			}
			if _, err := fmt.Fprintf(a.out, "%s  %s\n", name, line); err != nil {
				return err
			}
		}
	}
	return nil
}
