package desk

import (
	"fmt"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/sync/wire"
)

// sentence describes a record. tries is the limit of wrong PINs in a row at that
// time; 0: not known.
func (desc *describer) sentence(e *Event, r *wire.Record, tries int) (*language.Sentence, error) {
	door, person, who := named(e.Door), named(e.Person), named(r.Who)
	switch r.Kind {
	case wire.AccessGranted:
		switch {
		case person != "":
			return by(r.By).entered.With(person, door), nil
		case r.Who != "":
			return language.Say("%s unlocked %s", who, door), nil
		}
		return by(r.By).opened.With(door), nil
	case wire.AttemptUnknown:
		return why(numbered(language.Say("Unknown PIN at %s", door), r, tries), r.Reason), nil
	case wire.AttemptInterrupted:
		return numbered(language.Say("PIN entry at %s was interrupted and counts as wrong", door), r, tries), nil
	case wire.AttemptTakenBack:
		if person != "" {
			return why(language.Say("%s at %s may not open now", person, door), r.Reason), nil
		}
		return why(language.Say("A PIN at %s could not be checked and does not count", door), r.Reason), nil
	case wire.AccessDenied:
		switch {
		case person != "" && r.By == wire.ByCard && r.Reason == wire.ReasonSecond && r.Seq != 0:
			return numbered(language.Say("%s showed a card at %s, but the PIN was wrong", person, door), r, tries), nil
		case person != "" && r.Reason == wire.ReasonNotGenuine:
			return language.Say("A card at %s did not prove that it is the card of %s", door, person), nil
		case person != "":
			return why(by(r.By).denied.With(person, door), r.Reason), nil
		case len(r.Tag) > 0:
			return language.Say("Unknown card %s at %s", fmt.Sprintf("%X", r.Tag), door), nil
		}
		return why(language.Say("A card at %s was refused", door), r.Reason), nil
	case wire.Duress:
		return language.Say("Duress: %s entered their PIN for duress at %s", person, door), nil
	case wire.PINRefused:
		return why(language.Say("A PIN was entered at %s while PIN entry was unavailable", door), r.Reason), nil
	case wire.LockoutStarted:
		return desc.lockout(e, r, door)
	case wire.LockoutCleared:
		switch {
		case person != "":
			return language.Say("PIN entry at %s resumed: opened by %s", door, person), nil
		case r.Who != "":
			return language.Say("PIN entry at %s resumed: unlocked by %s", door, who), nil
		}
		return language.Say("PIN entry at %s resumed", door), nil
	case wire.ModeChanged:
		in, err := siteZone(desc.tx)
		if err != nil {
			return nil, err
		}
		return modeSentence(r, door, in), nil
	case wire.FirstPerson:
		in, err := siteZone(desc.tx)
		if err != nil {
			return nil, err
		}
		came := language.Say("The first person came to %s: the schedule unlocks it", door)
		if person != "" {
			came = language.Say("%s is the first person at %s: the schedule unlocks it", person, door)
		}
		if r.To != 0 {
			return language.Say("%s until %s¦a schedule unlocks a door, and a time", came, language.Moment(time.UnixMilli(r.To).In(in))), nil
		}
		return came, nil
	case wire.FireStarted:
		return language.Say("Fire at %s: it is open to everybody", door), nil
	case wire.FireEnded:
		return language.Say("The fire input at %s has ended: %s", door, doorWorks(r.Mode, language.Say("the door"))), nil
	case wire.ExitPressed:
		if r.Reason != "" {
			return why(language.Say("Exit button at %s did not open", door), r.Reason), nil
		}
		return language.Say("Exit button at %s", door), nil
	case wire.DoorOpened:
		return language.Say("%s was opened", door), nil
	case wire.DoorClosed:
		return language.Say("%s was closed", door), nil
	case wire.DoorForced:
		return language.Say("%s was forced open", door), nil
	case wire.DoorHeld:
		return language.Say("%s has been open for longer than %s", door, durationText(r.Seconds)), nil
	}
	return desc.deviceSentence(r, door, who)
}

