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
	wanted, is := wantedBy(r.Policy, now), r.Live.Mode
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

// wantedBy returns the mode that the policy of a reader wants at a time; ModeNormal: none.
func wantedBy(p *wire.Policy, now time.Time) wire.Mode {
	mode := wire.ModeNormal
	for _, w := range p.Modes {
		if w.Until == 0 || now.Unix() < w.Until {
			mode = w.Mode // the highest is the last
		}
	}
	return mode
}
