package desk

import (
	"cmp"
	"fmt"
	"time"

	"latchkey/sync/wire"
)

// sentence describes a record. tries is the limit of wrong PINs in a row at that
// time; 0: not known.
func (desc *describer) sentence(e *Event, r *wire.Record, tries int) (Text, error) {
	door, person := e.Door, e.Person
	attempt := ""
	if r.Wrong > 0 {
		attempt = fmt.Sprintf(", attempt %d", r.Wrong)
		if tries > 0 {
			attempt += fmt.Sprintf(" of %d", tries)
		}
	}
	switch r.Kind {
	case wire.AccessGranted:
		switch {
		case person != "":
			return say("%s at %s by "+by(r.By), person, door), nil
		case r.Who != "":
			return say("%s unlocked %s", r.Who, door), nil
		}
		return say("%s opened by "+by(r.By), door), nil
	case wire.AttemptUnknown:
		return say("Unknown PIN at %s"+attempt+why(r.Reason), door), nil
	case wire.AttemptInterrupted:
		return say("PIN entry at %s was interrupted and counts as wrong"+attempt, door), nil
	case wire.AttemptTakenBack:
		if person != "" {
			return say("%s at %s may not open now"+why(r.Reason), person, door), nil
		}
		return say("A PIN at %s could not be checked and does not count"+why(r.Reason), door), nil
	case wire.AccessDenied:
		switch {
		case person != "" && r.By == wire.ByCard && r.Reason == wire.ReasonSecond && r.Seq != 0:
			return say("%s showed a card at %s, but the PIN was wrong"+attempt, person, door), nil
		case person != "" && r.Reason == wire.ReasonNotGenuine:
			return say("A card at %s did not prove that it is the card of %s", door, person), nil
		case person != "":
			return say("%s at %s by "+by(r.By)+" may not open now"+why(r.Reason), person, door), nil
		case len(r.Tag) > 0:
			return say(fmt.Sprintf("Unknown card %X at %%s", r.Tag), door), nil
		}
		return say("A card at %s was refused"+why(r.Reason), door), nil
	case wire.Duress:
		return say("Duress: %s entered their PIN for duress at %s", person, door), nil
	case wire.PINRefused:
		return say("A PIN was entered at %s while PIN entry was unavailable"+why(r.Reason), door), nil
	case wire.LockoutStarted:
		names := make([]string, len(r.Users))
		format := "PIN entry at %s is paused: " + escape(causeText(r.Cause))
		besides, err := desc.tx.OtherNames(e.ID)
		if err != nil {
			return nil, err
		}
		for i, id := range r.Users {
			names[i] = called(besides[id], id)
			format += map[bool]string{true: " (known PINs in between: %s", false: ", %s"}[i == 0]
		}
		if len(names) > 0 {
			format += ")"
		}
		return say(format, append([]string{door}, names...)...), nil
	case wire.LockoutCleared:
		switch {
		case person != "":
			return say("PIN entry at %s resumed: opened by %s", door, person), nil
		case r.Who != "":
			return say("PIN entry at %s resumed: unlocked by %s", door, r.Who), nil
		}
		return say("PIN entry at %s resumed", door), nil
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
		until := ""
		if r.To != 0 {
			until = " until " + Moment(time.UnixMilli(r.To), in)
		}
		if person != "" {
			return say("%s is the first person at %s: the schedule unlocks it"+until, person, door), nil
		}
		return say("The first person came to %s: the schedule unlocks it"+until, door), nil
	case wire.FireStarted:
		return say("Fire at %s: it is open to everybody", door), nil
	case wire.FireEnded:
		return say("The fire input at %s has ended: the door "+modeText(r.Mode), door), nil
	case wire.ExitPressed:
		if r.Reason != "" {
			return say("Exit button at %s did not open"+why(r.Reason), door), nil
		}
		return say("Exit button at %s", door), nil
	case wire.DoorOpened:
		return say("%s was opened", door), nil
	case wire.DoorClosed:
		return say("%s was closed", door), nil
	case wire.DoorForced:
		return say("%s was forced open", door), nil
	case wire.DoorHeld:
		return say("%s has been open for longer than "+durationText(r.Seconds), door), nil
	case wire.TamperStarted:
		return say("The reader at %s was opened", door), nil
	case wire.TamperEnded:
		return say("The reader at %s is closed again", door), nil
	case wire.ClockStepped:
		return say(stepped(r), door), nil
	case wire.HealthChanged:
		return say("%s: "+escape(health(wire.Subject(r.Subject), r.Text)), door), nil
	case wire.CommandDone:
		return say("%s carried out an order from %s"+orderText(r.Order), door, r.Who), nil
	case wire.CommandRefused:
		return say("%s refused an order from %s"+orderText(r.Order)+why(r.Reason), door, r.Who), nil
	case wire.BudgetGranted:
		return say("The TPM of the reader at %s may check PINs until it has checked "+thousands(r.Count), door), nil
	case wire.BudgetSpent:
		return say("The TPM of the reader at %s has checked the "+thousands(r.Count)+" PINs that it may: no PINs are taken there until it gets the next grant", door), nil
	case wire.BudgetOverspent:
		return say("The TPM of the reader at %s has checked "+thousands(r.Count)+" PINs that are not in its records: somebody may have tried PINs on its chip", door), nil
	case wire.EventsCollapsed:
		return say(fmt.Sprintf("%%s: %d more of the kind %s within a minute", r.Count, escape(r.Subject)), door), nil
	}
	if text := formerSentence(r, door); text != nil {
		return text, nil
	}
	text := readerReports[r.Kind]
	if text == "" {
		text = string(r.Kind)
	}
	fields, err := desc.fields(r, time.UTC)
	if fields != "" {
		text += " (" + fields + ")"
	}
	return say("%s: "+escape(text), door), err
}

