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
	"latchkey/cmd/latchkey-controller/internal/zone"
	"latchkey/sync/wire"
)

// functions are the template functions, with times in a zone.
func (c *Console) functions(in *time.Location) template.FuncMap {
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
		"topics":       func() string { return strings.Join(topics, " ") },
		"token":        rand.Text,
		"origin":       c.desk.Origin, // at which passkeys work; "": nowhere
		"initials":     initials,
		"dict":         dict,
		"list":         func(items ...string) []string { return items },
		"join":         strings.Join,
		"lower":        strings.ToLower,
		"sentence":     sentence,
		"capital":      capital,
		"plural":       plural,
		"thousands":    thousands,
		"plural64":     func(n uint32, one, many string) string { return plural(int(n), one, many) },
		"percent":      desk.Percent,
		"thousands64":  func(n uint64) string { return thousands(int(n)) },
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
		"modeTitle":    func(m wire.Mode) string { return modeTitles[m] },
		"modeIcon":     func(m wire.Mode) string { return modeIcons[m] },
		"endAct":       func(m wire.Mode) string { return string(desk.EndModeAct(m)) },
		"inLockdown":   func(r *desk.Reader) bool { return r.Live.Mode != nil && r.Live.Mode.Mode == wire.ModeLockdown },
		"twoProofs":    twoProofsText,
		"weekOf":       func(s *wire.Schedule) *week { return newWeek(wire.Access{Schedule: s}) },
		"demanded":     func(r *desk.Reader) bool { return r.DemandsTwo(c.desk.Now()) },
		"limits":       limitsText,
		"lockdownWay":  lockdownWay,
		"lockdownHint": lockdownHint,
		"hours":        func(s wire.Schedule) string { return desk.HoursLine(&s) },
		"limitUnits":   func() []limitUnit { return limitUnits },
		"times":        times,
		"over":         func(t time.Time) bool { return t.Before(c.desk.Now()) },
		"shortly":      func(t time.Time) string { return shortly(t, c.desk.Now(), in) },
		"again":        func(a *desk.Access) string { return again(a, c.desk.Now(), in) },
		"when":         func(t time.Time) string { return when(t, c.desk.Now(), in) },
		"several":      several,
		"numberWord":   numberWord,
		"seenURL":      seenURL,
		"orderTitle":   desk.OrderTitle,
		"clock":        func(t time.Time) string { return clockAt(t, in) },
		"clockThere":   func(t time.Time, there *time.Location) string { return clockThere(t, in, there) },
		"moment":       func(t time.Time) string { return desk.Moment(t, in) },
		"date":         func(t time.Time) string { return t.In(in).Format("2 Jan 2006") },
		"zone":         func() string { return in.String() },
		"iso":          func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"ago":          func(t time.Time) string { return ago(c.desk.Now().Sub(t)) },
		"tone":         tone,
		"partsOf":      partsOf,
		"then":         func(t, first time.Time) string { return then(t, first, in) },
		"odds":         oneIn,
		"noneLeads":    noneLeads, "controllersNote": controllersNote, "upgradeNote": upgradeNote,
		"shared": c.desk.Shared, "cellLight": cellLight, "standBys": standBysText, "cellWait": cellWait,
		"cellLag":   func(s *desk.CellStatus) light { return cellLag(s, c.desk.Now()) },
		"years":     years,
		"add":       func(a, b int) int { return a + b },
		"zones":     zone.Names,
		"copyTo":    func() []dayCopy { return dayCopies },
		"overnight": overnight,
		"weekY":     func(i int) int { return 60 * i },
		"weekX":     func(i int) int { return 150 + 360*i },
		"weekText":  func(i int) int { return 60*i + 30 },
		"marker":    func() string { return string(c.marker) },
		"roles":     desk.Roles,
		"scopes":    desk.Scopes,
		"notices":   desk.Notices,
		"languages": screenLanguages,
		"states":    desk.UserStates,

		"deliveryStates": desk.DeliveryStates,
		"stateTitle":     desk.StateTitle,
		"visitTimes":     desk.VisitTimes,
		"visitTitle":     desk.VisitTitle,
		"visitLight":     func(v desk.Validity) light { return visitLights[v] },
		"isVisitors":     desk.IsVisitors,
		"userLacks":      func(name string) string { return desk.OnScreens(name, desk.NoUserName) },
		"doorLacks":      func(name string) string { return desk.OnScreens(name, desk.NoDoorName) },
		"textLacks":      func(text string) string { return desk.OnScreens(text, desk.NoText) },
	}
}

