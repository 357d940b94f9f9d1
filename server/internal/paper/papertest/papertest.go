// Package papertest compares papers, for the tests of the packages that keep them.
package papertest

import (
	"maps"
	"slices"

	"github.com/akin-search/akin/server/internal/paper"
)

// SameContent reports whether two papers agree in everything the caller chose, which leaves out times and revision of
// the writes.
func SameContent(p, q *paper.Paper) bool {
	return p.ID == q.ID && p.Title == q.Title && p.Abstract == q.Abstract && p.URL == q.URL && p.DOI == q.DOI &&
		p.PublishTime.Equal(q.PublishTime) && slices.Equal(p.Authors, q.Authors) &&
		slices.Equal(p.Categories, q.Categories) && maps.Equal(p.Attributes, q.Attributes)
}
