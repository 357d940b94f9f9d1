package layout

import "unicode/utf8"

// Label names a part of the map.
type Label struct {
	At     Point // its middle
	Text   string
	Points int // that it speaks for
}

// How large a label is taken to be, in pixels: 12-pixel type with room around it.
const (
	letterWidth = 7.0
	labelMargin = 10.0
	labelHeight = 20.0
)

// Thin drops the labels that would cover one before them on a map whose longer side, side long in the units of places,
// is drawn pixels wide, and those whose text stands there already. Whoever draws the map at least so wide can show all
// that are left.
func Thin(labels []Label, side float32, pixels float64) []Label {
	var kept []Label
	scale := pixels / max(1e-9, float64(side))
	said := map[string]bool{}
	for _, l := range labels {
		if l.Text == "" || said[l.Text] || overlaps(l, kept, scale) {
			continue
		}
		said[l.Text] = true
		kept = append(kept, l)
	}
	return kept
}

// overlaps reports whether a label covers a part of another.
func overlaps(l Label, others []Label, scale float64) bool {
	w := labelWidth(l.Text)
	for _, o := range others {
		dx, dy := float64(l.At.X-o.At.X)*scale, float64(l.At.Y-o.At.Y)*scale
		if max(dx, -dx) < (w+labelWidth(o.Text))/2 && max(dy, -dy) < labelHeight {
			return true
		}
	}
	return false
}

func labelWidth(text string) float64 {
	return letterWidth*float64(utf8.RuneCountInString(text)) + labelMargin
}
