package source

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestSeedPageGivesEveryPaperWithItsOwnTitleAndAbstract(t *testing.T) {
	data := os.Getenv("AKIN_DATA")
	if data == "" {
		t.Skip("set AKIN_DATA to the folder that holds seed/papers-page.txt to run this test")
	}
	r, err := Open(filepath.Join(data, "seed", "papers-page.txt"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	if r.Format() != "page" {
		t.Errorf("detected as %s, want page", r.Format())
	}
	f, err := os.Open(filepath.Join(data, "seed", "corpus.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := bufio.NewScanner(f)
	want.Buffer(nil, 1<<20)
	ids := make(map[string]bool)
	for rec, err := range r.Records() {
		p := rec.Paper
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		var w struct{ Title, Text string }
		if !want.Scan() {
			t.Fatalf("more papers than the page has, the first is %q", p.GetTitle())
		}
		if err := json.Unmarshal(want.Bytes(), &w); err != nil {
			t.Fatal(err)
		}
		if p.GetTitle() != plain(w.Title) || p.GetAbstract() != plain(w.Text) {
			t.Errorf("paper %d:\n got %q\nwant %q\nabstracts equal: %v", len(ids)+1, p.GetTitle(), w.Title,
				p.GetAbstract() == plain(w.Text))
		}
		if ids[p.GetId()] {
			t.Errorf("id %s occurs twice", p.GetId())
		}
		ids[p.GetId()] = true
	}
	if len(ids) != 198 {
		t.Errorf("%d papers, want 198", len(ids))
	}
	if read, total := r.Progress(); read != total || total == 0 {
		t.Errorf("read %d of %d bytes at the end", read, total)
	}
}

func TestPageCases(t *testing.T) {
	const abstract = "We study how a page is read. The reader tells titles from abstracts by their length and shape " +
		"alone, and it is " +
		"seldom wrong about them. Tests show that it copes with banners, with empty lines and with titles that stand alone."
	const second = "A second abstract follows the first one here. " +
		"It has enough words and sentences of its own to be taken for what it " +
		"is, and nothing else on the page looks like it."
	type paper struct{ id, title, abstract string }
	cases := []struct {
		name   string
		text   string
		want   []paper
		errors int
	}{
		{"banners in front, one glued", "Get trending papers in your email inbox!\nSubscribeReading Pages\n" + abstract +
			"\nOther Pages\n" + second + "\n",
			[]paper{{"reading-pages", "Reading Pages", abstract}, {"other-pages", "Other Pages", second}}, 0},
		{"empty lines between all lines", "\n\nReading Pages\n\n" + abstract + "\n\n\nOther Pages\n \n" + second,
			[]paper{{"reading-pages", "Reading Pages", abstract}, {"other-pages", "Other Pages", second}}, 0},
		{"CRLF and a byte order mark", "\uFEFFReading Pages\r\n" + abstract + "\r\n",
			[]paper{{"reading-pages", "Reading Pages", abstract}}, 0},
		{"a title without abstract in the middle", "Reading Pages\n" + abstract + "\nA Lonely Title\nOther Pages\n" + second,
			[]paper{{"reading-pages", "Reading Pages", abstract}, {"a-lonely-title", "A Lonely Title", ""},
				{"other-pages", "Other Pages", second}}, 0},
		{"a title without abstract at the end", "Reading Pages\n" + abstract + "\nA Lonely Title\n",
			[]paper{{"reading-pages", "Reading Pages", abstract}, {"a-lonely-title", "A Lonely Title", ""}}, 0},
		{"banners in the middle", "Reading Pages\n" + abstract + "\n128\nUpvote\n· 12 authors\nOther Pages\n" +
			second + "\nLoad more\n",
			[]paper{{"reading-pages", "Reading Pages", abstract}, {"other-pages", "Other Pages", second}}, 0},
		{"an unknown heading is reported", "Papers Worth Your Time\nReading Pages\n" + abstract,
			[]paper{{"reading-pages", "Reading Pages", abstract}}, 1},
		{"two paragraphs", "Reading Pages\n" + abstract + "\n" + second,
			[]paper{{"reading-pages", "Reading Pages", abstract + " " + second}}, 0},
		{"an abstract without a title", abstract + "\nOther Pages\n" + second,
			[]paper{{"other-pages", "Other Pages", second}}, 1},
		{"two papers of one title", "Reading Pages\n" + abstract + "\nReading pages!\n" + second,
			[]paper{{"reading-pages", "Reading Pages", abstract}, {"reading-pages", "Reading pages!", second}}, 0},
		{"one paper twice", "Reading Pages\n" + abstract + "\nReading Pages\n" + abstract,
			[]paper{{"reading-pages", "Reading Pages", abstract}, {"reading-pages", "Reading Pages", abstract}}, 0},
		{"a title in another script", "論文の題名\n" + abstract,
			[]paper{{"paper-72fe9a9dbca1a471", "論文の題名", abstract}}, 0},
		{"invalid UTF-8 in an abstract", "Ünread Pages\n" + second + "\nReading Pages\nCaf\xe9. " + abstract +
			"\nOther Pages\n" + second,
			[]paper{{"unread-pages", "Ünread Pages", second}, {"other-pages", "Other Pages", second}}, 1},
		{"invalid UTF-8 in a title", "Ünread Pages\n" + second + "\nReading Caf\xe9s\n" + abstract +
			"\nOther Pages\n" + second,
			[]paper{{"unread-pages", "Ünread Pages", second}, {"other-pages", "Other Pages", second}}, 1},
		{"a title that begins like a button", "ShareGPT and Uploads\n" + abstract,
			[]paper{{"sharegpt-and-uploads", "ShareGPT and Uploads", abstract}}, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			papers, faults, err := readString(t, c.text, Options{Format: "page"})
			if err != nil {
				t.Fatal(err)
			}
			if len(faults) != c.errors {
				t.Errorf("%d faults, want %d: %v", len(faults), c.errors, errors.Join(faults...))
			}
			var got []paper
			for _, p := range papers {
				got = append(got, paper{p.GetId(), p.GetTitle(), p.GetAbstract()})
			}
			if len(got) != len(c.want) {
				t.Fatalf("%d papers, want %d: %q", len(got), len(c.want), got)
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Errorf("paper %d\n got %q\nwant %q", i+1, got[i], c.want[i])
				}
			}
		})
	}
}
