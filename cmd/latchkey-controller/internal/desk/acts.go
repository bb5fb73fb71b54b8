package desk

import (
	"strings"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// An Act is something that an administrator does. Its text is stored in the audit; an
// order's equals the wire.Order. Of those that there were once, formerActs has the texts.
type Act string

// The acts.
const (
	ViewUsers    Act = "users.view"
	ViewPlaces   Act = "places.view"
	ViewReaders  Act = "readers.view"
	ViewActivity Act = "activity.view"
	ViewActs     Act = "acts.view" // the audit

	AddUser     Act = "user.add"
	EditUser    Act = "user.edit"
	RemoveUser  Act = "user.remove"
	SuspendUser Act = "user.suspend"
	ResumeUser  Act = "user.resume"
	ImportUsers Act = "users.import" // from a file
	ExportUsers Act = "users.export"
	EditUsers   Act = "users.edit" // several at once
	SetPIN      Act = "pin.set"
	RemovePIN   Act = "pin.remove"

	ViewDuress      Act = "duress.view"    // which PINs are for duress, and when one was used
	SetDuressPIN    Act = "pin.set-duress" //
	RemoveDuressPIN Act = "pin.remove-duress"

	AddGroup      Act = "group.add"
	EditMembers   Act = "group.members"
	GiveAccess    Act = "group.access"
	TakeAccess    Act = "group.no-access"
	SetAccess     Act = "group.set-access" // to some doors and no others
	RenameGroup   Act = "group.rename"
	RemoveGroup   Act = "group.remove"
	InviteVisitor Act = "visitor.invite"
	EndInvitation Act = "visitor.end"
	RemoveVisitor Act = "visitor.remove" // a day after the end; nobody's right: the controller does it
	TakeVisitors  Act = "visitors.take"  // whether visitors may be invited to a door

	AddCard    Act = "card.add"
	RemoveCard Act = "card.remove"
	EnrolCard  Act = "card.enrol"
	ReadCard   Act = "card.read"   // for whoever gets it later
	DropCard   Act = "card.drop"   // that was enrolled or got keys, and is another one
	NewCard    Act = "card.new"    // that proves itself
	RekeyCard  Act = "card.rekey"  //
	ReturnCard Act = "card.return" // to its factory state

	SwitchPIN Act = "pin.switch" // PIN entry of a reader on or off
	Unlock    Act = "unlock"
	Identify  Act = "identify"

	LockDown      Act = "mode.lockdown"
	Evacuate      Act = "mode.evacuate"
	SetMode       Act = "mode.set"      // unlocked or locked, of a door or a location
	SetSiteMode   Act = "mode.set-site" // the same of the whole site
	EndLockdown   Act = "mode.end-lockdown"
	EndEvacuation Act = "mode.end-evacuation"
	EndMode       Act = "mode.end"   // any other
	UndoMode      Act = "mode.undo"  // a lockdown of one's own, at once
	EndEarly      Act = "mode.early" // the present span of an unlock schedule

	ExportActivity Act = store.ExportAct

	EditSchedules Act = "schedules.edit" // and the policies that use them
	EditHolidays  Act = "holidays.edit"  // of the site, and so of all doors

	EditPolicy     Act = "policy.edit"
	EditPlaces     Act = "places.edit"
	AdoptReader    Act = "reader.adopt"
	RemoveReader   Act = "reader.remove"
	ViewWaiting    Act = "waiting.view"     // boards that have handed themselves over by the network
	RefuseReader   Act = "reader.refuse"    // of these
	TakeBackReader Act = "reader.take-back" // that one of these was made
	RenewBudget    Act = "reader.budget"    // of a TPM that has lost it
	WriteGrant     Act = "reader.grant"     // for a reader without a link
	SetBrokers     Act = "readers.brokers"
	AddCell        Act = "cell.add"
	EditCell       Act = "cell.edit"
	RemoveCell     Act = "cell.remove"
	MoveReaders    Act = "readers.move" // to another cell

	ViewTokens  Act = "tokens.view"
	MakeToken   Act = "token.make"
	RevokeToken Act = "token.revoke"

	ViewBrokerClients  Act = "broker-clients.view" // programs that the site's broker lets in
	AddBrokerClient    Act = "broker-client.add"
	RemoveBrokerClient Act = "broker-client.remove"

	ViewMail          Act = "mail.view"
	EditMail          Act = "mail.edit" // how people are told by e-mail
	SendTestMail      Act = "mail.test"
	ViewWebhooks      Act = "webhooks.view"
	AddWebhook        Act = "webhook.add"
	EditWebhook       Act = "webhook.edit"
	NewWebhookSecret  Act = "webhook.secret"
	RemoveWebhook     Act = "webhook.remove"
	TestWebhook       Act = "webhook.test"
	ResendDelivery    Act = "webhook.resend"
	AllowWebhookHost  Act = "webhook.allow" // a host inside the network
	ForbidWebhookHost Act = "webhook.forbid"
	StopWebhook       Act = "webhook.stop" // its receiver has said that it is gone; nobody's right: the controller does it

	ViewSignIn    Act = "sign-in.view"
	EditSignIn    Act = "sign-in.edit" // how administrators sign in
	ViewAdmins    Act = "admins.view"
	AddAdmin      Act = "admins.add"
	EditAdmins    Act = "admins.edit"
	EditSettings  Act = "settings.edit"
	ConfirmClock  Act = "clock.confirm"
	SetZone       Act = "settings.zone"
	SetPINReaders Act = "settings.pins" // which readers get the PIN key
	SetTPMTrust   Act = "settings.tpm"  // whose TPMs are trusted
	Backup        Act = "site.backup"
	NewEpoch      Act = "site.epoch"
	NewStorageKey Act = "site.storage-key"
	MoveSite      Act = "site.move" // to another database

	actSignIn        Act = "sign-in"
	actSignOut       Act = "sign-out"
	actPassword      Act = "password.change"
	actAddPasskey    Act = "passkey.add"
	actRenamePasskey Act = "passkey.rename"
	actRemovePasskey Act = "passkey.remove"
	actUseLink       Act = "link.use"
	actFirstOwner    Act = "owner.create"
	actOwnerLink     Act = "link.owner"
	actUseToken      Act = "token.use"
)

// A rule says who may do an act, and how to describe it.
type rule struct {
	may        []Role // nil: not a right of a role
	past       string // what somebody did; %s is the target
	infinitive string // the same, after "to"
	fresh      bool   // it needs the password again
	scope      Scope  // of a token that may do it; "": none may
	extent     extent // what those who are limited to locations do it to
	detailed   bool   // the audit's text says what was done to the target: "was added as a door"
}

// rules are the rules of all acts. Acts on administrators need a fresh sign-in:
// whoever could add an Owner would need no password for the rest.
var rules = map[Act]rule{
	ViewUsers:    {may: everybody, past: "looked at users", infinitive: "look at users", scope: ScopeManage, extent: harmless},
	ViewPlaces:   {may: everybody, past: "looked at places", infinitive: "look at places", scope: ScopeRead, extent: harmless},
	ViewReaders:  {may: everybody, past: "looked at readers", infinitive: "look at readers", scope: ScopeRead, extent: harmless},
	ViewActivity: {may: everybody, past: "looked at activity", infinitive: "look at activity", scope: ScopeActivity, extent: harmless},
	ViewActs:     {may: editors, past: "looked at what administrators did", infinitive: "look at what administrators did", scope: ScopeActivity, extent: harmless},

	AddUser:     {may: editors, past: "added %s", infinitive: "add %s", scope: ScopeManage, extent: inReach},
	EditUser:    {may: editors, past: "changed %s", infinitive: "change %s", scope: ScopeManage, extent: inReach},
	RemoveUser:  {may: editors, past: "removed %s", infinitive: "remove %s", scope: ScopeManage, extent: inReach},
	SuspendUser: {may: editors, past: "suspended %s", infinitive: "suspend %s", scope: ScopeManage, extent: inReach},
	ResumeUser:  {may: editors, past: "ended the suspension of %s", infinitive: "end the suspension of %s", scope: ScopeManage, extent: inReach},
	SetPIN:      {may: editors, past: "gave %s a PIN", infinitive: "give %s a PIN", scope: ScopeManage, extent: inReach},
	RemovePIN:   {may: editors, past: "removed the PIN of %s", infinitive: "remove the PIN of %s", scope: ScopeManage, extent: inReach},
	ImportUsers: {may: editors, past: "imported users", infinitive: "import users", extent: ofSite},
	ExportUsers: {may: editors, past: "exported users", infinitive: "export users", extent: harmless},
	EditUsers:   {may: editors, past: "changed several users", infinitive: "change several users", extent: inReach},

	// Who renames or removes a group changes users and policies.
	AddGroup:    {may: editors, past: "made the group %s", infinitive: "make the group %s", scope: ScopeManage, extent: inReach},
	EditMembers: {may: editors, past: "changed who is in the group %s", infinitive: "change who is in the group %s", scope: ScopeManage, extent: inReach},
	GiveAccess:  {may: supers, past: "gave the group %s access", infinitive: "give the group %s access", scope: ScopeManage, extent: inReach},
	TakeAccess:  {may: supers, past: "took access from the group %s", infinitive: "take access from the group %s", scope: ScopeManage, extent: inReach},
	SetAccess:   {may: supers, past: "set what the group %s opens", infinitive: "set what the group %s opens", scope: ScopeManage, extent: inReach},
	RenameGroup: {may: supers, past: "renamed the group %s", infinitive: "rename the group %s", scope: ScopeManage, extent: inReach},
	RemoveGroup: {may: supers, past: "removed the group %s", infinitive: "remove the group %s", scope: ScopeManage, extent: inReach},

	// Who may only look may be a screen that people at the door see.
	ViewDuress:      {may: editors, past: "looked at PINs for duress", infinitive: "look at PINs for duress", extent: harmless},
	SetDuressPIN:    {may: editors, past: "gave %s a PIN for duress", infinitive: "give %s a PIN for duress", extent: inReach},
	RemoveDuressPIN: {may: editors, past: "removed the PIN for duress of %s", infinitive: "remove the PIN for duress of %s", extent: inReach},

	InviteVisitor: {may: editors, past: "invited %s", infinitive: "invite %s", scope: ScopeManage, extent: inReach},
	EndInvitation: {may: editors, past: "ended the visit of %s", infinitive: "end the visit of %s", scope: ScopeManage, extent: inReach},
	RemoveVisitor: {past: "removed the visitor %s", infinitive: "remove the visitor %s"},
	TakeVisitors:  {may: supers, past: "switched invitations to %s", infinitive: "switch invitations to %s", scope: ScopeManage, extent: inReach},

	AddCard:    {may: editors, past: "gave %s a card", infinitive: "give %s a card", scope: ScopeManage, extent: inReach},
	RemoveCard: {may: editors, past: "removed a card of %s", infinitive: "remove a card of %s", scope: ScopeManage, extent: inReach},
	DropCard:   {may: editors, past: "refused a card that was shown for %s", infinitive: "refuse a card that was shown for %s", scope: ScopeManage, extent: inReach},
	EnrolCard:  {may: editors, past: "had a card read for %s", infinitive: "have a card read for %s", scope: ScopeManage, extent: inReach},
	ReadCard:   {may: editors, past: "had a card read at %s", infinitive: "have a card read at %s", scope: ScopeManage, extent: inReach},
	NewCard:    {may: editors, past: "had keys written to a card for %s", infinitive: "have keys written to a card for %s", extent: inReach},
	RekeyCard:  {may: editors, past: "gave a card of %s new keys", infinitive: "give a card of %s new keys", extent: inReach},
	ReturnCard: {may: editors, past: "brought a card of %s back to its factory state", infinitive: "bring a card of %s back to its factory state", extent: inReach},

	SwitchPIN: {may: editors, past: "switched PIN entry at %s", infinitive: "switch PIN entry at %s", scope: ScopeManage, extent: inReach},
	Unlock:    {may: editors, past: "unlocked %s", infinitive: "unlock %s", scope: ScopeOperate, extent: inReach},
	Identify:  {may: editors, past: "had %s identify itself", infinitive: "have %s identify itself", scope: ScopeOperate, extent: inReach},

	// In an emergency nobody looks for a password: these two never ask for it.
	LockDown:      {may: editors, past: "locked down %s", infinitive: "lock down %s", scope: ScopeEmergency, extent: inReach},
	Evacuate:      {may: editors, past: "evacuated %s", infinitive: "evacuate %s", scope: ScopeEmergency, extent: inReach},
	SetMode:       {may: editors, past: "set the mode of %s", infinitive: "set the mode of %s", scope: ScopeOperate, extent: inReach},
	SetSiteMode:   {may: editors, past: "set the mode of %s", infinitive: "set the mode of %s", fresh: true, extent: ofSite},
	EndLockdown:   {may: supers, past: "ended the lockdown of %s", infinitive: "end the lockdown of %s", fresh: true, scope: ScopeEmergency, extent: inReach},
	EndEvacuation: {may: editors, past: "ended the evacuation of %s", infinitive: "end the evacuation of %s", scope: ScopeEmergency, extent: inReach},
	EndMode:       {may: editors, past: "ended a mode of %s", infinitive: "end a mode of %s", scope: ScopeOperate, extent: inReach},
	UndoMode:      {may: editors, past: "took back a lockdown of %s", infinitive: "take back a lockdown of %s", scope: ScopeEmergency, extent: inReach},
	EndEarly:      {may: editors, past: "ended the unlock schedule's hours at %s early", infinitive: "end the unlock schedule's hours at %s early", scope: ScopeOperate, extent: inReach},

	ExportActivity: {may: editors, past: "exported activity as %s", infinitive: "export activity as %s", scope: ScopeActivity, extent: harmless},

	EditSchedules: {may: supers, past: "changed schedules", infinitive: "change the schedule %s", detailed: true, scope: ScopeManage, extent: inReach},
	EditHolidays:  {may: supers, past: "changed holidays", infinitive: "change the holiday %s", detailed: true, scope: ScopeManage, extent: ofSite},

	EditPolicy: {may: supers, past: "changed the settings of %s", infinitive: "change the settings of %s", scope: ScopeManage, extent: inReach},
	EditPlaces: {may: supers, past: "changed places", infinitive: "change the place %s", detailed: true, extent: inReach},
	// A bundle and a budget give whoever has the board the PINs of the site.
	AdoptReader:    {may: supers, past: "adopted %s", infinitive: "adopt %s", fresh: true, scope: ScopeAdopt, extent: ofSite},
	RemoveReader:   {may: supers, past: "removed the reader %s", infinitive: "remove the reader %s", fresh: true, extent: inReach},
	ViewWaiting:    {may: supers, past: "looked at readers that wait", infinitive: "look at readers that wait", scope: ScopeAdopt, extent: ofSite},
	RefuseReader:   {may: supers, past: "refused the board %s", infinitive: "refuse the board %s", extent: ofSite},
	TakeBackReader: {may: supers, past: "took back the adoption of %s", infinitive: "take back the adoption of %s", fresh: true, extent: ofSite},
	RenewBudget:    {may: supers, past: "gave the TPM at %s a new budget", infinitive: "give the TPM at %s a new budget", fresh: true, extent: ofSite},
	WriteGrant:     {may: supers, past: "wrote a grant for the TPM at %s", infinitive: "write a grant for the TPM at %s", fresh: true, extent: ofSite},
	SetBrokers:     {may: owners, past: "changed the brokers of %s", infinitive: "change the brokers of %s", extent: ofSite},
	AddCell:        {may: owners, past: "added the cell %s", infinitive: "add the cell %s", extent: ofSite},
	EditCell:       {may: owners, past: "changed the cell %s", infinitive: "change the cell %s", extent: ofSite},
	RemoveCell:     {may: owners, past: "removed the cell %s", infinitive: "remove the cell %s", extent: ofSite},
	MoveReaders:    {may: owners, past: "moved %s", infinitive: "move %s to another cell", extent: ofSite},

	// A token acts without a password.
	ViewTokens:  {may: supers, past: "looked at tokens", infinitive: "look at tokens", extent: harmless},
	MakeToken:   {may: supers, past: "made the token %s", infinitive: "make the token %s", fresh: true, extent: inReach},
	RevokeToken: {may: supers, past: "revoked the token %s", infinitive: "revoke the token %s", extent: harmless},

	// A broker client opens doors without a password, if commands are on.
	ViewBrokerClients:  {may: owners, past: "looked at broker clients", infinitive: "look at broker clients", extent: ofSite},
	AddBrokerClient:    {may: owners, past: "added the broker client %s", infinitive: "add the broker client %s", fresh: true, extent: ofSite},
	RemoveBrokerClient: {may: owners, past: "removed the broker client %s", infinitive: "remove the broker client %s", fresh: true, extent: ofSite},

	ViewMail:     {may: owners, past: "looked at who is told by e-mail", infinitive: "look at who is told by e-mail", extent: ofSite},
	EditMail:     {may: owners, past: "changed who is told by e-mail of %s", infinitive: "change who is told by e-mail of %s", fresh: true, extent: ofSite},
	SendTestMail: {may: owners, past: "sent a mail of %s as a test", infinitive: "send a mail of %s as a test", extent: ofSite},
	// Events name persons, and the controller can reach what others cannot.
	ViewWebhooks:      {may: supers, past: "looked at webhooks", infinitive: "look at webhooks", scope: ScopeWebhooks, extent: ofSite},
	AddWebhook:        {may: supers, past: "added the webhook %s", infinitive: "add the webhook %s", fresh: true, scope: ScopeWebhooks, extent: ofSite},
	EditWebhook:       {may: supers, past: "changed the webhook %s", infinitive: "change the webhook %s", fresh: true, scope: ScopeWebhooks, extent: ofSite},
	NewWebhookSecret:  {may: supers, past: "made a new secret for the webhook %s", infinitive: "make a new secret for the webhook %s", fresh: true, extent: ofSite},
	RemoveWebhook:     {may: supers, past: "removed the webhook %s", infinitive: "remove the webhook %s", scope: ScopeWebhooks, extent: ofSite},
	TestWebhook:       {may: supers, past: "sent a test to the webhook %s", infinitive: "send a test to the webhook %s", scope: ScopeWebhooks, extent: ofSite},
	ResendDelivery:    {may: supers, past: "had an event sent again to the webhook %s", infinitive: "have an event sent again to the webhook %s", scope: ScopeWebhooks, extent: ofSite},
	AllowWebhookHost:  {may: owners, past: "allowed webhooks to the host %s", infinitive: "allow webhooks to the host %s", fresh: true, extent: ofSite},
	ForbidWebhookHost: {may: owners, past: "forbade webhooks to the host %s", infinitive: "forbid webhooks to the host %s", extent: ofSite},
	StopWebhook:       {past: "stopped the webhook %s", infinitive: "stop the webhook %s"},

	ViewSignIn:    {may: owners, past: "looked at how administrators sign in", infinitive: "look at how administrators sign in", extent: ofSite},
	EditSignIn:    {may: owners, past: "changed how administrators of %s sign in", infinitive: "change how administrators of %s sign in", fresh: true, extent: ofSite},
	ViewAdmins:    {may: owners, past: "looked at administrators", infinitive: "look at administrators", extent: ofSite},
	AddAdmin:      {may: owners, past: "changed administrators", infinitive: "add the administrator %s", fresh: true, detailed: true, extent: ofSite},
	EditAdmins:    {may: owners, past: "changed administrators", infinitive: "change the administrator %s", fresh: true, detailed: true, extent: ofSite},
	EditSettings:  {may: owners, past: "changed the settings of %s", infinitive: "change the settings of %s", extent: ofSite},
	ConfirmClock:  {may: owners, past: "confirmed the clock of %s", infinitive: "confirm the clock of %s", extent: ofSite},
	SetZone:       {may: owners, past: "changed the time zone of %s", infinitive: "change the time zone of %s", extent: ofSite},
	SetPINReaders: {may: owners, past: "changed which readers of %s take PINs", infinitive: "change which readers of %s take PINs", fresh: true, extent: ofSite},
	SetTPMTrust:   {may: owners, past: "changed whose TPMs %s trusts", infinitive: "change whose TPMs %s trusts", fresh: true, extent: ofSite},
	Backup:        {may: owners, past: "made a backup of %s", infinitive: "make a backup of %s", fresh: true, extent: ofSite},
	NewEpoch:      {may: owners, past: "gave the readers of %s a new site key", infinitive: "give the readers of %s a new site key", fresh: true, extent: ofSite},
	NewStorageKey: {may: owners, past: "changed the storage key of %s", infinitive: "change the storage key of %s", fresh: true, extent: ofSite},
	MoveSite:      {may: owners, past: "moved %s to another database", infinitive: "move %s to another database", fresh: true, extent: ofSite},

	actSignIn:        {past: "signed in", infinitive: "sign in"},
	actSignOut:       {past: "signed out", infinitive: "sign out"},
	actPassword:      {past: "changed their password", infinitive: "change their password"},
	actAddPasskey:    {past: "added the passkey %s", infinitive: "add the passkey %s", fresh: true},
	actRenamePasskey: {past: "renamed the passkey %s", infinitive: "rename the passkey %s"},
	actRemovePasskey: {past: "removed the passkey %s", infinitive: "remove the passkey %s", fresh: true},
	actUseLink:       {past: "set a password with a one-time link", infinitive: "set a password with a one-time link"},
	actFirstOwner:    {past: "became the first Owner", infinitive: "become the first Owner"},
	actOwnerLink:     {past: "made a one-time link for %s", infinitive: "make a one-time link for %s"},
	actUseToken:      {past: "used a token", infinitive: "use a token"},
}

// Who may do an act: all roles, or those from Owner down to one.
var (
	everybody = Roles()
	editors   = Roles()[:3]
	supers    = Roles()[:2]
	owners    = Roles()[:1]
)

// requirement says which roles may do an act.
func (act Act) requirement() string {
	titles := make([]string, len(rules[act].may))
	for i, role := range rules[act].may {
		titles[i] = role.Title()
	}
	return "this requires " + strings.Join(titles, " or ")
}

// act fills in the event of an administrator's act.
func (desc *describer) act(e *Event, a *store.Audit) {
	e.Source, e.Who = "admin", a.Who
	if a.Act == store.MoreRefused {
		e.Result, e.Word = Refused, wordNotAllowed
		e.Text = say("%s was refused "+count(a.Count, "more act")+" within a minute", a.Who)
		return
	}
	r, ok := rules[Act(a.Act)]
	if !ok {
		r, ok = formerActs[a.Act]
	}
	if !ok { // of a later version
		r = rule{past: escape(a.Act) + " %s", infinitive: escape(a.Act) + " %s"}
	}
	subject := a.Subject
	if a.Reader != "" && a.Subject == a.Reader && !r.detailed {
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
		e.Result, e.Word = Changed, actWord(Act(a.Act), r.past)
		if Act(a.Act) == Unlock {
			e.Result = Granted
		}
		if r.detailed && a.Text != "" {
			e.Text = tell(r.past+": %s", " "+escape(a.Text))
			return
		}
		e.Text = tell(r.past, because(a.Text))
	case store.Asked:
		e.Result, e.Word = Changed, wordAsked
		e.Text = tell("asked to "+r.infinitive, "")
	case store.Refused:
		e.Result, e.Word = Refused, wordNotAllowed
		if Act(a.Act) == actSignIn {
			e.Text = tell("could not sign in", because(a.Text))
			return
		}
		e.Text = tell("was not allowed to "+r.infinitive, because(strings.TrimPrefix(a.Text, ErrNotAllowed.Error()+": ")))
	default:
		e.Result, e.Word = Refused, wordFailed
		e.Text = tell("could not "+r.infinitive, because(a.Text))
	}
}
