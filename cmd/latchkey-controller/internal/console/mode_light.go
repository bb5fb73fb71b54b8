package console

import (
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
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
		l = light{"bad", language.Say("Fire"), "fire"}
	case m.Mode == wire.ModeEvacuation:
		l = light{"warn", language.Say("Evacuation"), "exit"}
	case m.Mode == wire.ModeLockdown:
		l = light{"bad", language.Say("Lockdown"), "shield"}
	case m.Mode == wire.ModeLocked:
		l = light{"brand", language.Say("Locked"), "lock"}
	case m.Mode == wire.ModeUnlocked && m.Cause == wire.CauseSchedule:
		l = light{"brand", language.Say("Unlocked by schedule"), "unlock"}
	case m.Mode == wire.ModeUnlocked:
		l = light{"brand", language.Say("Unlocked"), "unlock"}
	case m.Waits:
		l = light{"", language.Say("Waits for the first person"), "clock"}
	default:
		return light{}
	}
	if m.Until != 0 {
		l.Word = language.Say("%s until %s¦mode, when", l.Word, shortly(time.Unix(m.Until, 0), now, in))
	}
	if !r.Live.Online {
		l.Tone, l.Word = "", language.Say("%s when last heard¦mode", l.Word)
	}
	return l
}

// doorModes returns the modes that the readers of doors report, each once.
func doorModes(doors []*desk.Door, now time.Time, in *time.Location) (all []light) {
	for _, d := range doors {
		for _, r := range d.Readers {
			if l := modeLight(r, now, in); l.Word != nil && !slices.ContainsFunc(all, func(o light) bool { return o.Word.String() == l.Word.String() }) {
				all = append(all, l)
			}
		}
	}
	return all
}

// What a reader has not confirmed of a mode, or cannot do.
var (
	tooOld = map[wire.Mode]*language.Sentence{
		wire.ModeUnlocked:   language.Say("Unlocked is not in force here: the reader's version is too old."),
		wire.ModeLocked:     language.Say("Locked is not in force here: the reader's version is too old."),
		wire.ModeLockdown:   language.Say("Lockdown is not in force here: the reader's version is too old."),
		wire.ModeEvacuation: language.Say("Evacuation is not in force here: the reader's version is too old."),
	}
	awaited = map[wire.Mode]*language.Sentence{
		wire.ModeUnlocked:   language.Say("Unlocked is wanted: not confirmed yet."),
		wire.ModeLocked:     language.Say("Locked is wanted: not confirmed yet."),
		wire.ModeLockdown:   language.Say("Lockdown is wanted: not confirmed yet."),
		wire.ModeEvacuation: language.Say("Evacuation is wanted: not confirmed yet."),
	}
	ended = map[wire.Mode]*language.Sentence{
		wire.ModeUnlocked:   language.Say("Unlocked was ended: not confirmed yet."),
		wire.ModeLocked:     language.Say("Locked was ended: not confirmed yet."),
		wire.ModeLockdown:   language.Say("Lockdown was ended: not confirmed yet."),
		wire.ModeEvacuation: language.Say("Evacuation was ended: not confirmed yet."),
	}
)

// modeNote says what a reader has not confirmed of the modes, or why it takes no part;
// the zero light: there is nothing to say.
func modeNote(r *desk.Reader, now time.Time) light {
	switch gap, mode := r.ModeGap(now); {
	case gap == desk.GapTooOld && mode == wire.ModeNormal:
		return light{"", language.Say("Takes no part in modes: its version is too old. Update it."), "info"}
	case gap == desk.GapTooOld:
		return light{"bad", tooOld[mode], "warning"}
	case gap == desk.GapAwaited:
		return light{"warn", awaited[mode], "warning"}
	case gap == desk.GapEnded:
		return light{"warn", ended[mode], "warning"}
	}
	return light{}
}

// progressIcons are the signs of how far a wanted mode has come at a reader.
var progressIcons = map[desk.Progress]string{
	desk.ModeConfirmed: "check", desk.ModeAwaited: "clock", desk.ModeOffline: "warning", desk.ModeTooOld: "warning", desk.ModeOverridden: "info", desk.ModeSuspended: "warning", desk.ModeLeft: "warning",
}
