package device

import (
	"testing"
	"time"

	"latchkey/sync/wire"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

func TestWhoMayOpenAndWhen(t *testing.T) {
	noon := at(t, "2026-03-02T12:00:00Z") // a Monday
	office := &wire.Schedule{Week: []wire.Span{{Day: 1, From: 8 * 60, To: 18 * 60}}}
	night := &wire.Schedule{Week: []wire.Span{{Day: 1, From: 20 * 60, To: 24 * 60}}}
	only := func(groups ...string) *wire.Credential { return &wire.Credential{Groups: groups} }
	dated := func(from, until int64) *wire.Credential { return &wire.Credential{From: from, Until: until} }
	everyone := []wire.Access{{Group: wire.Everyone}}

	for _, test := range []struct {
		name       string
		access     []wire.Access
		credential *wire.Credential
		untrusted  bool
		want       wire.Reason
	}{
		{"an empty list opens to nobody", nil, only("staff"), false, wire.ReasonGroup},
		{"everyone is in everyone", everyone, only(), false, ""},
		{"a group of the list may", []wire.Access{{Group: "cleaners"}, {Group: "staff"}}, only("guests", "staff"), false, ""},
		{"another group may not", []wire.Access{{Group: "staff"}}, only("guests"), false, wire.ReasonGroup},
		{"from its first second on", everyone, dated(noon.Unix(), 0), false, ""},
		{"not before it", everyone, dated(noon.Unix()+1, 0), false, wire.ReasonEarly},
		{"not from its last second on", everyone, dated(0, noon.Unix()), false, wire.ReasonExpired},
		{"until before it", everyone, dated(0, noon.Unix()+1), false, ""},
		{"a schedule that is open", []wire.Access{{Group: "staff", Schedule: office}}, only("staff"), false, ""},
		{"a schedule that is shut", []wire.Access{{Group: "staff", Schedule: night}}, only("staff"), false, wire.ReasonSchedule},
		{"one of two schedules is open", []wire.Access{{Group: "staff", Schedule: night}, {Group: "guests", Schedule: office}}, only("guests", "staff"), false, ""},
		{"one group has a schedule that is shut, another none", []wire.Access{{Group: "staff", Schedule: night}, {Group: "guests"}}, only("guests", "staff"), false, ""},
		{"a shut schedule of another's group does not matter", []wire.Access{{Group: "staff", Schedule: night}}, only("guests"), false, wire.ReasonGroup},
		{"an empty schedule is never open", []wire.Access{{Group: wire.Everyone, Schedule: &wire.Schedule{}}}, only("staff"), false, wire.ReasonSchedule},
		{"beside an empty schedule the same group without one", []wire.Access{{Group: "staff", Schedule: &wire.Schedule{}}, {Group: "staff"}}, only("staff"), false, ""},
		{"everyone's schedule beside a narrower group", []wire.Access{{Group: "staff", Schedule: night}, {Group: wire.Everyone, Schedule: office}}, only("staff"), false, ""},
		{"without a trusted clock what has no time limit", everyone, only(), true, ""},
		{"without a trusted clock no credential with a first day", everyone, dated(1, 0), true, wire.ReasonClock},
		{"without a trusted clock no credential with a last day", everyone, dated(0, 1<<40), true, wire.ReasonClock},
		{"without a trusted clock no group with a schedule", []wire.Access{{Group: "staff", Schedule: office}}, only("staff"), true, wire.ReasonClock},
		{"without a trusted clock another group without one", []wire.Access{{Group: "staff", Schedule: office}, {Group: "guests"}}, only("guests", "staff"), true, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := wire.DefaultPolicy("front-door", "Front door")
			p.Revision, p.Access = 1, test.access
			policy, err := LoadPolicy(verified(t, &p))
			if err != nil {
				t.Fatal(err)
			}
			got := p.Refusal(test.credential, policy.moment(Now{Wall: noon, Trusted: !test.untrusted}, wire.ModeNormal))
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestSchedulesGoByTheDoorsClockThroughItsChangesAndHolidays(t *testing.T) {
	span := func(day uint8, from, to string) wire.Span {
		minute := func(text string) uint16 {
			if text == "24:00" {
				return 24 * 60
			}
			at := at(t, "2000-01-01T"+text+":00Z")
			return uint16(60*at.Hour() + at.Minute())
		}
		return wire.Span{Day: day, From: minute(from), To: minute(to)}
	}
	schedule := &wire.Schedule{
		Week: []wire.Span{
			span(0, "02:00", "03:00"), span(0, "23:00", "24:00"), span(1, "00:00", "01:00"),
			span(5, "08:00", "12:00"), span(5, "13:00", "18:00"),
		},
		Holiday: []wire.Span{span(0, "10:00", "12:00")},
	}
	holidays := []wire.Holiday{{Month: 2, Day: 29}, {Month: 12, Day: 25}, {Year: 2026, Month: 4, Day: 3}}

	for _, test := range []struct {
		name, zone, wall string
		open             bool
	}{
		{"before it opens", "UTC", "2026-03-06T07:59:59Z", false},
		{"as it opens", "UTC", "2026-03-06T08:00:00Z", true},
		{"in its last second", "UTC", "2026-03-06T11:59:59Z", true},
		{"as it shuts", "UTC", "2026-03-06T12:00:00Z", false},
		{"in its second span", "UTC", "2026-03-06T17:00:00Z", true},
		{"on another day", "UTC", "2026-03-07T09:00:00Z", false},
		{"to the end of a day", "UTC", "2026-03-08T23:59:59Z", true},
		{"on into the next", "UTC", "2026-03-09T00:00:00Z", true},

		{"by the door's zone: still shut there", "America/New_York", "2026-03-06T12:59:59Z", false},
		{"by the door's zone: open there", "America/New_York", "2026-03-06T13:00:00Z", true},
		{"by the door's zone: another day there", "Pacific/Auckland", "2026-03-05T20:00:00Z", true},

		// Berlin, 29 March 2026: 02:00 becomes 03:00, so 02:00 to 03:00 is not.
		{"the hour that is skipped: before", "Europe/Berlin", "2026-03-29T00:59:59Z", false},
		{"the hour that is skipped: after", "Europe/Berlin", "2026-03-29T01:00:00Z", false},
		{"summer time: at eight by the wall", "Europe/Berlin", "2026-04-10T06:00:00Z", true},
		{"winter time: not yet eight by the wall", "Europe/Berlin", "2026-03-27T06:00:00Z", false},
		// Berlin, 25 October 2026: 03:00 becomes 02:00, so 02:00 to 03:00 is twice.
		{"the hour that comes twice: before", "Europe/Berlin", "2026-10-24T23:59:59Z", false},
		{"the hour that comes twice: first", "Europe/Berlin", "2026-10-25T00:30:00Z", true},
		{"the hour that comes twice: second", "Europe/Berlin", "2026-10-25T01:30:00Z", true},
		{"the hour that comes twice: after", "Europe/Berlin", "2026-10-25T02:00:00Z", false},
		// Lord Howe Island turns its clocks by half an hour.
		{"half an hour's change", "Australia/Lord_Howe", "2026-04-04T15:45:00Z", true},

		{"a holiday goes by its own hours", "UTC", "2026-12-25T11:00:00Z", true},
		{"a holiday does not go by the week's", "UTC", "2026-12-25T14:00:00Z", false},
		{"a holiday of each year", "UTC", "2031-12-25T11:00:00Z", true},
		{"a holiday of one year", "UTC", "2026-04-03T09:00:00Z", false},
		{"and not of another", "UTC", "2025-04-03T11:00:00Z", false},
		{"a holiday begins at the door's midnight", "Europe/Berlin", "2026-12-24T23:30:00Z", false},
		{"a leap day", "UTC", "2028-02-29T10:00:00Z", true},
		{"no leap day", "UTC", "2027-03-01T10:00:00Z", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := wire.DefaultPolicy("front-door", "Front door")
			p.Revision, p.TimeZone, p.Holidays = 1, test.zone, holidays
			policy, err := LoadPolicy(verified(t, &p))
			if err != nil {
				t.Fatal(err)
			}
			if open := policy.open(schedule, at(t, test.wall)); open != test.open {
				t.Errorf("open: %v", open)
			}
		})
	}
}

func TestAPolicyThatNobodyHasVerifiedIsNotLoaded(t *testing.T) {
	if policy, err := LoadPolicy(new(wire.VerifiedPolicy)); err == nil || policy != (Policy{}) {
		t.Errorf("%v, %v", policy, err)
	}
}

func TestOnlyAPolicyOfAHigherRevisionIsPutInForce(t *testing.T) {
	g := newRig(t, nil)
	g.policy.Revision, g.policy.Door = 5, "Fifth"
	g.do(g.load())
	g.wantRecords(wire.PolicyApplied)
	for _, revision := range []uint64{4, 5} {
		g.policy.Revision, g.policy.Door = revision, "Another"
		g.do(g.load())
	}
	g.do(Policy{})
	g.wantRecords()
	if g.view.Door != "Fifth" || g.state.PolicyRevision != 5 || g.r.Durable().PolicyRevision != 5 {
		t.Errorf("%+v %+v", g.view, g.state)
	}
}

func TestWithoutAPolicyNobodyOpensButTheExitButton(t *testing.T) {
	g := newRig(t, nil)
	g.start.Policy = Policy{}
	g.disk = Durable{}
	g.begin()
	g.wantScreen(ScreenNotSetUp)
	if g.view.Reader != "front-door" || g.view.PIN || g.view.Card {
		t.Errorf("%+v", g.view)
	}
	g.records = nil
	g.enter(Known, adaPIN)
	g.card(Known, adaCard)
	g.order(wire.Unlock)
	g.wantStrikes()
	g.wantScreen(ScreenNotSetUp)
	for _, r := range g.wantRecords(wire.PINRefused, wire.AccessDenied, wire.CommandRefused) {
		if r.Reason != "not set up" {
			t.Errorf("%+v", r)
		}
	}
	g.do(Input{InputExit, true})
	g.wantStrikes(5 * time.Second)
	g.order(wire.Identify)
	g.wantRecords(wire.ExitPressed, wire.CommandDone)

	g.do(g.load())
	g.wantScreen(ScreenHome)
	g.card(Known, adaCard)
	g.wantStrikes(5 * time.Second)
}
