package keypad

import "time"

// An output drives a line that may be missing or fail; it tries again once a second.
type output struct {
	line  Line
	level bool
	known bool // that the line has level
	retry time.Time
	err   error
}

// drive sets the line where it is not so already.
func (o *output) drive(now time.Time, on bool) error {
	if o.line == nil || o.known && o.level == on || o.err != nil && now.Before(o.retry) {
		return o.err
	}
	value := 0
	if on {
		value = 1
	}
	if o.err = o.line.SetValue(value); o.err != nil {
		o.known, o.retry = false, now.Add(time.Second)
		return o.err
	}
	o.level, o.known, o.retry = on, true, time.Time{}
	return nil
}
