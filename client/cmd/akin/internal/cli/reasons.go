package cli

import (
	"fmt"
	"strings"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/cmd/akin/internal/term"
)

// becauseJSON says why a paper was recommended, as --json prints it.
type becauseJSON struct {
	Likes      []likeJSON `json:"likes"`
	OtherLikes float64    `json:"other_likes"`
	Penalty    float64    `json:"penalty"`
}

// likeJSON is one like's part.
type likeJSON struct {
	PaperID string   `json:"paper_id,omitempty"`
	Like    int32    `json:"like"` // its number on the command line, from 0: papers first, then texts
	Part    float64  `json:"part"`
	Words   []string `json:"words,omitempty"`
}

func becauseOf(h *client.Hit) *becauseJSON {
	b := h.GetBecauseOf()
	if b == nil {
		return nil
	}
	out := &becauseJSON{OtherLikes: b.GetOtherLikes(), Penalty: b.GetPenalty()}
	for _, like := range b.GetLikes() {
		l := likeJSON{PaperID: like.GetPaperId(), Like: like.GetLike(), Part: like.GetPart()}
		for _, t := range like.GetTerms() {
			l.Words = append(l.Words, t.GetTerm())
		}
		out.Likes = append(out.Likes, l)
	}
	return out
}

// printReasons writes below the table which like each hit owes its place to most, and by which words, where that was
// asked for.
func (a *app) printReasons(r *client.Result) error {
	for i, h := range r.Hits {
		b := becauseOf(h)
		if b == nil {
			return nil
		}
		if i == 0 {
			if _, err := fmt.Fprintln(a.out); err != nil {
				return err
			}
		}
		var reasons []string
		for _, like := range b.Likes {
			name := like.PaperID
			if name == "" {
				name = fmt.Sprintf("like %d", like.Like+1)
			}
			words := term.Clean(strings.Join(like.Words, ", "))
			reasons = append(reasons, fmt.Sprintf("%s %.3f (%s)", term.Clean(name), like.Part, words))
		}
		hit := a.screen.Paint(term.Cyan, term.Clean(h.GetPaper().GetId()))
		line := fmt.Sprintf("%s because of %s", hit, strings.Join(reasons, "; "))
		if b.Penalty > 0 {
			line += fmt.Sprintf("; less %.3f for dislikes", b.Penalty)
		}
		if _, err := fmt.Fprintln(a.out, line); err != nil {
			return err
		}
	}
	return nil
}
