package desk

import (
	"cmp"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/sync/wire"
)

// reasons describe a reader's reasons for people. Others are shown as received.
var reasons = map[wire.Reason]*language.Sentence{
	wire.ReasonNotSetUp:    language.Say("the reader is not set up"),
	wire.ReasonNone:        language.Say("the reader has nothing for it"),
	wire.ReasonOff:         language.Say("PIN entry is switched off"),
	wire.ReasonLockout:     language.Say("PIN entry is paused"),
	wire.ReasonPending:     language.Say("another PIN was being checked"),
	wire.ReasonTamper:      language.Say("the reader's housing is open"),
	wire.ReasonUnstored:    language.Say("the reader could not store records"),
	wire.ReasonBehind:      language.Say("the reader's data is older than before"),
	wire.ReasonPanel:       language.Say("the display is out of order"),
	wire.ReasonNFC:         language.Say("the card reader is out of order"),
	wire.ReasonUnknown:     language.Say("it is not assigned"),
	wire.ReasonEarly:       language.Say("their dates have not begun"),
	wire.ReasonExpired:     language.Say("their dates have ended"),
	wire.ReasonGroup:       language.Say("none of their groups may open this door"),
	wire.ReasonSchedule:    language.Say("their groups may not enter at this time"),
	wire.ReasonClock:       language.Say("the reader did not know the time"),
	wire.ReasonDamaged:     language.Say("the reader's data is damaged"),
	wire.ReasonKey:         language.Say("the reader's key could not be used"),
	wire.ReasonEpoch:       language.Say("the site's key changed at that moment"),
	wire.ReasonNoAnswer:    language.Say("checking it took too long"),
	wire.ReasonWait:        language.Say("there were too many unknown cards"),
	wire.ReasonNotGenuine:  language.Say("it did not prove that it is no copy"),
	wire.ReasonCardGone:    language.Say("the card was taken away too early"),
	wire.ReasonUnproven:    language.Say("the card can be copied, and only cards that prove themselves may do this"),
	wire.ReasonForeignKeys: language.Say("the card has keys of somebody else"),
	wire.ReasonUnsuitable:  language.Say("the card cannot prove that it is no copy"),
	wire.ReasonDeclined:    language.Say("the controller had no keys for the card"),
	wire.ReasonNoCard:      language.Say("no card was shown"),
	wire.ReasonStale:       language.Say("the order came too late"),
	wire.ReasonTerm:        language.Say("another controller leads"),
	wire.ReasonBusy:        language.Say("the reader was busy"),
	wire.ReasonWithheld:    language.Say("the site takes PINs only at readers with a TPM"),
	wire.ReasonSpent:       language.Say("the reader's TPM has checked all PINs that it was granted"),
	wire.ReasonUsedUp:      language.Say("the PIN is used up"),
	wire.ReasonForgotten:   language.Say("the reader no longer knows how often the PIN was used; give another one"),
	wire.ReasonSecond:      language.Say("it needs card and PIN, and one did not come or could not be given"),
	wire.ReasonAnother:     language.Say("it is another person's than the PIN before it"),
	wire.ReasonLocked:      language.Say("the door is kept locked, and none of their groups is exempt"),
	wire.ReasonLockdown:    language.Say("the door is locked down"),
}

// why returns a sentence and the reason for it; of none the sentence.
func why(what *language.Sentence, reason wire.Reason) *language.Sentence {
	if reason == "" {
		return what
	}
	return language.Say("%s: %s", what, reasonText(reason))
}

func reasonText(reason wire.Reason) *language.Sentence {
	return cmp.Or(reasons[reason], formerReasons[reason], language.Data(Clean(string(reason))))
}

// A part is a part of a reader: what is said of it when it works again, and when it does not.
type part struct{ name, good, bad *language.Sentence }

var parts = map[wire.Subject]part{
	wire.SubjectCache:   {language.Say("its credentials"), language.Say("its credentials work again"), language.Say("its credentials are out of order")},
	wire.SubjectPanel:   {language.Say("the display"), language.Say("the display works again"), language.Say("the display is out of order")},
	wire.SubjectTouch:   {language.Say("the touch screen"), language.Say("the touch screen works again"), language.Say("the touch screen is out of order")},
	wire.SubjectNFC:     {language.Say("the card reader"), language.Say("the card reader works again"), language.Say("the card reader is out of order")},
	wire.SubjectRelay:   {language.Say("the relay"), language.Say("the relay works again"), language.Say("the relay is out of order")},
	wire.SubjectKey:     {language.Say("the site's key"), language.Say("the site's key works again"), language.Say("the site's key is out of order")},
	wire.SubjectLink:    {language.Say("the link"), language.Say("the link works again"), language.Say("the link is out of order")},
	wire.SubjectJournal: {language.Say("the storage of records"), language.Say("the storage of records works again"), language.Say("the storage of records is out of order")},
}

// health describes the health of a part.
func health(subject wire.Subject, text string) *language.Sentence {
	p, ok := parts[subject]
	if !ok {
		p = part{language.Data(Clean(string(subject))), language.Say("%s works again", Clean(string(subject))), language.Say("%s is out of order", Clean(string(subject)))}
	}
	switch text {
	case wire.TextGood:
		return p.good
	case "":
		return p.bad
	}
	return language.Say("%s: %s", p.name, Clean(text))
}

// durationText returns a duration as text: "45 seconds", "30 minutes", "8 hours".
func durationText(seconds uint32) *language.Sentence {
	count := func(d, unit time.Duration) *language.Sentence {
		switch n := int(d / unit); unit {
		case time.Hour:
			return language.Count(n, "%d hour", "%d hours")
		case time.Minute:
			return language.Count(n, "%d minute", "%d minutes")
		default:
			return language.Count(n, "%d second", "%d seconds")
		}
	}
	switch d := time.Duration(seconds) * time.Second; {
	case d >= time.Hour && d%time.Hour == 0:
		return count(d, time.Hour)
	case d >= time.Minute && d%time.Minute == 0:
		return count(d, time.Minute)
	case d > time.Minute:
		return language.Say("%s and %s", count(d, time.Minute), count(d%time.Minute, time.Second))
	default:
		return count(d, time.Second)
	}
}
