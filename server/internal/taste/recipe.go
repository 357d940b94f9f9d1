package taste

// Recipe holds the constants of the rating. The zero value is not useful: begin with Default.
type Recipe struct {
	Dense      float64 // share of the cosine in likeness, 0 to 1; the rest are shared words
	Decay      float64 // what a like counts for over the like that is nearer by one rank, 0 (the nearest alone) to 1 (all)
	Dislike    float64 // how much nearness to a dislike beyond nearness to every like takes away, from 0
	Neighbours float64 // weight of the mean rating of the nearest good candidates, from 0
	NearMean   int     // candidates nearest to the mean of the likes
	NearEach   int     // candidates nearest to each like
	EachWidth  int     // width of the walks near each like where the caller names none; 0: the index's own
	Probes     int     // likes that candidates are looked for near to, at most
}

// Default is the recipe that is served.
func Default() Recipe {
	return Recipe{Dense: .7, Decay: .4, Dislike: 1, Neighbours: .3, NearMean: 200, NearEach: 20, EachWidth: 40, Probes: 50}
}

const (
	ranks         = 32  // likes that count for one paper, the nearest ones
	wordy         = 64  // likes whose words are all looked at for one paper; of more, those of the ranks nearest by cosine
	smoothDepth   = 100 // candidates whose neighbourhoods are looked at, the best
	smoothNearest = 5   // neighbours that count
)
