package desk

import (
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
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
		r.Tells = append(r.Tells, settingsGiven(userSettings(r.wanted, in))...)
		if r.wanted.Suspended {
			r.Tells = append(r.Tells, language.Say("suspended"))
		}
	} else if says := changes(append(userSettings(r.was, in), enabled(r.was)), append(userSettings(r.wanted, in), enabled(r.wanted))); len(says) > 0 {
		r.Tells = append(r.Tells, says...)
	} else if exact := r.was.From != r.wanted.From || r.was.Until != r.wanted.Until || r.was.First != r.wanted.First; exact {
		r.Tells = append(r.Tells, language.Say("seconds of the dates, or where the first name ends"))
	}
	if n := len(r.cards); n > 0 {
		r.Tells = append(r.Tells, language.Count(n, "%d new card", "%d new cards"))
	}
	if r.pin {
		r.Tells = append(r.Tells, language.Say("a PIN"))
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
func enabled(u *store.User) setting {
	return setting{language.Say("suspended¦a setting"), onOff(u.Suspended)}
}

// settingsGiven describes the settings of a new user besides the name.
func settingsGiven(settings []setting) (given []*language.Sentence) {
	usual := values(userSettings(&store.User{}, time.UTC))
	for _, s := range settings {
		if s.name != settingOfName && s.value.String() != usual[s.name.String()].String() {
			given = append(given, language.Say("%s %s", s.name, s.value))
		}
	}
	return given
}
