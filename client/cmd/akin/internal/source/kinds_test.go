package source

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestFilesAsPeopleHaveThemAreRecognised opens files with what programs write around the records.
func TestFilesAsPeopleHaveThemAreRecognised(t *testing.T) {
	const prose = "Peat holds water for many years. We weigh it in forty bogs over nine winters, " +
		"and we find that most of them grew. " +
		"A map of their growth would have told us of all the known floods before they came to the valleys."
	for name, c := range map[string]struct {
		text, format string
		ids          string
	}{
		"BibTeX behind a preface of several lines": {"Made by a Reference Program 1.2\n" +
			"Any change is lost when it is made again.\n\nOptions can be set in its menus\n\n" +
			"@article{Moor2018,\nabstract = {" + prose +
			"},\nauthor = {Moor, Eva},\ntitle = {{Peat {\\&} moss: p {\\textless} 0.05}},\nyear = {2018}\n}\n", "bibtex",
			"Moor2018"},
		"BibTeX behind 30 KiB of comment": {strings.Repeat("% a line of comment\n", 1_500) + "@misc{a, title={T}}\n",
			"bibtex", "a"},
		"RIS with numbers in front": {"1.\nTY  - JOUR\nID  - 2018-01-001\nT1  - Peat.\nN2  - " + prose +
			"\nER  - \n\n2.\nTY  - JOUR\nID  - 2018-01-002\nT1  - Moss.\nN2  - " + prose + "\nER  - \n",
			"ris", "2018-01-001 2018-01-002"},
		"RIS behind a provider's header": {"Provider: A Press\nDatabase: \nContent: text/plain\n\nTY  - JOUR\n" +
			"TI  - Peat\nAB  - " + prose + "\nER  - \n", "ris", "peat"},
		"RIS with links between records": {"TY  - JOUR\nTI  - Peat\nER  - \nLink to the text:\nhttp://example.org/x\n\n" +
			"TY  - JOUR\nTI  - Moss\nER  - \n", "ris", "peat moss"},
		"RIS whose IDs count records": {"TY  - JOUR\nTI  - Peat\nPY  - 2018\nAU  - Moor, Eva\nID  - 1\nER  - \n", "ris",
			"peat-2018-moor"},
		"one JSON object on many lines": {"{\n \"id\": \"https://openalex.org/W7\",\n \"title\": \"Peat\",\n" +
			" \"authorships\": [\n {\"author\": {\"display_name\": \"Eva Moor\"}}\n ]\n}\n", "openalex", "W7"},
		"a JSON array of papers": {`[{"id":"a","title":"Peat"},{"id":"b","title":"Moss"}]`, "akin", "a b"},
		"a page of a service, many lines": {"{\n\"total\": 2,\n\"data\": [\n" +
			"{\"paperId\": \"p1\", \"title\": \"Peat\"},\n{\"paperId\": \"p2\", \"title\": \"Moss\"}\n]\n}\n",
			"semantic-scholar", "p1 p2"},
		"one work of Crossref": {`{"status":"ok","message":{"DOI":"10.1000/PEAT",` +
			`"title":["Peat"],"reference":[{"DOI":"10.1000/other"}]}}`,
			"crossref", "10.1000/peat"},
		"Web of Science with tabs": {"PT\tAU\tTI\tAB\tPY\tUT\nJ\tMoor, E; Fen, " +
			"I\tPeat\tIt holds water.\t2018\tWOS:7\n", "tsv", "WOS:7"},
		"CORD-19": {"cord_uid,sha,title,doi,abstract,publish_time,authors,arxiv_id\n" +
			"c1,,Peat,10.1000/p,x,2018-07-03,\"Moor, Eva; Fen, Ib\",\nc2,,Moss,,y,2018,\"Moor, Eva\",1801.00001\n", "csv",
			"c1 c2"},
		"ids that are no value": {"id,title\nNA,Peat\nnan,Moss\n,Fern\n", "csv", "peat moss fern"},
	} {
		t.Run(name, func(t *testing.T) {
			in, err := newInput(strings.NewReader(c.text), 0, "", nil)
			if err != nil {
				t.Fatal(err)
			}
			r, err := newReader(in, Options{})
			if err != nil {
				t.Fatal(err)
			}
			papers, faults, end := readAll(t, r)
			var ids []string
			for _, p := range papers {
				ids = append(ids, p.GetId())
			}
			if got := strings.Join(ids, " "); r.Format() != c.format || got != c.ids || len(faults) > 0 || end != nil {
				t.Errorf("%s: %q, faults %v, %v; want %s: %q", r.Format(), got, faults, end, c.format, c.ids)
			}
		})
	}
}

