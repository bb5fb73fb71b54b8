package keypad

import "time"

// dimAfter is how long the backlight stays on without a touch or a change.
const dimAfter = 30 * time.Second

// A backlight goes out dimAfter after its last use.
type backlight struct {
	output
	lastUse time.Time // a touch, or something new to see
}

// dark reports whether the light is known to be off.
func (l *backlight) dark() bool { return l.known && !l.level }

// lit reports whether the light should be on at now.
func (l *backlight) lit(now time.Time) bool { return now.Before(l.lastUse.Add(dimAfter)) }

// staysLit reports whether the screen shows something that must not go dark.
func (k *Keypad) staysLit() bool {
	v := &k.view
	switch v.Screen {
	case Checking, Enrol, Keep, Open, Lockdown, Evacuation, Adopted:
		return true
	}
	return k.page != viewPage || v.Screen.timed() || v.Tamper || v.DoorAlarm || v.Identify
}

func (k *Keypad) lit(now time.Time) bool { return k.staysLit() || k.light.lit(now) }

// dimDeadline returns when the light goes out; zero if it does not.
func (k *Keypad) dimDeadline(now time.Time) time.Time {
	if k.light.line == nil || k.staysLit() || !k.light.lit(now) {
		return time.Time{}
	}
	return k.light.lastUse.Add(dimAfter)
}

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
