package desk

import (
	"errors"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// held starts an act that is charged to a throttle and stops it before its password is
// derived. It returns a function that lets it continue, and returns its result. In
// between no other password can be derived.
func (w *world) held(by throttle, act func() error) (finish func() error) {
	w.t.Helper()
	for range cap(w.hashing) {
		w.hashing <- struct{}{}
	}
	charged := func() (n int) {
		w.must(w.site.View(w.t.Context(), func(tx *store.Tx) error {
			row, err := tx.Throttle(by.what)
			n = row.Failures
			return err
		}))
		return n
	}
	before := charged()
	done := make(chan error, 1)
	go func() { done <- act() }()
	for charged() == before {
		select {
		case err := <-done:
			w.t.Fatalf("it ends before its password is derived: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	return func() error {
		for range cap(w.hashing) {
			<-w.hashing
		}
		return <-done
	}
}

// recovered checks the state after a recovery: a new password, nobody signed in.
func (w *world) recovered(id int64) {
	w.t.Helper()
	w.must(w.site.Update(w.t.Context(), func(tx *store.Tx) error {
		return errors.Join(tx.SetPassword(id, w.site.Seal(sealedPassword, id, make([]byte, 1+passwordSalt+passwordTag))), tx.EndSessions(id, wire.Hash{}))
	}))
}

// Somebody else knows the Owner's password and has signed in with it. While it is
// checked once more, the Owner recovers the account.
func TestWhatIsUnderWayDoesNotOutliveARecovery(t *testing.T) {
	t.Parallel()
	const other = "another password of mine"
	for name, test := range map[string]struct {
		act  func(w *world, thief *Session) error
		want error
	}{
		"signing in": {func(w *world, _ *Session) error {
			_, err := w.signIn("Ada Lovelace", secret, here)
			return err
		}, ErrWrongSignIn},
		"signing in again": {func(w *world, thief *Session) error {
			return w.SignInAgain(w.t.Context(), thief.Token, []byte(secret), here)
		}, ErrSignedOut},
		"changing the password": {func(w *world, thief *Session) error {
			return w.ChangePassword(w.t.Context(), thief.Token, []byte(secret), []byte(other), here)
		}, ErrSignedOut},
	} {
		w := newWorld(t)
		owner := w.owner()
		thief, err := w.signIn("Ada Lovelace", secret, here)
		w.must(err)
		by := forSession(thief.Token)
		if name == "signing in" {
			by = forAccount("Ada Lovelace")
		}
		finish := w.held(by, func() error { return test.act(w, thief) })
		w.recovered(owner.Actor.ID)
		if err := finish(); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
		if admins, err := w.Admins(t.Context(), as(Owner)); err != nil || admins[0].Sessions != 0 {
			t.Errorf("%s: %d are signed in, %v", name, admins[0].Sessions, err)
		}
		if _, err := w.signIn("Ada Lovelace", other, here); err == nil {
			t.Errorf("%s: the thief's password is in force", name)
		}
	}
}

func TestASignInThatIsUnderWayEndsWithAllOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner := w.owner()
	finish := w.held(forAccount("Ada Lovelace"), func() error {
		_, err := w.signIn("Ada Lovelace", secret, here)
		return err
	})
	w.must(w.SignOutElsewhere(t.Context(), owner.Token))
	if err := finish(); !errors.Is(err, ErrWrongSignIn) {
		t.Error(err)
	}
}

func TestAPasswordIsTheSameFromEveryKeyboard(t *testing.T) {
	t.Parallel()
	const composed, decomposed = "caf\u00e9 \u00e0 la cr\u00e8me", "cafe\u0301 a\u0300 la cre\u0300me"
	w := newWorld(t)
	owner := w.owner()
	w.must(w.ChangePassword(t.Context(), owner.Token, []byte(secret), []byte(composed), here))
	if _, err := w.signIn("Ada Lovelace", decomposed, here); err != nil {
		t.Error(err)
	}
	// A password from before passwords were normalized.
	check, err := w.newPassword(t.Context(), []byte(secret))
	w.must(err)
	check[0] = passwordAsTyped
	tag, err := w.derive(t.Context(), []byte(decomposed), check[1:1+passwordSalt])
	w.must(err)
	copy(check[1+passwordSalt:], tag)
	id := owner.Actor.ID
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) error { return tx.SetPassword(id, w.site.Seal(sealedPassword, id, check)) }))
	if _, err := w.signIn("Ada Lovelace", decomposed, here); err != nil {
		t.Error("an older password:", err)
	}
}

func TestTheCommonestPasswordsAreRefused(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"qwertyuiop", "Password123", "PASSWORD2026!", "1234567890", "manchester", "!!manchester99", "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44\uff11\uff12\uff13"} {
		if Fields(checkNewPassword("new", "Ada", []byte(password)))["new"] == nil {
			t.Errorf("%q is taken", password)
		}
	}
	for _, password := range []string{secret, "vZ8 kelp lantern", "seventeen blue doors"} {
		if err := checkNewPassword("new", "Ada", []byte(password)); err != nil {
			t.Errorf("%q: %v", password, err)
		}
	}
}
