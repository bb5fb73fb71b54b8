package desk

import (
	"maps"
	"slices"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// An Act is something that an administrator does. Its text is how the audit keeps
// it; what an order does is the order's.
type Act string

// The acts.
const (
	ViewUsers    Act = "users.view"
	ViewPlaces   Act = "places.view"
	ViewReaders  Act = "readers.view"
	ViewActivity Act = "activity.view"
	ViewActs     Act = "acts.view" // what administrators did

	AddUser    Act = "user.add"
	EditUser   Act = "user.edit"
	RemoveUser Act = "user.remove"
	SetPIN     Act = "pin.set"
	RemovePIN  Act = "pin.remove"
	AddCard    Act = "card.add"
	RemoveCard Act = "card.remove"
	EnrolCard  Act = "card.enrol"

	SwitchPIN Act = "pin.switch" // PIN entry of a reader on or off
	Unlock    Act = "unlock"
	Hold      Act = "hold"
	Release   Act = "release"
	Identify  Act = "identify"

	ExportActivity Act = store.ExportAct

	EditPolicy   Act = "policy.edit"
	EditPlaces   Act = "places.edit"
	AdoptReader  Act = "reader.adopt"
	RemoveReader Act = "reader.remove"

	ViewAdmins    Act = "admins.view"
	EditAdmins    Act = "admins.edit"
	EditSettings  Act = "settings.edit"
	ConfirmClock  Act = "clock.confirm"
	SetZone       Act = "settings.zone"
	Backup        Act = "site.backup"
	NewEpoch      Act = "site.epoch"
	NewStorageKey Act = "site.storage-key"

	actSignIn     Act = "sign-in"
	actSignOut    Act = "sign-out"
	actPassword   Act = "password.change"
	actUseLink    Act = "link.use"
	actFirstOwner Act = "owner.create"
	actOwnerLink  Act = "link.owner"
)

// A rule says who may do an act, and how the act is told.
type rule struct {
	may   []Role // none: it is no right of a role
	did   string // what somebody did; %s stands for whom or what it was done to
	to    string // the same, as what they wanted to do
	fresh bool   // whoever does it gives their password again
	how   bool   // the audit's text says what became of the subject: "was added as a door"
}

// rules are those of all acts. Acts on administrators take a fresh sign-in: who
// could make another Owner would need no password for the rest.
var rules = map[Act]rule{
	ViewUsers:    {may: everybody, did: "looked at users", to: "look at users"},
	ViewPlaces:   {may: everybody, did: "looked at places", to: "look at places"},
	ViewReaders:  {may: everybody, did: "looked at readers", to: "look at readers"},
	ViewActivity: {may: everybody, did: "looked at activity", to: "look at activity"},
	ViewActs:     {may: editors, did: "looked at what administrators did", to: "look at what administrators did"},

	AddUser:    {may: editors, did: "added %s", to: "add %s"},
	EditUser:   {may: editors, did: "changed %s", to: "change %s"},
	RemoveUser: {may: editors, did: "removed %s", to: "remove %s"},
	SetPIN:     {may: editors, did: "gave %s a PIN", to: "give %s a PIN"},
	RemovePIN:  {may: editors, did: "took the PIN from %s", to: "take the PIN from %s"},
	AddCard:    {may: editors, did: "gave %s a card", to: "give %s a card"},
	RemoveCard: {may: editors, did: "took a card from %s", to: "take a card from %s"},
	EnrolCard:  {may: editors, did: "had a card read for %s", to: "have a card read for %s"},

	SwitchPIN: {may: editors, did: "switched PIN entry at %s", to: "switch PIN entry at %s"},
	Unlock:    {may: editors, did: "unlocked %s", to: "unlock %s"},
	Hold:      {may: editors, did: "held %s open", to: "hold %s open"},
	Release:   {may: editors, did: "released %s", to: "release %s"},
	Identify:  {may: editors, did: "had %s show which one it is", to: "have %s show which one it is"},

	ExportActivity: {may: editors, did: "exported activity as %s", to: "export activity as %s"},

	EditPolicy:   {may: supers, did: "changed the policy of %s", to: "change the policy of %s"},
	EditPlaces:   {may: supers, did: "changed places", to: "change the place %s", how: true},
	AdoptReader:  {may: supers, did: "adopted %s", to: "adopt %s", fresh: true},
	RemoveReader: {may: supers, did: "removed the reader %s", to: "remove the reader %s", fresh: true},

	ViewAdmins:    {may: owners, did: "looked at administrators", to: "look at administrators"},
	EditAdmins:    {may: owners, did: "changed administrators", to: "change the administrator %s", fresh: true, how: true},
	EditSettings:  {may: owners, did: "changed the settings of %s", to: "change the settings of %s"},
	ConfirmClock:  {may: owners, did: "confirmed the clock of %s", to: "confirm the clock of %s"},
	SetZone:       {may: owners, did: "changed the time zone of %s", to: "change the time zone of %s"},
	Backup:        {may: owners, did: "made a backup of %s", to: "make a backup of %s", fresh: true},
	NewEpoch:      {may: owners, did: "began a new epoch of %s", to: "begin a new epoch of %s", fresh: true},
	NewStorageKey: {may: owners, did: "changed the storage key of %s", to: "change the storage key of %s", fresh: true},

	actSignIn:     {did: "signed in", to: "sign in"},
	actSignOut:    {did: "signed out", to: "sign out"},
	actPassword:   {did: "changed their password", to: "change their password"},
	actUseLink:    {did: "set a password by a one-time link", to: "set a password by a one-time link"},
	actFirstOwner: {did: "became the first Owner", to: "become the first Owner"},
	actOwnerLink:  {did: "made a one-time link for %s", to: "make a one-time link for %s"},
}

// Who may do an act: everybody, or those down to a role.
var (
	everybody = Roles()
	editors   = Roles()[:3]
	supers    = Roles()[:2]
	owners    = Roles()[:1]
)

// Acts are all acts that are a right of a role, sorted.
func Acts() []Act {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(rules)), func(act Act) bool { return rules[act].may == nil })
}

