package desk

import (
	"slices"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// deeds are acts in words: what was done, and what could not be. %s stands for
// whom or what it was done to.
var deeds = map[Act][2]string{
	AddUser: {"added %s", "add %s"}, EditUser: {"changed %s", "change %s"}, RemoveUser: {"removed %s", "remove %s"},
	SetPIN: {"gave %s a PIN", "give %s a PIN"}, RemovePIN: {"took the PIN from %s", "take the PIN from %s"},
	AddCard: {"gave %s a card", "give %s a card"}, RemoveCard: {"took a card from %s", "take a card from %s"},
	EnrolCard: {"had a card read for %s", "have a card read for %s"},
	SwitchPIN: {"switched PIN entry at %s", "switch PIN entry at %s"}, Unlock: {"unlocked %s", "unlock %s"}, Hold: {"held %s open", "hold %s open"},
	Release: {"released %s", "release %s"}, Identify: {"had %s show which one it is", "have %s show which one it is"},
	ExportActivity: {"exported activity as %s", "export activity as %s"},
	EditPolicy:     {"changed the policy of %s", "change the policy of %s"}, EditPlaces: {"changed places", "change the place %s"},
	AdoptReader: {"adopted %s", "adopt %s"}, RemoveReader: {"removed the reader %s", "remove the reader %s"},
	ViewAdmins: {"looked at administrators", "look at administrators"}, EditAdmins: {"changed administrators", "change the administrator %s"},
	EditSettings: {"changed the settings of %s", "change the settings of %s"}, ConfirmClock: {"confirmed the clock of %s", "confirm the clock of %s"},
	SetZone: {"changed the time zone of %s", "change the time zone of %s"}, Backup: {"made a backup of %s", "make a backup of %s"},
	NewEpoch: {"began a new epoch of %s", "begin a new epoch of %s"}, NewStorageKey: {"changed the storage key of %s", "change the storage key of %s"},
	ViewUsers: {"looked at users", "look at users"}, ViewPlaces: {"looked at places", "look at places"},
	ViewReaders: {"looked at readers", "look at readers"}, ViewActivity: {"looked at activity", "look at activity"},
	actSignIn: {"signed in", "sign in"}, actSignOut: {"signed out", "sign out"}, actPassword: {"changed their password", "change their password"},
	actUseLink: {"set a password by a one-time link", "set a password by a one-time link"}, actFirstOwner: {"became the first Owner", "become the first Owner"},
	actOwnerLink: {"made a one-time link for %s", "make a one-time link for %s"},
}

// ofManyKinds are acts of which the text says what became of their subject:
// "was added as a door".
var ofManyKinds = []Act{EditAdmins, EditPlaces}

// act fills in what an administrator did.
func (t *teller) act(e *Entry, a *store.Audit) {
	e.Source, e.Who, e.Via = "admin", a.Who, Via(a.Via)
	if a.Act == store.MoreRefused {
		e.Tone, e.Word = Refused, "Refused"
		e.Text = say("%s was refused "+count(a.Count, "more act")+" within a minute", a.Who)
		return
	}
	deed, ok := deeds[Act(a.Act)]
	if !ok {
		deed = [2]string{escape(a.Act) + " %s", escape(a.Act) + " %s"}
	}
	subject, many := a.Subject, slices.Contains(ofManyKinds, Act(a.Act))
	if a.Reader != "" && a.Subject == a.Reader && !many {
		subject = e.Door
	}
	tell := func(format, after string) Text {
		names := []string{a.Who}
		if subject == "" {
			format = strings.Replace(format, " %s", "", 1)
		} else if strings.Contains(format, "%s") {
			names = append(names, subject)
		}
		return say("%s "+format+after, names...)
	}
	switch a.Outcome {
	case store.Done:
		e.Tone, e.Word = Changed, "Done"
		if many && a.Text != "" {
			e.Text = tell(deed[0]+": %s", " "+escape(a.Text))
			return
		}
		e.Text = tell(deed[0], because(a.Text))
	case store.Asked:
		e.Tone, e.Word = Changed, "Asked"
		e.Text = tell("asked to "+deed[1], "")
	case store.Refused:
		e.Tone, e.Word = Refused, "Refused"
		if Act(a.Act) == actSignIn {
			e.Text = tell("was not let in", because(a.Text))
			return
		}
		e.Text = tell("was not allowed to "+deed[1], because(a.Text))
	default:
		e.Tone, e.Word = Refused, "Failed"
		e.Text = tell("could not "+deed[1], because(a.Text))
	}
}
