package console

import (
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// modeLight returns the mode that a reader reports; the zero light: none but normal.
func modeLight(r *desk.Reader, now time.Time, in *time.Location) light {
	m := r.Live.Mode
	if r.Removed != "" || r.Board == "" || !r.Live.Known || m == nil {
		return light{}
	}
	var l light
	switch {
	case m.Cause == wire.CauseFire:
		l = light{"bad", "Fire", "fire"}
	case m.Mode == wire.ModeEvacuation:
		l = light{"warn", "Evacuation", "exit"}
	case m.Mode == wire.ModeLockdown:
		l = light{"bad", "Lockdown", "shield"}
	case m.Mode == wire.ModeLocked:
		l = light{"brand", "Locked", "lock"}
	case m.Mode == wire.ModeUnlocked && m.Cause == wire.CauseSchedule:
		l = light{"brand", "Unlocked by schedule", "unlock"}
	case m.Mode == wire.ModeUnlocked:
		l = light{"brand", "Unlocked", "unlock"}
	case m.Waits:
		l = light{"", "Waits for the first person", "clock"}
	default:
		return light{}
	}
	if m.Until != 0 {
		l.Word += " until " + shortly(time.Unix(m.Until, 0), now, in)
	}
	if !r.Live.Online {
		l.Tone, l.Word = "", l.Word+" when last heard"
	}
	return l
}

// doorModes returns the modes that the readers of doors report, each once.
func doorModes(doors []*desk.Door, now time.Time, in *time.Location) (all []light) {
	for _, d := range doors {
		for _, r := range d.Readers {
			if l := modeLight(r, now, in); l.Word != "" && !slices.Contains(all, l) {
				all = append(all, l)
			}
		}
	}
	return all
}

// modeNote says what a reader has not confirmed of the modes, or why it takes no part;
// the zero light: there is nothing to say.
func modeNote(r *desk.Reader, now time.Time) light {
	switch gap, mode := r.ModeGap(now); {
	case gap == desk.GapTooOld && mode == wire.ModeNormal:
		return light{"", "Takes no part in modes: its version is too old. Update it.", "info"}
	case gap == desk.GapTooOld:
		return light{"bad", modeTitles[mode] + " is not in force here: the reader's version is too old.", "warning"}
	case gap == desk.GapAwaited:
		return light{"warn", modeTitles[mode] + " is wanted: not confirmed yet.", "warning"}
	case gap == desk.GapEnded:
		return light{"warn", modeTitles[mode] + " was ended: not confirmed yet.", "warning"}
	}
	return light{}
}

// progressIcons are the signs of how far a wanted mode has come at a reader.
var progressIcons = map[desk.Progress]string{
	desk.ModeConfirmed: "check", desk.ModeAwaited: "clock", desk.ModeOffline: "warning", desk.ModeTooOld: "warning", desk.ModeOverridden: "info", desk.ModeSuspended: "warning", desk.ModeLeft: "warning",
}
