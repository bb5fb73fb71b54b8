package console

import (
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/sync/wire"
)

// notTaken are why a reader takes no PINs, or no cards.
var notTaken = map[wire.Reason]*language.Sentence{
	wire.ReasonNotSetUp: language.Say("not set up¦the reader"),
	wire.ReasonNone:     language.Say("none here¦a reader of cards, or a touchscreen"),
	wire.ReasonOff:      language.Say("off¦PIN entry is"),
	wire.ReasonLockout:  language.Say("locked out"),
	wire.ReasonTamper:   language.Say("the housing is open"),
	wire.ReasonUnstored: language.Say("nothing can be recorded"),
	wire.ReasonBehind:   language.Say("its data is older than before"),
	wire.ReasonPanel:    language.Say("the display is out of order"),
	wire.ReasonNFC:      language.Say("the card reader is out of order"),
	wire.ReasonDamaged:  language.Say("its data is damaged"),
	wire.ReasonKey:      language.Say("the key could not be used"),
	wire.ReasonWithheld: language.Say("withheld: it has no TPM"),
	wire.ReasonSpent:    language.Say("spent: its TPM has checked all PINs that it was granted"),
	wire.ReasonLockdown: language.Say("lockdown"),
}

// notTakenText says why a reader takes no PINs, or no cards: a reason that is not known here as it was received.
func notTakenText(why wire.Reason) *language.Sentence {
	if known := notTaken[why]; known != nil {
		return known
	}
	return language.Data(string(why))
}