// numbered returns a sentence with which wrong PIN in a row it tells of, as far as that is known.
func numbered(what *language.Sentence, r *wire.Record, tries int) *language.Sentence {
	switch {
	case r.Wrong == 0:
		return what
	case tries > 0:
		return language.Say("%s, attempt %d of %d¦a sentence about a wrong PIN", what, r.Wrong, tries)
	}
	return language.Say("%s, attempt %d¦a sentence about a wrong PIN", what, r.Wrong)
}

// lockout describes that PIN entry was paused.
func (desc *describer) lockout(e *Event, r *wire.Record, door language.Name) (*language.Sentence, error) {
	paused := language.Say("PIN entry at %s is paused", door)
	if r.Cause != "" {
		paused = language.Say("PIN entry at %s is paused: %s", door, causeText(r.Cause))
	}
	besides, err := desc.tx.OtherNames(e.ID)
	if err != nil || len(r.Users) == 0 {
		return paused, err
	}
	names := make([]string, len(r.Users))
	for i, id := range r.Users {
		names[i] = called(besides[id], id)
	}
	return language.Say("%s (known PINs in between: %s)", paused, named(strings.Join(names, ", "))), nil
}

// modeSentence describes a change of the mode in force, with times in a zone.
func modeSentence(r *wire.Record, door language.Name, in *time.Location) *language.Sentence {
	text := doorWorks(r.Mode, door)
	switch {
	case wire.ModeCause(r.Subject) == wire.CauseSchedule:
		text = language.Say("%s, by its schedule¦how a door works now", text)
	case wire.ModeCause(r.Subject) == wire.CauseFire:
		text = language.Say("%s: fire¦how a door works now", text)
	case r.Who != "":
		text = language.Say("%s, as %s wants it¦how a door works now, and who", text, named(r.Who))
	}
	if r.To != 0 {
		return language.Say("%s, until %s¦how a door works now, and a time", text, language.Moment(time.UnixMilli(r.To).In(in)))
	}
	return text
}

// doorWorks says how a door works in a mode: "Lab is locked down".
func doorWorks(mode wire.Mode, door any) *language.Sentence {
	switch mode {
	case wire.ModeNormal, "":
		return language.Say("%s works as normal¦a door", door)
	case wire.ModeUnlocked:
		return language.Say("%s is unlocked¦a door", door)
	case wire.ModeLocked:
		return language.Say("%s is kept locked¦a door", door)
	case wire.ModeLockdown:
		return language.Say("%s is locked down¦a door", door)
	case wire.ModeEvacuation:
		return language.Say("%s is open for evacuation¦a door", door)
	}
	return language.Say("%s is in the mode %s¦a door", door, Clean(string(mode)))
}

// saysBy is what is said of what somebody did by some means.
type saysBy struct{ entered, opened, denied *language.Sentence }

var saysByMeans = map[wire.Means]saysBy{
	wire.ByPIN:    {language.Say("%s at %s by PIN¦somebody came in at a door"), language.Say("%s opened by PIN¦a door"), language.Say("%s at %s by PIN may not open now")},
	wire.ByCard:   {language.Say("%s at %s by card¦somebody came in at a door"), language.Say("%s opened by card¦a door"), language.Say("%s at %s by card may not open now")},
	wire.ByBoth:   {language.Say("%s at %s by card and PIN¦somebody came in at a door"), language.Say("%s opened by card and PIN¦a door"), language.Say("%s at %s by card and PIN may not open now")},
	wire.ByRemote: {language.Say("%s at %s by remote unlock¦somebody came in at a door"), language.Say("%s opened by remote unlock¦a door"), language.Say("%s at %s by remote unlock may not open now")},
}

// by returns what is said of some means; what a newer reader knows is not said.
func by(how wire.Means) saysBy {
	if says, known := saysByMeans[how]; known {
		return says
	}
	return saysBy{language.Say("%s at %s¦somebody came in at a door"), language.Say("%s opened¦a door"), language.Say("%s at %s may not open now")}
}
