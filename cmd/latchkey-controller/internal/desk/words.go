package desk

import (
	"strings"

	"latchkey/sync/wire"
)

// Words for the chips of acts that have not been done, or not yet.
const wordAsked, wordFailed, wordNotAllowed = "Asked", "Failed", "Not allowed"

// actWord returns the word for the chip of an act that was done.
func actWord(act Act, past string) string {
	switch act {
	case LockDown:
		return "Lockdown"
	case Evacuate:
		return "Evacuation"
	case actSignOut:
		return "Signed out"
	case UndoMode:
		return "Ended"
	case Identify:
		return "Identified"
	case EnrolCard, ReadCard:
		return "Card read"
	}
	verb, _, _ := strings.Cut(past, " ")
	if word := verbWords[verb]; word != "" {
		return word
	}
	return "Changed"
}

// verbWords are the words for acts by the verb of what is said of them.
var verbWords = map[string]string{
	"added": "Added", "made": "Added", "invited": "Invited", "adopted": "Adopted", "imported": "Imported", "exported": "Exported",
	"removed": "Removed", "revoked": "Removed", "ended": "Ended", "stopped": "Stopped", "suspended": "Suspended", "moved": "Moved",
	"unlocked": "Unlocked", "signed": "Signed in", "sent": "Sent", "confirmed": "Confirmed", "looked": "Looked",
}

// recordWords are the words for what readers report, where their class is not enough. Those of the modes are modeWords.
var recordWords = map[wire.RecordKind]string{
	wire.AccessGranted:  "Entered",
	wire.LockoutStarted: "PIN paused", wire.LockoutCleared: "PIN resumed",
	wire.DoorOpened: "Opened", wire.DoorClosed: "Closed", wire.DoorForced: "Forced", wire.DoorHeld: "Held open",
	wire.ExitPressed: "Exit", wire.FirstPerson: "First person",
	wire.FireStarted: "Fire", wire.FireEnded: "Fire over", wire.TamperStarted: "Tampered", wire.TamperEnded: "Housing shut",
	wire.Duress: "Duress", wire.ClockStepped: "Clock set",
	wire.ReaderStarted: "Started", wire.Adopted: "Adopted", wire.LinkUp: "Online", wire.LinkDown: "Offline",
	wire.ClockTrusted: "Clock", wire.ClockUntrusted: "Clock", wire.HealthChanged: "Health",
	wire.CommandDone: "Done", wire.CommandRefused: "Refused", wire.MessageRefused: "Refused", wire.EventsCollapsed: "More",
	wire.PolicyApplied: "Applied", wire.CredentialsApplied: "Applied",
}

// modeWords are the words for a door that works in another mode.
var modeWords = map[wire.Mode]string{
	wire.ModeNormal: "Normal", wire.ModeUnlocked: "Unlocked", wire.ModeLocked: "Locked", wire.ModeLockdown: "Lockdown", wire.ModeEvacuation: "Evacuation",
}

// recordWord returns the word for the chip of a record that is none of an alarm, a refusal or anything else that its class
// says: "".
func recordWord(r *wire.Record) string {
	switch {
	case r.Kind == wire.AccessGranted && r.By == wire.ByRemote:
		return "Unlocked"
	case r.Kind == wire.ExitPressed && r.Reason != "":
		return "Refused"
	case r.Kind == wire.ModeChanged:
		return modeWords[r.Mode]
	}
	return recordWords[r.Kind]
}
