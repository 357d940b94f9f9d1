package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/akin-search/akin/client"
)

// corpusFile is the collection of real abstracts in the folder of AKIN_DATA.
const corpusFile = "ml-papers.jsonl.gz"

// document is a real paper.
type document struct {
	id, title string
	sentences []string
}

// corpus makes any number of papers of the real ones. The same number gives the same papers in the same order.
//
// Up to the number of real papers it is a random part of them. Beyond, every real paper is in, evenly spread, and
// between them stand mixtures: half of the sentences of three real abstracts, less a third, under the title of one of
// them. They have the words and lengths of real abstracts and lie between them, so nearest neighbours are closer
// together than among as many real papers, and recall at a given width is lower. Order is random: it says nothing
// about what comes late.
type corpus struct {
	documents []document // in the order in which they come
	papers    int        // to make
}

// openCorpus reads the real papers.
func openCorpus(papers int) (*corpus, error) {
	folder := os.Getenv("AKIN_DATA")
	if folder == "" {
		return nil, errors.New("set AKIN_DATA to the folder of evaluation data: the corpus is made of its " + corpusFile)
	}
	documents, err := readDocuments(filepath.Join(folder, corpusFile))
	if err != nil {
		return nil, err
	}
	if papers < 1 || len(documents) < mixed {
		return nil, fmt.Errorf("%d papers of %d real ones: there must be some of both", papers, len(documents))
	}
	rng := rand.New(rand.NewPCG(1, 0)) //nolint:gosec // a repeatable order
	rng.Shuffle(len(documents), func(i, j int) { documents[i], documents[j] = documents[j], documents[i] })
	return &corpus{documents: documents, papers: papers}, nil
}

func readDocuments(path string) ([]document, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in, err := gzip.NewReader(bufio.NewReaderSize(f, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var documents []document
	for lines := json.NewDecoder(in); ; {
		var record struct {
			ID    string `json:"_id"`
			Title string `json:"title"`
			Text  string `json:"text"`
		}
		if err := lines.Decode(&record); errors.Is(err, io.EOF) {
			return documents, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s, paper %d: %w", path, len(documents)+1, err)
		}
		documents = append(documents, document{record.ID, record.Title, sentences(record.Text)})
	}
}

// all yields every paper. bytes, which may be nil, counts the characters of their titles and abstracts.
func (c *corpus) all(bytes *int64) iter.Seq2[*client.Paper, error] {
	return func(yield func(*client.Paper, error) bool) {
		for i := range c.papers {
			p := c.paper(i)
			if bytes != nil {
				*bytes += int64(len(p.Title) + len(p.Abstract))
			}
			if !yield(p, nil) {
				return
			}
		}
	}
}

// paper makes the i-th paper, from 0.
func (c *corpus) paper(i int) *client.Paper {
	stored := len(c.documents)
	if c.papers <= stored {
		return c.documents[i].paper()
	}
	// Of the papers up to the i-th, real*i/papers are real: the i-th is one where that number rises behind it.
	if before, after := i*stored/c.papers, (i+1)*stored/c.papers; after > before {
		return c.documents[before].paper()
	}
	return c.mix(i)
}

func (d *document) paper() *client.Paper {
	return &client.Paper{Id: d.id, Title: d.title, Abstract: strings.Join(d.sentences, " ")}
}

// mixed is the number of papers whose sentences make one.
const mixed = 3

// mix makes the i-th paper of the sentences of others.
func (c *corpus) mix(i int) *client.Paper {
	rng := rand.New(rand.NewPCG(2, uint64(i))) //nolint:gosec // a repeatable mixture
	var chosen []string
	var title string
	for len(chosen) < 2 {
		for source := range mixed {
			d := &c.documents[rng.IntN(len(c.documents))]
			if source == 0 {
				title = d.title
			}
			for _, s := range d.sentences {
				if rng.IntN(2) == 0 {
					chosen = append(chosen, s)
				}
			}
		}
	}
	rng.Shuffle(len(chosen), func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
	chosen = chosen[:max(2, len(chosen)*2/mixed)]
	return &client.Paper{Id: fmt.Sprintf("mixed-%d", i), Title: title, Abstract: strings.Join(chosen, " ")}
}

// queries returns up to n titles of real papers that are stored, in the order in which they came.
func (c *corpus) queries(n int) []string {
	titles := make([]string, 0, n)
	for i := range min(c.papers, len(c.documents)) {
		if title := c.documents[i].title; title != "" && len(titles) < n {
			titles = append(titles, title)
		}
	}
	return titles
}

// sentences cuts behind a full stop, question or exclamation mark and a space.
func sentences(text string) []string {
	var list []string
	start := 0
	for i := 0; i+1 < len(text); i++ {
		if strings.IndexByte(".?!", text[i]) >= 0 && text[i+1] == ' ' && i-start >= 40 {
			list = append(list, text[start:i+1])
			start = i + 2
		}
	}
	if start < len(text) {
		list = append(list, text[start:])
	}
	return list
}
