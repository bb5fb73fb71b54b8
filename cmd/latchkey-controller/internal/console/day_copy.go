package console

import (
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// A dayCopy is where a day's hours can be copied.
type dayCopy struct {
	Key      string
	Name     *language.Sentence
	first, n int // of desk.Days
}

// Days returns the fields of the days, with a space between, as the page's script needs them.
func (to dayCopy) Days() (keys string) {
	for i, d := range desk.Days()[to.first : to.first+to.n] {
		if i > 0 {
			keys += " "
		}
		keys += d.Key
	}
	return keys
}

var dayCopies = []dayCopy{
	{"mon-fri", language.Say("Monday to Friday"), 0, 5},
	{"weekend", language.Say("Saturday and Sunday"), 5, 2},
	{"mon-sun", language.Say("all days of the week"), 0, 7},
	{"holiday", language.Say("Holidays"), 7, 1},
}

// Done says that a day's hours are copied there. The page's script says it too, of the day that was chosen.
func (to dayCopy) Done(from any) *language.Sentence {
	switch to.Key {
	case "mon-fri":
		return language.Say("The hours of %s are copied to Monday to Friday. Nothing is saved yet.", from)
	case "weekend":
		return language.Say("The hours of %s are copied to Saturday and Sunday. Nothing is saved yet.", from)
	case "mon-sun":
		return language.Say("The hours of %s are copied to all days of the week. Nothing is saved yet.", from)
	}
	return language.Say("The hours of %s are copied to Holidays. Nothing is saved yet.", from)
}

// copyDay copies a day's hours to other days of a form, if that is what its button was pressed for:
// then nothing else is done with it, and it is shown again.
func (f *form) copyDay() bool {
	if f.Get("copy") != "day" {
		return false
	}
	f.Values.Del("copy")
	days := desk.Days()
	for _, from := range days {
		for _, to := range dayCopies {
			if f.Get("copy-from") != from.Key || f.Get("copy-onto") != to.Key {
				continue
			}
			for _, d := range days[to.first : to.first+to.n] {
				f.Values.Set(d.Key, f.Get(from.Key))
			}
			f.Note = to.Done(from.Said())
		}
	}
	return true
}

// overnight is desk.Day.Overnight of the day with a key.
func overnight(key, hours string) *language.Sentence {
	for _, d := range desk.Days() {
		if d.Key == key {
			return d.Overnight(hours)
		}
	}
	return nil
}
