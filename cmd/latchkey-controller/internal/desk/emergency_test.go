package desk

import (
	"errors"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestAnEmergencyIsOfTheWholeSite(t *testing.T) {
	w := newWorld(t)
	w.readerAt("lab", "Annex", "Lab")
	annex := w.location("Annex")
	yes, no := new(bool), new(bool)
	*yes = true
	w.setMode(Where{Locations, annex}, wire.ModeLockdown, 0)
	for _, step := range []struct {
		lockdown, evacuation *bool
		want                 Emergency
		acts                 int // audit rows
	}{
		{nil, nil, Emergency{}, 0},
		{no, no, Emergency{}, 0},
		{yes, no, Emergency{Lockdown: true}, 1},
		{yes, nil, Emergency{Lockdown: true}, 0},
		{yes, yes, Emergency{true, true}, 1},
		{no, yes, Emergency{Evacuation: true}, 1},
		{nil, no, Emergency{}, 1},
		{yes, yes, Emergency{true, true}, 2},
	} {
		before := w.newest().ID
		w.must(w.SetEmergency(t.Context(), as(Owner), step.lockdown, step.evacuation))
		got, err := w.Emergency(t.Context(), as(Viewer))
		if err != nil || got != step.want || w.newest().ID != before+int64(step.acts) {
			t.Errorf("%+v, %d acts, %v, not %+v", got, w.newest().ID-before, err, step)
		}
	}
	// Somebody else wants it, too: both end.
	w.setMode(Where{}, wire.ModeLockdown, time.Hour)
	w.must(w.SetEmergency(t.Context(), as(Owner), no, no))
	if got, err := w.Emergency(t.Context(), as(Viewer)); err != nil || got != (Emergency{}) {
		t.Errorf("%+v, %v", got, err)
	}
	if w.modes("lab") != "lockdown" {
		t.Error("the location's lockdown is ended, too")
	}
}

func TestAnEmergencyIsChangedAsAWholeOrNotAtAll(t *testing.T) {
	w := newWorld(t)
	yes, no := new(bool), new(bool)
	*yes = true
	w.must(w.SetEmergency(t.Context(), as(Owner), yes, nil))
	w.time = w.time.Add(undoWithin)
	if err := w.SetEmergency(t.Context(), as(Editor), no, yes); !errors.Is(err, ErrNotAllowed) {
		t.Error(err)
	}
	if got, err := w.Emergency(t.Context(), as(Viewer)); err != nil || got != (Emergency{Lockdown: true}) {
		t.Errorf("%+v, %v", got, err)
	}
	if err := w.SetEmergency(t.Context(), as(Viewer), yes, nil); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("what is so already: %v", err)
	}
}

func TestIfTheSecondOfTwoEmergenciesFailsNeitherIsDone(t *testing.T) {
	w := newWorld(t)
	w.readerAt("lab", "Annex", "Lab")
	yes := new(bool)
	*yes = true
	// As many modes as there may be, but for one.
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) error {
		for range 255 {
			if err := tx.AddMode(&store.Mode{Mode: wire.ModeLocked, Level: "site", Until: w.time.Add(time.Hour).Unix(), Who: "Grace", At: w.time.UnixMilli()}); err != nil {
				return err
			}
		}
		return nil
	}))
	before := w.newest().ID
	if err := w.SetEmergency(t.Context(), as(Owner), yes, yes); Fields(err)["mode"] == "" {
		t.Error(err)
	}
	if got, err := w.Emergency(t.Context(), as(Viewer)); err != nil || got != (Emergency{}) {
		t.Errorf("%+v, %v", got, err)
	}
	if e := w.newest(); e.ID != before+1 || e.Result != Refused || e.Kind != "admin."+string(LockDown) {
		t.Errorf("%d acts are in the audit, the newest is %s", e.ID-before, e.Text)
	}
	w.must(w.SetEmergency(t.Context(), as(Owner), nil, yes))
}
