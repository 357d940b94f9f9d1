package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"text/tabwriter"

	"github.com/akin-search/akin/embed"
	"github.com/akin-search/akin/embed/vector"
	"github.com/akin-search/akin/server/internal/index"
	"github.com/akin-search/akin/server/internal/quality"
	"github.com/akin-search/akin/server/internal/rank"
	"github.com/akin-search/akin/server/internal/taste"
)

const (
	tasteUsers = 200 // drawn for each row and seed
	tasteSeeds = 3
	tasteDepth = 20 // recommendations looked at
)

// figure is a mean over users with its standard error.
type figure struct {
	Mean float64 `json:"mean"`
	SE   float64 `json:"se"`
	n    int
	sum  float64
	sq   float64
}

func (f *figure) add(x float64) { f.n, f.sum, f.sq = f.n+1, f.sum+x, f.sq+x*x }

func (f *figure) finish() {
	if f.n == 0 {
		return
	}
	f.Mean = f.sum / float64(f.n)
	if f.n > 1 {
		f.SE = math.Sqrt(max(0, f.sq/float64(f.n)-f.Mean*f.Mean) / float64(f.n-1))
	}
}

// tasteFigures are those of one recommender for one row. Shares that a row does not have stay nil.
type tasteFigures struct {
	NDCG10      figure  `json:"ndcg@10"`
	Recall20    figure  `json:"recall@20"`
	Interests10 figure  `json:"interests@10"`
	Disliked10  *figure `json:"disliked@10,omitempty"` // share of the ten relevant to the disliked query
	Kept        *figure `json:"kept,omitempty"`        // cosine of the ten with the likes, over that without dislikes
	Nearer      *figure `json:"nearer,omitempty"`      // share of the ten nearer to a dislike than to every like
	Smaller     *figure `json:"smaller,omitempty"`     // share of users with a paper of the smaller interest in the ten
	Because     *figure `json:"because,omitempty"`     // share of found papers with a like of their interest for reason
}

// recommender returns the slots recommended to a user, best first.
type recommender struct {
	Name string
	rank func(ctx context.Context, c *collection, u *tasteUser, depth int) ([]uint32, error)
}

// recommenders are the recipe, its parts taken away one by one, and the mean vector that it replaced.
func recommenders() []recommender {
	without := func(change func(r *taste.Recipe)) func(context.Context, *collection, *tasteUser, int) ([]uint32, error) {
		recipe := taste.Default()
		change(&recipe)
		return func(ctx context.Context, c *collection, u *tasteUser, depth int) ([]uint32, error) {
			return c.recommend(ctx, recipe, u, depth)
		}
	}
	return []recommender{
		{"recipe", without(func(*taste.Recipe) {})},
		{"without words", without(func(r *taste.Recipe) { r.Dense = 1 })},
		{"without ranks of likes", without(func(r *taste.Recipe) { r.Decay = 1 })},
		{"without candidates near each like", without(func(r *taste.Recipe) { r.NearEach = 0 })},
		{"without the penalty", without(func(r *taste.Recipe) { r.Dislike = 0 })},
		{"without neighbours", without(func(r *taste.Recipe) { r.Neighbours = 0 })},
		{"mean vector", func(ctx context.Context, c *collection, u *tasteUser, depth int) ([]uint32, error) {
			return c.recommendByMean(ctx, u, depth)
		}},
	}
}

// tasteReport is what eval --taste prints: the figures by row and recommender.
type tasteReport struct {
	Dataset string                              `json:"dataset"`
	Papers  int                                 `json:"papers"`
	Users   int                                 `json:"users"` // of each row: drawn by each of the seeds
	Seeds   []uint64                            `json:"seeds"`
	Taste   map[string]map[string]*tasteFigures `json:"taste"`
}

