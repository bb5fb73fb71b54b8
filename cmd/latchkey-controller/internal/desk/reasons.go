package desk

import (
	"fmt"
	"time"
)

// reasons are a reader's words for why something did or did not happen, as
// people say them. What is not among them is shown as the reader says it.
var reasons = map[string]string{
	"not set up":    "the reader is not set up",
	"none here":     "the reader has nothing for it",
	"off":           "PIN entry is switched off",
	"locked out":    "PIN entry is paused",
	"pending":       "another PIN was being checked",
	"tamper":        "the reader's housing is open",
	"not stored":    "the reader could not store what happens",
	"behind":        "the reader's data is older than it was",
	"panel":         "the display is out of order",
	"nfc":           "the card reader is out of order",
	"unknown":       "it is nobody's",
	"not yet valid": "their first day is still to come",
	"expired":       "their last day is over",
	"group":         "none of their groups may open this door",
	"schedule":      "their groups may not at this time",
	"clock":         "the reader did not know the time",
	"damaged":       "the reader's data is damaged",
	"key":           "the reader's key could not be used",
	"epoch":         "the site's key changed at that moment",
	"no answer":     "checking it took too long",
	"wait":          "there were too many unknown cards",
	"no card":       "no card was shown",
	"no hold":       "it was not held open",
	"over":          "the time is over",
	"release":       "it was released",
	"restart":       "the reader was started anew",
	"stale":         "the order came too late",
	"busy":          "the reader was busy",
}

// why returns ": reason" in people's words, or nothing.
func why(reason string) string {
	if said, ok := reasons[reason]; ok {
		reason = said
	}
	return because(reason)
}

// parts are a reader's words for what it is made of.
var parts = map[string]string{
	"cache": "what it knows of users", "panel": "the display", "touch": "the touch screen", "nfc": "the card reader",
	"relay": "the relay", "key": "the site's key", "link": "the link", "journal": "the storage of records",
}

// health says how a part of a reader is.
func health(subject, text string) string {
	part, ok := parts[subject]
	if !ok {
		part = subject
	}
	switch text {
	case "ok":
		return part + " works again"
	case "":
		return part + " is out of order"
	}
	return part + ": " + text
}

// lasts writes how long something lasts: "45 seconds", "30 minutes", "8 hours".
func lasts(seconds uint32) string {
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
