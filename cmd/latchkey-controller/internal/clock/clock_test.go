package clock

import (
	"strings"
	"testing"
	"time"
)

// A machine has clocks that the test moves.
type machine struct{ Reading }

func (m *machine) run(d time.Duration) { m.Wall, m.Since = m.Wall.Add(d), m.Since+d }
func (m *machine) put(d time.Duration) { m.Wall = m.Wall.Add(d) }
func (m *machine) start(off time.Duration) {
	m.Wall, m.Since, m.Boot = m.Wall.Add(off), 5*time.Second, m.Boot+"'"
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const year = 365 * 24 * time.Hour

// Each step is what happens, how much time has passed after it, and the doubt then.
func TestTimePassesWhicheverWayTheClockIsPut(t *testing.T) {
	type step struct {
		does   func(*machine)
		passed time.Duration
		doubt  Doubt
	}
	run := func(d time.Duration, doubt Doubt) step {
		return step{func(m *machine) { m.run(d) }, d, doubt}
	}
	put := func(d time.Duration, doubt Doubt) step { return step{func(m *machine) { m.put(d) }, 0, doubt} }
	start := func(off, passed time.Duration, doubt Doubt) step {
		return step{func(m *machine) { m.start(off) }, passed, doubt}
	}
	for name, steps := range map[string][]step{
		"nothing special":                          {run(time.Minute, None), run(100*24*time.Hour, None)},
		"a time service at work":                   {put(time.Minute, None), run(time.Hour, None), put(-time.Minute, None), run(time.Hour, None)},
		"years forward and back":                   {put(10*year, Stepped), run(30*time.Second, Stepped), put(-10*year, None), run(time.Hour, None)},
		"years back and forward":                   {put(-10*year, Stepped), run(30*time.Second, Stepped), put(10*year, None), run(time.Hour, None)},
		"put twice":                                {put(time.Hour, Stepped), put(time.Hour, Stepped), run(time.Hour, Stepped), put(-time.Hour, Stepped), put(-time.Hour, None)},
		"doubt outlives starts":                    {put(2*time.Hour, Stepped), start(time.Minute, 5*time.Second, Stepped), run(time.Hour, Stepped), start(time.Minute, 5*time.Second, Stepped)},
		"put right, and a start":                   {put(2*time.Hour, Stepped), {func(m *machine) { m.put(-2 * time.Hour); m.start(10 * time.Minute) }, 10 * time.Minute, None}, run(time.Hour, None)},
		"put back, right, a start":                 {put(-10*year, Stepped), {func(m *machine) { m.put(10 * year); m.start(10 * time.Minute) }, 10 * time.Minute, None}, run(time.Hour, None)},
		"put right, off for days":                  {put(10*year, Stepped), {func(m *machine) { m.put(-10 * year); m.start(3 * 24 * time.Hour) }, 5 * time.Second, Unset}, run(time.Hour, Unset)},
		"put right before a start":                 {put(2*time.Hour, Stepped), put(-2*time.Hour, None), start(time.Minute, time.Minute, None)},
		"off for a night":                          {start(10*time.Hour, 10*time.Hour, None), run(time.Hour, None)},
		"off for less than it took to start":       {start(time.Second, 5*time.Second, None)},
		"off for a week":                           {start(7*24*time.Hour, 5*time.Second, Unset), run(time.Hour, Unset), start(time.Minute, 5*time.Second, Unset)},
		"no clock of its own, then a time service": {start(-20*time.Minute, 0, Unset), run(10*time.Second, Unset), {func(m *machine) { m.put(30 * time.Minute) }, 10 * time.Minute, None}, run(time.Hour, None)},
		"no clock of its own at all":               {start(-56*year, 0, Unset), run(time.Hour, Unset), start(-time.Hour, 0, Unset)},
	} {
		t.Run(name, func(t *testing.T) {
			m := &machine{Reading{Wall: noon, Boot: "a", Since: time.Hour}}
			mark := Begin(m.Reading)
			if mark.Time() != Steady(noon.Unix()) {
				t.Fatalf("a site begins at %d", mark.Time())
			}
			for i, s := range steps {
				before := mark.Time()
				s.does(m)
				mark = mark.At(m.Reading)
				passed := mark.Time().Sub(before)
				if passed != s.passed || mark.Doubt != s.doubt {
					t.Fatalf("step %d: %v passed, doubt %d; want %v, %d", i, passed, mark.Doubt, s.passed, s.doubt)
				}
				if said := mark.Says(m.Reading); (said == nil) != (s.doubt == None) {
					t.Fatalf("step %d: %q", i, said)
				}
			}
		})
	}
}

func TestAClockThatSomebodyConfirmsIsBelievedAndNothingAges(t *testing.T) {
	for name, does := range map[string]func(*machine){
		"forward":         func(m *machine) { m.put(10 * year) },
		"back":            func(m *machine) { m.put(-10 * year) },
		"off for a month": func(m *machine) { m.start(30 * 24 * time.Hour) },
		"unset":           func(m *machine) { m.start(-10 * year) },
	} {
		m := &machine{Reading{Wall: noon, Boot: "a", Since: time.Hour}}
		mark := Begin(m.Reading)
		does(m)
		in := mark.At(m.Reading)
		if in.Doubt == None {
			t.Fatalf("%s: no doubt", name)
		}
		sure := in.Confirmed(m.Reading)
		if sure.Doubt != None || sure.Time() != in.Time() || sure.Says(m.Reading) != nil {
			t.Errorf("%s: %+v after %+v", name, sure, in)
		}
		m.run(time.Hour)
		if later := sure.At(m.Reading); later.Doubt != None || later.Time().Sub(sure.Time()) != time.Hour {
			t.Errorf("%s: an hour later %+v", name, later)
		}
	}
}

func TestAReadingJustBeforeTheMarkChangesNothing(t *testing.T) {
	m := &machine{Reading{Wall: noon, Boot: "a", Since: 100 * 24 * time.Hour}}
	waits := m.Reading
	m.run(time.Millisecond)
	mark := Begin(m.Reading)
	if late := mark.At(waits); late != mark || late.Says(waits) != nil {
		t.Fatalf("%+v by a reading that waited; it was %+v", late, mark)
	}
}

func TestTimePassesWhereNobodyTellsWhichStartThisIs(t *testing.T) {
	m := &machine{Reading{Wall: noon, Since: 100 * 24 * time.Hour}}
	mark := Begin(m.Reading)
	m.run(time.Minute)
	if later := mark.At(m.Reading); later.Doubt != None || later.Time().Sub(mark.Time()) != time.Minute {
		t.Fatalf("a minute after %+v: %+v", mark, later)
	}
}

// Another machine may have run for years: a site moved there, or a backup
// restored there, is not older by them.
func TestNothingAgesByMovingToAMachineThatHasRunForLong(t *testing.T) {
	for away, doubt := range map[time.Duration]Doubt{time.Minute: None, 30 * 24 * time.Hour: Unset} {
		m := &machine{Reading{Wall: noon, Boot: "a", Since: time.Hour}}
		mark := Begin(m.Reading)
		m.run(away)
		m.Boot, m.Since = "b", year
		moved := mark.At(m.Reading)
		if aged := moved.Time().Sub(mark.Time()); moved.Doubt != doubt || aged > away {
			t.Errorf("after %v: %v passed, doubt %d", away, aged, moved.Doubt)
		}
		if sure := moved.Confirmed(m.Reading); sure.Time() != moved.Time() || sure.Doubt != None {
			t.Errorf("after %v: %+v, confirmed %+v", away, moved, sure)
		}
	}
}

func TestWhatIsSaidOfTheClockSaysWhatItSays(t *testing.T) {
	for says, does := range map[string]func(*machine){
		"was put forward by 3,650 days: it says 20 Nov 2036, 12:00 UTC, and 23 Nov 2026, 12:00 UTC was expected": func(m *machine) { m.put(10 * year) },
		"was put back by 90 minutes: it says 23 Nov 2026, 10:30 UTC":                                             func(m *machine) { m.put(-90 * time.Minute) },
		"was off for 7 days, or its clock is wrong: it says 30 Nov 2026, 12:00 UTC":                              func(m *machine) { m.start(7 * 24 * time.Hour) },
		"is behind what is stored here already: it says 1 Jan 1970, 00:00 UTC, and it was 23 Nov 2026, 12:00":    func(m *machine) { m.start(time.Unix(0, 0).Sub(noon)) },
	} {
		m := &machine{Reading{Wall: noon, Boot: "a", Since: time.Hour}}
		mark := Begin(m.Reading)
		does(m)
		if said := mark.At(m.Reading).Says(m.Reading); !strings.Contains(said.String(), says) {
			t.Errorf("%q, want %q", said, says)
		}
	}
}

func TestTheMachinesClocksGoOn(t *testing.T) {
	first, second := Read(), Read()
	if first.Boot == "" || first.Boot != second.Boot || second.Since < first.Since || first.Since <= 0 || time.Since(first.Wall) > time.Minute {
		t.Fatalf("%+v, then %+v", first, second)
	}
	if mark := Begin(first).At(second); mark.Doubt != None {
		t.Fatalf("doubt between two readings: %+v", mark)
	}
}