// modeSentence describes a change of the mode in force, with times in a zone.
func modeSentence(r *wire.Record, door string, in *time.Location) Text {
	text, names := "%s "+modeText(r.Mode), []string{door}
	switch {
	case wire.ModeCause(r.Subject) == wire.CauseSchedule:
		text += ", by its schedule"
	case wire.ModeCause(r.Subject) == wire.CauseFire:
		text += ": fire"
	case r.Who != "":
		text, names = text+", as %s wants it", append(names, r.Who)
	}
	if r.To != 0 {
		text += ", until " + Moment(time.UnixMilli(r.To), in)
	}
	return say(text, names...)
}

// modeText says how a door works in a mode: "is locked down".
func modeText(mode wire.Mode) string {
	switch mode {
	case wire.ModeNormal, "":
		return "works as normal"
	case wire.ModeUnlocked:
		return "is unlocked"
	case wire.ModeLocked:
		return "is kept locked"
	case wire.ModeLockdown:
		return "is locked down"
	case wire.ModeEvacuation:
		return "is open for evacuation"
	}
	return "is in the mode " + escape(string(mode))
}

// stepped describes a change of a reader's clock. Earlier events carry the times that
// it showed then.
func stepped(r *wire.Record) string {
	way := "ahead"
	if r.To < r.From {
		way = "back"
	}
	const layout = "2 Jan 2006 15:04:05 UTC"
	return fmt.Sprintf("The clock of the reader at %%s was set %s, from %s to %s: is the controller's clock right?",
		way, time.UnixMilli(r.From).UTC().Format(layout), time.UnixMilli(r.To).UTC().Format(layout))
}

// orderText returns " to " and the order, or nothing.
func orderText(order wire.Order) string {
	if order == "" {
		return ""
	}
	return " to " + escape(cmp.Or(orderTexts[order], string(order)))
}

// orderTexts describe the orders whose names do not.
var orderTexts = map[wire.Order]string{wire.Enrol: "read a card", wire.Personalise: "write keys to a card"}

func by(how wire.Means) string {
	switch how {
	case wire.ByPIN:
		return "PIN"
	case wire.ByBoth:
		return "card and PIN"
	case wire.ByRemote:
		return "remote unlock"
	}
	return escape(string(how))
}

// readerReports describe what readers report about themselves.
var readerReports = map[wire.RecordKind]string{
	wire.CredentialsApplied: "applied PINs and cards", wire.PolicyApplied: "applied its settings",
	wire.Adopted: "was adopted", wire.ReaderStarted: "started", wire.JournalBegan: "began a new journal",
	wire.JournalResumed: "stores records again", wire.ClockTrusted: "trusts its clock", wire.ClockUntrusted: "does not trust its clock",
	wire.CacheDamaged: "found its credentials damaged",
	wire.CacheBehind:  "holds older credentials than it did", wire.LogForked: "was shown another credential log",
	wire.RecordsDropped: "dropped old records", wire.LinkUp: "is connected", wire.LinkDown: "has lost its connection",
	wire.MessageRefused: "refused a message",
	wire.BudgetCounted:  "read the count of its TPM",
	wire.ProofGiven:     "took the first of card and PIN", wire.UseCounted: "counted the use of a PIN with limits",
	wire.AttemptStarted: "counted a PIN attempt", wire.Checkpoint: "wrote a checkpoint",
}
