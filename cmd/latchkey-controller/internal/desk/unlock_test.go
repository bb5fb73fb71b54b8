package desk

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestADoorIsUnlockedByTheFirstOfItsReadersThatDoesItAndByNoOther(t *testing.T) {
	t.Parallel()
	done := link.OrderResult{Done: true, Text: language.Data("opened for 5 s"), Record: &wire.Record{Kind: wire.AccessGranted}}
	unsent := link.OrderResult{Unsent: true, Text: language.Data("not sent: it is not connected")}
	busy := link.OrderResult{Text: language.Data("the reader refused: busy"), Record: &wire.Record{Kind: wire.CommandRefused, Reason: wire.ReasonBusy}}
	silent := link.OrderResult{Text: language.Data("no answer")}
	for _, test := range []struct {
		name   string
		answer map[string]link.OrderResult
		reader string
		asked  string
		done   bool
		unsent bool
	}{
		{"the first", map[string]link.OrderResult{"lab-1": done, "lab-2": done, "lab-3": done}, "", "lab-1", true, false},
		{"the second, as the first is away", map[string]link.OrderResult{"lab-1": unsent, "lab-2": done, "lab-3": done}, "", "lab-1 lab-2", true, false},
		{"the third, as two cannot", map[string]link.OrderResult{"lab-1": unsent, "lab-2": busy, "lab-3": done}, "", "lab-1 lab-2 lab-3", true, false},
		{"one that says nothing may have done it", map[string]link.OrderResult{"lab-1": silent, "lab-2": done, "lab-3": done}, "", "lab-1", false, false},
		{"all are away", map[string]link.OrderResult{"lab-1": unsent, "lab-2": unsent, "lab-3": unsent}, "", "lab-1 lab-2 lab-3", false, true},
		{"the one that is asked for", map[string]link.OrderResult{"lab-1": done, "lab-2": done, "lab-3": done}, "lab-2", "lab-2", true, false},
		{"only the one that is asked for", map[string]link.OrderResult{"lab-1": done, "lab-2": unsent, "lab-3": done}, "lab-2", "lab-2", false, true},
	} {
		w := newWorld(t)
		for _, id := range []string{"lab-1", "lab-2", "lab-3"} {
			w.readerAt(id, "Annex", "Lab")
		}
		w.live.results = test.answer
		before := time.Now()
		got, err := w.UnlockDoor(t.Context(), as(Editor), w.look("lab-1").DoorID, test.reader, UnlockNote{Remark: "Ada"})
		if err != nil || got.Done != test.done || got.Unsent != test.unsent {
			t.Errorf("%s: %+v, %v", test.name, got, err)
		}
		var asked []string
		for _, o := range w.live.orders {
			asked = append(asked, o.Reader)
			if latest := before.Add(startWithin + time.Minute); o.Order != wire.Unlock || o.By.Before(before) || o.By.After(latest) || o.Who != as(Editor).Name {
				t.Errorf("%s: %+v", test.name, o)
			}
		}
		if strings.Join(asked, " ") != test.asked {
			t.Errorf("%s: asked are %q", test.name, asked)
		}
		if e := w.newest(); !strings.HasSuffix(e.Text.String(), " for Ada") || !strings.Contains(e.Text.String(), "Lab") {
			t.Errorf("%s: %s", test.name, e.Text)
		}
	}
}

func TestADoorThatIsNoneIsNotUnlocked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	lab, barn := w.readerAt("lab", "Annex", "Lab"), w.readerAt("barn", "Annex", "Barn")
	for _, test := range []struct {
		door   int64
		reader string
	}{{99, ""}, {0, ""}, {lab.DoorID, "barn"}, {lab.DoorID, "nobody"}, {barn.DoorID, "lab"}} {
		if _, err := w.UnlockDoor(t.Context(), as(Owner), test.door, test.reader, UnlockNote{}); !errors.Is(err, ErrNotFound) {
			t.Errorf("%+v: %v", test, err)
		}
		if _, err := w.UnlockDoor(t.Context(), as(Viewer), test.door, test.reader, UnlockNote{}); !errors.Is(err, ErrNotAllowed) {
			t.Errorf("who may not: %+v: %v", test, err)
		}
	}
	_, err := w.RemoveReader(t.Context(), as(Owner), "lab", Returned)
	w.must(err)
	if got, err := w.UnlockDoor(t.Context(), as(Owner), lab.DoorID, "", UnlockNote{}); err != nil || got.Done || !got.Unsent {
		t.Errorf("%+v, %v", got, err)
	}
	if len(w.live.orders) != 0 {
		t.Errorf("%+v", w.live.orders)
	}
}

func TestADoorInALockdownIsUnlockedOnlyByWhoMayEndIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.readerAt("lab", "Annex", "Lab")
	w.says("lab", wire.ModeState{Mode: wire.ModeNormal})
	w.live.reason = wire.ReasonLockdown
	if _, err := w.UnlockDoor(t.Context(), as(Owner), r.DoorID, "", UnlockNote{}); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("the reader refuses it: %v", err)
	}
	w.live.reason = ""
	w.setMode(Where{}, wire.ModeLockdown, 0)
	w.live.orders = nil
	if _, err := w.UnlockDoor(t.Context(), as(Editor), r.DoorID, "", UnlockNote{}); !errors.Is(err, ErrNotAllowed) || len(w.live.orders) != 0 {
		t.Errorf("%v", err)
	}
	if got, err := w.UnlockDoor(t.Context(), as(Super), r.DoorID, "", UnlockNote{}); err != nil || !got.Done || !slices.ContainsFunc(w.live.orders, func(o store.Order) bool { return o.InLockdown }) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestWhatAProgramSaidOfAnUnlockIsKeptAsLongAsTheAct(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := store.Order{ID: wire.CommandID{7}, Reader: w.reader(), Order: wire.Unlock, Who: "Hass", Note: store.UnlockNote{ActorID: "u-1", ActorName: "Ada"}}
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) error { return tx.AddOrder(&o) }))
	kept := func() (note store.UnlockNote) {
		w.must(w.site.View(t.Context(), func(tx *store.Tx) (err error) {
			note, err = tx.UnlockNote(o.Reader, o.ID)
			return err
		}))
		return note
	}
	w.records(o.Reader, &wire.Record{Kind: wire.AccessGranted, By: wire.ByRemote, Command: o.ID})
	prune := func(events, acts time.Time) {
		w.must(w.site.Update(t.Context(), func(tx *store.Tx) error {
			if err := tx.MarkAge(clock.Steady(w.time.Unix())); err != nil {
				return err
			}
			_, err := tx.PruneActivity(clock.Steady(events.Unix()), clock.Steady(acts.Unix()), 1000)
			return err
		}))
	}
	prune(w.time.Add(time.Hour), w.time.Add(-24*time.Hour))
	if kept() != o.Note {
		t.Errorf("with the events it went, too: %+v", kept())
	}
	prune(w.time.Add(time.Hour), w.time.Add(time.Hour))
	if kept() != (store.UnlockNote{}) {
		t.Errorf("it is kept: %+v", kept())
	}
}
