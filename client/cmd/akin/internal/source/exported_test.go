package source_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/akin-search/akin/client/cmd/akin/internal/source"
	"github.com/akin-search/akin/client/export"
	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// words are what random texts are made of: scripts, and signs that some format has a meaning for.
var words = strings.Fields(`peat moss Sphagnum the of CO2 LiFePO4 bogs' O'Dell naïve Straße Łódź β-carotene
	中文 題名 100% C# R&D a_b x^2 10^-3 $5 US$ {set} {a,b} ~5 \ C:\data back\slash -- --- “quoted” "straight"
	<0.05 >3 p<0.01 a/b [1] (see) 5°C – — semi;colon comma, full. and And others TY - AB ER @article{x, %0
	** __init__ |bar| emoji🎉 ﬁne`)

var (
	givenNames  = strings.Fields("Eva Ib J. K.-A. Søren Zoë 小 Jean-Luc Ó")
	familyNames = strings.Fields("Moor Fen Ó'Dell Nüßlein Şule 明 van·der Smith-Jones")
	particleSet = strings.Fields("van von der de la al")
)

// random makes papers.
type random struct{ *rand.Rand }

func (r random) pick(list []string) string { return list[r.IntN(len(list))] }

func (r random) text(most int) string {
	var list []string
	for range 1 + r.IntN(most) {
		list = append(list, r.pick(words))
	}
	return strings.Join(list, " ")
}

func (r random) name() string {
	switch r.IntN(8) {
	case 0:
		return r.pick(familyNames)
	case 1:
		return r.pick(givenNames) + " " + r.pick(particleSet) + " " + r.pick(familyNames)
	case 2:
		return r.pick(givenNames) + " " + r.pick(familyNames) + " Jr"
	case 3:
		return "The " + r.pick(familyNames) + " Group"
	}
	return r.pick(givenNames) + " " + r.pick(givenNames) + " " + r.pick(familyNames)
}

// paper makes one whose texts are as an import leaves them: it is read as JSON with usual names first.
func (r random) paper(t *testing.T, n int) *akinv1.Paper {
	t.Helper()
	fields := map[string]any{"id": r.id(n), "title": "Peat " + r.text(12)}
	if r.IntN(4) > 0 {
		fields["abstract"] = "We " + r.text(60)
	}
	if r.IntN(3) > 0 {
		fields["venue"] = "Journal " + r.text(4)
	}
	if r.IntN(2) > 0 {
		fields["volume"], fields["issue"], fields["pages"], fields["publisher"] = "3", "2",
			r.pick([]string{"1-9", "e12", "1-9, 12", "7-7"}), "Press "+r.text(3)
		fields["language"], fields["issn"] = "en", "1234-5678"
	}
	raw, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	p := read(t, "json", string(raw))[0]
	for range r.IntN(5) {
		p.Authors = append(p.Authors, r.name())
	}
	for i := range r.IntN(4) {
		p.Categories = append(p.Categories, fmt.Sprintf("%s %d",
			r.pick([]string{"peat", "C#", "R&D", "50%", "Ökologie", "a_b"}), i))
	}
	if r.IntN(2) > 0 {
		p.Doi, p.Url = fmt.Sprintf("10.1000/Peat_%d(A)", n), fmt.Sprintf("https://example.org/a_b?x=%d&y=50%%25#top", n)
	}
	if r.IntN(4) > 0 {
		at := time.Date(1500+r.IntN(600), time.Month(1+r.IntN(12)), 1+r.IntN(28), 0, 0, 0, 0, time.UTC)
		switch r.IntN(3) {
		case 0:
			at = time.Date(at.Year(), 1, 1, 0, 0, 0, 0, time.UTC)
		case 1:
			at = time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
		}
		p.PublishTime = timestamppb.New(at)
	}
	return p
}

func (r random) id(n int) string {
	switch r.IntN(6) {
	case 0:
		return fmt.Sprint(90000000 + n)
	case 1:
		return fmt.Sprintf("10.1000/a(b)_%d", n)
	case 2:
		return fmt.Sprintf("with space, comma {and} braces é %d", n)
	case 3:
		return fmt.Sprintf("arXiv:math/01010%02d", n)
	}
	return fmt.Sprintf("Moor%d:x", n)
}

