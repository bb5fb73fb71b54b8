package console

import (
	"crypto/rand"
	"errors"
	"fmt"
	"html/template"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/zone"
	"latchkey/sync/wire"
)

// functions are the template functions, with times in a zone and texts in a language.
func (c *Console) functions(in *time.Location, l *language.Language) template.FuncMap {
	return template.FuncMap{
		"icon":   icon,
		"static": func(name string) string { return c.static + name },
		"styles": func() []string {
			return []string{"base.css", "shell.css", "parts.css", "forms.css", "chart.css", "mode.css", "slip.css"}
		},
		"nav":          func() []navigation { return sections },
		"fateTitle":    fateTitle,
		"themes":       func() []theme { return themes },
		"readerTabs":   func() []tab { return readerTabs },
		"doorTab":      func(use string) string { return movedTabs[use] },
		"doorTabs":     func() []tab { return doorTabs },
		"byGroups":     func(r *desk.Reader) []*desk.Access { return r.GroupAccess(c.desk.Now()) },
		"openNow":      openNow,
		"namedGroup":   namedGroup,
		"topics":       func() string { return strings.Join(topics, " ") },
		"token":        rand.Text,
		"origin":       c.desk.Origin, // at which passkeys work; "": nowhere
		"initials":     initials,
		"dict":         dict,
		"list":         func(items ...string) []string { return items },
		"join":         strings.Join,
		"lower":        strings.ToLower,
		"thousands":    func(n any) string { return l.Text(whole(n)) },
		"percent":      desk.Percent,
		"printLines":   printLines,
		"readerLight":  readerLight,
		"contactLight": contactLight,
		"linkLight":    linkLight,
		"doorLight":    doorLight,
		"doorModes":    func(doors ...*desk.Door) []light { return doorModes(doors, c.desk.Now(), in) },
		"placeModes":   func(l *desk.Location) []light { return doorModes(l.Doors, c.desk.Now(), in) },
		"modeLight":    func(r *desk.Reader) light { return modeLight(r, c.desk.Now(), in) },
		"modeNote":     func(r *desk.Reader) light { return modeNote(r, c.desk.Now()) },
		"progressIcon": func(p desk.Progress) string { return progressIcons[p] },
		"modeTitle":    func(m wire.Mode) string { return l.Say(modeTitles[m]) },
		"modeIcon":     func(m wire.Mode) string { return modeIcons[m] },
		"inLockdown":   func(r *desk.Reader) bool { return r.Live.Mode != nil && r.Live.Mode.Mode == wire.ModeLockdown },
		"twoProofs":    twoProofsText,
		"weekOf":       func(s *wire.Schedule) *week { return newWeek(wire.Access{Schedule: s}) },
		"demanded":     func(r *desk.Reader) bool { return r.DemandsTwo(c.desk.Now()) },
		"limits":       limitsText,
		"lockdownWay":  lockdownWay,
		"lockdownHint": lockdownHint,
		"hours":        func(s wire.Schedule) string { return l.Say(desk.HoursLine(&s)) },
		"limitUnits":   func() []limitUnit { return limitUnits },
		"over":         func(t time.Time) bool { return t.Before(c.desk.Now()) },
		"shortly":      func(t time.Time) string { return l.Say(shortly(t, c.desk.Now(), in)) },
		"again":        func(a *desk.Access) string { return l.Say(again(a, c.desk.Now(), in)) },
		"when":         func(t time.Time) string { return l.Say(when(t, c.desk.Now(), in)) },
		"several":      func(names []string) string { return l.Text(language.Several(names)) },
		"seenURL":      seenURL,
		"orderTitle":   desk.OrderTitle,
		"clock":        func(t time.Time) string { return l.Text(language.Second(t.In(in))) },
		"clockThere":   func(t time.Time, there *time.Location) string { return l.Say(clockThere(t, in, there)) },
		"moment":       func(t time.Time) string { return l.Text(language.Moment(t.In(in))) },
		"date":         func(t time.Time) string { return l.Text(language.Date(t.In(in))) },
		"zone":         func() string { return in.String() },
		"iso":          func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"ago":          func(t time.Time) string { return l.Say(ago(c.desk.Now().Sub(t))) },
		"tone":         tone,
		"partsOf":      partsOf,
		"then":         func(t, first time.Time) string { return l.Say(then(t, first, in)) },
		"odds":         func(chance float64) string { return l.Say(oneIn(chance)) },
		"noneLeads":    noneLeads, "controllersNote": controllersNote, "upgradeNote": upgradeNote,
		"shared": c.desk.Shared, "cellLight": cellLight, "standBys": standBysText, "cellWait": cellWait,
		"cellLag":          func(s *desk.CellStatus) light { return cellLag(s, c.desk.Now()) },
		"years":            func(n float64) string { return l.Say(years(n)) },
		"add":              func(a, b int) int { return a + b },
		"zones":            zone.Names,
		"copyTo":           func() []dayCopy { return dayCopies },
		"overnight":        overnight,
		"weekY":            func(i int) int { return 60 * i },
		"weekX":            func(i int) int { return 150 + 360*i },
		"weekText":         func(i int) int { return 60*i + 30 },
		"marker":           func() string { return string(c.marker) },
		"roles":            desk.Roles,
		"scopes":           desk.Scopes,
		"notices":          desk.Notices,
		"languages":        screenLanguages,
		"consoleLanguages": c.languages.All,
		"states":           desk.UserStates,

		"deliveryStates": desk.DeliveryStates,
		"stateTitle":     desk.StateTitle,
		"visitTimes":     desk.VisitTimes,
		"visitTitle":     desk.VisitTitle,
		"visitLight":     func(v desk.Validity) light { return visitLights[v] },
		"isVisitors":     desk.IsVisitors,
		"userLacks":      func(name string) *language.Sentence { return desk.OnScreens(name, desk.NoUserName) },
		"doorLacks":      func(name string) *language.Sentence { return desk.OnScreens(name, desk.NoDoorName) },
		"notTaken":       notTakenText,
		"opensWhen":      func(a *desk.Access) *language.Sentence { return opensWhen(a, in) },
		"rolesLine":      rolesLine,
		"deliveryTitle":  deliveryTitle,
		"noDelivery":     noDelivery,
		"visitState":     func(v desk.Validity) *language.Sentence { return visitStates[v] },
		"mono":           mono,
		"textLacks":      func(text string) *language.Sentence { return desk.OnScreens(text, desk.NoText) },
		"visited":        func(v *desk.Visit) template.HTML { return visitedDoors(v, l) },
		"sighting":       func(s *desk.Seen) template.HTML { return sighting(s, c.desk.Now(), l) },
		"shortTime": func(t time.Time) template.HTML {
			return template.HTML(`<time datetime="` + t.UTC().Format(time.RFC3339) + `">` + template.HTMLEscapeString(l.Say(shortly(t, c.desk.Now(), in))) + `</time>`)
		},
		"alone":          func(clause any) *language.Sentence { return language.Say("%s", clause).Alone() },
		"brokersInOrder": brokersInOrder, "machineOf": machineOf, "zoneHint": zoneHint,
		"timeAgo": func(t time.Time) template.HTML { return timeAgo(t, c.desk.Now(), l) },

		"accessLine": func(a *desk.Access) *language.Sentence { return accessLine(a, in) },
		"notBy":      notBy,
		"boldDoors":  boldDoors,
		"hoursIn": func(s wire.Schedule, zone string) *language.Sentence {
			return zoned(desk.HoursLine(&s), zone, in)
		},
		"stamp":   stamp,
		"linkAs":  linkAs,
		"leftOut": leftOut,
	}
}

