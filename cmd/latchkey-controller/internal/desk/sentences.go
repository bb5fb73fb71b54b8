package desk

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// sentence is what a record says.
func (t *teller) sentence(e *Entry, r *wire.Record) (Text, error) {
	door, person := e.Door, e.Person
	attempt := ""
	if r.Wrong > 0 {
		attempt = fmt.Sprintf(", attempt %d", r.Wrong)
		if limit := t.limit(e.Reader); limit > 0 {
			attempt += fmt.Sprintf(" of %d", limit)
		}
	}
	seconds := (time.Duration(r.Seconds) * time.Second).String()
	switch r.Kind {
	case wire.AccessGranted:
		switch {
		case person != "":
			return say("%s at %s by "+by(r.By), person, door), nil
		case r.Who != "":
			return say("%s opened remotely by %s", door, r.Who), nil
		}
		return say("%s opened by "+by(r.By), door), nil
	case wire.AttemptUnknown:
		return say("Unknown PIN at %s"+attempt+because(r.Reason), door), nil
	case wire.AttemptInterrupted:
		return say("PIN entry at %s was cut short and counts as wrong"+attempt, door), nil
	case wire.AttemptTakenBack:
		if person != "" {
			return say("%s at %s may not open now"+because(r.Reason), person, door), nil
		}
		return say("A PIN at %s could not be judged and is not counted"+because(r.Reason), door), nil
	case wire.AccessDenied:
		switch {
		case person != "":
			return say("%s at %s by card may not open now"+because(r.Reason), person, door), nil
		case len(r.Tag) > 0:
			return say(fmt.Sprintf("Unknown card %X at %%s", r.Tag), door), nil
		}
		return say("A card at %s was refused"+because(r.Reason), door), nil
	case wire.PINRefused:
		return say("A PIN at %s, which takes none now"+because(r.Reason), door), nil
	case wire.LockoutStarted:
		names := make([]string, len(r.Users))
		format := "PIN entry at %s is paused: " + escape(causeText(r.Cause))
		for i, id := range r.Users {
			name, err := t.name(id)
			if err != nil {
				return nil, err
			}
			names[i] = name
			format += map[bool]string{true: " (known PINs in between: %s", false: ", %s"}[i == 0]
		}
		if len(names) > 0 {
			format += ")"
		}
		return say(format, append([]string{door}, names...)...), nil
	case wire.LockoutCleared:
		switch {
		case person != "":
			return say("PIN entry at %s goes on: opened by %s", door, person), nil
		case r.Who != "":
			return say("PIN entry at %s goes on: unlocked by %s", door, r.Who), nil
		}
		return say("PIN entry at %s goes on", door), nil
	case wire.HoldStarted:
		return say("%s is held open for "+seconds+" by %s", door, r.Who), nil
	case wire.HoldEnded:
		return say("%s is held open no more"+because(r.Reason), door), nil
	case wire.ExitPressed:
		if r.Reason != "" {
			return say("Exit button at %s did not open"+because(r.Reason), door), nil
		}
		return say("Exit button at %s", door), nil
	case wire.DoorOpened:
		return say("%s was opened", door), nil
	case wire.DoorClosed:
		return say("%s was closed", door), nil
	case wire.DoorForced:
		return say("%s was forced open", door), nil
	case wire.DoorHeld:
		return say("%s stands open for longer than "+seconds, door), nil
	case wire.TamperStarted:
		return say("The reader at %s was opened", door), nil
	case wire.TamperEnded:
		return say("The reader at %s is closed again", door), nil
	}
	return say("%s: "+escape(plainRecord(r)), door), nil
}

func by(how string) string {
	switch how {
	case "pin":
		return "PIN"
	case "remote":
		return "remote unlock"
	}
	return escape(how)
}