// takes names the roles that may do an act.
func (act Act) takes() string {
	titles := make([]string, len(rules[act].may))
	for i, role := range rules[act].may {
		titles[i] = role.Title()
	}
	return "this takes " + strings.Join(titles, " or ")
}

// act fills in what an administrator did.
func (t *teller) act(e *Entry, a *store.Audit) {
	e.Source, e.Who, e.Via = "admin", a.Who, Via(a.Via)
	if a.Act == store.MoreRefused {
		e.Tone, e.Word = Refused, "Refused"
		e.Text = say("%s was refused "+count(a.Count, "more act")+" within a minute", a.Who)
		return
	}
	r, ok := rules[Act(a.Act)]
	if !ok { // of a later version
		r = rule{did: escape(a.Act) + " %s", to: escape(a.Act) + " %s"}
	}
	subject := a.Subject
	if a.Reader != "" && a.Subject == a.Reader && !r.how {
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
		if r.how && a.Text != "" {
			e.Text = tell(r.did+": %s", " "+escape(a.Text))
			return
		}
		e.Text = tell(r.did, because(a.Text))
	case store.Asked:
		e.Tone, e.Word = Changed, "Asked"
		e.Text = tell("asked to "+r.to, "")
	case store.Refused:
		e.Tone, e.Word = Refused, "Refused"
		if Act(a.Act) == actSignIn {
			e.Text = tell("was not let in", because(a.Text))
			return
		}
		e.Text = tell("was not allowed to "+r.to, because(a.Text))
	default:
		e.Tone, e.Word = Refused, "Failed"
		e.Text = tell("could not "+r.to, because(a.Text))
	}
}
