package web

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// filters narrow a list. They are part of its address.
type filters struct {
	Category   string
	Author     string
	From, To   string // years or days, both included
	Expression string // AIP-160, as the contract has it
	Faults     []string
}

// filtersOf reads the filters of an address.
func filtersOf(q url.Values) filters {
	text := func(name string) string { return strings.TrimSpace(q.Get(name)) }
	return filters{
		Category: text("category"), Author: text("author"), From: text("from"), To: text("to"), Expression: text("filter"),
	}
}

// Any reports whether a filter is set.
func (f *filters) Any() bool {
	return f.Category != "" || f.Author != "" || f.From != "" || f.To != "" || f.Expression != ""
}

// values adds the filters to an address.
func (f *filters) values(q url.Values) {
	for name, value := range map[string]string{
		"category": f.Category, "author": f.Author, "from": f.From, "to": f.To, "filter": f.Expression,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
}

var yearOrDay = regexp.MustCompile(`^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$`)

// expression is the filter of the contract. What cannot be one is left out, and told in Faults.
func (f *filters) expression() string {
	var all []string
	if f.Category != "" {
		all = append(all, "categories:"+quoted(f.Category))
	}
	if f.Author != "" {
		all = append(all, "authors:"+quoted(f.Author))
	}
	if from, _, ok := span(f.From); ok {
		all = append(all, "publish_time >= "+quoted(from.Format(time.RFC3339)))
	} else if f.From != "" {
		f.noDate(f.From)
	}
	if _, behind, ok := span(f.To); ok {
		all = append(all, "publish_time < "+quoted(behind.Format(time.RFC3339)))
	} else if f.To != "" {
		f.noDate(f.To)
	}
	if f.Expression != "" {
		all = append(all, "("+f.Expression+")")
	}
	return strings.Join(all, " AND ")
}

func (f *filters) noDate(s string) {
	f.Faults = append(f.Faults,
		fmt.Sprintf("“%s” is no date: write a year such as 2024, or a day such as 2024-05-31.", shortened(s, 40)))
}

// span is the time that a year, a month or a day takes: from its beginning to that of the next.
func span(s string) (begin, behind time.Time, ok bool) {
	if !yearOrDay.MatchString(s) {
		return begin, behind, false
	}
	var err error
	switch len(s) {
	case 4:
		begin, err = time.Parse("2006", s)
		behind = begin.AddDate(1, 0, 0)
	case 7:
		begin, err = time.Parse("2006-01", s)
		behind = begin.AddDate(0, 1, 0)
	default:
		begin, err = time.Parse("2006-01-02", s)
		behind = begin.AddDate(0, 0, 1)
	}
	return begin, behind, err == nil && begin.Year() > 0 && behind.Year() < 10_000
}

// quoted is a text of a filter.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