// measureTaste draws users over models of three seeds and measures every recommender on them.
func measureTaste(ctx context.Context, ds *dataset, o options) (*tasteReport, error) {
	report := &tasteReport{Dataset: ds.Name, Papers: len(ds.Documents), Taste: map[string]map[string]*tasteFigures{}}
	for _, row := range tasteRows {
		report.Taste[row.Name] = map[string]*tasteFigures{}
		for _, rec := range recommenders() {
			report.Taste[row.Name][rec.Name] = newTasteFigures(&row)
		}
	}
	for seed := o.Seed; seed < o.Seed+tasteSeeds; seed++ {
		report.Seeds = append(report.Seeds, seed)
		o := o
		o.Seed = seed
		c, err := build(ctx, ds, o)
		if err != nil {
			return nil, err
		}
		for i := range tasteRows {
			if err := c.measureRow(ctx, &tasteRows[i], report.Taste[tasteRows[i].Name]); err != nil {
				return nil, err
			}
		}
	}
	report.Users = tasteUsers * tasteSeeds
	for _, row := range report.Taste {
		for _, f := range row {
			for _, x := range f.all() {
				x.finish()
			}
		}
	}
	return report, nil
}

func newTasteFigures(row *tasteRow) *tasteFigures {
	f := &tasteFigures{Because: &figure{}}
	switch row.Dislikes {
	case unrelated, nearest:
		f.Disliked10 = &figure{}
	case neighbours:
		f.Nearer = &figure{}
	case neighbour:
		f.Kept = &figure{}
	}
	if len(row.Likes) == 2 && row.Likes[0] != row.Likes[1] {
		f.Smaller = &figure{}
	}
	return f
}

func (f *tasteFigures) all() []*figure {
	figures := []*figure{&f.NDCG10, &f.Recall20, &f.Interests10, f.Disliked10, f.Kept, f.Nearer, f.Smaller, f.Because}
	return slices.DeleteFunc(figures,
		func(x *figure) bool { return x == nil })
}

// measureRow draws the users of a row and adds what every recommender gives them to figures.
func (c *collection) measureRow(ctx context.Context, row *tasteRow, figures map[string]*tasteFigures) error {
	rng := rand.New(rand.NewPCG(c.config.Seed, 0x7a57e))
	pools := c.pools()
	for users, tries := 0, 0; users < tasteUsers; tries++ {
		if tries > 100*tasteUsers {
			return fmt.Errorf("%q: the queries have too few relevant papers for such users", row.Name)
		}
		u, ok := c.drawUser(rng, pools, row)
		if !ok {
			continue
		}
		users++
		for _, rec := range recommenders() {
			hits, err := rec.rank(ctx, c, u, tasteDepth)
			if err != nil {
				return err
			}
			f := figures[rec.Name]
			f.addUser(c, u, hits)
			if f.Kept != nil {
				before := *u
				before.dislikes = nil
				undisturbed, err := rec.rank(ctx, c, &before, tasteDepth)
				if err != nil {
					return err
				}
				// A paper without a word has no cosine with anything to keep.
				if cosine := c.meanCosine(undisturbed, u.likes[0]); cosine != 0 {
					f.Kept.add(c.meanCosine(hits, u.likes[0]) / cosine)
				}
			}
		}
	}
	return nil
}

