package console

import (
	"context"
	"net/http"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/zone"
	"latchkey/sync/wire"
)

// modesHere are the modes that a page shows.
type modesHere struct {
	Wanted []wantedHere
	Fire   []*desk.Reader // those that report an active fire input
}

// wantedHere is a mode that is wanted at the place that a page shows.
type wantedHere struct {
	*desk.WantedMode
	Here []desk.DoorProgress // those of Doors that are at the place
}

// SaidPlace names where the mode is wanted.
func (w wantedHere) SaidPlace() *language.Sentence {
	if w.Where == (desk.Where{}) {
		return language.Say("the whole site")
	}
	return language.Data(w.Place)
}

// readModes returns what is wanted at a place or at any of its readers, and which of
// these report a fire. At the site it is all that is wanted.
func (c *Console) readModes(ctx context.Context, a desk.Actor, where desk.Where, readers []*desk.Reader) (m modesHere, err error) {
	for _, r := range readers {
		if l := &r.Live; r.Removed == "" && l.Known && l.Mode != nil && l.Mode.Cause == wire.CauseFire {
			m.Fire = append(m.Fire, r)
		}
	}
	wanted, err := c.desk.WantedModes(ctx, a)
	for _, w := range wanted {
		here := slices.DeleteFunc(slices.Clone(w.Doors), func(d desk.DoorProgress) bool {
			return !slices.ContainsFunc(readers, func(r *desk.Reader) bool { return r.ID == d.Reader })
		})
		if where == (desk.Where{}) || w.Where == where || len(here) > 0 {
			m.Wanted = append(m.Wanted, wantedHere{w, here})
		}
	}
	return m, err
}

// modeTitles are the modes' names for people.
var modeTitles = map[wire.Mode]*language.Sentence{
	wire.ModeUnlocked: language.Say("Unlocked"), wire.ModeLocked: language.Say("Locked"), wire.ModeLockdown: language.Say("Lockdown"), wire.ModeEvacuation: language.Say("Evacuation"),
}

// modesTold are the notices that a mode is set.
var modesTold = map[wire.Mode]*language.Sentence{
	wire.ModeUnlocked:   language.Say("Unlocked: the readers are told now."),
	wire.ModeLocked:     language.Say("Locked: the readers are told now."),
	wire.ModeLockdown:   language.Say("Lockdown: the readers are told now."),
	wire.ModeEvacuation: language.Say("Evacuation: the readers are told now."),
}

// modeIcons are the modes' signs.
var modeIcons = map[wire.Mode]string{wire.ModeUnlocked: "unlock", wire.ModeLocked: "lock", wire.ModeLockdown: "shield", wire.ModeEvacuation: "exit"}

// setMode returns the act of wanting a mode at the place in the URL, or with the level
// "" at all on which the actor acts.
func (c *Console) setMode(level desk.Level) func(*http.Request, *visit, *form) (answer, error) {
	return func(r *http.Request, v *visit, f *form) (answer, error) {
		mode, in := wire.Mode(f.Get("mode")), v.zone()
		if level == desk.Doors {
			door, err := c.desk.Door(r.Context(), v.Actor, v.id)
			if err != nil {
				return answer{}, err
			}
			in = doorZone(door, in)
		}
		until := modeEnd(f, c.desk.Now(), in)
		if len(f.Wrong) > 0 {
			return answer{}, errWrong
		}
		var done []desk.ModeAt
		var err error
		if level == "" {
			done, err = c.desk.SetModeOfAll(r.Context(), v.Actor, mode, until)
		} else {
			done = []desk.ModeAt{{}}
			done[0].ID, err = c.desk.SetMode(r.Context(), v.Actor, desk.Where{Level: level, ID: v.id}, mode, until)
		}
		if byScript(r) && f.refused(err) {
			return c.outcome(r, f, http.StatusUnprocessableEntity, language.Of(err)), nil
		}
		if err != nil {
			return answer{}, err
		}
		a := answer{to: local(f.Get("back")), notice: modesTold[mode]}
		if byScript(r) {
			if len(done) == 1 {
				done[0].Place = "" // one button needs none
			}
			a.show = func(w http.ResponseWriter, r *http.Request, v *visit) error {
				c.offerUndo(w, r, v, done, a)
				return nil
			}
		}
		return a, nil
	}
}

// modeEnd reads when a mode is to end, in Unix seconds; 0: when somebody ends it. A
// lockdown or an evacuation by one press has no end.
func modeEnd(f *form, now time.Time, in *time.Location) int64 {
	switch f.Get("for") {
	case "15m":
		return now.Add(15 * time.Minute).Unix()
	case "1h":
		return now.Add(time.Hour).Unix()
	case "evening":
		return evening(now, in).Unix()
	case "time":
		t, err := desk.ParseTime(f.Trim("until"), 1, in)
		if err != nil {
			f.says("until", language.Of(err))
		}
		return t.Unix()
	}
	return 0
}

// evening returns the next time at which a clock in a zone shows 18:00.
func evening(now time.Time, in *time.Location) time.Time {
	day := now.In(in)
	for {
		at, err := zone.At(time.Date(day.Year(), day.Month(), day.Day(), 18, 0, 0, 0, time.UTC), in)
		if err == nil && at.After(now) {
			return at
		}
		day = day.AddDate(0, 0, 1)
	}
}

// eveningText says until when it is till evening: "until 18:00", "until 18:00 tomorrow", in another zone than the
// site's "until 18:00 (Asia/Tokyo)".
func eveningText(now time.Time, in, site *time.Location) *language.Sentence {
	at := evening(now, in).In(in)
	text := language.Say("until %s¦o'clock", language.Clock(at))
	if at.Day() != now.In(in).Day() {
		text = language.Say("until %s tomorrow¦o'clock", language.Clock(at))
	}
	if in.String() != site.String() {
		text = language.Say("%s (%s)", text, in.String())
	}
	return text
}

// doorZone returns the time zone of a door's readers; site: none is known.
func doorZone(d *desk.Door, site *time.Location) *time.Location {
	for _, r := range d.Readers {
		if in, err := zone.Load(r.Policy.TimeZone); err == nil {
			return in
		}
	}
	return site
}

// offerUndo says in the corner of the page what was done, beside buttons that undo it.
func (c *Console) offerUndo(w http.ResponseWriter, r *http.Request, v *visit, done []desk.ModeAt, a answer) {
	c.corner(w, r, http.StatusOK, "undo-toast", map[string]any{"Text": a.notice, "Done": done, "Back": a.to, "Visit": v})
}

// endMode ends a mode that is wanted. What was wanted before applies again.
func (c *Console) endMode(r *http.Request, v *visit, f *form) (answer, error) {
	a := answer{to: local(f.Get("back")), notice: language.Say("Ended. The readers are told now.")}
	err := c.desk.EndMode(r.Context(), v.Actor, v.id)
	if already := desk.Fields(err)["mode"]; already != nil {
		a.notice, err = already.Alone(), nil
	}
	return a, err
}

// endEarly ends the span in which a schedule has unlocked a door.
func (c *Console) endEarly(r *http.Request, v *visit, f *form) (answer, error) {
	err := c.desk.EndEarly(r.Context(), v.Actor, desk.Where{Level: desk.Doors, ID: v.id})
	return answer{to: local(f.Get("back")), notice: language.Say("The reader is told now: it locks, and the schedule unlocks next at its next hours.")}, err
}
