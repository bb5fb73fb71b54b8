package desk

import (
	"testing"
	"time"

	"latchkey/sync/wire"
)

func TestAReadersModeIsComparedWithWhatIsWanted(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	lockdown, locked := wire.WantedMode{Mode: wire.ModeLockdown}, wire.WantedMode{Mode: wire.ModeLocked}
	over := wire.WantedMode{Mode: wire.ModeLockdown, Until: now.Unix()}
	bySchedule := &wire.ModeState{Mode: wire.ModeUnlocked, Cause: wire.CauseSchedule}
	is := func(mode wire.Mode) *wire.ModeState { return &wire.ModeState{Mode: mode, Cause: wire.CauseWanted} }
	for name, test := range map[string]struct {
		modes   []wire.WantedMode
		opening *wire.Opening
		is      *wire.ModeState
		level   int
		gap     ModeGap
		mode    wire.Mode
	}{
		"none is wanted":                       {is: &wire.ModeState{Mode: wire.ModeNormal}, mode: wire.ModeNormal},
		"as is wanted":                         {modes: []wire.WantedMode{locked, lockdown}, is: is(wire.ModeLockdown), mode: wire.ModeLockdown},
		"not yet":                              {modes: []wire.WantedMode{locked, lockdown}, is: is(wire.ModeLocked), gap: GapAwaited, mode: wire.ModeLockdown},
		"it was ended":                         {modes: []wire.WantedMode{locked}, is: is(wire.ModeLockdown), gap: GapEnded, mode: wire.ModeLockdown},
		"it is over":                           {modes: []wire.WantedMode{over}, is: is(wire.ModeLockdown), gap: GapEnded, mode: wire.ModeLockdown},
		"fire":                                 {modes: []wire.WantedMode{lockdown}, is: &wire.ModeState{Mode: wire.ModeEvacuation, Cause: wire.CauseFire}, mode: wire.ModeLockdown},
		"by its schedule":                      {opening: &wire.Opening{}, is: bySchedule, mode: wire.ModeNormal},
		"by its schedule, which ended earlier": {opening: &wire.Opening{After: now.Unix() + 1}, is: bySchedule, gap: GapEnded, mode: wire.ModeUnlocked},
		"by a schedule that it has no more":    {is: bySchedule, gap: GapEnded, mode: wire.ModeUnlocked},
		"waits for the first person":           {opening: &wire.Opening{After: now.Unix() + 1}, is: &wire.ModeState{Mode: wire.ModeNormal, Cause: wire.CauseSchedule, Waits: true}, mode: wire.ModeNormal},
		"too old":                              {modes: []wire.WantedMode{lockdown}, level: -wire.Level, gap: GapTooOld, mode: wire.ModeLockdown},
	} {
		r := &Reader{Board: "1", Policy: &wire.Policy{Modes: test.modes, Opening: test.opening}, Level: wire.Level + test.level}
		r.Live = ReaderStatus{Known: true, Condition: wire.Condition{Mode: test.is}}
		if gap, mode := r.ModeGap(now); gap != test.gap || mode != test.mode {
			t.Errorf("%s: %q, %s", name, gap, mode)
		}
		r.Live.Known = false
		if gap, _ := r.ModeGap(now); gap != "" {
			t.Errorf("%s, of a reader of which nothing is known: %q", name, gap)
		}
	}
}
