package desk

import (
	"fmt"
	"time"

	"latchkey/sync/wire"
)

// reasons are a reader's words for why something did or did not happen, as
// people say them. What is not among them is shown as the reader says it.
var reasons = map[wire.Reason]string{
	wire.ReasonNotSetUp: "the reader is not set up",
	wire.ReasonNone:     "the reader has nothing for it",
	wire.ReasonOff:      "PIN entry is switched off",
	wire.ReasonLockout:  "PIN entry is paused",
	wire.ReasonPending:  "another PIN was being checked",
	wire.ReasonTamper:   "the reader's housing is open",
	wire.ReasonUnstored: "the reader could not store what happens",
	wire.ReasonBehind:   "the reader's data is older than it was",
	wire.ReasonPanel:    "the display is out of order",
	wire.ReasonNFC:      "the card reader is out of order",
	wire.ReasonUnknown:  "it is nobody's",
	wire.ReasonEarly:    "their first day is still to come",
	wire.ReasonExpired:  "their last day is over",
	wire.ReasonGroup:    "none of their groups may open this door",
	wire.ReasonSchedule: "their groups may not at this time",
	wire.ReasonClock:    "the reader did not know the time",
	wire.ReasonDamaged:  "the reader's data is damaged",
	wire.ReasonKey:      "the reader's key could not be used",
	wire.ReasonEpoch:    "the site's key changed at that moment",
	wire.ReasonNoAnswer: "checking it took too long",
	wire.ReasonWait:     "there were too many unknown cards",
	wire.ReasonNoCard:   "no card was shown",
	wire.ReasonNoHold:   "it was not held open",
	wire.ReasonOver:     "the time is over",
	wire.ReasonRelease:  "it was released",
	wire.ReasonRestart:  "the reader was started anew",
	wire.ReasonStale:    "the order came too late",
	wire.ReasonBusy:     "the reader was busy",
}

// why returns ": reason" in people's words, or nothing.
func why(reason wire.Reason) string {
	if text, ok := reasons[reason]; ok {
		return because(text)
	}
	return because(string(reason))
}

// parts are a reader's words for what it is made of.
var parts = map[wire.Subject]string{
	wire.SubjectCache: "what it knows of users", wire.SubjectPanel: "the display", wire.SubjectTouch: "the touch screen", wire.SubjectNFC: "the card reader",
	wire.SubjectRelay: "the relay", wire.SubjectKey: "the site's key", wire.SubjectLink: "the link", wire.SubjectJournal: "the storage of records",
}

// health says how a part of a reader is.
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

// lasts writes how long something lasts: "45 seconds", "30 minutes", "8 hours".
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