// TestTextsThatHoldNoPapersAreNeverTakenForAPage opens exports in formats that nothing here reads, and tables without
// texts.
func TestTextsThatHoldNoPapersAreNeverTakenForAPage(t *testing.T) {
	const prose = "Peat holds water for many years. We weigh it in forty bogs over nine winters, " +
		"and we find that most of them grew a lot."
	for name, text := range map[string]string{
		"tagged lines of an unknown kind": "Titel: Peat\nVerfasser: Moor\nJahr: 2018\nBand: 3\nText\n" + prose +
			"\n\nTitel: Moss\nVerfasser: Fen\nJahr: 2019\nBand: 4\nText\n" + prose + "\n",
		"a table of ids": "pmid,doi,label\n1,10.1000/" + strings.Repeat("x", 160) + ",1\n2,10.1000/" +
			strings.Repeat("y", 160) + ",0\n",
		"a program": "package main\n\nimport \"fmt\"\n\nfunc main() {\n\tfmt.Println(\"x\")\n}\n// " +
			prose + "\n",
	} {
		papers, _, err := readString(t, text, Options{})
		var format *FormatError
		if len(papers) != 0 || !errors.As(err, &format) {
			t.Errorf("%s: %d papers, %v", name, len(papers), err)
		}
	}
}

func TestMissingValuesAreNone(t *testing.T) {
	for _, s := range []string{"", "NA", "N/A", "n/a", "nan", "NaN", "None", "NULL", "null", "n.d.", "in press", "[n.d.]",
		" NA ", "empty", "#N/A"} {
		if !missing(s) {
			t.Errorf("%q is taken for a value", s)
		}
	}
	for _, s := range []string{"0", "Nancy", "nano", "On Null", "No", "x", "Empty sets", "Empty"} {
		if missing(s) {
			t.Errorf("%q is taken for none", s)
		}
	}
	papers, faults, err := readString(t, "id,title,abstract,authors,year,doi,keywords\n1,Peat,nan,None,NA,NULL,n/a\n"+
		"2,Moss,None,NA,n.d.,NA,\n3,Fern,,,2018.0,,\n4,Heath,,,soon,,\n", Options{})
	if err != nil || len(faults) > 0 || len(papers) != 4 {
		t.Fatalf("%v %v %v", papers, faults, err)
	}
	for i, p := range papers {
		if p.GetAbstract() != "" || p.GetDoi() != "" || len(p.GetAuthors()) > 0 || len(p.GetCategories()) > 0 ||
			(p.GetPublishTime() != nil) != (i == 2) {
			t.Errorf("%v", p)
		}
	}
}

