package wire

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever the groups and schedules: a credential may open the door within its hours, and at no
// other time.
func TestTheHoursOfACredentialAreThoseInWhichItMayOpen(t *testing.T) {
	groups := []string{"a", "b", Everyone}
	rapid.Check(t, func(t *rapid.T) {
		spans := func(name string, days int) []Span {
			return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Span {
				from := rapid.IntRange(0, 47).Draw(t, "from")
				to := rapid.IntRange(from+1, 48).Draw(t, "to")
				return Span{Day: uint8(rapid.IntRange(0, days-1).Draw(t, "day")), From: uint16(from * 30), To: uint16(to * 30)}
			}), 0, 6).Draw(t, name)
		}
		p := &Policy{Holidays: []Holiday{{Month: 3, Day: 4}}}
		for range rapid.IntRange(0, 4).Draw(t, "access") {
			a := Access{Group: rapid.SampledFrom(groups).Draw(t, "group")}
			if rapid.IntRange(0, 5).Draw(t, "always") > 0 {
				a.Schedule = &Schedule{Week: spans("week", 7), Holiday: spans("holiday", 1)}
			}
			p.Access = append(p.Access, a)
		}
		if rapid.Bool().Draw(t, "two") {
			p.TwoProofs = &TwoProofs{Schedule: &Schedule{Week: spans("two week", 7), Holiday: spans("two holiday", 1)}}
			if rapid.IntRange(0, 3).Draw(t, "nearly always") == 0 {
				p.TwoProofs.Schedule = &Schedule{Holiday: []Span{{To: 24 * 60}}}
				for day := range uint8(7) {
					p.TwoProofs.Schedule.Week = append(p.TwoProofs.Schedule.Week, Span{Day: day, To: 720}, Span{Day: day, From: 720, To: 24 * 60})
				}
			}
		}
		c := &Credential{Groups: rapid.SampledFrom([][]string{nil, {"a"}, {"a", "b"}, {"c"}}).Draw(t, "groups")}
		hours := p.Hours(c)
		var shown Schedule
		if hours != nil {
			shown = *hours
		}
		for _, list := range [][]Span{shown.Week, shown.Holiday} {
			for i := range list {
				if i > 0 && list[i-1].Day == list[i].Day && list[i].From <= list[i-1].To {
					t.Fatalf("%v and %v are one span", list[i-1], list[i])
				}
			}
		}
		open, alone := false, false                          // at some time
		begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC) // a Sunday
		for minute := 0; minute < 14*24*60; minute += 15 {
			at := begin.Add(time.Duration(minute) * time.Minute)
			may := p.Refusal(c, Moment{Local: at, Trusted: true}) == ""
			if within := hours == nil || p.InSchedule(hours, at); within != may {
				t.Fatalf("%v: within its hours %v, may open %v; %+v", at, within, may, hours)
			} else if within {
				open, alone = true, alone || !p.DemandsTwo(Moment{Local: at, Trusted: true})
			}
		}
		if both := p.DemandsTwoIn(hours); open && both == alone {
			t.Fatalf("two proofs are demanded throughout %+v: %v; by %+v one is enough at some time: %v", hours, both, p.TwoProofs, alone)
		}
	})
}
