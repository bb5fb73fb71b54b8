package console

import "latchkey/cmd/latchkey-controller/internal/desk"

// A dayCopy is where a day's hours can be copied.
type dayCopy struct {
	Key, Name string
	first, n  int // of desk.Days
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

var dayCopies = []dayCopy{{"mon-fri", "Monday to Friday", 0, 5}, {"weekend", "Saturday and Sunday", 5, 2}, {"mon-sun", "all days of the week", 0, 7}, {"holiday", "Holidays", 7, 1}}

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
			f.Note = "The hours of " + from.Name + " are copied to " + to.Name + ". Nothing is saved yet."
		}
	}
	return true
}

// overnight is desk.Day.Overnight of the day with a key.
func overnight(key, hours string) string {
	for _, d := range desk.Days() {
		if d.Key == key {
			return d.Overnight(hours)
		}
	}
	return ""
}
