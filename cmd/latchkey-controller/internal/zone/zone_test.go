package zone

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"
)

func TestTheZoneOfAMachineIsWhatItSaysOrElseUTC(t *testing.T) {
	for name, test := range map[string]struct {
		tz             string
		set            bool
		link, timezone string
		want           string
	}{
		"nothing":                     {want: "UTC"},
		"TZ":                          {tz: "Europe/Zurich", set: true, link: "/usr/share/zoneinfo/Asia/Tokyo", want: "Europe/Zurich"},
		"TZ with a colon":             {tz: ":Europe/Zurich", set: true, want: "Europe/Zurich"},
		"TZ with a path":              {tz: "/usr/share/zoneinfo/Europe/Zurich", set: true, want: "Europe/Zurich"},
		"TZ that is empty":            {set: true, link: "/usr/share/zoneinfo/Asia/Tokyo", want: "UTC"},
		"TZ without a name":           {tz: "CET-1CEST,M3.5.0,M10.5.0/3", set: true, link: "/usr/share/zoneinfo/Asia/Tokyo", want: "UTC"},
		"TZ that leads to the link":   {tz: ":/etc/localtime", set: true, link: "/usr/share/zoneinfo/Asia/Tokyo", want: "Asia/Tokyo"},
		"link":                        {link: "/usr/share/zoneinfo/Asia/Tokyo", timezone: "Europe/Zurich", want: "Asia/Tokyo"},
		"link of NixOS":               {link: "/etc/zoneinfo/Asia/Tokyo", want: "Asia/Tokyo"},
		"link to nowhere that is one": {link: "/mnt/time", timezone: "Europe/Zurich", want: "Europe/Zurich"},
		"name":                        {timezone: "Europe/Zurich\n", want: "Europe/Zurich"},
		"name of nothing":             {timezone: "Mars/Olympus\n", want: "UTC"},
	} {
		etc := t.TempDir()
		if test.link != "" {
			if err := os.Symlink(test.link, filepath.Join(etc, "localtime")); err != nil {
				t.Fatal(err)
			}
		}
		if test.timezone != "" {
			if err := os.WriteFile(filepath.Join(etc, "timezone"), []byte(test.timezone), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := ofMachine(test.tz, test.set, etc); got != test.want {
			t.Errorf("%s: %q, not %q", name, got, test.want)
		}
	}
}

func TestAZoneHasANameOfIANA(t *testing.T) {
	for _, name := range []string{"", "Local", "Mars/Olympus", "../../etc/passwd", "CET-1CEST", strings.Repeat("x", 80)} {
		if _, err := Load(name); err == nil || !strings.Contains(err.Error(), "write one like Europe/Berlin") {
			t.Errorf("%q: %v", name, err)
		}
	}
	if zone, err := Load("Europe/Zurich"); err != nil || zone.String() != "Europe/Zurich" {
		t.Errorf("%v, %v", zone, err)
	}
}

func load(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func wall(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestATimeThatClocksLeaveOutIsRefusedAndOfTwoTheFirstIsMeant(t *testing.T) {
	for _, test := range []struct{ zone, wall, want string }{ // want: by UTC, or what is said
		{"Europe/Zurich", "2026-12-01 00:00", "2026-11-30 23:00"},
		{"Europe/Zurich", "2026-03-29 01:59", "2026-03-29 00:59"},
		{"Europe/Zurich", "2026-03-29 02:00", "there is no 02:00 on 29 Mar 2026 in Europe/Zurich: clocks go from 02:00 to 03:00 then"},
		{"Europe/Zurich", "2026-03-29 02:59", "there is no 02:59 on 29 Mar 2026 in Europe/Zurich: clocks go from 02:00 to 03:00 then"},
		{"Europe/Zurich", "2026-03-29 03:00", "2026-03-29 01:00"},
		{"Europe/Zurich", "2026-10-25 01:59", "2026-10-24 23:59"},
		{"Europe/Zurich", "2026-10-25 02:00", "2026-10-25 00:00"},
		{"Europe/Zurich", "2026-10-25 02:30", "2026-10-25 00:30"},
		{"Europe/Zurich", "2026-10-25 03:00", "2026-10-25 02:00"},
		{"America/New_York", "2026-11-01 01:30", "2026-11-01 05:30"},
		{"America/New_York", "2026-03-08 02:30", "there is no 02:30 on 8 Mar 2026 in America/New_York: clocks go from 02:00 to 03:00 then"},
		{"Australia/Lord_Howe", "2026-10-04 02:15", "there is no 02:15 on 4 Oct 2026 in Australia/Lord_Howe: clocks go from 02:00 to 02:30 then"},
		{"Pacific/Kiritimati", "2026-01-01 00:00", "2025-12-31 10:00"},
		{"Pacific/Apia", "2011-12-30 12:00", "there is no 12:00 on 30 Dec 2011 in Pacific/Apia: clocks go from 00:00 to 00:00 then"},
		{"UTC", "2026-03-29 02:30", "2026-03-29 02:30"},
	} {
		at, err := At(wall(t, test.wall), load(t, test.zone))
		got := at.UTC().Format("2006-01-02 15:04")
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s, %s: %s, not %s", test.wall, test.zone, got, test.want)
		}
	}
}

func TestADayBeginsWhenClocksFirstShowIt(t *testing.T) {
	for _, test := range []struct{ zone, day, want string }{
		{"Europe/Zurich", "2026-12-01 17:20", "2026-11-30 23:00"},
		{"America/Sao_Paulo", "2018-11-04 00:00", "2018-11-04 03:00"}, // at 01:00
		{"America/Havana", "2026-11-01 00:00", "2026-11-01 04:00"},    // which has two midnights
		{"Pacific/Apia", "2011-12-30 00:00", "2011-12-30 10:00"},      // which there was not
	} {
		if got := Begin(wall(t, test.day), load(t, test.zone)).UTC().Format("2006-01-02 15:04"); got != test.want {
			t.Errorf("%s, %s: %s, not %s", test.day, test.zone, got, test.want)
		}
	}
}

func TestWhatIsShownTwiceIsTold(t *testing.T) {
	zurich := load(t, "Europe/Zurich")
	for text, twice := range map[string]bool{
		"2026-10-24T23:59:59Z": false, "2026-10-25T00:00:00Z": true, "2026-10-25T01:59:59Z": true, "2026-10-25T02:00:00Z": false,
		"2026-03-29T00:59:59Z": false, "2026-03-29T01:00:00Z": false,
	} {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		if Twice(at.In(zurich)) != twice {
			t.Errorf("%s: %t", text, !twice)
		}
	}
}

func TestWhatAClockShowsIsReadAsWhatItShowed(t *testing.T) {
	zones := []*time.Location{time.UTC}
	for _, name := range []string{"Europe/Zurich", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu", "Pacific/Apia", "Pacific/Marquesas"} {
		zones = append(zones, load(t, name))
	}
	rapid.Check(t, func(r *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(r, "zone")
		at := time.Unix(rapid.Int64Range(0, 4e9).Draw(r, "at"), 0).In(zone)
		got, err := At(at, zone)
		if err != nil || !got.Equal(at) && !Twice(at) || got.After(at) {
			t.Fatalf("%v is read as %v, %v", at, got, err)
		}
	})
}

func TestEachZoneToChooseFromIsOneAndThereOnce(t *testing.T) {
	names := Names()
	if len(names) < 400 || !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("%d names, not in order or some twice", len(names))
	}
	for _, name := range names {
		if _, err := Load(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC"} {
		if !slices.Contains(names, name) {
			t.Errorf("%s cannot be chosen", name)
		}
	}
}

func TestACityThatOnlyOneZoneHasIsThatZone(t *testing.T) {
	for text, want := range map[string]string{
		"Berlin": "Europe/Berlin", "new york": "America/New_York", "europe/zurich": "Europe/Zurich", "America/New_York": "America/New_York", "UTC": "UTC", "utc": "UTC",
		"Knox": "America/Indiana/Knox", "": "", "Europe": "Europe", "Olympus": "Olympus", "Mars/Berlin": "Mars/Berlin", "Local": "Local",
	} {
		if got := Named(text); got != want {
			t.Errorf("%q means %q, not %q", text, got, want)
		}
	}
	for _, name := range Names() {
		if Named(name) != name {
			t.Errorf("%s is %s", name, Named(name))
		}
	}
}