// addUser scores what one user was given.
func (f *tasteFigures) addUser(c *collection, u *tasteUser, hits []uint32) {
	grades := map[uint32]int{}
	for _, find := range u.find {
		for slot, grade := range find {
			grades[slot] = grade
		}
	}
	m, _ := quality.Score(hits, grades)
	f.NDCG10.add(m.NDCG10)
	found := 0
	for _, slot := range hits[:min(20, len(hits))] {
		if grades[slot] > 0 {
			found++
		}
	}
	f.Recall20.add(float64(found) / float64(len(grades)))
	ten := hits[:min(10, len(hits))]
	met := 0
	for i, find := range u.find {
		has := slices.ContainsFunc(ten, func(slot uint32) bool { return find[slot] > 0 })
		if has {
			met++
		}
		if f.Smaller != nil && i == len(u.find)-1 {
			f.Smaller.add(truth(has))
		}
	}
	f.Interests10.add(float64(met) / float64(len(u.find)))
	if f.Disliked10 != nil {
		f.Disliked10.add(shareOf(ten, func(slot uint32) bool { return u.disliked[slot] }))
	}
	if f.Nearer != nil {
		f.Nearer.add(shareOf(ten, func(slot uint32) bool { return c.nearerToDislike(u, slot) }))
	}
	for _, slot := range ten {
		for i, find := range u.find {
			if find[slot] > 0 {
				f.Because.add(truth(u.interest[c.firstReason(u, slot)] == i))
			}
		}
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func shareOf(slots []uint32, is func(uint32) bool) float64 {
	n := 0
	for _, slot := range slots {
		if is(slot) {
			n++
		}
	}
	return float64(n) / float64(max(1, len(slots)))
}

// tasteOf prepares the taste of a user.
func (c *collection) tasteOf(recipe taste.Recipe, u *tasteUser) *taste.Taste {
	t := &taste.Taste{}
	t.Reset(recipe, c.words, c.model.Dims())
	var terms embed.Terms
	for _, slot := range u.likes {
		c.words.Terms(slot, &terms)
		t.Like(taste.Subject{Vector: c.row(int(slot)), Words: &terms, Weight: 1})
	}
	for _, slot := range u.dislikes {
		c.words.Terms(slot, &terms)
		t.Dislike(taste.Subject{Vector: c.row(int(slot)), Words: &terms, Weight: 1})
	}
	t.Prepare()
	return t
}

// recommend gives a user what the server gives, by exact cosines.
func (c *collection) recommend(ctx context.Context, recipe taste.Recipe, u *tasteUser, depth int) ([]uint32, error) {
	var ranker rank.Ranker
	find := rank.Find{Depth: depth, Accept: u.accept()}
	corpus := rank.Corpus{Vectors: scan{c}, Words: c.words, Model: c.model}
	_, err := c.tasteOf(recipe, u).Recommend(ctx, corpus, find, &taste.Finder{}, &ranker)
	return slotsOf(&ranker, depth), err
}

// slotsOf are the best slots of a ranking.
func slotsOf(r *rank.Ranker, depth int) []uint32 {
	r.Best(depth)
	slots := make([]uint32, min(depth, len(r.Ranked)))
	for i := range slots {
		slots[i] = r.Ranked[i].Slot
	}
	return slots
}

// accept is all papers but the user's likes and dislikes.
func (u *tasteUser) accept() allButThese {
	return allButThese(slices.Sorted(slices.Values(append(slices.Clone(u.likes), u.dislikes...))))
}

// allButThese accepts every slot but those listed, which rise.
type allButThese []uint32

func (a allButThese) Accepts(slot uint32) bool {
	_, out := slices.BinarySearch(a, slot)
	return !out
}
func (a allButThese) Slots() index.Listing { return nil }
func (a allButThese) Share() float64       { return 1 }

// scan is the vectors of a collection, searched by scoring them all.
type scan struct{ *collection }

// Search finds the nearest documents.
func (s scan) Search(ctx context.Context, q *index.Query, dst []index.Candidate) (
	[]index.Candidate, index.Report, error) {
	return (&exact{s.collection, s.cosines(q.Vector, 1)}).Search(ctx, q, dst)
}

// Scores gives the cosines of a vector with some documents.
func (s scan) Scores(v []float32, slots []uint32, dst []float32) error {
	for i, slot := range slots {
		dst[i] = vector.Dot(v, s.row(int(slot)))
	}
	return nil
}

// Vector copies the vector of a document.
func (s scan) Vector(slot uint32, dst []float32) error {
	return (&exact{collection: s.collection}).Vector(slot, dst)
}

// Dims is the length of a vector.
func (s scan) Dims() int { return s.model.Dims() }

// recommendByMean gives a user the papers nearest to the mean of the likes' vectors less the dislikes', blended with
// the BM25 of the likes' words: what the server gave before the recipe.
func (c *collection) recommendByMean(ctx context.Context, u *tasteUser, depth int) ([]uint32, error) {
	q := rank.Query{
		Vector: make([]float32, c.model.Dims()), Terms: &embed.Terms{},
		Weights: rank.DefaultWeights(rank.PaperQuery, c.model.Trained()),
	}
	counts := map[uint32]int{}
	var terms embed.Terms
	for _, slot := range u.likes {
		vector.Axpy(q.Vector, 1, c.row(int(slot)))
		c.words.Terms(slot, &terms)
		for i, id := range terms.IDs {
			counts[id] += int(terms.Counts[i])
		}
	}
	for _, slot := range u.dislikes {
		vector.Axpy(q.Vector, -1, c.row(int(slot)))
	}
	normalise(q.Vector)
	for _, id := range slices.Sorted(maps.Keys(counts)) {
		q.Terms.IDs = append(q.Terms.IDs, id)
		q.Terms.Counts = append(q.Terms.Counts, uint16(min(counts[id], math.MaxUint16)))
		q.Terms.Tokens += counts[id]
	}
	var ranker rank.Ranker
	corpus := rank.Corpus{Vectors: scan{c}, Words: c.words, Model: c.model}
	if _, err := ranker.Candidates(ctx, corpus, &q, rank.Find{Depth: depth, Accept: u.accept()}); err != nil {
		return nil, err
	}
	err := ranker.Fuse(corpus, &q)
	return slotsOf(&ranker, depth), err
}

func (c *collection) meanOf(slots []uint32) []float32 {
	sum := make([]float32, c.model.Dims())
	for _, slot := range slots {
		vector.Axpy(sum, 1, c.row(int(slot)))
	}
	normalise(sum)
	return sum
}

func normalise(v []float32) {
	if length := math.Sqrt(float64(vector.Dot(v, v))); length > 0 {
		vector.Scale(v, float32(1/length))
	}
}

func dot(a, b []float32) float32 { return vector.Dot(a, b) }

func (c *collection) meanCosine(slots []uint32, to uint32) float64 {
	sum := 0.
	for _, slot := range slots[:min(10, len(slots))] {
		sum += float64(vector.Dot(c.row(int(slot)), c.row(int(to))))
	}
	return sum / float64(max(1, min(10, len(slots))))
}

// likenessTo is the likeness of one paper with every paper.
func (c *collection) likenessTo(slot uint32) []float64 {
	recipe := taste.Default()
	recipe.Neighbours = 0
	t := c.tasteOf(recipe, &tasteUser{likes: []uint32{slot}})
	slots := make([]uint32, len(c.Documents))
	for i := range slots {
		slots[i] = uint32(i)
	}
	ratings := make([]taste.Rating, len(slots))
	var rater taste.Rater
	_ = t.Rate(context.Background(), &rater, slots, c.vectors, ratings) // fails by its context alone
	out := make([]float64, len(slots))
	for i := range out {
		out[i] = ratings[i].Score
	}
	return out
}

// nearerToDislike reports whether a paper is more like some dislike than like every like.
func (c *collection) nearerToDislike(u *tasteUser, slot uint32) bool {
	recipe := taste.Default()
	t := c.tasteOf(recipe, u)
	ratings := make([]taste.Rating, 1)
	var rater taste.Rater
	_ = t.Rate(context.Background(), &rater, []uint32{slot}, c.row(int(slot)), ratings)
	return ratings[0].Penalty > 0
}

// firstReason is the like that the first reason for a paper names.
func (c *collection) firstReason(u *tasteUser, slot uint32) int {
	var rater taste.Rater
	return c.tasteOf(taste.Default(), u).Why(&rater, slot, c.row(int(slot)), 1).Likes[0].Like
}

func (r *tasteReport) print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "%s: %d papers, %d users a row, mean and standard error\n", r.Dataset, r.Papers, r.Users)
	for _, row := range tasteRows {
		fmt.Fprintf(table, "\n%s\tndcg@10\trecall@20\tinterests@10\tothers\n", row.Name)
		for _, rec := range recommenders() {
			f := r.Taste[row.Name][rec.Name]
			fmt.Fprintf(table, "  %s\t%s\t%s\t%s\t", rec.Name, f.NDCG10, f.Recall20, f.Interests10)
			for _, x := range []struct {
				name string
				*figure
			}{
				{"disliked@10", f.Disliked10}, {"kept", f.Kept}, {"nearer", f.Nearer}, {"smaller", f.Smaller},
				{"because", f.Because},
			} {
				if x.figure != nil {
					fmt.Fprintf(table, "%s %s  ", x.name, *x.figure)
				}
			}
			fmt.Fprintln(table)
		}
	}
	return table.Flush()
}

func (f figure) String() string { return fmt.Sprintf("%.3f ±%.3f", f.Mean, f.SE) }