// A navigation is an entry of the main menu.
type navigation struct {
	Section, Href, Icon string
	Name                *language.Sentence
	May                 desk.Act // shown to whoever may do it; "": to everybody
}

var sections = []navigation{
	{"overview", "/", "overview", language.Say("Doors"), ""},
	{"activity", "/activity", "activity", language.Say("Activity"), ""},
	{"users", "/users", "users", language.Say("Users"), ""},
	{"schedules", "/schedules", "clock", language.Say("Schedules"), ""},
	{"devices", "/devices", "reader", language.Say("Readers"), ""},
	{"integrations", "/tokens", "plug", language.Say("Integrations"), desk.ViewTokens},
	{"settings", "/settings", "settings", language.Say("Settings"), ""},
}

// A theme is a choice of light or dark.
type theme struct {
	Choice string
	Name   *language.Sentence
	Icon   string
}

var themes = []theme{{"light", language.Say("Light¦theme"), "sun"}, {"system", language.Say("As the system"), "system"}, {"dark", language.Say("Dark¦theme"), "moon"}}

// initials returns the first letters of a name's first and last word.
func initials(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || r == '-' || r == '(' || r == ')' })
	if len(words) == 0 {
		return "?"
	}
	first, _ := utf8.DecodeRuneInString(words[0])
	if len(words) == 1 {
		return string(unicode.ToUpper(first))
	}
	last, _ := utf8.DecodeRuneInString(words[len(words)-1])
	return string([]rune{unicode.ToUpper(first), unicode.ToUpper(last)})
}

// dict returns a map of keys and values, to pass several values to a template.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, errors.New("dict: a key without a value")
	}
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		key, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: key %v", pairs[i])
		}
		m[key] = pairs[i+1]
	}
	return m, nil
}

// tone returns the CSS class of a chip.
func tone(t desk.Result) string {
	switch t {
	case desk.Granted:
		return "good"
	case desk.Denied, desk.Refused:
		return "bad"
	case desk.Paused, desk.Alarm:
		return "warn"
	case desk.Changed:
		return "brand"
	}
	return ""
}
