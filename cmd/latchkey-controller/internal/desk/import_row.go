package desk

import (
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// settle says what becomes of the row.
func (r *plannedRow) settle(in *time.Location) {
	if r.Fate == RowWrong {
		r.cards, r.pin = nil, false
		return
	}
	if r.was == nil {
		r.Fate = RowAdds
		r.Tells = settingsGiven(userSettings(r.wanted, in))
		if r.wanted.Suspended {
			r.Tells = append(r.Tells, "suspended")
		}
	} else if text := changes(append(userSettings(r.was, in), enabled(r.was)), append(userSettings(r.wanted, in), enabled(r.wanted))); text != "" {
		r.Tells = append(r.Tells, strings.Split(text, "; ")...)
	} else if exact := r.was.From != r.wanted.From || r.was.Until != r.wanted.Until || r.was.First != r.wanted.First; exact {
		r.Tells = append(r.Tells, "seconds of the dates, or where the first name ends")
	}
	if n := len(r.cards); n > 0 {
		r.Tells = append(r.Tells, count(n, "new card"))
	}
	if r.pin {
		r.Tells = append(r.Tells, "a PIN")
	}
	switch {
	case r.was == nil:
	case len(r.Tells) > 0:
		r.Fate = RowChanges
	default:
		r.Fate = RowKeeps
	}
}

// enabled is the setting of whether a user is suspended.
func enabled(u *store.User) setting { return setting{"suspended", onOff(u.Suspended)} }

// settingsGiven describes the settings of a new user besides the name.
func settingsGiven(settings []setting) (given []string) {
	usual := values(userSettings(&store.User{}, time.UTC))
	for _, s := range settings {
		if s.name != "name" && s.value != usual[s.name] {
			given = append(given, s.name+" "+s.value)
		}
	}
	return given
}
