package desk

import (
	"cmp"
	"context"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A WantedMode is a mode that somebody wants, with what the readers there report back.
type WantedMode struct {
	ID    int64
	Mode  wire.Mode
	Where Where
	Place string    // the place's name; "the whole site"
	Until time.Time // zero: until somebody ends it
	At    time.Time // since when
	By    string    // who wants it

	Doors         []DoorProgress     // by door
	Confirmed, Of int                // of Doors
	Took          time.Duration      // until the last one confirmed; 0: not all have
	Text          *language.Sentence // "14 of 15 doors after 0.4 s; Lab has been offline since 9:12 and will follow"
}

// Awaits says whether a reader that is online has not confirmed the mode yet.
func (w *WantedMode) Awaits() bool {
	return slices.ContainsFunc(w.Doors, func(p DoorProgress) bool { return p.State == ModeAwaited })
}

// A Progress is how far a wanted mode has come at one reader.
type Progress string

// The kinds of progress.
const (
	ModeConfirmed  Progress = "confirmed"  // the reader says that it works so
	ModeAwaited    Progress = "awaited"    // it is online and has not said so yet
	ModeOffline    Progress = "offline"    // it will follow
	ModeTooOld     Progress = "too old"    // its program knows no modes
	ModeOverridden Progress = "overridden" // the reader has it, and a higher one is in force, or fire
	ModeSuspended  Progress = "suspended"  // unlocked, and the reader's housing is open
	ModeLeft       Progress = "left"       // the reader had confirmed it, and says now that it works otherwise
)

// A DoorProgress is how far a wanted mode has come at one reader of a door.
type DoorProgress struct {
	Door   string // its name
	Reader string // id
	State  Progress
	After  time.Duration      // that the reader took to confirm; 0: it has not, or that is not noted yet
	Since  time.Time          // since when it is offline; zero: it is not, or was never heard of
	Mode   wire.Mode          // in force there; "": not known
	Text   *language.Sentence // "confirmed after 0.4 s", "offline since 9:12, will follow"

	since any // Since as it is written in a sentence

	// Unheard says that whether the reader is online is not known now: who leads its cell does not answer, or nobody does.
	Unheard bool
}

// confirmed says whether the reader has the mode, in force or below a higher one.
func (p *DoorProgress) confirmed() bool {
	return p.State == ModeConfirmed || p.State == ModeOverridden
}

// WantedModes returns the modes that are wanted now of the whole site and of places in the
// actor's reach, the highest first, of equal ones the newest.
func (d *Desk) WantedModes(ctx context.Context, a Actor) ([]*WantedMode, error) {
	if err := d.check(ctx, a, ViewReaders, new(auditTarget)); err != nil {
		return nil, err
	}
	lives, err := d.lives(ctx)
	if err != nil {
		return nil, err
	}
	now, wanted, elsewhere := d.now(), []*WantedMode{}, d.ServedElsewhere(ctx)
	err = d.site.View(ctx, func(tx *store.Tx) error {
		in, err := siteZone(tx)
		if err != nil {
			return err
		}
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		places, err := tx.ReaderPlaces()
		if err != nil {
			return err
		}
		rows, err := tx.Modes(now.Unix())
		if err != nil {
			return err
		}
		for _, row := range rows {
			if !r.sees(whereOf(row)) {
				continue
			}
			w := &WantedMode{ID: row.ID, Mode: row.Mode, Where: whereOf(row), Until: moment(row.Until), At: time.UnixMilli(row.At), By: row.Who}
			if w.Place, err = w.Where.name(tx); err != nil {
				return err
			}
			carried, err := tx.ModeReaders(row.ID)
			if err != nil {
				return err
			}
			for _, c := range carried {
				if !r.hasReader(c.Reader) {
					continue
				}
				p := DoorProgress{Door: cmp.Or(places[c.Reader].DoorName, c.Reader), Reader: c.Reader}
				level, err := tx.ReaderLevel(c.Reader)
				if err != nil {
					return err
				}
				live := lives.of[c.Reader]
				switch {
				case lives.unheard[c.Reader]:
					live = nil
				case live == nil && lives.of != nil:
					live = new(link.ReaderStatus)
				}
				p.fill(c, level, live, clockTime{now, in})
				if p.Unheard = lives.of != nil && lives.unheard[c.Reader]; p.Unheard && p.State == ModeOffline {
					p.Text = language.Say("not known now, will follow: no controller that leads its cell answers")
				}
				w.Doors = append(w.Doors, p)
			}
			w.sum(d.live != nil, lives.of != nil, elsewhere)
			wanted = append(wanted, w)
		}
		return nil
	})
	slices.SortFunc(wanted, func(a, b *WantedMode) int {
		switch {
		case a.Mode.Above(b.Mode):
			return -1
		case b.Mode.Above(a.Mode):
			return 1
		}
		return cmp.Compare(b.ID, a.ID)
	})
	return wanted, err
}

// A clockTime writes times as a clock shows them now.
type clockTime struct {
	now time.Time
	in  *time.Location
}

// text returns "9:12" for a time today, else "23 Nov 2026, 9:12", as a value of a sentence.
func (c clockTime) text(t time.Time) any {
	t = t.In(c.in)
	if t.Format(time.DateOnly) == c.now.In(c.in).Format(time.DateOnly) {
		return language.Clock(t)
	}
	return language.Moment(t)
}

// inForce says that a mode is in force at a reader that has a lower one.
var inForce = map[wire.Mode]*language.Sentence{
	wire.ModeNormal:     language.Say("normal is in force there"),
	wire.ModeUnlocked:   language.Say("unlocked is in force there"),
	wire.ModeLocked:     language.Say("locked is in force there"),
	wire.ModeLockdown:   language.Say("lockdown is in force there"),
	wire.ModeEvacuation: language.Say("evacuation is in force there"),
}

// otherwise says that a reader works otherwise than it had confirmed.
var otherwise = map[wire.Mode]*language.Sentence{
	wire.ModeNormal:     language.Say("had confirmed it, and reports normal now: look at its clock and its policy"),
	wire.ModeUnlocked:   language.Say("had confirmed it, and reports unlocked now: look at its clock and its policy"),
	wire.ModeLocked:     language.Say("had confirmed it, and reports locked now: look at its clock and its policy"),
	wire.ModeLockdown:   language.Say("had confirmed it, and reports lockdown now: look at its clock and its policy"),
	wire.ModeEvacuation: language.Say("had confirmed it, and reports evacuation now: look at its clock and its policy"),
}

// fill fills in how far a mode has come at a reader that understands so much. live is nil if
// no controller runs in this process.
func (p *DoorProgress) fill(c *store.ModeReader, level int, live *link.ReaderStatus, clock clockTime) {
	if c.Confirmed != 0 {
		p.After = max(time.Duration(c.Confirmed-c.Asked)*time.Millisecond, time.Millisecond)
	}
	applied, is := false, new(wire.Condition)
	if live != nil && live.State != nil && live.State.Condition != nil && live.State.Condition.Mode != nil {
		is = live.State.Condition
		p.Mode, applied = is.Mode.Mode, live.State.PolicyRevision >= c.Revision
	}
	switch {
	case oldModes(level):
		p.State, p.Text = ModeTooOld, language.Say("takes no part: the reader's program is too old for modes; update it")
	case p.Mode.Above(c.Is) && (c.Confirmed != 0 || applied):
		p.State, p.Text = ModeOverridden, inForce[p.Mode]
		if is.Mode.Cause == wire.CauseFire {
			p.Text = language.Say("evacuation is in force there: fire")
		}
	case live != nil && live.Online && p.Mode != "" && c.Confirmed != 0 && p.Mode != c.Is:
		p.State, p.Text = ModeLeft, otherwise[p.Mode]
	case live != nil && live.Online && p.Mode == wire.ModeUnlocked && c.Is == p.Mode && is.Tamper && is.Strike != wire.StrikeHeld:
		p.State, p.Text = ModeSuspended, language.Say("suspended, and locked: the reader's housing is open")
	case c.Confirmed != 0:
		p.State, p.Text = ModeConfirmed, language.Say("confirmed after %s", tookText(p.After))
		if live != nil && !live.Online && !live.Heard.IsZero() {
			p.Since = live.Heard
			p.Text = language.Say("confirmed after %s, offline since %s", tookText(p.After), clock.text(live.Heard))
		}
	case applied && p.Mode == c.Is:
		p.State, p.Text = ModeConfirmed, language.Say("confirmed")
	case live == nil:
		p.State, p.Text = ModeOffline, language.Say("gets it when a controller runs")
	case live.Heard.IsZero() || live.Awaited:
		p.State, p.Text = ModeOffline, language.Say("not heard of yet, will follow")
	case !live.Online:
		p.State, p.Since, p.since = ModeOffline, live.Heard, clock.text(live.Heard)
		p.Text = language.Say("offline since %s, will follow", p.since)
	case applied && c.Is == wire.ModeUnlocked && !is.ClockTrusted:
		p.State, p.Text = ModeAwaited, language.Say("does not know the time, so it stays locked")
	default:
		p.State, p.Text = ModeAwaited, language.Say("online, not confirmed yet")
	}
}

// tookText returns how long something took: "0.4 s", "12 s", "3 minutes".
func tookText(d time.Duration) *language.Sentence {
	switch {
	case d < 10*time.Second:
		return language.Say("%s s", language.Decimal{Number: max(d, 100*time.Millisecond).Seconds(), Digits: 1})
	case d < 2*time.Minute:
		return language.Say("%s s", language.Decimal{Number: d.Seconds()})
	case d < 2*time.Hour:
		return language.Count(int(d/time.Minute), "%d minute", "%d minutes")
	}
	return language.Count(int(d/time.Hour), "%d hour", "%d hours")
}

// sum fills in what follows from the doors. running says whether a controller runs in this process, led whether the one
// that leads was asked, and elsewhere which one serves the site in another process.
func (w *WantedMode) sum(running, led bool, elsewhere Elsewhere) {
	slices.SortFunc(w.Doors, func(a, b DoorProgress) int {
		return cmp.Or(cmp.Compare(a.Door, b.Door), cmp.Compare(a.Reader, b.Reader))
	})
	several, last := false, time.Duration(0) // readers at a door
	for i := range w.Doors {
		p := &w.Doors[i]
		if i > 0 && p.Door == w.Doors[i-1].Door {
			several = true
		}
		if p.confirmed() {
			w.Confirmed++
			last = max(last, p.After)
		}
	}
	w.Of = len(w.Doors)
	if noted := !slices.ContainsFunc(w.Doors, func(p DoorProgress) bool { return p.After == 0 }); noted {
		w.Took = last
	}
	if w.Of == 0 {
		w.Text = language.Say("no readers there yet; those that come get it")
		return
	}
	says := language.Join{w.confirmedText(several, last)}
	if running && !led && w.Confirmed < w.Of {
		w.Text = language.Say("%s", append(says, language.Say("no controller leads the site now: readers get it when one does")))
		return
	}
	if !running && w.Confirmed < w.Of {
		w.Text = language.Say("%s", append(says, language.Data(elsewhere.Readers()))) // on the command line
		return
	}
	for _, rest := range rests {
		var doors []*DoorProgress
		for i := range w.Doors {
			if p := &w.Doors[i]; p.State == rest.state && (p.Unheard && p.State == ModeOffline) == rest.unheard && (p.State != ModeConfirmed || !p.Since.IsZero()) {
				doors = append(doors, &w.Doors[i])
			}
		}
		switch {
		case len(doors) == 1 && doors[0].since != nil && !rest.unheard:
			says = append(says, language.Say("%s has been offline since %s and will follow", doors[0].Door, doors[0].since))
		case len(doors) > 0:
			var names language.Several
			for _, p := range doors {
				names = append(names, p.Door)
			}
			says = append(says, rest.says(len(doors), names))
		}
	}
	w.Text = language.Say("%s", says)
}

// confirmedText says how many doors, or readers if a door has several, have confirmed the mode, and after how long; 0: that is
// not known.
func (w *WantedMode) confirmedText(several bool, last time.Duration) *language.Sentence {
	switch {
	case several && last > 0:
		return language.Count(w.Of, "%[2]d of %[1]d reader after %[3]s", "%[2]d of %[1]d readers after %[3]s", w.Confirmed, tookText(last))
	case several:
		return language.Count(w.Of, "%[2]d of %[1]d reader", "%[2]d of %[1]d readers", w.Confirmed)
	case last > 0:
		return language.Count(w.Of, "%[2]d of %[1]d door after %[3]s", "%[2]d of %[1]d doors after %[3]s", w.Confirmed, tookText(last))
	}
	return language.Count(w.Of, "%[2]d of %[1]d door", "%[2]d of %[1]d doors", w.Confirmed)
}

// rests say which doors are still something: "Lab and Store are offline and will follow".
var rests = []struct {
	state   Progress
	unheard bool
	says    func(n int, doors language.Several) *language.Sentence
}{
	{ModeAwaited, false, func(n int, doors language.Several) *language.Sentence {
		return language.Count(n, "%[2]s has not confirmed yet", "%[2]s have not confirmed yet", doors)
	}},
	{ModeOffline, true, func(n int, doors language.Several) *language.Sentence {
		return language.Count(n, "%[2]s is not heard now and will follow", "%[2]s are not heard now and will follow", doors)
	}},
	{ModeOffline, false, func(n int, doors language.Several) *language.Sentence {
		return language.Count(n, "%[2]s is offline and will follow", "%[2]s are offline and will follow", doors)
	}},
	{ModeTooOld, false, func(n int, doors language.Several) *language.Sentence {
		return language.Count(n, "%[2]s takes no part: update its reader", "%[2]s take no part: update their readers", doors)
	}},
	{ModeOverridden, false, func(n int, doors language.Several) *language.Sentence {
		return language.Count(n, "%[2]s is in a higher mode, and this not in force there", "%[2]s are in a higher mode, and this not in force there", doors)
	}},
	{ModeSuspended, false, func(n int, doors language.Several) *language.Sentence {
		return language.Count(n, "%[2]s is locked: its reader's housing is open", "%[2]s are locked: their readers' housings are open", doors)
	}},
	{ModeLeft, false, func(n int, doors language.Several) *language.Sentence {
		return language.Count(n, "%[2]s had confirmed it, and works otherwise now", "%[2]s had confirmed it, and work otherwise now", doors)
	}},
	{ModeConfirmed, false, func(n int, doors language.Several) *language.Sentence {
		return language.Count(n, "%[2]s confirmed it, and is offline now", "%[2]s confirmed it, and are offline now", doors)
	}},
}
