package taste

// Reason is a like's part of a paper's score.
type Reason struct {
	Like int     // its number
	Part float64 // .4^r w s / sum .4^r w, r its rank by likeness
}

// Reasons are why a paper was recommended. The parts, Others and minus Penalty sum to the paper's Score before Smooth.
type Reasons struct {
	Likes   []Reason // the likes with the largest parts, largest first
	Others  float64  // the sum of the parts of the other likes
	Penalty float64  // taken away for dislikes, from 0
}

// Why says why a paper got its score: by at most n likes. row is its vector.
func (t *Taste) Why(r *Rater, slot uint32, row []float32, n int) Reasons {
	t.look(r, row)
	best, _ := t.rank(r, slot, 0)
	if len(best) == 0 {
		return Reasons{}
	}
	var why Reasons
	weights, factor := 0., 1.
	for _, like := range best {
		w := factor * t.likes.weights[like.subject]
		part := Reason{int(like.subject), w * float64(like.likeness)}
		weights += w
		factor *= t.recipe.Decay
		at := len(why.Likes)
		for at > 0 && why.Likes[at-1].Part < part.Part {
			at--
		}
		why.Likes = append(why.Likes, Reason{})
		copy(why.Likes[at+1:], why.Likes[at:])
		why.Likes[at] = part
	}
	for i := range why.Likes {
		why.Likes[i].Part /= weights
	}
	n = min(n, len(why.Likes))
	for _, other := range why.Likes[n:] {
		why.Others += other.Part
	}
	why.Likes = why.Likes[:n]
	why.Penalty = t.penalty(r, slot, 0, best[0].likeness)
	return why
}
