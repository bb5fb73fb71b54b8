// Package clock tells how much time has passed, even if somebody sets the machine's wall
// clock meanwhile.
package clock

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"latchkey/cmd/latchkey-controller/internal/language"
)

// A Reading is what the machine's clocks say at one moment.
type Reading struct {
	Wall  time.Time
	Boot  string        // identifies this start of the machine: boot_id, random(4); "": it cannot be read
	Since time.Duration // CLOCK_BOOTTIME, clock_gettime(2): since that start, suspension included
	// Shared is what a clock says that all machines of the site see, the database server's, Unix milliseconds; 0:
	// there is none, or it is not asked yet.
	Shared int64
}

// Running returns how long this machine has been running, the time included that it was suspended: CLOCK_BOOTTIME,
// clock_gettime(2). What time.Since says of a moment does not include that.
func Running() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic("clock_gettime(CLOCK_BOOTTIME): " + err.Error()) // Linux has had it since 2.6.39
	}
	return time.Duration(ts.Nano())
}

// Read reads the machine's clocks.
func Read() Reading {
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return Reading{Wall: time.Now(), Boot: strings.TrimSpace(string(boot)), Since: Running()}
}

// A Steady is a time for counting ages, in seconds. It begins as Unix time and then runs
// with the machine, whatever its wall clock is set to. For the time that the machine was
// off it follows the wall clock, if that is not in doubt, by up to a day.
type Steady int64

// Add returns the time that is d later.
func (s Steady) Add(d time.Duration) Steady { return s + Steady(d/time.Second) }

// Sub returns how long before s another time was.
func (s Steady) Sub(before Steady) time.Duration { return time.Duration(s-before) * time.Second }

// A Doubt says why the wall clock may be wrong.
type Doubt int

// The kinds of doubt.
const (
	None    Doubt = iota
	Unset         // since the machine started it has been behind the time that was known then, or more than a day ahead
	Stepped       // somebody set it while the machine ran
	Apart         // it is not where the clock of another machine of the site was, nor where the server's is
)

// stepsBelow is by how much a clock may be set without doubt: a time service does that.
const stepsBelow = time.Minute

// staleBelow is by how much a reading may be older than the mark: its goroutine waited for
// the database while another one updated the mark.
const staleBelow = time.Minute

// offBelow is how long a machine may have been off without doubt.
const offBelow = 24 * time.Hour

// A Mark is what a site remembers of time at a reading.
//
//	       off by more than a minute
//	None ----------------------------> Stepped
//	 ^  <----------------------------    |
//	 |     right again, or confirmed     | starts nearer to where it should be
//	 |                                   | than to where it was
//	 |     starts, not 0 to 24 h later   v
//	 +------------------------------> Unset
//	    <-----------------------------
//	       0 to 24 h later, or confirmed
//
// Machines that share a database server tell by its clock how long ago the mark was made. Whoever is then off by more than a
// minute, from the mark and from that clock, is Apart until it is right again, another machine goes on, or it is confirmed. A
// clock that is put right by that of the server is in no doubt.
type Mark struct {
	Boot   string // of the reading
	Since  int64  // of the reading, milliseconds
	Steady int64  // milliseconds
	Wall   int64  // what the wall clock is expected to say, Unix milliseconds; what it said, if it is not in doubt
	Doubt  Doubt
	Off    int64 // how far the wall clock was ahead of that, milliseconds; 0 if it is not in doubt
	Shared int64 // Reading.Shared then; 0: not known
}

// Begin returns the mark of a new site.
func Begin(r Reading) Mark {
	wall := r.Wall.UnixMilli()
	return Mark{Boot: r.Boot, Since: r.Since.Milliseconds(), Steady: wall, Wall: wall, Shared: r.Shared}
}

