package desk

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

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

	Doors         []DoorProgress // by door
	Confirmed, Of int            // of Doors
	Took          time.Duration  // until the last one confirmed; 0: not all have
	Text          string         // "14 of 15 doors after 0.4 s; Lab has been offline since 9:12 and will follow"
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
	After  time.Duration // that the reader took to confirm; 0: it has not, or that is not noted yet
	Since  time.Time     // since when it is offline; zero: it is not, or was never heard of
	Mode   wire.Mode     // in force there; "": not known
	Text   string        // "confirmed after 0.4 s", "offline since 9:12, will follow"

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
					p.Text = "not known now, will follow: no controller that leads its cell answers"
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

// text returns "9:12" for a time today, else "23 Nov 2026, 9:12".
func (c clockTime) text(t time.Time) string {
	t = t.In(c.in)
	if t.Format(time.DateOnly) == c.now.In(c.in).Format(time.DateOnly) {
		return t.Format("15:04")
	}
	return Moment(t, c.in)
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
		p.State, p.Text = ModeTooOld, "takes no part: the reader's program is too old for modes; update it"
	case p.Mode.Above(c.Is) && (c.Confirmed != 0 || applied):
		p.State, p.Text = ModeOverridden, string(p.Mode)+" is in force there"
		if is.Mode.Cause == wire.CauseFire {
			p.Text = "evacuation is in force there: fire"
		}
	case live != nil && live.Online && p.Mode != "" && c.Confirmed != 0 && p.Mode != c.Is:
		p.State, p.Text = ModeLeft, "had confirmed it, and reports "+string(p.Mode)+" now: look at its clock and its policy"
	case live != nil && live.Online && p.Mode == wire.ModeUnlocked && c.Is == p.Mode && is.Tamper && is.Strike != wire.StrikeHeld:
		p.State, p.Text = ModeSuspended, "suspended, and locked: the reader's housing is open"
	case c.Confirmed != 0:
		p.State, p.Text = ModeConfirmed, "confirmed after "+tookText(p.After)
		if live != nil && !live.Online && !live.Heard.IsZero() {
			p.Since = live.Heard
			p.Text += ", offline since " + clock.text(live.Heard)
		}
	case applied && p.Mode == c.Is:
		p.State, p.Text = ModeConfirmed, "confirmed"
	case live == nil:
		p.State, p.Text = ModeOffline, "gets it when a controller runs"
	case live.Heard.IsZero() || live.Awaited:
		p.State, p.Text = ModeOffline, "not heard of yet, will follow"
	case !live.Online:
		p.State, p.Since, p.Text = ModeOffline, live.Heard, "offline since "+clock.text(live.Heard)+", will follow"
	case applied && c.Is == wire.ModeUnlocked && !is.ClockTrusted:
		p.State, p.Text = ModeAwaited, "does not know the time, so it stays locked"
	default:
		p.State, p.Text = ModeAwaited, "online, not confirmed yet"
	}
}

// tookText returns how long something took: "0.4 s", "12 s", "3 minutes".
func tookText(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", max(d, 100*time.Millisecond).Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return count(int(d/time.Minute), "minute")
	}
	return count(int(d/time.Hour), "hour")
}

// sum fills in what follows from the doors. running says whether a controller runs in this process, led whether the one
// that leads was asked, and elsewhere which one serves the site in another process.
func (w *WantedMode) sum(running, led bool, elsewhere Elsewhere) {
	slices.SortFunc(w.Doors, func(a, b DoorProgress) int {
		return cmp.Or(cmp.Compare(a.Door, b.Door), cmp.Compare(a.Reader, b.Reader))
	})
	thing, last := "door", time.Duration(0)
	for i := range w.Doors {
		p := &w.Doors[i]
		if i > 0 && p.Door == w.Doors[i-1].Door {
			thing = "reader"
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
		w.Text = "no readers there yet; those that come get it"
		return
	}
	w.Text = fmt.Sprintf("%d of %s", w.Confirmed, count(w.Of, thing))
	if last > 0 {
		w.Text += " after " + tookText(last)
	}
	if running && !led && w.Confirmed < w.Of {
		w.Text += "; no controller leads the site now: readers get it when one does"
		return
	}
	if !running && w.Confirmed < w.Of {
		w.Text += "; " + elsewhere.Readers()
		return
	}
	for _, rest := range []struct {
		state     Progress
		unheard   bool
		one, more string
	}{
		{ModeAwaited, false, "has not confirmed yet", "have not confirmed yet"},
		{ModeOffline, true, "is not heard now and will follow", "are not heard now and will follow"},
		{ModeOffline, false, "is offline and will follow", "are offline and will follow"},
		{ModeTooOld, false, "takes no part: update its reader", "take no part: update their readers"},
		{ModeOverridden, false, "is in a higher mode, and this not in force there", "are in a higher mode, and this not in force there"},
		{ModeSuspended, false, "is locked: its reader's housing is open", "are locked: their readers' housings are open"},
		{ModeLeft, false, "had confirmed it, and works otherwise now", "had confirmed it, and work otherwise now"},
		{ModeConfirmed, false, "confirmed it, and is offline now", "confirmed it, and are offline now"},
	} {
		var doors []*DoorProgress
		for i := range w.Doors {
			if p := &w.Doors[i]; p.State == rest.state && (p.Unheard && p.State == ModeOffline) == rest.unheard && (p.State != ModeConfirmed || !p.Since.IsZero()) {
				doors = append(doors, &w.Doors[i])
			}
		}
		if text := restText(doors, rest.one, rest.more); text != "" {
			w.Text += "; " + text
		}
	}
}

// restText says which doors are still something: "Lab has been offline since 9:12 and will
// follow", or "Lab, Store and 3 more doors are offline and will follow".
func restText(doors []*DoorProgress, one, more string) string {
	switch {
	case len(doors) == 0:
		return ""
	case len(doors) == 1 && doors[0].State == ModeOffline && !doors[0].Since.IsZero():
		since, _, _ := strings.Cut(strings.TrimPrefix(doors[0].Text, "offline "), ",")
		return doors[0].Door + " has been offline " + since + " and will follow"
	case len(doors) == 1:
		return doors[0].Door + " " + one
	}
	var names []string
	for _, p := range doors[:min(len(doors), namedDoors)] {
		names = append(names, p.Door)
	}
	if rest := len(doors) - len(names); rest > 0 {
		return strings.Join(names, ", ") + " and " + count(rest, "more door") + " " + more
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1] + " " + more
}
