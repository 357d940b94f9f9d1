package source

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestColumnsAreFoundByNameAndByTheCallersMap(t *testing.T) {
	cases := []struct {
		name string
		text string
		opts Options
		want string // "title|abstract|authors|categories|id|attributes", of the one paper
		err  string
	}{
		{name: "usual names in any case", text: "PaperID,Paper Title,ABSTRACT,Author Names\n7,T,A,\"Bee, Ann; Dee, Cy\"\n",
			want: "7|T|A|[Ann Bee Cy Dee]|[]|"},
		{name: "semicolons", text: "id;title;abstract\n7;T;A, with a comma\n", want: "7|T|A, with a comma|[]|[]|"},
		{name: "a map for names nobody knows", text: "nr,what,why,city\n7,T,A,Oslo\n",
			opts: Options{
				Columns: map[string]string{"title": "what", "abstract": "why", "id": "nr", "attributes.place": "city"},
			},
			want: "7|T|A|[]|[]|place=Oslo"},
		{name: "a map goes before usual names", text: "id,title,Titel\n7,T,U\n",
			opts: Options{Columns: map[string]string{"title": "Titel"}}, want: "7|U||[]|[]|"},
		{name: "a separator of the caller's", text: "id,title,authors,tags\n7,T,\"Bee, Ann/Dee\",a;b/c\n",
			opts: Options{ListSeparator: "/"}, want: "7|T||[Ann Bee Dee]|[a;b c]|"},
		{name: "authors joined by and", text: "id,title,authors\n7,T,Ann Bee and Cy Dee\n",
			want: "7|T||[Ann Bee Cy Dee]|[]|"},
		{name: "authors joined by commas", text: "id,title,authors\n7,T,\"Ann Bee, Cy Dee, Ed Eff\"\n",
			want: "7|T||[Ann Bee Cy Dee Ed Eff]|[]|"},
		{name: "one author, last name first", text: "id,title,authors\n7,T,\"van der Bee, Ann\"\n",
			want: "7|T||[Ann van der Bee]|[]|"},
		{name: "empty lines in front", text: "\n\nid,title\n7,T\n", opts: Options{Format: "csv"}, want: "7|T||[]|[]|"},
		{name: "the first of two columns of one name", text: "id,title,title\n7,T,U\n", want: "7|T||[]|[]|"},
		{name: "a cell over many lines", text: "id,title,abstract\n7,T,\"one\n\ntwo\"\n", want: "7|T|one two|[]|[]|"},
		{name: "a column that is not there", text: "id,title\n7,T\n",
			opts: Options{Columns: map[string]string{"abstract": "Summary"}},
			err:  `no column "Summary" for abstract; its columns are "id", "title"`},
		{name: "a field that is none", text: "id,title\n7,T\n", opts: Options{Columns: map[string]string{"venue": "title"}},
			err: `no field "venue"`},
		{name: "forced, and neither title nor abstract", text: "a,b\n1,2\n", opts: Options{Format: "csv"},
			err: "--column title=NAME"},
		{name: "forced to tabs", text: "id,title\n7,T\n", opts: Options{Format: "tsv"},
			err: "neither a title nor an abstract"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			papers, faults, err := readString(t, c.text, c.opts)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v, want %q in it", err, c.err)
				}
				return
			}
			if err != nil || len(faults) != 0 || len(papers) != 1 {
				t.Fatalf("papers %v, faults %v, error %v", papers, faults, err)
			}
			p := papers[0]
			var attributes []string
			for k, v := range p.GetAttributes() {
				attributes = append(attributes, k+"="+v.GetStringValue())
			}
			slices.Sort(attributes)
			got := fmt.Sprintf("%s|%s|%s|%v|%v|%s", p.GetId(), p.GetTitle(), p.GetAbstract(), p.GetAuthors(), p.GetCategories(),
				strings.Join(attributes, ","))
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// TestAStrayQuoteCostsItsRowAlone puts an open quote in front of more rows than the bound on a row holds, and one in
// front of fewer.
func TestAStrayQuoteCostsItsRowAlone(t *testing.T) {
	for _, rows := range []int{10, 50_000} {
		var b strings.Builder
		b.WriteString("id,title\nbad,\"open\n")
		for i := range rows {
			fmt.Fprintf(&b, "p%d,A title of some length %d\n", i, i)
		}
		papers, faults, err := readString(t, b.String(), Options{})
		if len(papers) != rows || len(faults) != 1 || err != nil {
			t.Errorf("%d rows: %d papers, faults %v, error %v", rows, len(papers), faults, err)
		}
	}
}
