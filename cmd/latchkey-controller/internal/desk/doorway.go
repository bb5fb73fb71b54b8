package desk

import (
	"time"

	"latchkey/cmd/latchkey-controller/internal/zone"
	"latchkey/sync/wire"
)

// A doorway is a reader and its door at a time: it decides about a person's credentials as the
// reader would. What the reader has not told counts as sound. It does not know how often the
// reader has counted a PIN with limits: the controller takes one away that is used up.
type doorway struct {
	policy   *wire.Policy // as the reader understands it
	at       wire.Moment
	says     wire.Condition // the zero value: it has not been heard of
	withheld bool           // the site does not give it the PIN key
}

// doorway returns that of the reader. It has the newest policy, or will get it.
func (r *Reader) doorway(now time.Time) *doorway {
	w := &doorway{policy: r.Policy, says: r.Live.Condition, withheld: r.Key == KeyWithheld}
	if r.Level >= 0 {
		w.policy = r.Policy.For(uint8(r.Level))
	}
	in, err := zone.Load(w.policy.TimeZone)
	if err != nil { // the reader cannot take such a policy
		in = time.UTC
	}
	w.at = wire.Moment{Local: now.In(in), Trusted: err == nil && (!r.Live.Known || r.Live.ClockTrusted), Mode: wire.ModeNormal}
	if said := r.Live.Mode; said != nil && r.Live.Online && r.PolicyApplied() {
		w.at.Mode = said.Mode
	} else if wanted := w.policy.Wanted(w.at); wanted != nil {
		w.at.Mode = wanted.Mode
	}
	return w
}

// demandsTwo says whether a card or a PIN alone does not open the door.
func (w *doorway) demandsTwo() bool { return w.policy.DemandsTwo(w.at) }

// takesPIN returns why the reader takes no PIN, after a card that may open as the first of two
// proofs, nil: by itself; "": it takes one. The card ends a lockout first, if it may.
func (w *doorway) takesPIN(card *wire.Credential) wire.Reason {
	said := w.says.PIN
	switch ends := card != nil && (len(card.CardKey) != 0 || !w.policy.ProvenEnds); {
	case said == wire.ReasonNotSetUp, said == wire.ReasonNone:
		return said
	case !w.policy.PIN:
		return wire.ReasonOff
	case w.at.Mode == wire.ModeLockdown && card == nil:
		return wire.ReasonLockdown
	case w.says.Lockout != "" && !ends:
		return wire.ReasonLockout
	case w.says.Tamper && w.policy.TamperPauses:
		return wire.ReasonTamper
	case said == wire.ReasonOff, said == wire.ReasonLockdown, said == wire.ReasonLockout, said == wire.ReasonTamper:
		return w.behindThat()
	case said == "" && w.withheld:
		return wire.ReasonWithheld
	}
	return said
}

// behindThat returns why the reader would take no PIN without the reason that it gives, which
// comes before others.
func (w *doorway) behindThat() wire.Reason {
	faulty := func(subject wire.Subject) bool {
		for _, f := range w.says.Faults {
			if f.Subject == subject {
				return true
			}
		}
		return false
	}
	switch tpm := w.says.TPM; {
	case faulty(wire.SubjectJournal):
		return wire.ReasonUnstored
	case w.says.Behind:
		return wire.ReasonBehind
	case w.says.Card == wire.ReasonDamaged, w.says.Card == wire.ReasonKey:
		return w.says.Card
	case w.withheld:
		return wire.ReasonWithheld
	case tpm != nil && tpm.Budget.Limit != 0 && tpm.Budget.Left() == 0:
		return wire.ReasonSpent
	case faulty(wire.SubjectPanel):
		return wire.ReasonPanel
	}
	return ""
}

// pin returns why a PIN is not accepted, after a card, nil: by itself; "": it is.
func (w *doorway) pin(c, card *wire.Credential) wire.Reason {
	if reason := w.takesPIN(card); reason != "" {
		return reason
	}
	if reason := w.policy.Refusal(c, w.at); reason != "" {
		return reason
	}
	if c.Within != 0 && !w.at.Trusted {
		return wire.ReasonClock
	}
	return ""
}

// card returns why a card is not accepted; "": it is. A card that has a key proves itself.
func (w *doorway) card(c *wire.Credential) wire.Reason {
	switch {
	case w.says.Card != "":
		return w.says.Card
	case w.policy.ProvenOpens && len(c.CardKey) == 0:
		return wire.ReasonUnproven
	}
	return w.policy.Refusal(c, w.at)
}

// A Way is a way for a person to open a door.
type Way struct {
	Means     wire.Means  // ByPIN, ByCard or ByBoth
	Why       wire.Reason // why it does not open the door now; "": it does
	CardFirst bool        // of ByBoth that opens: only in this order
}

// ways returns a way for each kind of a person's credentials, or, while the door demands both,
// the one with both; none: they lack what it takes.
func (w *doorway) ways(credentials []wire.Credential) (ways []Way) {
	pins, cards := ofKind(credentials, wire.PIN), ofKind(credentials, wire.Card)
	if !w.demandsTwo() {
		if len(pins) > 0 {
			ways = append(ways, Way{Means: wire.ByPIN, Why: anyOf(pins, func(c *wire.Credential) wire.Reason { return w.pin(c, nil) })})
		}
		if len(cards) > 0 {
			ways = append(ways, Way{Means: wire.ByCard, Why: anyOf(cards, w.card)})
		}
		return ways
	}
	if len(pins) == 0 || len(cards) == 0 {
		return nil
	}
	both := Way{Means: wire.ByBoth}
	both.Why = anyOf(cards, func(card *wire.Credential) wire.Reason {
		if reason := w.card(card); reason != "" {
			return reason
		}
		return anyOf(pins, func(pin *wire.Credential) wire.Reason { return w.pin(pin, card) })
	})
	both.CardFirst = both.Why == "" && w.takesPIN(nil) != ""
	return []Way{both}
}

// ofKind returns the credentials of a kind.
func ofKind(credentials []wire.Credential, kind wire.CredentialKind) (some []*wire.Credential) {
	for i := range credentials {
		if c := &credentials[i]; c.Kind == kind {
			some = append(some, c)
		}
	}
	return some
}

// anyOf returns "" if one of some credentials is accepted, or else why the first is not.
func anyOf(some []*wire.Credential, reason func(*wire.Credential) wire.Reason) (first wire.Reason) {
	for i, c := range some {
		switch why := reason(c); {
		case why == "":
			return ""
		case i == 0:
			first = why
		}
	}
	return first
}

// takes says which of a person's credentials the reader could ever take by its policy and its
// parts: whether one is a PIN, and whether one is a card.
func (w *doorway) takes(credentials []wire.Credential) (pin, card bool) {
	if w.policy.PIN && !w.withheld && w.says.PIN != wire.ReasonNone && w.says.PIN != wire.ReasonWithheld {
		pin = len(ofKind(credentials, wire.PIN)) > 0
	}
	if w.says.Card != wire.ReasonNone {
		for _, c := range ofKind(credentials, wire.Card) {
			card = card || len(c.CardKey) != 0 || !w.policy.ProvenOpens
		}
	}
	return pin, card
}