func TestTextBecomesPlain(t *testing.T) {
	for in, want := range map[string]string{
		`{$\less$}i{$\greater$}Moss{$\less$}/i{$\greater$} in huts`:     "Moss in huts",
		`Moss Science {\&}amp$\mathsemicolon$ Practice`:                 "Moss Science & Practice",
		`O{\textquotesingle}Dell`:                                       "O'Dell",
		`{CO}$_{\textrm{2}}$ and \textit{Sphagnum}`:                     "CO2 and Sphagnum",
		`\textmu{}g m\textsuperscript{-2} d$^{-1}$ at 5\,°C ($\geq$ 3)`: "μg m-2 d-1 at 5 °C (≥ 3)",

		`$10^{-3}$, $O(n^2)$, Ca$^{2+}$, 700$^\circ$C, $\alpha$-diverse`: "" +
			"10^-3, O(n^2), Ca2+, 700°C, α-diverse",
		`{\textless}span class="nocase"{\textgreater}x{\textless}/span{\textgreater}`: "x",
		`p {\textless} 0.05`: "p < 0.05",
	} {
		if got := plainLaTeX(in); got != want {
			t.Errorf("plainLaTeX(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		`LiFePO$_4$ at \(\mu\)m, {\"o} and G\"odel`:                      "LiFePO4 at μm, ö and Gödel",
		`it costs $5 and $10, see C:\new\table`:                          `it costs $5 and $10, see C:\new\table`,
		`&lt;i&gt;x&lt;/i&gt; &amp;amp; <sub>2</sub>`:                    "x & 2",
		"10<sup>-3</sup>, Ca<sup>2+</sup>, see<sup>3</sup>":              "10^-3, Ca2+, see3",
		"zero\u200bwidth, soft\u00adhyphen, a\u0301":                     "zerowidth, softhyphen, á",
		`<mml:math><mml:mi>x</mml:mi></mml:math><tex-math>\x</tex-math>`: "x",
		`a < b > c, {a, b}, ~5, 'x' -- y`:                                `a < b > c, {a, b}, ~5, 'x' -- y`,
	} {
		if got := plain(in); got != want {
			t.Errorf("plain(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestDOIsAreBareOrNone(t *testing.T) {
	for in, want := range map[string]string{
		"10.1000/a_b": "10.1000/a_b", "https://doi.org/10.1000/A": "10.1000/A", "http://dx.doi.org/10.1000/a": "10.1000/a",
		"http://doi.acm.org/10.1145/1.2": "10.1145/1.2", "doi:10.1000/a": "10.1000/a", "DOI 10.1000/a.": "10.1000/a",
		`10.1000/a{\_}b`: "10.1000/a_b",
		`10.1000/a\_b`:   "10.1000/a_b", "https://doi.org/10.1000%2Fa": "10.1000/a",
		"https://press.example.org/doi/10.1000/a?x=1": "10.1000/a",
		"10.1016/S0140-6736(05)1":                     "10.1016/S0140-6736(05)1", "(10.1000/a)": "10.1000/a",
		"10.1000/a&lt;b": "10.1000/a<b",
		"<10.1000/a>.":   "10.1000/a",
		"10.1002/(SICI)1(1998)49:8<693::AID-A4>3.0.CO;2-O": "10.1002/(SICI)1(1998)49:8<693::AID-A4>3.0.CO;2-O",
		"nan": "", "x": "", "10.1": "", "1234": "", "110.1000/a": "", "10.1000/": "",
	} {
		if got := bareDOI(in); got != want {
			t.Errorf("bareDOI(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestAuthorsOfOneCellAreParted(t *testing.T) {
	for in, want := range map[string]string{
		"['Moor, Eva', \"Fen, Ib\"]": "Eva Moor|Ib Fen", `["Moor, Eva"]`: "Eva Moor", "Moor, E., Fen, I.": "E. Moor|I. Fen",
		"Moor E, Fen IK":        "Moor E|Fen IK",
		"Moor, Eva and Fen, Ib": "Eva Moor|Ib Fen", "Eva Moor and Ib Fen, Jr.": "Eva Moor|Ib Fen Jr.",
		"Eva Moor, Ib Fen & Per Aa": "Eva Moor|Ib Fen|Per Aa",
		"Moor":                      "Moor", "van der Moor, Eva": "Eva van der Moor",
		"Moor, Eva (57100000001); Fen, Ib": "Eva Moor|Ib Fen",
		"Eva Moor|Ib Fen":                  "Eva Moor|Ib Fen",
	} {
		if got := strings.Join(splitNames(in, ""), "|"); got != want {
			t.Errorf("splitNames(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestBibTeXChildrenTakeFromTheirParents(t *testing.T) {
	papers, faults, err := readString(t, `@inproceedings{child, author={Moor, Eva}, title={A child}, crossref={Parent}}
% @article{commented, title={Not a paper}}
@article(paren, title="Peat", month = jan # "~5", year = 2019)
@article{dot, title={Moss}, month={Sept.}, year={2019}}
@article{two, title={Fern}, month={jul/aug}, year={2019}}
@proceedings{parent, title={Proceedings of the Bog}, year={2011}}
@inproceedings{orphan, title={An orphan}, crossref={nobody}}
`, Options{})
	var got []string
	for _, p := range papers {
		day := ""
		if p.GetPublishTime() != nil {
			day = p.GetPublishTime().AsTime().Format(time.DateOnly)
		}
		got = append(got, fmt.Sprintf("%s %s %s", p.GetId(), day, p.GetAttributes()["venue"].GetStringValue()))
	}
	want := "paren 2019-01-05 |dot 2019-09-01 |two 2019-07-01 |parent 2011-01-01 |child 2011-01-01 Proceedings of the " +
		"Bog|orphan  "
	if strings.Join(got, "|") != want || len(faults) > 0 || err != nil {
		t.Errorf("got  %s\nwant %s\nfaults %v, %v", strings.Join(got, "|"), want, faults, err)
	}
}
