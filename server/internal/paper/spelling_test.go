package paper

import (
	"slices"
	"testing"
)

func TestSpellingsLeadToTheCanonicalForm(t *testing.T) {
	for canonical, spellings := range map[string][]string{
		"1706.03762": {
			"arXiv:1706.03762v5", "arxiv:1706.03762", "1706.03762v5", "https://arxiv.org/abs/1706.03762",
			"http://www.arxiv.org/abs/1706.03762v1",
			"https://arxiv.org/pdf/1706.03762v5.pdf", "https://arxiv.org/pdf/1706.03762", "arxiv.org/abs/1706.03762",
			"10.48550/arXiv.1706.03762",
			"https://doi.org/10.48550/arXiv.1706.03762", "doi:10.48550/ARXIV.1706.03762", "oai:arXiv.org:1706.03762",
			" 1706.03762 ",
		},
		"math/0309136": {"arXiv:math/0309136v2", "math.GT/0309136", "https://arxiv.org/abs/math.GT/0309136",
			"https://arxiv.org/pdf/math/0309136v1", "Math/0309136"},
		"hep-th/9901001": {"arXiv:hep-th/9901001", "HEP-TH/9901001"},
		"10.1000/abc(1)x": {"https://doi.org/10.1000/abc(1)x", "http://dx.doi.org/10.1000/ABC(1)X", "doi:10.1000/ABC(1)x",
			"10.1000/ABC(1)X", "DOI: 10.1000/abc(1)x"},
		"90000001": {"PMID:90000001", "pmid 90000001", "PMID90000001", "https://pubmed.ncbi.nlm.nih.gov/90000001/",
			"https://www.ncbi.nlm.nih.gov/pubmed/90000001"},
		"W2741809807": {"https://openalex.org/W2741809807", "https://api.openalex.org/works/w2741809807"},
	} {
		for _, s := range spellings {
			if got := Spellings(s); !slices.Contains(got, canonical) || slices.Contains(got, s) {
				t.Errorf("%q: %q, without %q", s, got, canonical)
			}
		}
	}
	got := Spellings("1706.03762")
	if !slices.Equal(got, []string{"10.48550/arxiv.1706.03762", "10.48550/arXiv.1706.03762", "arXiv:1706.03762"}) {
		t.Errorf("a bare arXiv id: %q", got)
	}
	for _, s := range []string{"Vaswani2017", "90000001", "wanda", "", "a/b", "10.1/x", "10.1000/abc", "moss-2001-fen",
		"https://example.org/1706.03762x", "p-00001"} {
		if got := Spellings(s); got != nil {
			t.Errorf("%q: %q, want none", s, got)
		}
	}
}

func FuzzSpellings(f *testing.F) {
	for _, s := range []string{"arXiv:math.GT/0309136v1", "https://doi.org/10.1000/X", "PMID:1", "\xff/0000000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, id string) {
		if got := Spellings(id); len(got) > 5 || slices.Contains(got, id) || slices.Contains(got, "") {
			t.Fatalf("%q: %q", id, got)
		}
	})
}
