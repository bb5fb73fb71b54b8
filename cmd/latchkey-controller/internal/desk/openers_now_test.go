package desk

import (
	"testing"
	"time"

	"latchkey/sync/wire"
)

// What is said of now says what it is from.
func TestWhatIsSaidOfAReaderSaysWhatItIsFrom(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, user := w.reader(), w.user()
	_, err := w.SetPIN(t.Context(), as(Owner), user, PIN{Choice: Auto, Limits: PINLimits{Uses: 2}})
	w.must(err)
	only := func() *Access {
		t.Helper()
		all := w.access(user)
		if len(all) != 1 {
			t.Fatalf("%+v", all)
		}
		return all[0]
	}
	if a := only(); a.Unsure.String() != "it has not been heard from" || a.Limits.String() != "for 2 uses" {
		t.Errorf("not heard from: %+v", a)
	}
	w.says(id, wire.ModeState{Mode: wire.ModeNormal})
	state := &w.live.states[0]
	state.State.Condition.ClockTrusted, state.Current = true, true
	if a := only(); a.Unsure.String() != "" || a.ByNow().String() != "PIN" || a.Held {
		t.Errorf("all is known: %+v", a)
	}
	state.Current = false
	if a := only(); a.Unsure.String() != "it is being sent the newest changes" {
		t.Errorf("not confirmed: %+v", a)
	}
	state.Online = false
	if a := only(); a.Unsure.String() != "it is offline" {
		t.Errorf("offline: %+v", a)
	}
	state.Online, state.Current = true, true
	state.State.Condition.Strike = wire.StrikeHeld
	if a := only(); !a.Held {
		t.Errorf("held open: %+v", a)
	}
	until := w.time.Add(time.Hour)
	w.must(w.EditUser(t.Context(), as(Owner), user, "", nil, func(f *UserForm) { f.Until = until.Format(time.RFC3339) }))
	if a := only(); a.Never.String() != "" || !a.Until.Equal(until.Truncate(time.Second)) {
		t.Errorf("until later: %+v", a)
	}
	w.pass(time.Hour)
	if a := only(); a.Never.String() != "their dates have ended" {
		t.Errorf("it has ended: %+v", a)
	}
}
