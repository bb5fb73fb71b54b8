package desk

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A setting is a field of what is edited, for the audit.
type setting struct{ name, value *language.Sentence }

// changes describes what an edit changes: "limit from 10 to 5". A setting that is
// missing or empty is none.
func changes(was, is []setting) []*language.Sentence {
	before, after := values(was), values(is)
	var says []*language.Sentence
	for _, s := range slices.Concat(was, is) {
		name := s.name.String()
		if from, to := before[name], after[name]; from.String() != to.String() {
			says = append(says, fromTo(s.name, from, to))
			before[name] = to // once only
		}
	}
	return says
}

// fromTo says how a setting changed; of "": it is none.
func fromTo(name, from, to *language.Sentence) *language.Sentence {
	if from.String() == "" {
		from = noneSet
	}
	if to.String() == "" {
		to = noneSet
	}
	return language.Say("%s from %s to %s¦a setting, before, after", name, from, to)
}

var noneSet = language.Say("none¦a value of a setting")

func values(settings []setting) map[string]*language.Sentence {
	values := map[string]*language.Sentence{}
	for _, s := range settings {
		values[s.name.String()] = s.value
	}
	return values
}

// userSettings returns what an edit of a user can change, with times in a zone.
func userSettings(u *store.User, in *time.Location) []setting {
	const layout = "2006-01-02 15:04 MST"
	return []setting{
		{settingOfName, language.Data(u.Name)},
		{language.Say("groups¦a setting"), language.Data(strings.Join(ordinary(u.Groups), ", "))},
		{language.Say("beginning¦a setting"), orElse(timeText(u.From, layout, in), language.Say("always¦a beginning"))},
		{language.Say("end¦a setting"), orElse(timeText(u.Until, layout, in), language.Say("for ever¦an end"))},
		{language.Say("extended time¦a setting"), onOff(u.Extended)},
		{language.Say("email¦a setting"), orElse(u.Email, noneSet)},
		{language.Say("employee number¦a setting"), orElse(u.Employee, noneSet)},
	}
}

var settingOfName = language.Say("name¦a setting")

// orElse returns a text of the site; of "": a sentence.
func orElse(text string, none *language.Sentence) *language.Sentence {
	if text == "" {
		return none
	}
	return language.Data(text)
}

// policySettings returns what an edit of a policy can change. named are the schedules that it
// uses; nil: none.
func policySettings(p *wire.Policy, named map[HoursUse]string) []setting {
	hours := func(use HoursUse, s *wire.Schedule) *language.Sentence {
		if name := named[use]; name != "" {
			return language.Say("%s (%s)", name, HoursLine(s))
		}
		return HoursLine(s)
	}
	seconds := func(n any) *language.Sentence { return language.Say("%s s", fmt.Sprint(n)) }
	settings := []setting{
		{language.Say("door¦a setting"), language.Data(p.Door)},
		{language.Say("location¦a setting"), language.Data(p.Place)},
		{language.Say("greeting¦a setting"), language.Data(p.Greeting)},
		{language.Say("time zone¦a setting"), language.Data(p.TimeZone)},
		{language.Say("language¦a setting"), language.Data(p.Screen.Language)},
		{language.Say("wrong PINs in a row¦a setting"), language.Data(fmt.Sprint(p.Limit))},
		{language.Say("guesses¦a setting"), language.Data(fmt.Sprint(p.GuessLimit))},
		{language.Say("opening time¦a setting"), seconds(p.Unlock)},
		{language.Say("extended time¦a setting"), seconds(p.Extended)},
		{language.Say("held open after¦a setting"), seconds(p.HeldAfter)},
		{language.Say("PIN entry¦a setting"), onOff(p.PIN)},
		{language.Say("shuffled digits¦a setting"), onOff(p.ShufflePIN)},
		{language.Say("release when the door opens¦a setting"), onOff(p.ReleaseOnOpen)},
		{language.Say("tamper pauses PIN entry¦a setting"), onOff(p.TamperPauses)},
		{language.Say("tamper stops cards¦a setting"), onOff(p.TamperStopsCard)},
		{language.Say("tamper stops the exit button¦a setting"), onOff(p.TamperStopsExit)},
		{language.Say("cards with older credentials¦a setting"), onOff(p.CardsBehind)},
		{language.Say("cards when nothing can be stored¦a setting"), onOff(p.CardsUnstored)},
		{language.Say("exit button when nothing can be stored¦a setting"), onOff(p.ExitUnstored)},
		{language.Say("only cards that prove themselves open¦a setting"), onOff(p.ProvenOpens)},
		{language.Say("only cards that prove themselves end a pause¦a setting"), onOff(p.ProvenEnds)},
		{language.Say("trust in the system's clock¦a setting"), onOff(p.SystemTime)},
		{language.Say("large text¦a setting"), onOff(p.Screen.LargeText)},
		{language.Say("high contrast¦a setting"), onOff(p.Screen.HighContrast)},
		{language.Say("holidays¦a setting"), language.Data(holidaysText(p.Holidays))},
		{language.Say("exempt while kept locked¦a setting"), language.Data(strings.Join(p.Exempt, ", "))},
		{language.Say("opening in a lockdown¦a setting"), language.Data(strings.Join(p.InLockdown, ", "))},
	}
	if o := p.Opening; o != nil {
		settings = append(settings, setting{language.Say("unlock schedule¦a setting"), hours(HoursUse{What: OpeningHours}, &o.Schedule)}, setting{language.Say("first person¦a setting"), language.Data(o.First)})
		if o.After != 0 {
			settings = append(settings, setting{language.Say("locked by hand until¦a setting"), language.Data(time.Unix(o.After, 0).UTC().Format("2006-01-02 15:04 UTC"))})
		}
	}
	if two := p.TwoProofs; two != nil {
		settings = append(settings, setting{language.Say("card and PIN¦a setting"), hours(HoursUse{What: TwoProofsHours}, two.Schedule)})
	}
	for _, a := range p.Access {
		settings = append(settings, setting{language.Say("access of %s¦a setting, of a group", groupSays(a.Group)), hours(HoursUse{What: AccessHours, Group: a.Group}, a.Schedule)})
	}
	return settings
}

func onOff(on bool) *language.Sentence {
	if on {
		return language.Say("on¦a setting")
	}
	return language.Say("off¦a setting")
}

// accessText returns who may open: "staff always", or "nobody".
func accessText(access []wire.Access) *language.Sentence {
	groups := make([]*language.Sentence, len(access))
	for i, a := range access {
		groups[i] = language.Say("%s %s", groupSays(a.Group), HoursLine(a.Schedule))
	}
	if len(groups) == 0 {
		return language.Say("nobody¦opens a door")
	}
	return joined(groups...)
}

func holidaysText(holidays []wire.Holiday) string {
	days := make([]string, len(holidays))
	for i, h := range holidays {
		if days[i] = fmt.Sprintf("%02d-%02d", h.Month, h.Day); h.Year != 0 {
			days[i] = fmt.Sprintf("%04d-%s", h.Year, days[i])
		}
	}
	return strings.Join(days, ", ")
}
