package desk

import (
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/sync/wire"
)

// deviceSentence describes a record of a reader as a device.
func (desc *describer) deviceSentence(r *wire.Record, door, who language.Name) (*language.Sentence, error) {
	switch r.Kind {
	case wire.TamperStarted:
		return language.Say("The reader at %s was opened", door), nil
	case wire.TamperEnded:
		return language.Say("The reader at %s is closed again", door), nil
	case wire.ClockStepped:
		return stepped(r, door), nil
	case wire.HealthChanged:
		return language.Say("%s: %s", door, health(wire.Subject(r.Subject), r.Text)), nil
	case wire.CommandDone:
		return orderSays(r.Order, door, who).done, nil
	case wire.CommandRefused:
		return why(orderSays(r.Order, door, who).refused, r.Reason), nil
	case wire.BudgetGranted:
		return language.Say("The TPM of the reader at %s may check PINs until it has checked %d", door, r.Count), nil
	case wire.BudgetSpent:
		return language.Say("The TPM of the reader at %s has checked the %d PINs that it may: no PINs are taken there until it gets the next grant", door, r.Count), nil
	case wire.BudgetOverspent:
		return language.Say("The TPM of the reader at %s has checked %d PINs that are not in its records: somebody may have tried PINs on its chip", door, r.Count), nil
	case wire.EventsCollapsed:
		return language.Say("%s: %d more of the kind %s within a minute", door, r.Count, Clean(r.Subject)), nil
	}
	if text := formerSentence(r, door); text != nil {
		return text, nil
	}
	text := readerReports[r.Kind]
	if text == nil {
		text = language.Data(Clean(string(r.Kind)))
	}
	fields, err := desc.fields(r, time.UTC)
	if fields != "" {
		return language.Say("%s: %s (%s)", door, text, Clean(fields)), err
	}
	return language.Say("%s: %s", door, text), err
}

// stepped describes a change of a reader's clock. Earlier events carry the times that
// it showed then.
func stepped(r *wire.Record, door language.Name) *language.Sentence {
	from, to := time.UnixMilli(r.From).UTC(), time.UnixMilli(r.To).UTC()
	if r.To < r.From {
		return language.Say("The clock of the reader at %s was set back, from %s %s UTC to %s %s UTC: is the controller's clock right?",
			door, language.Date(from), language.Second(from), language.Date(to), language.Second(to))
	}
	return language.Say("The clock of the reader at %s was set ahead, from %s %s UTC to %s %s UTC: is the controller's clock right?",
		door, language.Date(from), language.Second(from), language.Date(to), language.Second(to))
}

// saysOf is what a reader says of an order: that it carried it out, or refused it.
type saysOf struct{ done, refused *language.Sentence }

var saysOfOrders = map[wire.Order]saysOf{
	"":               {language.Say("%s carried out an order from %s"), language.Say("%s refused an order from %s")},
	wire.Unlock:      {language.Say("%s carried out an order from %s to unlock"), language.Say("%s refused an order from %s to unlock")},
	wire.Identify:    {language.Say("%s carried out an order from %s to identify"), language.Say("%s refused an order from %s to identify")},
	wire.Enrol:       {language.Say("%s carried out an order from %s to read a card"), language.Say("%s refused an order from %s to read a card")},
	wire.Personalise: {language.Say("%s carried out an order from %s to write keys to a card"), language.Say("%s refused an order from %s to write keys to a card")},
}

// orderSays returns what is said of an order, also one of an older reader.
func orderSays(order wire.Order, door, who language.Name) saysOf {
	says, known := saysOfOrders[order]
	if !known {
		says = saysOf{language.Say("%s carried out an order from %s to %s¦the order's name in English"), language.Say("%s refused an order from %s to %s¦the order's name in English")}
	}
	name := Clean(string(order))
	return saysOf{says.done.With(door, who, name), says.refused.With(door, who, name)}
}

// readerReports describe what readers report about themselves.
var readerReports = map[wire.RecordKind]*language.Sentence{
	wire.CredentialsApplied: language.Say("applied PINs and cards"), wire.PolicyApplied: language.Say("applied its settings"),
	wire.Adopted: language.Say("was adopted"), wire.ReaderStarted: language.Say("started"), wire.JournalBegan: language.Say("began a new journal"),
	wire.JournalResumed: language.Say("stores records again"), wire.ClockTrusted: language.Say("trusts its clock"), wire.ClockUntrusted: language.Say("does not trust its clock"),
	wire.CacheDamaged: language.Say("found its credentials damaged"),
	wire.CacheBehind:  language.Say("holds older credentials than it did"), wire.LogForked: language.Say("was shown another credential log"),
	wire.RecordsDropped: language.Say("dropped old records"), wire.LinkUp: language.Say("is connected"), wire.LinkDown: language.Say("has lost its connection"),
	wire.MessageRefused: language.Say("refused a message"),
	wire.BudgetCounted:  language.Say("read the count of its TPM"),
	wire.ProofGiven:     language.Say("took the first of card and PIN"), wire.UseCounted: language.Say("counted the use of a PIN with limits"),
	wire.AttemptStarted: language.Say("counted a PIN attempt"), wire.Checkpoint: language.Say("wrote a checkpoint"),
}
