package keypad

import "time"

// dimAfter is how long the backlight stays on when nothing happens.
const dimAfter = 30 * time.Second

// A light is the backlight.
type light struct {
	output
	awake time.Time // when something last happened
}

// dark tells whether the light is known to be off.
func (l *light) dark() bool { return l.known && !l.level }

// lit tells whether there is light at now.
func (l *light) lit(now time.Time) bool { return now.Before(l.awake.Add(dimAfter)) }
