package alert

import (
	"testing"
	"time"
)

func moment(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestTheNextTimeOfASchedule(t *testing.T) {
	const berlin, sydney = "Europe/Berlin", "Australia/Sydney"
	for _, c := range []struct {
		name        string
		schedule    Schedule
		after, want string
	}{
		{"hourly", Schedule{Every: Hourly}, "2026-11-27T10:15:00Z", "2026-11-27T11:00:00Z"},
		{"hourly at the hour", Schedule{Every: Hourly}, "2026-11-27T11:00:00Z", "2026-11-27T12:00:00Z"},
		{"daily, today", Schedule{Every: Daily, Minute: 480}, "2026-11-27T07:59:59Z", "2026-11-27T08:00:00Z"},
		{"daily, it has just been", Schedule{Every: Daily, Minute: 480}, "2026-11-27T08:00:00Z", "2026-11-28T08:00:00Z"},
		{"daily in a zone", Schedule{Every: Daily, Minute: 480, Zone: berlin}, "2026-11-27T07:30:00Z",
			"2026-11-28T07:00:00Z"},
		{"daily where it is tomorrow", Schedule{Every: Daily, Minute: 60, Zone: sydney}, "2026-11-27T13:30:00Z",
			"2026-11-27T14:00:00Z"},
		{"weekly", Schedule{Every: Weekly, Minute: 480, Weekday: time.Monday}, "2026-11-27T10:00:00Z",
			"2026-11-30T08:00:00Z"},
		{"weekly, today is over", Schedule{Every: Weekly, Minute: 480, Weekday: time.Friday}, "2026-11-27T10:00:00Z",
			"2026-12-04T08:00:00Z"},
		{"weekly, today", Schedule{Every: Weekly, Minute: 720, Weekday: time.Friday}, "2026-11-27T10:00:00Z",
			"2026-11-27T12:00:00Z"},
		// The clock in Berlin goes from 02:00 to 03:00 on 29 March 2026 at 01:00Z, and back from 03:00 to 02:00 on 25
		// October.
		{"before the skipped hour", Schedule{Every: Daily, Minute: 150, Zone: berlin}, "2026-03-28T00:00:00Z",
			"2026-03-28T01:30:00Z"},
		{"in the skipped hour", Schedule{Every: Daily, Minute: 150, Zone: berlin}, "2026-03-28T01:30:00Z",
			"2026-03-29T01:00:00Z"},
		{"behind the skipped hour", Schedule{Every: Daily, Minute: 150, Zone: berlin}, "2026-03-29T01:00:00Z",
			"2026-03-30T00:30:00Z"},
		{"the first of two", Schedule{Every: Daily, Minute: 150, Zone: berlin}, "2026-10-24T22:00:00Z",
			"2026-10-25T00:30:00Z"},
		{"not the second of two", Schedule{Every: Daily, Minute: 150, Zone: berlin}, "2026-10-25T00:30:00Z",
			"2026-10-26T01:30:00Z"},
		{"29 February", Schedule{Every: Daily, Minute: 480}, "2028-02-28T09:00:00Z", "2028-02-29T08:00:00Z"},
		{"1 March of a leap year", Schedule{Every: Daily, Minute: 480}, "2028-02-29T09:00:00Z", "2028-03-01T08:00:00Z"},
		{"no 29 February", Schedule{Every: Daily, Minute: 480}, "2027-02-28T09:00:00Z", "2027-03-01T08:00:00Z"},
		{"over 29 February", Schedule{Every: Weekly, Minute: 0, Weekday: time.Tuesday}, "2028-02-28T00:00:00Z",
			"2028-02-29T00:00:00Z"},
		{"New Year", Schedule{Every: Daily, Minute: 0, Zone: "Pacific/Kiritimati"}, "2026-12-31T09:59:00Z",
			"2026-12-31T10:00:00Z"},
		// Samoa left out 30 December 2011 as a whole: the clock went from the 29th, 24:00, to the 31st, 00:00.
		{"a day that is not", Schedule{Every: Daily, Minute: 480, Zone: "Pacific/Apia"}, "2011-12-29T18:00:00Z",
			"2011-12-30T10:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, want := c.schedule.Next(moment(t, c.after)), moment(t, c.want); !got.Equal(want) {
				t.Errorf("behind %s: %s, want %s", c.after, got.Format(time.RFC3339), c.want)
			}
		})
	}
	if next := (Schedule{Every: AtOnce}).Next(time.Now()); !next.IsZero() {
		t.Errorf("at once has the next time %v", next)
	}
}

func TestEveryDayHasOneTime(t *testing.T) {
	for _, zone := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"} {
		for _, minute := range []int{0, 30, 90, 150, 179, 1439} {
			s := Schedule{Every: Daily, Minute: minute, Zone: zone}
			location, err := Zone(zone)
			if err != nil {
				t.Fatal(err)
			}
			at := s.Next(time.Date(2027, 12, 31, 12, 0, 0, 0, time.UTC))
			day := at.In(location)
			for range 366 {
				next := s.Next(at)
				local := next.In(location)
				if want := time.Date(day.Year(), day.Month(), day.Day()+1, 0, 0, 0, 0, time.UTC); local.Day() != want.Day() {
					t.Fatalf("%s minute %d: behind %s comes %s", zone, minute, day, local)
				}
				at, day = next, local
			}
		}
	}
}

func TestZones(t *testing.T) {
	for _, name := range []string{"Local", "Mars/Olympus", "../etc/passwd"} {
		if _, err := Zone(name); err == nil {
			t.Errorf("%q is taken for a zone", name)
		}
	}
}
