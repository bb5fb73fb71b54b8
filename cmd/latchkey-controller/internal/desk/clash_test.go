package desk

import (
	"errors"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// guess lets an administrator choose somebody's PIN and says what came of it.
func (w *world) guess(a Actor, id uint64, digits string) error {
	_, err := w.SetPIN(w.t.Context(), a, id, chosen(digits))
	return err
}

func TestAfterFiveClashesInADayAnAdministratorGetsOnlyGeneratedPINs(t *testing.T) {
	w := newWorld(t)
	taken, eve := w.user(), w.user()
	w.must(w.guess(as(Owner), taken, "58310274"))
	for i := range clashesOfOne {
		err := w.guess(as(Editor), eve, "58310274")
		if !errors.Is(err, site.ErrPINTaken) || Fields(err)["pin"] != "This PIN cannot be used; choose another PIN" {
			t.Fatalf("clash %d: %v", i, err)
		}
		if e := w.newest(); e.Kind != "admin.pin.set" || e.Tone != Refused || e.User != eve {
			t.Errorf("not noted: %+v", e)
		}
	}
	// From now on whether a chosen PIN is somebody's makes no difference.
	for _, digits := range []string{"58310274", "61937254"} {
		err := w.guess(as(Editor), eve, digits)
		if errors.Is(err, site.ErrPINTaken) || Fields(err)["pin"] != "You have chosen 5 PINs today that cannot be used; let one be generated" {
			t.Errorf("%v", err)
		}
	}
	if _, _, err := w.AddUser(t.Context(), as(Editor), UserForm{First: "Eve"}, chosen("61937254"), nil); Fields(err)["pin"] == "" {
		t.Error("a new user gets a chosen one")
	}
	// The others are not concerned, and generated ones go on.
	w.must(w.guess(as(Super), eve, "61937254"))
	if _, err := w.SetPIN(t.Context(), as(Editor), eve, PIN{Choice: Auto}); err != nil {
		t.Error(err)
	}
	w.time = w.time.Add(24*time.Hour + time.Second)
	w.must(w.guess(as(Editor), eve, "61937254"))
}

func TestAfterTwentyClashesInADayTheSiteGivesOnlyGeneratedPINs(t *testing.T) {
	w := newWorld(t)
	taken, eve := w.user(), w.user()
	w.must(w.guess(as(Owner), taken, "58310274"))
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) error {
		for i := range clashesOfAll - 1 {
			a := as(Editor)
			a.ID = int64(100 + i) // each has more to spend
			if err := tx.AddAudit(new(about).audit(w.time, a, SetPIN, store.Clash, "")); err != nil {
				return err
			}
		}
		return nil
	}))
	if err := w.guess(as(Super), eve, "58310274"); !errors.Is(err, site.ErrPINTaken) {
		t.Error(err)
	}
	if err := w.guess(as(Owner), eve, "61937254"); Fields(err)["pin"] != "20 PINs that cannot be used were chosen today; let one be generated" {
		t.Error(err)
	}
}

func TestClashesThatComeAtOnceAreCountedAll(t *testing.T) {
	w := newWorld(t)
	taken, eve := w.user(), w.user()
	w.must(w.guess(as(Owner), taken, "58310274"))
	errs := make(chan error)
	for range 8 {
		go func() { errs <- w.guess(as(Editor), eve, "58310274") }()
	}
	clashes := 0
	for range 8 {
		if errors.Is(<-errs, site.ErrPINTaken) {
			clashes++
		}
	}
	if clashes != clashesOfOne {
		t.Errorf("%d of 8 were told that the PIN is somebody's", clashes)
	}
}