// A navigation is an entry of the main menu.
type navigation struct {
	Section, Name, Href, Icon string
	May                       desk.Act // shown to whoever may do it; "": to everybody
}

var sections = []navigation{
	{"overview", "Doors", "/", "overview", ""},
	{"activity", "Activity", "/activity", "activity", ""},
	{"users", "Users", "/users", "users", ""},
	{"schedules", "Schedules", "/schedules", "clock", ""},
	{"devices", "Readers", "/devices", "reader", ""},
	{"integrations", "Integrations", "/tokens", "plug", desk.ViewTokens},
	{"settings", "Settings", "/settings", "settings", ""},
}

// A theme is a choice of light or dark.
type theme struct{ Choice, Name, Icon string }

var themes = []theme{{"light", "Light", "sun"}, {"system", "As the system", "system"}, {"dark", "Dark", "moon"}}

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

// plural returns a number with its noun: "1 reader", "2 readers".
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + many
}

// thousands returns a number with a comma before each three digits.
func thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// ago returns how long ago something happened.
func ago(d time.Duration) string {
	count := func(n int64, unit string) string {
		if n == 1 {
			return "1 " + unit + " ago"
		}
		return fmt.Sprintf("%d %ss ago", n, unit)
	}
	switch {
	case d < 10*time.Second:
		return "just now"
	case d < time.Minute:
		return count(int64(d/time.Second), "second")
	case d < time.Hour:
		return count(int64(d/time.Minute), "minute")
	case d < 24*time.Hour:
		return count(int64(d/time.Hour), "hour")
	case d < 48*time.Hour:
		return "yesterday"
	}
	return count(int64(d/(24*time.Hour)), "day")
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

// oneIn returns a probability as text.
func oneIn(chance float64) string {
	switch {
	case chance <= 0:
		return "none"
	case chance >= 0.5:
		return "likely"
	}
	return "1 in " + thousands(rounded(1/chance))
}

// rounded rounds to two significant digits.
func rounded(x float64) int {
	n, unit := int(x), 1
	for n/unit >= 100 {
		unit *= 10
	}
	return (n + unit/2) / unit * unit
}

func years(n float64) string {
	switch {
	case n <= 0 || n > 1e9:
		return "never"
	case n < 1.0/12:
		return plural(max(int(n*365), 1), "day", "days")
	case n < 2:
		return plural(int(n*12), "month", "months")
	}
	return plural(rounded(n), "year", "years")
}

// clockAt returns the time of day in a zone, with the zone's abbreviation if the
// clocks there show it twice.
func clockAt(t time.Time, in *time.Location) string {
	if t = t.In(in); zone.Twice(t) {
		return t.Format("15:04:05 MST")
	}
	return t.Format("15:04:05")
}

// then returns when something happened that belongs to what happened first: the time of day, with the date if that
// differs.
func then(t, first time.Time, in *time.Location) string {
	if t.In(in).Format(time.DateOnly) != first.In(in).Format(time.DateOnly) {
		return desk.Moment(t, in)
	}
	return clockAt(t, in)
}

// clockThere returns the time of day there, with the date if that differs from here.
func clockThere(t time.Time, here, there *time.Location) string {
	if t.In(here).Day() != t.In(there).Day() {
		return clockAt(t, there) + " on " + t.In(there).Format("2 Jan")
	}
	return clockAt(t, there)
}
