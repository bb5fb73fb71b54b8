package desk

import (
	"strings"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// An auditText is what the audit keeps of an act besides its name: in English, and to be said in the language of who reads it.
type auditText struct{ english, said string }

// auditOf returns a sentence as the audit keeps it; of nil: nothing.
func auditOf(s *language.Sentence) auditText { return auditText{s.String(), s.Keep()} }

// auditWhy returns as the audit keeps it why an act failed or was refused.
func auditWhy(failed error) auditText {
	says, text := language.Of(failed), failed.Error()
	if says.String() != withoutRefusal(text) { // the error says more
		return auditText{english: text}
	}
	return auditText{text, says.Keep()}
}

// withoutRefusal returns why an act is not allowed, without that it is not.
func withoutRefusal(text string) string { return strings.TrimPrefix(text, ErrNotAllowed.Error()+": ") }

// details returns what the audit keeps of an act, of which text is the English, as a value of a sentence: one that is said in
// each language, unless it is of an older version or damaged.
func details(a *store.Audit, text string) any { return keptOr(a.Said, text) }

// keptOr returns what was kept, if its English is that text; otherwise the text.
func keptOr(said, text string) any {
	if s, err := language.Kept(said); err == nil && s.String() == text && Clean(text) == text {
		return s
	}
	return Clean(text)
}

// joined returns those of some sentences that there are as one; nil: there is none.
func joined(all ...*language.Sentence) *language.Sentence {
	var join language.Join
	for _, s := range all {
		if s != nil {
			join = append(join, s)
		}
	}
	switch len(join) {
	case 0:
		return nil
	case 1:
		return join[0]
	}
	return language.Say("%s", join)
}

// both returns at most two sentences as one; nil: there is none.
func both(says []*language.Sentence) *language.Sentence {
	if len(says) == 2 {
		return language.Say("%s and %s", says[0], says[1])
	}
	return joined(says...)
}

// maxToldNames is how many names the audit has of what an act was done to.
const maxToldNames = 8

// namesTold returns names for a sentence of the audit.
func namesTold(names []string) *language.Sentence {
	if more := len(names) - maxToldNames; more > 0 {
		return language.Count(more, "%[2]s and %[1]d more", "%[2]s and %[1]d more", strings.Join(names[:maxToldNames], ", "))
	}
	return language.Say("%s", strings.Join(names, ", "))
}

// inTurn returns brokers, which a reader tries in this order: "a, then b".
func inTurn(brokers []string) *language.Sentence {
	if len(brokers) == 0 {
		return language.Say("%s", "")
	}
	says := language.Say("%s", brokers[0])
	for _, next := range brokers[1:] {
		says = language.Say("%s, then %s¦two brokers", says, next)
	}
	return says
}

// modeNamed returns the name of a mode, as in "to locked".
func modeNamed(mode wire.Mode) *language.Sentence {
	switch mode {
	case wire.ModeNormal:
		return language.Say("normal¦a mode")
	case wire.ModeUnlocked:
		return language.Say("unlocked¦a mode")
	case wire.ModeLocked:
		return language.Say("locked¦a mode")
	case wire.ModeLockdown:
		return language.Say("lockdown¦a mode")
	case wire.ModeEvacuation:
		return language.Say("evacuation¦a mode")
	}
	return language.Data(string(mode))
}