// read imports a text.
func read(t *testing.T, format, text string) []*akinv1.Paper {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := source.Open(path, source.Options{Format: format})
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	defer r.Close()
	var papers []*akinv1.Paper
	for rec, err := range r.Records() {
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		papers = append(papers, rec.Paper)
	}
	return papers
}

// write exports papers.
func write(t *testing.T, format string, papers ...*akinv1.Paper) string {
	t.Helper()
	var b strings.Builder
	w, err := export.New(format, &b)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range papers {
		if err := w.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// types are what the attribute type may be in each format.
var types = map[string][]string{
	"jsonl": {"anything at all"}, "csv": {"anything at all"}, "csl-json": {"anything at all"},
	"bibtex": {"article", "inproceedings", "phdthesis", "misc", "online"}, "ris": {"JOUR", "CONF", "THES", "GEN"},
}

// TestWhatIsExportedIsImportedAsItWas holds import(export(x)) = x for every field that a format can hold, and that the
// format is recognised by its content.
func TestWhatIsExportedIsImportedAsItWas(t *testing.T) {
	rounds := 300
	if testing.Short() {
		rounds = 60
	}
	for _, format := range export.Formats() {
		t.Run(format, func(t *testing.T) {
			r := random{rand.New(rand.NewPCG(7, 7))}
			var papers []*akinv1.Paper
			for n := range rounds {
				p := r.paper(t, n)
				setText(p, "type", r.pick(types[format]))
				switch format {
				case "bibtex":
					if p.GetUrl() != "" { // a paper without an address takes that of its eprint
						setText(p, "arxiv_id", "2101.00001")
					}
				case "ris":
				default:
					setText(p, "anything", "at all "+strings.ReplaceAll(r.text(5), `\`, "x"))
					p.Attributes["score"] = &akinv1.AttributeValue{Value: &akinv1.AttributeValue_DoubleValue{DoubleValue: r.Float64()}}
					p.Attributes["open"] = &akinv1.AttributeValue{Value: &akinv1.AttributeValue_BoolValue{BoolValue: true}}
					if p.PublishTime != nil {
						p.PublishTime.Seconds += 3_661
					}
				}
				papers = append(papers, p)
			}
			text := write(t, format, papers...)
			got := read(t, "", text)
			if len(got) != len(papers) {
				t.Fatalf("%d papers of %d", len(got), len(papers))
			}
			for i, p := range papers {
				if !proto.Equal(got[i], p) {
					t.Fatalf("read back\n%s\nwas\n%s\nin\n%s", show(got[i]), show(p), write(t, format, p))
				}
			}
		})
	}
}

func setText(p *akinv1.Paper, name, s string) {
	if p.Attributes == nil {
		p.Attributes = make(map[string]*akinv1.AttributeValue)
	}
	p.Attributes[name] = &akinv1.AttributeValue{Value: &akinv1.AttributeValue_StringValue{StringValue: s}}
}

func show(p *akinv1.Paper) string { return protojson.Format(p) }

func TestKeysOfBibTeXAreApartAndIDsAreKept(t *testing.T) {
	papers := []*akinv1.Paper{{Id: "a b", Title: "One"}, {Id: "a,b", Title: "Two"}, {Id: "{}", Title: "Three"},
		{Id: "中", Title: "Four"}}
	text := write(t, "bibtex", papers...)
	var ids, keys []string
	for _, p := range read(t, "bibtex", text) {
		ids = append(ids, p.GetId())
	}
	for entry := range strings.Lines(text) {
		if strings.HasPrefix(entry, "@") {
			keys = append(keys, entry)
		}
	}
	slices.Sort(keys)
	if len(slices.Compact(keys)) != 4 || len(ids) != 4 || ids[0] != "a b" || ids[3] != "中" {
		t.Errorf("ids %q in\n%s", ids, text)
	}
}
