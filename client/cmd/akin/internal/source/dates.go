package source

import (
	"regexp"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// layouts are the forms of dates that the formats use.
var layouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-1-2", "2006-1", "2006/1/2", "2006/1", "2006",
	"Mon, 2 Jan 2006 15:04:05 MST", "2 Jan 2006", "2 January 2006", "Jan 2 2006", "January 2 2006", "January 2, 2006",
	"Jan 2, 2006", "Jan 2006", "January 2006", "2006 Jan 2", "2006 Jan", "2006 January", "2006 January 2", "20060102",
	"2006.0",
	"2006-01-02 15:04:05 MST", "2006-01-02 15:04:05-07:00", "2006-Jan-2", "2-Jan-2006", "Jan-2006", "2006/01/02 15:04",
}

// parseDate reads a date as the formats write it. What a date leaves out is January, the first, and midnight UTC.
func parseDate(s string) (*timestamppb.Timestamp, bool) {
	s = clean(s)
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil && t.Year() >= 1000 {
			return timestamppb.New(t.UTC()), true
		}
	}
	return nil, false
}

// yearInText finds a year among other words.
var yearInText = regexp.MustCompile(`\b(?:1[5-9]|20)[0-9]{2}\b`)

// looseDate reads a date as people write it in tables and references. Of what parseDate does not read it takes the
// year: "Spring 2019" and "2019 May-June" are in 2019.
func looseDate(s string) (*timestamppb.Timestamp, bool) {
	if t, ok := parseDate(s); ok {
		return t, true
	}
	year, ok := atoi(yearInText.FindString(s))
	return yearDate(year), ok
}

// yearDate returns January the first of a year, or nil for what is no year of a paper.
func yearDate(year int) *timestamppb.Timestamp { return dateOf(year, 1, 1) }

// dateOf returns the day, with 1 for a month or a day that is none, or nil for what is no year of a paper.
func dateOf(year, month, day int) *timestamppb.Timestamp {
	if year < 1000 || year > 9999 {
		return nil
	}
	if month < 1 || month > 12 {
		month, day = 1, 1
	}
	t := time.Date(year, time.Month(month), max(day, 1), 0, 0, 0, 0, time.UTC)
	if t.Month() != time.Month(month) { // the 31st of a shorter month
		t = time.Date(year, time.Month(month), 1, 0, 0, 0, 0, time.UTC)
	}
	return timestamppb.New(t)
}

// monthOf reads a month: a number, a name or its beginning, the first of several ("jul/aug", "Sept.", "09").
func monthOf(s string) (month int, ok bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	end := strings.IndexFunc(s, func(r rune) bool { return r < 'a' || r > 'z' })
	if end < 0 {
		end = len(s)
	}
	if end >= 3 {
		i := strings.Index("jan feb mar apr may jun jul aug sep oct nov dec ", s[:3]+" ")
		return i/4 + 1, i >= 0
	}
	digits := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if digits < 0 {
		digits = len(s)
	}
	n, ok := atoi(s[:digits])
	return n, ok && n >= 1 && n <= 12
}
