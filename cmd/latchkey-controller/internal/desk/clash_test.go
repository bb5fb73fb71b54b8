package desk

import (
	"errors"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// guess has an administrator set a user's PIN.
func (w *world) guess(a Actor, id uint64, digits string) error {
	_, err := w.SetPIN(w.t.Context(), a, id, chosen(digits))
	return err
}

func TestAfterFiveClashesInADayAnAdministratorGetsOnlyGeneratedPINs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	taken, eve := w.user(), w.user()
	w.must(w.guess(as(Owner), taken, "58310274"))
	for i := range maxClashesPerAdmin {
		err := w.guess(as(Editor), eve, "58310274")
		if !errors.Is(err, site.ErrPINTaken) || Fields(err)["pin"].String() != "This PIN cannot be used; choose another PIN" {
			t.Fatalf("clash %d: %v", i, err)
		}
		if e := w.newest(); e.Kind != "admin.pin.set" || e.Result != Refused || e.User != eve {
			t.Errorf("not noted: %+v", e)
		}
	}
	// From now on any chosen PIN is refused, assigned or not.
	for _, digits := range []string{"58310274", "61937254"} {
		err := w.guess(as(Editor), eve, digits)
		if errors.Is(err, site.ErrPINTaken) || Fields(err)["pin"].String() != "You have entered 5 unusable PINs or cards today; let the PIN be generated" {
			t.Errorf("%v", err)
		}
	}
	if _, _, err := w.AddUser(t.Context(), as(Editor), UserForm{First: "Eve"}, chosen("61937254"), nil); Fields(err)["pin"] == nil {
		t.Error("a new user gets a chosen one")
	}
	// Other administrators and generated PINs are not affected.
	w.must(w.guess(as(Super), eve, "61937254"))
	if _, err := w.SetPIN(t.Context(), as(Editor), eve, PIN{Choice: Auto}); err != nil {
		t.Error(err)
	}
	w.pass(day + time.Second)
	w.must(w.guess(as(Editor), eve, "61937254"))
}

func TestAfterTwentyClashesInADayTheSiteGivesOnlyGeneratedPINs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	taken, eve := w.user(), w.user()
	w.must(w.guess(as(Owner), taken, "58310274"))
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) error {
		for i := range maxClashes - 1 {
			a := as(Editor)
			a.ID = int64(100 + i) // none of them is at their own limit
			if err := tx.AddAudit(new(auditTarget).audit(w.time, a, SetPIN, store.Clash, auditText{})); err != nil {
				return err
			}
		}
		return nil
	}))
	if err := w.guess(as(Super), eve, "58310274"); !errors.Is(err, site.ErrPINTaken) {
		t.Error(err)
	}
	if err := w.guess(as(Owner), eve, "61937254"); Fields(err)["pin"].String() != "20 unusable PINs or cards were entered today; let the PIN be generated" {
		t.Error(err)
	}
}

func TestClashesThatComeAtOnceAreCountedAll(t *testing.T) {
	t.Parallel()
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
	if clashes != maxClashesPerAdmin {
		t.Errorf("%d of 8 were told that the PIN is somebody's", clashes)
	}
}

func TestTypedCardsThatAreSomebodysAreCountedAsPINsAre(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reader, eve, uid := w.reader(), w.user(), w.uid()
	w.must(w.AddCard(t.Context(), as(Owner), w.user(), uid))
	for i := range maxClashesPerAdmin {
		var err error
		if i%2 == 0 {
			err = w.AddCard(t.Context(), as(Editor), eve, uid)
		} else {
			_, _, err = w.AddUser(t.Context(), as(Editor), UserForm{First: "Mallory"}, PIN{}, []string{uid})
		}
		if !errors.Is(err, site.ErrCardTaken) {
			t.Fatalf("clash %d: %v", i, err)
		}
	}
	// From now on any typed card is refused, assigned or not.
	for _, card := range []string{uid, w.uid()} {
		if err := w.AddCard(t.Context(), as(Editor), eve, card); Fields(err)["card"].String() != "You have entered 5 unusable PINs or cards today; have the card read at a reader" {
			t.Errorf("%v", err)
		}
	}
	if _, _, err := w.AddUser(t.Context(), as(Editor), UserForm{First: "Mallory"}, PIN{}, []string{w.uid()}); Fields(err)["card"] == nil {
		t.Errorf("with a new user: %v", err)
	}
	// Cards that a reader reads, and the command line, are not affected.
	w.live.card = []byte{4, 9, 9, 9, 9, 9, 9}
	read, err := w.Enrol(t.Context(), as(Editor), eve, reader)
	w.must(err)
	_, err = w.ConfirmCard(t.Context(), as(Editor), read.ID, read.LastFour)
	w.must(err)
	for range 2 * maxClashesPerAdmin {
		if err := w.AddCard(t.Context(), AtCommandLine("root"), eve, uid); !errors.Is(err, site.ErrCardTaken) {
			t.Fatal(err)
		}
	}
}
