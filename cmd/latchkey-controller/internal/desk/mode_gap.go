package desk

import (
	"time"

	"latchkey/sync/wire"
)

// A ModeGap is why a reader does not work in the mode that is wanted there.
type ModeGap string

// The gaps.
const (
	GapTooOld  ModeGap = "too old" // its program knows no modes
	GapAwaited ModeGap = "awaited" // it has not confirmed the mode that is wanted
	GapEnded   ModeGap = "ended"   // it has not confirmed that a mode was ended
)

// ModeGap returns the reader's gap at a time and the mode that it is about, ModeNormal where
// none is wanted; "": there is none, or nothing is known of the reader.
func (r *Reader) ModeGap(now time.Time) (ModeGap, wire.Mode) {
	if r.Removed != "" || r.Board == "" || !r.Live.Known {
		return "", wire.ModeNormal
	}
	wanted, is := wire.ModeNormal, r.Live.Mode
	if w := r.Policy.Wanted(wire.Moment{Local: now, Trusted: true}); w != nil {
		wanted = w.Mode
	}
	if is == nil {
		is = &wire.ModeState{Mode: wire.ModeNormal}
	}
	early := r.Policy.Opening == nil || now.Unix() < r.Policy.Opening.After
	switch {
	case r.OldModes():
		return GapTooOld, wanted
	case wanted.Above(is.Mode):
		return GapAwaited, wanted
	case is.Mode != wanted && is.Cause == wire.CauseWanted, is.Cause == wire.CauseSchedule && !is.Waits && early:
		return GapEnded, is.Mode
	}
	return "", wanted
}