// At returns the mark at a later reading. It returns the same mark for a reading that is
// up to staleBelow older.
func (m Mark) At(r Reading) Mark {
	since := r.Since.Milliseconds()
	passed, started := since-m.Since, r.Boot != m.Boot
	if !started && passed < 0 {
		if -passed <= staleBelow.Milliseconds() {
			return m
		}
		started = true
	}
	between := r.Shared - m.Shared
	shared := started && m.Shared != 0 && r.Shared != 0 && 0 <= between && between <= offBelow.Milliseconds()
	switch {
	case shared:
		passed, started = between, false
	case started:
		passed = since
	}
	off := r.Wall.UnixMilli() - m.Wall - passed
	if started && off < -stepsBelow.Milliseconds() {
		// The wall clock is behind, or this is another machine, and its start tells nothing.
		passed, off = 0, off+passed
	}
	near := func(off int64) bool { return max(off, -off) <= stepsBelow.Milliseconds() }
	// A server's clock that has gone on steadily says that a wall clock is right.
	steadily := m.Shared != 0 && r.Shared != 0 && !started && near(between-passed)
	believed := near(off) || steadily && near(r.Wall.UnixMilli()-r.Shared)
	switch doubt := m.Doubt; {
	case shared, doubt == Apart && !started:
		m.Doubt = Apart
	case doubt == Unset, doubt == None && started, doubt == Apart,
		doubt == Stepped && started && max(off, -off) < max(off-m.Off, m.Off-off): // nearer to where it should be than to where it was
		m.Doubt = Unset
		if -stepsBelow.Milliseconds() <= off && off <= offBelow.Milliseconds() {
			believed = true
			passed += max(off, 0)
		}
	default:
		m.Doubt = Stepped
	}
	m.Boot, m.Since, m.Steady, m.Wall, m.Shared = r.Boot, since, m.Steady+passed, m.Wall+passed, r.Shared
	if believed {
		m.Doubt, m.Wall = None, r.Wall.UnixMilli()
	}
	m.Off = r.Wall.UnixMilli() - m.Wall
	return m
}

// Confirmed returns the mark at a later reading whose wall clock an administrator has
// confirmed. No more time has passed for that.
func (m Mark) Confirmed(r Reading) Mark {
	m = m.At(r)
	m.Doubt, m.Wall, m.Off = None, r.Wall.UnixMilli(), 0
	return m
}

// Time is the time of the mark.
func (m Mark) Time() Steady { return Steady(m.Steady / 1000) }

// Says returns why the wall clock of the mark's reading is in doubt, without a full stop; nil: it is not.
func (m Mark) Says(r Reading) *language.Sentence {
	expected := time.UnixMilli(m.Wall).In(r.Wall.Location())
	off := r.Wall.Sub(expected)
	says, was, by := stamp(r.Wall), stamp(expected), long(max(off, -off))
	switch {
	case m.Doubt == Stepped && off < 0:
		return language.Say("this machine's clock was put back by %s: it says %s, and %s was expected", by, says, was)
	case m.Doubt == Stepped:
		return language.Say("this machine's clock was put forward by %s: it says %s, and %s was expected", by, says, was)
	case m.Doubt == Apart && off < 0:
		return language.Say("this machine's clock is %s behind that of another controller of the site, and not where the database server's is: it says %s, and %s was expected", by, says, was)
	case m.Doubt == Apart:
		return language.Say("this machine's clock is %s ahead of that of another controller of the site, and not where the database server's is: it says %s, and %s was expected", by, says, was)
	case m.Doubt == Unset && off < 0:
		return language.Say("this machine's clock is behind what is stored here already: it says %s, and it was %s before the machine started again", says, was)
	case m.Doubt == Unset:
		return language.Say("this machine was off for %s, or its clock is wrong: it says %s", by, says)
	}
	return nil
}

// stamp returns a time with its zone.
func stamp(t time.Time) *language.Sentence {
	return language.Say("%s, %s", language.Date(t), t.Format("15:04 MST"))
}

// long returns a duration in words, in one unit.
func long(d time.Duration) *language.Sentence {
	const day = 24 * time.Hour
	switch {
	case d.Round(time.Hour) >= 2*day:
		return language.Count(int(d.Round(day)/day), "%d day", "%d days")
	case d.Round(time.Minute) >= 2*time.Hour:
		return language.Count(int(d.Round(time.Hour)/time.Hour), "%d hour", "%d hours")
	}
	return language.Count(int(max(d.Round(time.Minute)/time.Minute, 2)), "%d minute", "%d minutes")
}
