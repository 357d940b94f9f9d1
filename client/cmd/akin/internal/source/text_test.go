package source

import (
	"strings"
	"testing"
	"time"
)

func TestLaTeXBecomesPlainText(t *testing.T) {
	for in, want := range map[string]string{
		`Erd{\H o}s`:                      "Erdős",
		`Erd{\H{o}}s`:                     "Erdős",
		`Erd\H{o}s`:                       "Erdős",
		`G{\"o}del, G\"odel, {G\"{o}}del`: "Gödel, Gödel, Gödel",
		`na\"{\i}ve na{\"\i}ve na\"\i ve`: "naïve naïve naïve",
		`\'Elan \` + "`" + `a la`:         "Élan à la",
		`{\AA}ngstr{\"o}m {\aa} \o re`:    "Ångström å øre",
		`Ho{\v c}evar \v{S}imek \c{c}a`:   "Hočevar Šimek ça",
		`Stra{\ss}e, {\L}{\'o}d{\'z}`:     "Straße, Łódź",
		`pages 1--2---or so`:              "pages 1–2—or so",
		"``quoted''":                      "“quoted”",
		`R\&D costs 5\% \_ \# \$5`:        "R&D costs 5% _ # $5",
		`an \emph{urgent} {\bf case}`:     "an urgent case",
		`in $O(n\log n)$ time`:            `in O(n log n) time`,
		`it costs $5`:                     "it costs $5",
		`\LaTeX{} and \TeX`:               "LaTeX and TeX",
		`Tie~here, thin\,space`:           "Tie here, thin space",
		`{B}ayes {NLP}`:                   "Bayes NLP",
		`hy\-phen`:                        "hyphen",
		`end \`:                           "end",
		`\'`:                              "",
		`{\'}`:                            "",
		`\"{`:                             "",
		`plain`:                           "plain",
	} {
		if got := plainLaTeX(in); got != want {
			t.Errorf("latex(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestBibTeXNamesAreSplitAtAnd(t *testing.T) {
	for in, want := range map[string]string{
		"Ann Bee and Cy Dee":               "Ann Bee|Cy Dee",
		"Bee, Ann and\n  Dee, Jr, Cy":      "Ann Bee|Cy Dee Jr",
		"{Ropes and Knots Inc.} and Dee C": "Ropes and Knots Inc.|Dee C",
		"Ann Bee AND others":               "Ann Bee",
		"Sandy Anderson":                   "Sandy Anderson",
		"A and and B":                      "A|B",
		"":                                 "",
		" and ":                            "",
	} {
		if got := plainLaTeX(strings.Join(bibtexNames(in), "|")); got != want {
			t.Errorf("bibtexNames(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestDatesAreReadAsTheFormatsWriteThem(t *testing.T) {
	for in, want := range map[string]string{
		"2020-02-29": "2020-02-29", "2020-02": "2020-02-01", "2020": "2020-01-01", "2020-02-30": "2020-01-01",
		"2011/04/05":                   "2011-04-05",
		"Mon, 2 Apr 2007 19:18:42 GMT": "2007-04-02", "2014 Feb": "2014-02-01", "2014 Feb 3": "2014-02-03",
		"March 2015": "2015-03-01",
		"3 May 2016": "2016-05-03", "May 3, 2016": "2016-05-03", "Spring 2019": "2019-01-01",
		"1998 Dec-1999 Jan":         "1998-01-01",
		"2021-03-04T05:06:07+02:00": "2021-03-04", "20170809": "2017-08-09", "soon": "", "": "", "12": "", "99999": "",
	} {
		got := ""
		if ts, ok := looseDate(in); ok && ts != nil {
			got = ts.AsTime().Format(time.DateOnly)
		}
		if got != want {
			t.Errorf("looseDate(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSlugsAreStable(t *testing.T) {
	for in, want := range map[string]string{
		"MoEfication: Transformer Feed-forward Layers are Mixtures of Experts": "" +
			"moefication-transformer-feed-forward-layers-are-mixtures-of-experts",
		"Über Brücken":  "uber-brucken",
		"Newton's Cat":  "newtons-cat",
		"φ-Decoding":    "decoding",
		"S^{2}FT: A":    "s-2-ft-a",
		"  ...  ":       "",
		"ﬁne ligatures": "fine-ligatures",
		"Understanding and Improving Transformer From a Multi-Particle Dynamic System Point of View": "" +
			"understanding-and-improving-transformer-from-a-multi-particle-dynamic-system",
		strings.Repeat("a", 200): strings.Repeat("a", 80),
	} {
		if got := slug(in); got != want {
			t.Errorf("slug(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestPublishersMarkupGoesAndOtherAnglesStay(t *testing.T) {
	for in, want := range map[string]string{
		"On <i>E. coli</i> &amp; H<sub>2</sub>O":               "On E. coli & H2O",
		"<jats:title>Aim</jats:title><jats:p>To see.</jats:p>": "Aim To see.",
		"if a < b and c > d":                                   "if a < b and c > d",
		"the <mask> token":                                     "the <mask> token",
		"x &lt; y":                                             "x < y",
	} {
		if got := plain(in); got != want {
			t.Errorf("plain(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestListsOverTheContractsLimitsAreCut(t *testing.T) {
	authors := strings.Repeat(`"A. Author",`, 1_200) + `"Last One"`
	var labels strings.Builder
	for i := range 100 {
		labels.WriteString(`"c`)
		labels.WriteString(strings.Repeat("x", i))
		labels.WriteString(`",`)
	}
	text := `{"_id":"a","title":"T","metadata":{"authors":[` + authors + `],"categories":[` + labels.String() + `"end"]}}`
	papers, faults, err := readString(t, text, Options{})
	if err != nil || len(faults) != 0 || len(papers) != 1 {
		t.Fatalf("%v %v", faults, err)
	}
	p := papers[0]
	if len(p.GetAuthors()) != 1_000 || p.GetAttributes()["author_count"].GetDoubleValue() != 1_201 {
		t.Errorf("%d authors, author_count %v; want 1,000 of 1,201", len(p.GetAuthors()), p.GetAttributes()["author_count"])
	}
	if len(p.GetCategories()) != 64 {
		t.Errorf("%d categories, want 64", len(p.GetCategories()))
	}
}
