package desk

import (
	"cmp"
	"fmt"
	"time"

	"latchkey/sync/wire"
)

// reasons describe a reader's reasons for people. Others are shown as received.
var reasons = map[wire.Reason]string{
	wire.ReasonNotSetUp:    "the reader is not set up",
	wire.ReasonNone:        "the reader has nothing for it",
	wire.ReasonOff:         "PIN entry is switched off",
	wire.ReasonLockout:     "PIN entry is paused",
	wire.ReasonPending:     "another PIN was being checked",
	wire.ReasonTamper:      "the reader's housing is open",
	wire.ReasonUnstored:    "the reader could not store records",
	wire.ReasonBehind:      "the reader's data is older than before",
	wire.ReasonPanel:       "the display is out of order",
	wire.ReasonNFC:         "the card reader is out of order",
	wire.ReasonUnknown:     "it is not assigned",
	wire.ReasonEarly:       "their dates have not begun",
	wire.ReasonExpired:     "their dates have ended",
	wire.ReasonGroup:       "none of their groups may open this door",
	wire.ReasonSchedule:    "their groups may not enter at this time",
	wire.ReasonClock:       "the reader did not know the time",
	wire.ReasonDamaged:     "the reader's data is damaged",
	wire.ReasonKey:         "the reader's key could not be used",
	wire.ReasonEpoch:       "the site's key changed at that moment",
	wire.ReasonNoAnswer:    "checking it took too long",
	wire.ReasonWait:        "there were too many unknown cards",
	wire.ReasonNotGenuine:  "it did not prove that it is no copy",
	wire.ReasonCardGone:    "the card was taken away too early",
	wire.ReasonUnproven:    "the card can be copied, and only cards that prove themselves may do this",
	wire.ReasonForeignKeys: "the card has keys of somebody else",
	wire.ReasonUnsuitable:  "the card cannot prove that it is no copy",
	wire.ReasonDeclined:    "the controller had no keys for the card",
	wire.ReasonNoCard:      "no card was shown",
	wire.ReasonStale:       "the order came too late",
	wire.ReasonTerm:        "another controller leads",
	wire.ReasonBusy:        "the reader was busy",
	wire.ReasonWithheld:    "the site takes PINs only at readers with a TPM",
	wire.ReasonSpent:       "the reader's TPM has checked all PINs that it was granted",
	wire.ReasonUsedUp:      "the PIN is used up",
	wire.ReasonForgotten:   "the reader no longer knows how often the PIN was used; give another one",
	wire.ReasonSecond:      "it needs card and PIN, and one did not come or could not be given",
	wire.ReasonAnother:     "it is another person's than the PIN before it",
	wire.ReasonLocked:      "the door is kept locked, and none of their groups is exempt",
	wire.ReasonLockdown:    "the door is locked down",
}

// why returns ": " and the reason for people, or nothing.
func why(reason wire.Reason) string {
	return because(reasonText(reason))
}

func reasonText(reason wire.Reason) string {
	return cmp.Or(reasons[reason], formerReasons[reason], string(reason))
}

// parts describe the parts of a reader.
var parts = map[wire.Subject]string{
	wire.SubjectCache: "its credentials", wire.SubjectPanel: "the display", wire.SubjectTouch: "the touch screen", wire.SubjectNFC: "the card reader",
	wire.SubjectRelay: "the relay", wire.SubjectKey: "the site's key", wire.SubjectLink: "the link", wire.SubjectJournal: "the storage of records",
}

// health describes the health of a part.
func health(subject wire.Subject, text string) string {
	part, ok := parts[subject]
	if !ok {
		part = string(subject)
	}
	switch text {
	case wire.TextGood:
		return part + " works again"
	case "":
		return part + " is out of order"
	}
	return part + ": " + text
}

// durationText returns a duration as text: "45 seconds", "30 minutes", "8 hours".
func durationText(seconds uint32) string {
	switch d := time.Duration(seconds) * time.Second; {
	case d >= time.Hour && d%time.Hour == 0:
		return count(int(d/time.Hour), "hour")
	case d >= time.Minute && d%time.Minute == 0:
		return count(int(d/time.Minute), "minute")
	case d > time.Minute:
		return fmt.Sprintf("%s and %s", count(int(d/time.Minute), "minute"), count(int(d%time.Minute/time.Second), "second"))
	}
	return count(int(seconds), "second")
}
