package alert

import (
	"fmt"
	"sync"
	"time"
	_ "time/tzdata" // zones are known on machines that have none
)

// Every is how often matches are sent. The numbers are stored, and those of the contract.
type Every uint8

// The choices of Every.
const (
	AtOnce Every = iota + 1
	Hourly
	Daily
	Weekly
)

// Schedule says when matches are sent. The zero value is at once.
type Schedule struct {
	Every   Every        `json:",omitempty"`
	Minute  int          `json:",omitempty"` // of the day, on the wall clock of Zone: of Daily and Weekly
	Zone    string       `json:",omitempty"` // of the IANA database; empty: UTC
	Weekday time.Weekday `json:",omitempty"` // of Weekly
}

// zones are the zones that were loaded.
var zones sync.Map // string -> *time.Location

// Zone finds a time zone by its IANA name; empty is UTC. "Local" is none: it is another one on every machine.
func Zone(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	if found, ok := zones.Load(name); ok {
		return found.(*time.Location), nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, fmt.Errorf("there is no time zone %q in the IANA database", name)
	}
	zones.Store(name, zone)
	return zone, nil
}

// Periodic reports whether matches are sent at set times.
func (s Schedule) Periodic() bool { return s.Every > AtOnce }

// Next is the first time of the schedule behind a moment; zero for at once. A zone that is not known any more counts as
// UTC.
func (s Schedule) Next(after time.Time) time.Time {
	switch {
	case !s.Periodic():
		return time.Time{}
	case s.Every == Hourly:
		return after.UTC().Truncate(time.Hour).Add(time.Hour)
	}
	zone, err := Zone(s.Zone)
	if err != nil {
		zone = time.UTC
	}
	local := after.In(zone)
	// A day has one time of the schedule, so the next one is today's or that of one of the days behind. The loop looks at
	// a week and a day more, since today's may be over.
	for day := 0; day <= 8; day++ {
		at := wallClock(local.Year(), local.Month(), local.Day()+day, s.Minute, zone)
		if at.After(after) && (s.Every == Daily || dayOf(local, day) == s.Weekday) {
			return at.UTC()
		}
	}
	panic("alert: a week without a day") // dayOf takes every weekday within eight days
}

// dayOf is the weekday some days behind a day.
func dayOf(t time.Time, days int) time.Weekday {
	return time.Date(t.Year(), t.Month(), t.Day()+days, 12, 0, 0, 0, time.UTC).Weekday()
}

// wallClock is the first moment of a day at which the clock of a zone has come to a minute of the day. Where the clock
// skips that minute it is the moment of the skip, and where it passes it twice the first of the two.
func wallClock(year int, month time.Month, day, minute int, zone *time.Location) time.Time {
	// Both offsets that hold near that day are tried: one of the two moments is right, or both are, or, in a gap, none.
	want := time.Date(year, month, day, 0, minute, 0, 0, time.UTC)
	_, before := want.Add(-36 * time.Hour).In(zone).Zone()
	_, behind := want.Add(36 * time.Hour).In(zone).Zone()
	early, late := want.Add(-time.Duration(before)*time.Second), want.Add(-time.Duration(behind)*time.Second)
	if late.Before(early) {
		early, late = late, early
	}
	for _, at := range [...]time.Time{early, late} {
		if local := at.In(zone); local.Hour()*60+local.Minute() == minute && local.Day() == want.Day() {
			return at
		}
	}
	// The clock skips the minute between early and late: find the moment of the skip.
	_, offset := early.In(zone).Zone()
	for early.Add(time.Second).Before(late) {
		middle := early.Add(late.Sub(early) / 2)
		if _, o := middle.In(zone).Zone(); o == offset {
			early = middle
		} else {
			late = middle
		}
	}
	return late.Truncate(time.Second)
}
