package keypad

import "time"

// An output drives a line, which may be missing; after a failure it tries again once a second.
type output struct {
	line  Line
	level bool
	known bool // the line has this level
	retry time.Time
	err   error
}

// drive sets the line unless it is set already.
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
