package desk

import (
	"cmp"
	"fmt"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// act fills in the event of an administrator's act.
func (desc *describer) act(e *Event, a *store.Audit) {
	e.Source, e.Who = "admin", a.Who
	who := named(a.Who)
	if a.Act == store.MoreRefused {
		e.Result, e.Word = Refused, wordNotAllowed
		e.Text = language.Count(a.Count, "%[2]s was refused %[1]d more act within a minute", "%[2]s was refused %[1]d more acts within a minute", who)
		return
	}
	r, known := rules[Act(a.Act)]
	if !known {
		r, known = formerActs[a.Act]
	}
	target := targetOf(e, a, r)
	if !known { // of a later version
		r.past, r.infinitive = language.Say("%s %s %s", who, Clean(a.Act), target), language.Say("%s %s", Clean(a.Act), target)
	} else {
		r.past, r.infinitive = r.past.With(who, target), r.infinitive.With(target)
	}
	switch a.Outcome {
	case store.Done:
		e.Result, e.Word = Changed, cmp.Or(actWords[Act(a.Act)], wordChanged)
		if Act(a.Act) == Unlock {
			e.Result = Granted
		}
		if r.detailed && a.Text != "" {
			e.Text = language.Say("%s: %s %s", r.past, target, details(a, a.Text))
			return
		}
		e.Text = because(r.past, a, a.Text)
	case store.Asked:
		e.Result, e.Word = Changed, wordAsked
		e.Text = language.Say("%s asked to %s¦do an act, in the infinitive: it may stand after a colon", who, r.infinitive)
	case store.Refused:
		e.Result, e.Word = Refused, wordNotAllowed
		if Act(a.Act) == actSignIn {
			e.Text = because(language.Say("%s could not sign in", who), a, a.Text)
			return
		}
		e.Text = because(language.Say("%s was not allowed to %s¦do an act, in the infinitive: it may stand after a colon", who, r.infinitive), a, withoutRefusal(a.Text))
	default:
		e.Result, e.Word = Refused, wordFailed
		e.Text = because(language.Say("%s could not %s¦do an act, in the infinitive: it may stand after a colon", who, r.infinitive), a, a.Text)
	}
}

// targetOf returns the name of what an act was done to, for a sentence.
func targetOf(e *Event, a *store.Audit, r rule) any {
	subject := a.Subject
	if a.Reader != "" && a.Subject == a.Reader && !r.detailed {
		subject = cmp.Or(e.Door, a.Subject)
	}
	if subject == "" {
		return language.Say("something¦what an act was done to")
	}
	if said := wholes[subject]; said != nil {
		return said
	}
	var readers int
	if _, err := fmt.Sscanf(subject, "%d reader", &readers); err == nil && Act(a.Act) == MoveReaders {
		return language.Count(readers, "%d reader", "%d readers")
	}
	return named(subject)
}

// wholes are what acts are done to that has no name.
var wholes = map[string]*language.Sentence{
	wholeSite: language.Say("the whole site"), removedPlace: language.Say("a place that was removed"), theirLocations: language.Say("all their locations"),
	pastHolidays: language.Say("past ones¦holidays"), holidayList: language.Say("the list¦of holidays"),
	allReaders: language.Say("all readers¦whose brokers were changed"), firstOwner: language.Say("the first Owner"),
}

// allReaders and firstOwner are what acts are done to, in the audit.
const allReaders, firstOwner = "all readers", "the first Owner"

// because returns a sentence and why it is so, of which reason is the English; of "": the sentence. A reason that continues it
// follows without a colon.
func because(what *language.Sentence, a *store.Audit, reason string) *language.Sentence {
	first, _, _ := strings.Cut(reason, " ")
	switch first {
	case "":
		return what
	case "and", "as", "everywhere", "for", "from", "instead", "off", "on", "to", "with":
		return language.Say("%s %s", what, details(a, reason))
	}
	return language.Say("%s: %s", what, details(a, reason))
}