// plainRecord says what a record of the reader's own affairs holds.
func plainRecord(r *wire.Record) string {
	words := map[wire.RecordKind]string{
		wire.CredentialsApplied: "took over credentials", wire.PolicyApplied: "took over its policy",
		wire.Adopted: "was adopted", wire.ReaderStarted: "started", wire.JournalBegan: "began a new journal",
		wire.JournalResumed: "stores records again", wire.ClockTrusted: "trusts its clock", wire.ClockUntrusted: "does not trust its clock",
		wire.CommandDone: "carried out an order", wire.CommandRefused: "refused an order", wire.CacheDamaged: "found its credentials damaged",
		wire.CacheBehind: "holds older credentials than it did", wire.LogForked: "was shown another credential log",
		wire.RecordsDropped: "gave up old records", wire.LinkUp: "is connected", wire.LinkDown: "has lost its connection",
		wire.HealthChanged: "says how it is", wire.MessageRefused: "refused a message", wire.EventsCollapsed: "counted more of a kind",
		wire.AttemptStarted: "charged a PIN entry", wire.Checkpoint: "wrote a checkpoint",
	}
	text := words[r.Kind]
	if text == "" {
		text = string(r.Kind)
	}
	var parts []string
	for _, part := range []string{string(r.Order), r.Who, r.Subject, r.Text, r.Reason, r.Version} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	switch {
	case r.Epoch != 0:
		parts = append(parts, fmt.Sprintf("epoch %d, revision %d", r.Epoch, r.Revision))
	case r.PolicyRevision != 0:
		parts = append(parts, fmt.Sprintf("revision %d", r.PolicyRevision))
	}
	if r.First != 0 {
		parts = append(parts, fmt.Sprintf("%d to %d", r.First, r.Last))
	}
	if r.Count != 0 {
		parts = append(parts, fmt.Sprintf("%d times", r.Count))
	}
	if len(parts) == 0 {
		return text
	}
	return text + " (" + strings.Join(parts, ", ") + ")"
}

// deeds are acts in words: what was done, and what could not be.
var deeds = map[Act][2]string{
	AddUser: {"added", "add"}, EditUser: {"changed", "change"}, RemoveUser: {"removed", "remove"},
	SetPIN: {"gave a PIN to", "give a PIN to"}, RemovePIN: {"took the PIN from", "take the PIN from"},
	AddCard: {"gave a card to", "give a card to"}, RemoveCard: {"took a card from", "take a card from"},
	EnrolCard: {"had a card read for", "have a card read for"},
	SwitchPIN: {"switched PIN entry of", "switch PIN entry of"}, Unlock: {"unlocked", "unlock"}, Hold: {"held open", "hold open"},
	Release: {"released", "release"}, Identify: {"identified", "identify"}, ExportActivity: {"exported activity as", "export activity as"},
	EditPolicy: {"changed the policy of", "change the policy of"}, EditPlaces: {"changed the place", "change the place"},
	AdoptReader: {"adopted", "adopt"}, RemoveReader: {"removed the reader", "remove the reader"},
	ViewAdmins: {"looked at administrators", "look at administrators"}, EditAdmins: {"changed the administrator", "change the administrator"},
	EditSettings: {"changed the settings of", "change the settings of"}, Backup: {"made a backup of", "make a backup of"},
	NewEpoch: {"began a new epoch of", "begin a new epoch of"}, NewStorageKey: {"changed the storage key of", "change the storage key of"},
	ViewUsers: {"looked at users", "look at users"}, ViewPlaces: {"looked at places", "look at places"},
	ViewReaders: {"looked at readers", "look at readers"}, ViewActivity: {"looked at activity", "look at activity"},
	actSignIn: {"signed in", "sign in"}, actSignOut: {"signed out", "sign out"}, actPassword: {"changed their password", "change their password"},
	actUseLink: {"set a password by a one-time link", "set a password by a one-time link"}, actFirstOwner: {"became the first Owner", "become the first Owner"},
	actOwnerLink: {"made a one-time link for", "make a one-time link for"},
}

// ofOneself are acts whose subject is whoever does them.
var ofOneself = []Act{actPassword, actUseLink, actFirstOwner}

// act fills in what an administrator did.
func (t *teller) act(e *Entry, a *store.Audit) {
	e.Source, e.Who, e.Via = "admin", a.Who, Via(a.Via)
	deed := deeds[Act(a.Act)]
	if deed[0] == "" {
		deed = [2]string{a.Act, a.Act}
	}
	object, names := "", []string{a.Who}
	subject := a.Subject
	if a.Reader != "" && a.Subject == a.Reader {
		subject = e.Door
	}
	if subject != "" && !slices.Contains(ofOneself, Act(a.Act)) {
		object, names = " %s", append(names, subject)
	}
	if a.Act == store.MoreRefused {
		e.Tone, e.Word = Refused, "Refused"
		e.Text = say("%s was refused "+count(a.Count, "more act")+" within a minute", a.Who)
		return
	}
	switch a.Outcome {
	case store.Done:
		e.Tone, e.Word = Changed, "Done"
		e.Text = say("%s "+deed[0]+object+because(a.Text), names...)
	case store.Asked:
		e.Tone, e.Word = Changed, "Asked"
		e.Text = say("%s asked to "+deed[1]+object, names...)
	case store.Refused:
		e.Tone, e.Word = Refused, "Refused"
		e.Text = say("%s was not allowed to "+deed[1]+object+because(a.Text), names...)
	default:
		e.Tone, e.Word = Refused, "Failed"
		e.Text = say("%s could not "+deed[1]+object+because(a.Text), names...)
	}
}
