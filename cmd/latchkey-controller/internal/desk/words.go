package desk

import (
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/sync/wire"
)

// Words for the chips of acts. Those that were done have others in actWords.
var (
	wordAsked      = language.Say("Asked")
	wordFailed     = language.Say("Failed")
	wordNotAllowed = language.Say("Not allowed")
	wordChanged    = language.Say("Changed")

	wordAdded    = language.Say("Added")
	wordRemoved  = language.Say("Removed")
	wordEnded    = language.Say("Ended")
	wordExported = language.Say("Exported")
	wordMoved    = language.Say("Moved")
	wordSent     = language.Say("Sent")
	wordCardRead = language.Say("Card read")
	wordLooked   = language.Say("Looked")
)

// actWords are the words for acts that were done, other than wordChanged.
var actWords = map[Act]*language.Sentence{
	LockDown: language.Say("Lockdown"), Evacuate: language.Say("Evacuation"), Unlock: wordUnlocked,
	EndLockdown: wordEnded, EndEvacuation: wordEnded, EndMode: wordEnded, UndoMode: wordEnded, EndEarly: wordEnded,
	ResumeUser: wordEnded, EndInvitation: wordEnded, SuspendUser: language.Say("Suspended"),
	Identify: language.Say("Identified"), EnrolCard: wordCardRead, ReadCard: wordCardRead,
	actSignIn: language.Say("Signed in"), actSignOut: language.Say("Signed out"),

	AddUser: wordAdded, AddGroup: wordAdded, AddCell: wordAdded, MakeToken: wordAdded, AddBrokerClient: wordAdded, AddWebhook: wordAdded,
	NewWebhookSecret: wordAdded, Backup: wordAdded, actAddPasskey: wordAdded, actOwnerLink: wordAdded,
	InviteVisitor: language.Say("Invited"), AdoptReader: language.Say("Adopted"),
	RemoveUser: wordRemoved, RemovePIN: wordRemoved, RemoveDuressPIN: wordRemoved, RemoveGroup: wordRemoved, RemoveVisitor: wordRemoved,
	RemoveCard: wordRemoved, RemoveReader: wordRemoved, RemoveCell: wordRemoved, RevokeToken: wordRemoved, RemoveBrokerClient: wordRemoved,
	RemoveWebhook: wordRemoved, actRemovePasskey: wordRemoved,

	ImportUsers: language.Say("Imported"), ExportUsers: wordExported, ExportActivity: wordExported,
	MoveReaders: wordMoved, MoveSite: wordMoved, SendTestMail: wordSent, TestWebhook: wordSent,
	StopWebhook: language.Say("Stopped"), ConfirmClock: language.Say("Confirmed"),
	ViewUsers: wordLooked, ViewPlaces: wordLooked, ViewReaders: wordLooked, ViewActivity: wordLooked, ViewActs: wordLooked, ViewDuress: wordLooked,
	ViewWaiting: wordLooked, ViewTokens: wordLooked, ViewBrokerClients: wordLooked, ViewMail: wordLooked, ViewWebhooks: wordLooked,
	ViewSignIn: wordLooked, ViewAdmins: wordLooked,
}

// Words for the chips of what readers report, by the class of a record, and by its kind where the class is not enough. Those
// of the modes are modeWords.
var (
	wordEntered  = language.Say("Entered")
	wordRefused  = language.Say("Refused")
	wordAlarm    = language.Say("Alarm")
	wordDoor     = language.Say("Door")
	wordReader   = language.Say("Reader")
	wordOnline   = language.Say("Online")
	wordOffline  = language.Say("Offline")
	wordUnlocked = language.Say("Unlocked¦for a moment")
	wordClock    = language.Say("Clock")
	wordApplied  = language.Say("Applied")
)

var recordWords = map[wire.RecordKind]*language.Sentence{
	wire.AccessGranted:  wordEntered,
	wire.LockoutStarted: language.Say("PIN paused"), wire.LockoutCleared: language.Say("PIN resumed"),
	wire.DoorOpened: language.Say("Opened"), wire.DoorClosed: language.Say("Closed"), wire.DoorForced: language.Say("Forced"), wire.DoorHeld: language.Say("Held open"),
	wire.ExitPressed: language.Say("Exit¦somebody went out with the exit button"), wire.FirstPerson: language.Say("First person"),
	wire.FireStarted: language.Say("Fire"), wire.FireEnded: language.Say("Fire over"),
	wire.TamperStarted: language.Say("Tampered"), wire.TamperEnded: language.Say("Housing shut"),
	wire.Duress: language.Say("Duress"), wire.ClockStepped: language.Say("Clock set"),
	wire.ReaderStarted: language.Say("Started"), wire.Adopted: language.Say("Adopted"), wire.LinkUp: wordOnline, wire.LinkDown: wordOffline,
	wire.ClockTrusted: wordClock, wire.ClockUntrusted: wordClock, wire.HealthChanged: language.Say("Health¦of a device"),
	wire.CommandDone: language.Say("Done"), wire.CommandRefused: wordRefused, wire.MessageRefused: wordRefused, wire.EventsCollapsed: language.Say("More¦events of the same kind"),
	wire.PolicyApplied: wordApplied, wire.CredentialsApplied: wordApplied,
}

// modeWords are the words for a door that works in another mode.
var modeWords = map[wire.Mode]*language.Sentence{
	wire.ModeNormal: language.Say("Normal"), wire.ModeUnlocked: language.Say("Unlocked"), wire.ModeLocked: language.Say("Locked"),
	wire.ModeLockdown: language.Say("Lockdown"), wire.ModeEvacuation: language.Say("Evacuation"),
}

// recordWord returns the word for the chip of a record that is none of an alarm, a refusal or anything else that its class
// says: nil.
func recordWord(r *wire.Record) *language.Sentence {
	switch {
	case r.Kind == wire.AccessGranted && r.By == wire.ByRemote:
		return wordUnlocked
	case r.Kind == wire.ExitPressed && r.Reason != "":
		return wordRefused
	case r.Kind == wire.ModeChanged:
		return modeWords[r.Mode]
	}
	return recordWords[r.Kind]
}
