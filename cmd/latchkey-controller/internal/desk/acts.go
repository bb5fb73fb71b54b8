package desk

import (
	"latchkey/cmd/latchkey-controller/internal/language"
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
	may        []Role             // nil: not a right of a role
	past       *language.Sentence // that somebody, the first %s, did it; the second is the target
	infinitive *language.Sentence // the same as what somebody wants to do; %s is the target
	fresh      bool               // it needs the password again
	scope      Scope              // of a token that may do it; "": none may
	extent     extent             // what those who are limited to locations do it to
	detailed   bool               // the audit's text says what was done to the target: "was added as a door"
}

// rules are the rules of all acts. Acts on administrators need a fresh sign-in:
// whoever could add an Owner would need no password for the rest.
var rules = map[Act]rule{
	ViewUsers:    {may: everybody, past: language.Say("%s looked at users"), infinitive: language.Say("look at users"), scope: ScopeManage, extent: harmless},
	ViewPlaces:   {may: everybody, past: language.Say("%s looked at places"), infinitive: language.Say("look at places"), scope: ScopeRead, extent: harmless},
	ViewReaders:  {may: everybody, past: language.Say("%s looked at readers"), infinitive: language.Say("look at readers"), scope: ScopeRead, extent: harmless},
	ViewActivity: {may: everybody, past: language.Say("%s looked at activity"), infinitive: language.Say("look at activity"), scope: ScopeActivity, extent: harmless},
	ViewActs:     {may: editors, past: language.Say("%s looked at what administrators did"), infinitive: language.Say("look at what administrators did"), scope: ScopeActivity, extent: harmless},

	AddUser:     {may: editors, past: language.Say("%s added %s"), infinitive: language.Say("add %s"), scope: ScopeManage, extent: inReach},
	EditUser:    {may: editors, past: language.Say("%s changed %s"), infinitive: language.Say("change %s"), scope: ScopeManage, extent: inReach},
	RemoveUser:  {may: editors, past: language.Say("%s removed %s"), infinitive: language.Say("remove %s"), scope: ScopeManage, extent: inReach},
	SuspendUser: {may: editors, past: language.Say("%s suspended %s"), infinitive: language.Say("suspend %s"), scope: ScopeManage, extent: inReach},
	ResumeUser:  {may: editors, past: language.Say("%s ended the suspension of %s"), infinitive: language.Say("end the suspension of %s"), scope: ScopeManage, extent: inReach},
	SetPIN:      {may: editors, past: language.Say("%s gave %s a PIN"), infinitive: language.Say("give %s a PIN"), scope: ScopeManage, extent: inReach},
	RemovePIN:   {may: editors, past: language.Say("%s removed the PIN of %s"), infinitive: language.Say("remove the PIN of %s"), scope: ScopeManage, extent: inReach},
	ImportUsers: {may: editors, past: language.Say("%s imported users"), infinitive: language.Say("import users"), extent: ofSite},
	ExportUsers: {may: editors, past: language.Say("%s exported users"), infinitive: language.Say("export users"), extent: harmless},
	EditUsers:   {may: editors, past: language.Say("%s changed several users"), infinitive: language.Say("change several users"), extent: inReach},

	// Who renames or removes a group changes users and policies.
	AddGroup:    {may: editors, past: language.Say("%s made the group %s"), infinitive: language.Say("make the group %s"), scope: ScopeManage, extent: inReach},
	EditMembers: {may: editors, past: language.Say("%s changed who is in the group %s"), infinitive: language.Say("change who is in the group %s"), scope: ScopeManage, extent: inReach},
	GiveAccess:  {may: supers, past: language.Say("%s gave the group %s access"), infinitive: language.Say("give the group %s access"), scope: ScopeManage, extent: inReach},
	TakeAccess:  {may: supers, past: language.Say("%s took access from the group %s"), infinitive: language.Say("take access from the group %s"), scope: ScopeManage, extent: inReach},
	SetAccess:   {may: supers, past: language.Say("%s set what the group %s opens"), infinitive: language.Say("set what the group %s opens"), scope: ScopeManage, extent: inReach},
	RenameGroup: {may: supers, past: language.Say("%s renamed the group %s"), infinitive: language.Say("rename the group %s"), scope: ScopeManage, extent: inReach},
	RemoveGroup: {may: supers, past: language.Say("%s removed the group %s"), infinitive: language.Say("remove the group %s"), scope: ScopeManage, extent: inReach},

	// Who may only look may be a screen that people at the door see.
	ViewDuress:      {may: editors, past: language.Say("%s looked at PINs for duress"), infinitive: language.Say("look at PINs for duress"), extent: harmless},
	SetDuressPIN:    {may: editors, past: language.Say("%s gave %s a PIN for duress"), infinitive: language.Say("give %s a PIN for duress"), extent: inReach},
	RemoveDuressPIN: {may: editors, past: language.Say("%s removed the PIN for duress of %s"), infinitive: language.Say("remove the PIN for duress of %s"), extent: inReach},

	InviteVisitor: {may: editors, past: language.Say("%s invited %s"), infinitive: language.Say("invite %s"), scope: ScopeManage, extent: inReach},
	EndInvitation: {may: editors, past: language.Say("%s ended the visit of %s"), infinitive: language.Say("end the visit of %s"), scope: ScopeManage, extent: inReach},
	RemoveVisitor: {past: language.Say("%s removed the visitor %s"), infinitive: language.Say("remove the visitor %s")},
	TakeVisitors:  {may: supers, past: language.Say("%s switched invitations to %s"), infinitive: language.Say("switch invitations to %s"), scope: ScopeManage, extent: inReach},

	AddCard:    {may: editors, past: language.Say("%s gave %s a card"), infinitive: language.Say("give %s a card"), scope: ScopeManage, extent: inReach},
	RemoveCard: {may: editors, past: language.Say("%s removed a card of %s"), infinitive: language.Say("remove a card of %s"), scope: ScopeManage, extent: inReach},
	DropCard:   {may: editors, past: language.Say("%s refused a card that was shown for %s"), infinitive: language.Say("refuse a card that was shown for %s"), scope: ScopeManage, extent: inReach},
	EnrolCard:  {may: editors, past: language.Say("%s had a card read for %s"), infinitive: language.Say("have a card read for %s"), scope: ScopeManage, extent: inReach},
	ReadCard:   {may: editors, past: language.Say("%s had a card read at %s"), infinitive: language.Say("have a card read at %s"), scope: ScopeManage, extent: inReach},
	NewCard:    {may: editors, past: language.Say("%s had keys written to a card for %s"), infinitive: language.Say("have keys written to a card for %s"), extent: inReach},
	RekeyCard:  {may: editors, past: language.Say("%s gave a card of %s new keys"), infinitive: language.Say("give a card of %s new keys"), extent: inReach},
	ReturnCard: {may: editors, past: language.Say("%s brought a card of %s back to its factory state"), infinitive: language.Say("bring a card of %s back to its factory state"), extent: inReach},

	SwitchPIN: {may: editors, past: language.Say("%s switched PIN entry at %s"), infinitive: language.Say("switch PIN entry at %s"), scope: ScopeManage, extent: inReach},
	Unlock:    {may: editors, past: language.Say("%s unlocked %s"), infinitive: language.Say("unlock %s"), scope: ScopeOperate, extent: inReach},
	Identify:  {may: editors, past: language.Say("%s had %s identify itself"), infinitive: language.Say("have %s identify itself"), scope: ScopeOperate, extent: inReach},

	// In an emergency nobody looks for a password: these two never ask for it.
	LockDown:      {may: editors, past: language.Say("%s locked down %s"), infinitive: language.Say("lock down %s"), scope: ScopeEmergency, extent: inReach},
	Evacuate:      {may: editors, past: language.Say("%s evacuated %s"), infinitive: language.Say("evacuate %s"), scope: ScopeEmergency, extent: inReach},
	SetMode:       {may: editors, past: language.Say("%s set the mode of %s"), infinitive: language.Say("set the mode of %s"), scope: ScopeOperate, extent: inReach},
	SetSiteMode:   {may: editors, past: language.Say("%s set the mode of %s"), infinitive: language.Say("set the mode of %s"), fresh: true, extent: ofSite},
	EndLockdown:   {may: supers, past: language.Say("%s ended the lockdown of %s"), infinitive: language.Say("end the lockdown of %s"), fresh: true, scope: ScopeEmergency, extent: inReach},
	EndEvacuation: {may: editors, past: language.Say("%s ended the evacuation of %s"), infinitive: language.Say("end the evacuation of %s"), scope: ScopeEmergency, extent: inReach},
	EndMode:       {may: editors, past: language.Say("%s ended a mode of %s"), infinitive: language.Say("end a mode of %s"), scope: ScopeOperate, extent: inReach},
	UndoMode:      {may: editors, past: language.Say("%s took back a lockdown of %s"), infinitive: language.Say("take back a lockdown of %s"), scope: ScopeEmergency, extent: inReach},
	EndEarly:      {may: editors, past: language.Say("%s ended the unlock schedule's hours at %s early"), infinitive: language.Say("end the unlock schedule's hours at %s early"), scope: ScopeOperate, extent: inReach},

	ExportActivity: {may: editors, past: language.Say("%s exported activity as %s"), infinitive: language.Say("export activity as %s"), scope: ScopeActivity, extent: harmless},

	EditSchedules: {may: supers, past: language.Say("%s changed schedules"), infinitive: language.Say("change the schedule %s"), detailed: true, scope: ScopeManage, extent: inReach},
	EditHolidays:  {may: supers, past: language.Say("%s changed holidays"), infinitive: language.Say("change the holiday %s"), detailed: true, scope: ScopeManage, extent: ofSite},

	EditPolicy: {may: supers, past: language.Say("%s changed the settings of %s"), infinitive: language.Say("change the settings of %s"), scope: ScopeManage, extent: inReach},
	EditPlaces: {may: supers, past: language.Say("%s changed places"), infinitive: language.Say("change the place %s"), detailed: true, extent: inReach},
	// A bundle and a budget give whoever has the board the PINs of the site.
	AdoptReader:    {may: supers, past: language.Say("%s adopted %s"), infinitive: language.Say("adopt %s"), fresh: true, scope: ScopeAdopt, extent: ofSite},
	RemoveReader:   {may: supers, past: language.Say("%s removed the reader %s"), infinitive: language.Say("remove the reader %s"), fresh: true, extent: inReach},
	ViewWaiting:    {may: supers, past: language.Say("%s looked at readers that wait"), infinitive: language.Say("look at readers that wait"), scope: ScopeAdopt, extent: ofSite},
	RefuseReader:   {may: supers, past: language.Say("%s refused the board %s"), infinitive: language.Say("refuse the board %s"), extent: ofSite},
	TakeBackReader: {may: supers, past: language.Say("%s took back the adoption of %s"), infinitive: language.Say("take back the adoption of %s"), fresh: true, extent: ofSite},
	RenewBudget:    {may: supers, past: language.Say("%s gave the TPM at %s a new budget"), infinitive: language.Say("give the TPM at %s a new budget"), fresh: true, extent: ofSite},
	WriteGrant:     {may: supers, past: language.Say("%s wrote a grant for the TPM at %s"), infinitive: language.Say("write a grant for the TPM at %s"), fresh: true, extent: ofSite},
	SetBrokers:     {may: owners, past: language.Say("%s changed the brokers of %s"), infinitive: language.Say("change the brokers of %s"), extent: ofSite},
	AddCell:        {may: owners, past: language.Say("%s added the cell %s"), infinitive: language.Say("add the cell %s"), extent: ofSite},
	EditCell:       {may: owners, past: language.Say("%s changed the cell %s"), infinitive: language.Say("change the cell %s"), extent: ofSite},
	RemoveCell:     {may: owners, past: language.Say("%s removed the cell %s"), infinitive: language.Say("remove the cell %s"), extent: ofSite},
	MoveReaders:    {may: owners, past: language.Say("%s moved %s"), infinitive: language.Say("move %s to another cell"), extent: ofSite},

	// A token acts without a password.
	ViewTokens:  {may: supers, past: language.Say("%s looked at tokens"), infinitive: language.Say("look at tokens"), extent: harmless},
	MakeToken:   {may: supers, past: language.Say("%s made the token %s"), infinitive: language.Say("make the token %s"), fresh: true, extent: inReach},
	RevokeToken: {may: supers, past: language.Say("%s revoked the token %s"), infinitive: language.Say("revoke the token %s"), extent: harmless},

	// A broker client opens doors without a password, if commands are on.
	ViewBrokerClients:  {may: owners, past: language.Say("%s looked at broker clients"), infinitive: language.Say("look at broker clients"), extent: ofSite},
	AddBrokerClient:    {may: owners, past: language.Say("%s added the broker client %s"), infinitive: language.Say("add the broker client %s"), fresh: true, extent: ofSite},
	RemoveBrokerClient: {may: owners, past: language.Say("%s removed the broker client %s"), infinitive: language.Say("remove the broker client %s"), fresh: true, extent: ofSite},

	ViewMail:     {may: owners, past: language.Say("%s looked at who is told by e-mail"), infinitive: language.Say("look at who is told by e-mail"), extent: ofSite},
	EditMail:     {may: owners, past: language.Say("%s changed who is told by e-mail of %s"), infinitive: language.Say("change who is told by e-mail of %s"), fresh: true, extent: ofSite},
	SendTestMail: {may: owners, past: language.Say("%s sent a mail of %s as a test"), infinitive: language.Say("send a mail of %s as a test"), extent: ofSite},
	// Events name persons, and the controller can reach what others cannot.
	ViewWebhooks:      {may: supers, past: language.Say("%s looked at webhooks"), infinitive: language.Say("look at webhooks"), scope: ScopeWebhooks, extent: ofSite},
	AddWebhook:        {may: supers, past: language.Say("%s added the webhook %s"), infinitive: language.Say("add the webhook %s"), fresh: true, scope: ScopeWebhooks, extent: ofSite},
	EditWebhook:       {may: supers, past: language.Say("%s changed the webhook %s"), infinitive: language.Say("change the webhook %s"), fresh: true, scope: ScopeWebhooks, extent: ofSite},
	NewWebhookSecret:  {may: supers, past: language.Say("%s made a new secret for the webhook %s"), infinitive: language.Say("make a new secret for the webhook %s"), fresh: true, extent: ofSite},
	RemoveWebhook:     {may: supers, past: language.Say("%s removed the webhook %s"), infinitive: language.Say("remove the webhook %s"), scope: ScopeWebhooks, extent: ofSite},
	TestWebhook:       {may: supers, past: language.Say("%s sent a test to the webhook %s"), infinitive: language.Say("send a test to the webhook %s"), scope: ScopeWebhooks, extent: ofSite},
	ResendDelivery:    {may: supers, past: language.Say("%s had an event sent again to the webhook %s"), infinitive: language.Say("have an event sent again to the webhook %s"), scope: ScopeWebhooks, extent: ofSite},
	AllowWebhookHost:  {may: owners, past: language.Say("%s allowed webhooks to the host %s"), infinitive: language.Say("allow webhooks to the host %s"), fresh: true, extent: ofSite},
	ForbidWebhookHost: {may: owners, past: language.Say("%s forbade webhooks to the host %s"), infinitive: language.Say("forbid webhooks to the host %s"), extent: ofSite},
	StopWebhook:       {past: language.Say("%s stopped the webhook %s"), infinitive: language.Say("stop the webhook %s")},

	ViewSignIn:    {may: owners, past: language.Say("%s looked at how administrators sign in"), infinitive: language.Say("look at how administrators sign in"), extent: ofSite},
	EditSignIn:    {may: owners, past: language.Say("%s changed how administrators of %s sign in"), infinitive: language.Say("change how administrators of %s sign in"), fresh: true, extent: ofSite},
	ViewAdmins:    {may: owners, past: language.Say("%s looked at administrators"), infinitive: language.Say("look at administrators"), extent: ofSite},
	AddAdmin:      {may: owners, past: language.Say("%s changed administrators"), infinitive: language.Say("add the administrator %s"), fresh: true, detailed: true, extent: ofSite},
	EditAdmins:    {may: owners, past: language.Say("%s changed administrators"), infinitive: language.Say("change the administrator %s"), fresh: true, detailed: true, extent: ofSite},
	EditSettings:  {may: owners, past: language.Say("%s changed the settings of %s"), infinitive: language.Say("change the settings of %s"), extent: ofSite},
	ConfirmClock:  {may: owners, past: language.Say("%s confirmed the clock of %s"), infinitive: language.Say("confirm the clock of %s"), extent: ofSite},
	SetZone:       {may: owners, past: language.Say("%s changed the time zone of %s"), infinitive: language.Say("change the time zone of %s"), extent: ofSite},
	SetPINReaders: {may: owners, past: language.Say("%s changed which readers of %s take PINs"), infinitive: language.Say("change which readers of %s take PINs"), fresh: true, extent: ofSite},
	SetTPMTrust:   {may: owners, past: language.Say("%s changed whose TPMs %s trusts"), infinitive: language.Say("change whose TPMs %s trusts"), fresh: true, extent: ofSite},
	Backup:        {may: owners, past: language.Say("%s made a backup of %s"), infinitive: language.Say("make a backup of %s"), fresh: true, extent: ofSite},
	NewEpoch:      {may: owners, past: language.Say("%s gave the readers of %s a new site key"), infinitive: language.Say("give the readers of %s a new site key"), fresh: true, extent: ofSite},
	NewStorageKey: {may: owners, past: language.Say("%s changed the storage key of %s"), infinitive: language.Say("change the storage key of %s"), fresh: true, extent: ofSite},
	MoveSite:      {may: owners, past: language.Say("%s moved %s to another database"), infinitive: language.Say("move %s to another database"), fresh: true, extent: ofSite},

	actSignIn:        {past: language.Say("%s signed in"), infinitive: language.Say("sign in")},
	actSignOut:       {past: language.Say("%s signed out"), infinitive: language.Say("sign out")},
	actPassword:      {past: language.Say("%s changed their password"), infinitive: language.Say("change their password")},
	actAddPasskey:    {past: language.Say("%s added the passkey %s"), infinitive: language.Say("add the passkey %s"), fresh: true},
	actRenamePasskey: {past: language.Say("%s renamed the passkey %s"), infinitive: language.Say("rename the passkey %s")},
	actRemovePasskey: {past: language.Say("%s removed the passkey %s"), infinitive: language.Say("remove the passkey %s"), fresh: true},
	actUseLink:       {past: language.Say("%s set a password with a one-time link"), infinitive: language.Say("set a password with a one-time link")},
	actFirstOwner:    {past: language.Say("%s became the first Owner"), infinitive: language.Say("become the first Owner")},
	actOwnerLink:     {past: language.Say("%s made a one-time link for %s"), infinitive: language.Say("make a one-time link for %s")},
	actUseToken:      {past: language.Say("%s used a token"), infinitive: language.Say("use a token")},
}

// Who may do an act: all roles, or those from Owner down to one.
var (
	everybody = Roles()
	editors   = Roles()[:3]
	supers    = Roles()[:2]
	owners    = Roles()[:1]
)
