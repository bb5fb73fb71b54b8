package desk

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// passkey gives a session's administrator a passkey.
func (w *world) passkey(s *Session) *authenticator {
	w.t.Helper()
	w.must(w.ServeAt(consoleHere))
	k := w.authenticator()
	w.must(w.AddPasskey(w.t.Context(), s.Token, "Blue key", k.make(w.newPasskey(s))))
	return k
}

func (w *world) newPasskey(s *Session) []byte {
	w.t.Helper()
	options, err := w.NewPasskey(w.t.Context(), s.Token)
	w.must(err)
	return options
}

// asked asks for a passkey, of a session to make it fresh; "": to sign in.
func (w *world) asked(token string) []byte {
	w.t.Helper()
	options, err := w.AskPasskey(w.t.Context(), token)
	w.must(err)
	return options
}

func TestAPasskeySignsInAndMakesTheSignInFresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.owner()
	k := w.passkey(first)
	if e := w.newest(); e.Text.String() != "Ada Lovelace added the passkey Blue key" {
		t.Errorf("%q", e.Text)
	}
	w.pass(time.Hour)
	s, err := w.SignInWithPasskey(t.Context(), k.give(w.asked("")), here)
	w.must(err)
	if e := w.newest(); e.Text.String() != "Ada Lovelace signed in from 192.0.2.7 with the passkey Blue key" {
		t.Errorf("%q", e.Text)
	}
	if again, err := w.Session(t.Context(), s.Token, true); err != nil || again.Actor != s.Actor || s.Actor.ID != first.Actor.ID || !s.Actor.FreshSignIn || !s.Actor.Passkey || s.Actor.NoPassword {
		t.Errorf("%+v, %+v, %v", again, s, err)
	}
	w.pass(FreshFor)
	if stale, err := w.Session(t.Context(), s.Token, true); err != nil || stale.Actor.FreshSignIn {
		t.Errorf("%+v, %v", stale, err)
	}
	if _, err := w.NewPasskey(t.Context(), s.Token); !errors.Is(err, ErrSignInAgain) {
		t.Error("a passkey is made without a fresh sign-in:", err)
	}
	w.must(w.SignInAgainWithPasskey(t.Context(), s.Token, k.give(w.asked(s.Token)), here))
	if now, err := w.Session(t.Context(), s.Token, true); err != nil || !now.Actor.FreshSignIn {
		t.Errorf("%+v, %v", now, err)
	}
	all, unusable, err := w.Passkeys(t.Context(), s.Token)
	if err != nil || unusable != nil || len(all) != 1 || all[0].Name != "Blue key" || !all[0].Used.Equal(w.time.Truncate(time.Second)) {
		t.Errorf("%+v, %v, %v", all, unusable, err)
	}
}

func TestWhatDoesNotProveAPasskeySignsNobodyIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.owner()
	k := w.passkey(s)
	refusesAs := func(want error, why string, answer []byte) {
		t.Helper()
		w.n++
		from := Client{Address: fmt.Sprint("192.0.2.", w.n)} // which has not to wait
		if _, err := w.SignInWithPasskey(t.Context(), answer, from); !errors.Is(err, want) {
			t.Errorf("%s: %v", why, err)
		}
	}
	refuses := func(why string, answer []byte) { t.Helper(); refusesAs(ErrWrongPasskey, why, answer) }
	changed := func(change func(k *authenticator)) []byte {
		other := *k
		change(&other)
		return other.give(w.asked(""))
	}
	for why, answer := range map[string][]byte{
		"nothing":               nil,
		"no answer":             []byte(`{"id": 1}`),
		"too long":              bytes.Repeat([]byte(" "), maxPasskeyAnswer+1),
		"another origin":        changed(func(k *authenticator) { k.origin = "https://doors.example.com:8443" }),
		"another site's page":   changed(func(k *authenticator) { k.origin = "https://example.com" }),
		"another host":          changed(func(k *authenticator) { k.host = "example.com" }),
		"nobody verified":       changed(func(k *authenticator) { k.unverified = true }),
		"made, not given":       changed(func(k *authenticator) { k.purpose = "webauthn.create" }),
		"another key":           changed(func(k *authenticator) { k.key = w.authenticator().key }),
		"an unknown passkey":    changed(func(k *authenticator) { k.id = []byte("unknown") }),
		"another user's handle": changed(func(k *authenticator) { k.user = append([]byte{1}, k.user[1:]...) }),
		"no user's handle":      changed(func(k *authenticator) { k.user = nil }),
	} {
		refuses(why, answer)
	}
	for why, ask := range map[string]func() []byte{
		"a challenge of its own": func() []byte { return []byte(`{"challenge":"` + strings.Repeat("A", 75) + `"}`) },
		"another controller's challenge": func() []byte {
			other := New(Options{Site: w.site, Clock: w.clock})
			w.must(other.ServeAt(consoleHere))
			asked, err := other.AskPasskey(t.Context(), "")
			w.must(err)
			return asked
		},
		"a challenge for a fresh sign-in": func() []byte {
			again, err := w.signIn("Ada Lovelace", secret, here)
			w.must(err)
			return w.asked(again.Token)
		},
		"a challenge for a new passkey": func() []byte {
			again, err := w.signIn("Ada Lovelace", secret, here)
			w.must(err)
			return w.newPasskey(again)
		},
	} {
		refusesAs(ErrBegunElsewhere, why, k.give(ask()))
	}
	late := k.give(w.asked(""))
	w.pass(ChallengeEnds)
	refusesAs(ErrBegunElsewhere, "too late", late)
	for range 30 { // nobody is charged
		if _, err := w.SignInWithPasskey(t.Context(), late, here); !errors.Is(err, ErrBegunElsewhere) {
			t.Fatal(err)
		}
	}
	once := k.give(w.asked(""))
	_, err := w.SignInWithPasskey(t.Context(), once, here)
	w.must(err)
	w.n, w.time = 6, w.time.Add(time.Minute) // another minute, so another audit entry
	refuses("a second time", once)
	if e := w.newest(); e.Text.String() != "Somebody unknown could not sign in: wrong passkey, from 192.0.2.7" {
		t.Errorf("%q", e.Text)
	}
}

func TestAChallengeIsTakenOnceWithinItsTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.passkey(w.owner())
	once := k.give(w.asked(""))
	for want := range 2 {
		_, err := w.SignInWithPasskey(t.Context(), once, here)
		if (err == nil) != (want == 0) {
			t.Errorf("the %d. time: %v", want+1, err)
		}
	}
}

func TestManyWrongPasskeysHaveAnAddressWaitButTheRightOneNot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.passkey(w.owner())
	for range 21 {
		w.SignInWithPasskey(t.Context(), nil, here)
	}
	before := w.check()
	var soon *TooSoonError
	if _, err := w.SignInWithPasskey(t.Context(), nil, here); !errors.As(err, &soon) {
		t.Error(err)
	}
	if after := w.check(); after != before {
		t.Errorf("it is noted all the same: %+v, before %+v", after, before)
	}
	if _, err := w.SignInWithPasskey(t.Context(), k.give(w.asked("")), here); err != nil {
		t.Error("the right one:", err)
	}
}

func TestACopiedPasskeyThatCountsIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.owner()
	w.must(w.ServeAt(consoleHere))
	k := w.authenticator()
	k.counts, k.count = true, 7
	w.must(w.AddPasskey(t.Context(), s.Token, "Blue key", k.make(w.newPasskey(s))))
	copied := *k
	_, err := w.SignInWithPasskey(t.Context(), k.give(w.asked("")), here)
	w.must(err)
	if _, err := w.SignInWithPasskey(t.Context(), copied.give(w.asked("")), here); !errors.Is(err, ErrWrongPasskey) {
		t.Error(err)
	}
}

func TestOnlyAPasskeyOfOnesOwnMakesASignInFresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.owner()
	w.passkey(s)
	_, token, err := w.AddAdmin(t.Context(), s.Actor, "Grace Hopper", Editor, nil)
	w.must(err)
	grace, err := w.UseOneTimeLink(t.Context(), token, "", []byte("another horse battery"), here)
	w.must(err)
	k := w.passkey(grace)
	if err := w.SignInAgainWithPasskey(t.Context(), s.Token, k.give(w.asked(s.Token)), here); !errors.Is(err, ErrWrongPasskey) {
		t.Error(err)
	}
	if err := w.SignInAgainWithPasskey(t.Context(), s.Token, k.give(w.asked(grace.Token)), here); !errors.Is(err, ErrBegunElsewhere) {
		t.Error("another session's challenge:", err)
	}
	all, _, err := w.Passkeys(t.Context(), grace.Token)
	w.must(err)
	for what, err := range map[string]error{"rename": w.RenamePasskey(t.Context(), s.Token, all[0].ID, "Mine"), "remove": w.RemovePasskey(t.Context(), s.Token, all[0].ID)} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s another's: %v", what, err)
		}
	}
	w.must(w.RenamePasskey(t.Context(), grace.Token, all[0].ID, "Phone"))
	if e := w.newest(); e.Text.String() != "Grace Hopper renamed the passkey Blue key to Phone" {
		t.Errorf("%q", e.Text)
	}
	w.must(w.RemovePasskey(t.Context(), grace.Token, all[0].ID))
	if _, err := w.SignInWithPasskey(t.Context(), k.give(w.asked("")), here); !errors.Is(err, ErrWrongPasskey) {
		t.Error("it is removed:", err)
	}
}

func TestWhatIsNoNewPasskeyIsNotAdded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.owner()
	k := w.passkey(s)
	for why, change := range map[string]func(k *authenticator){
		"another origin":  func(k *authenticator) { k.origin = "https://example.com" },
		"another host":    func(k *authenticator) { k.host = "example.com" },
		"nobody verified": func(k *authenticator) { k.unverified = true },
		"given, not made": func(k *authenticator) { k.purpose = "webauthn.get" },
		"known already":   func(k *authenticator) {},
	} {
		other := w.authenticator()
		if why == "known already" {
			other = k
		}
		change(other)
		if err := w.AddPasskey(t.Context(), s.Token, "Phone", other.make(w.newPasskey(s))); Fields(err)[""] == nil {
			t.Errorf("%s: %v", why, err)
		}
	}
	options := w.newPasskey(s)
	if err := w.AddPasskey(t.Context(), s.Token, " ", w.authenticator().make(options)); Fields(err)["name"] == nil {
		t.Errorf("no name: %v", err)
	}
	if err := w.AddPasskey(t.Context(), s.Token, "Phone", w.authenticator().make(w.asked(""))); err == nil {
		t.Error("the challenge was for a sign-in")
	}
	w.must(w.AddPasskey(t.Context(), s.Token, "Phone", w.authenticator().make(options)))
	if err := w.AddPasskey(t.Context(), s.Token, "Phone", w.authenticator().make(options)); Fields(err)[""] == nil {
		t.Errorf("the challenge was answered before: %v", err)
	}
	late := w.newPasskey(s)
	w.pass(FreshFor)
	if err := w.AddPasskey(t.Context(), s.Token, "Phone", w.authenticator().make(late)); !errors.Is(err, ErrSignInAgain) {
		t.Error("without a fresh sign-in:", err)
	}
}

func TestPasskeysAreForTheNameThatTheFirstWasMadeFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.owner()
	var none *NoPasskeysError
	if _, err := w.AskPasskey(t.Context(), ""); !errors.As(err, &none) || !strings.Contains(err.Error(), "--console-name") {
		t.Error("without a name:", err)
	}
	k := w.passkey(s)
	given := k.give(w.asked(""))
	w.must(w.ServeAt("https://other.example.com"))
	if _, err := w.AskPasskey(t.Context(), ""); !errors.As(err, &none) || !strings.Contains(err.Error(), "start the controller with --console-name doors.example.com") {
		t.Error("with another name:", err)
	}
	if _, err := w.SignInWithPasskey(t.Context(), given, here); !errors.As(err, &none) {
		t.Error(err)
	}
	all, unusable, err := w.Passkeys(t.Context(), s.Token)
	if err != nil || len(all) != 1 || unusable == nil {
		t.Errorf("%+v, %v, %v", all, unusable, err)
	}
	w.must(w.RemovePasskey(t.Context(), s.Token, all[0].ID))
	if err := w.PasskeysUsable(t.Context()); err != nil {
		t.Error("the last one is gone:", err)
	}
}

func TestANameOfTheConsoleIsOneThatBrowsersTakePasskeysFor(t *testing.T) {
	t.Parallel()
	for name, origin := range map[string]string{
		"doors.example.com": consoleHere, "doors.example.com:443": consoleHere, "doors.example.com:8443": consoleHere + ":8443", "localhost": "https://localhost",
		"192.0.2.7": "", "[2001:db8::1]:8443": "", "Doors.example.com": "", "doors.example.com.": "", "doors.local": "", "https://doors.example.com": "",
		"doors.example.com/": "", "me@doors.example.com": "", "": "", "doors.example.com:x": "",
	} {
		if got, err := ConsoleOrigin(name); got != origin || (err == nil) != (origin != "") {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

func TestARoleThatNeedsAPasskeySignsInWithNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	s := w.owner()
	w.must(w.ServeAt(consoleHere))
	if err := w.SetPasskeyRoles(ctx, s.Actor, 0, []Role{Viewer}); !strings.Contains(Fields(err)["roles"].String(), "first add one") {
		t.Error("the Owner has none:", err)
	}
	if err := w.SetPasskeyRoles(ctx, AtCommandLine("root"), 0, []Role{Viewer}); Fields(err)["roles"] == nil {
		t.Error("no Owner has one:", err)
	}
	k := w.passkey(s)
	w.must(w.SetPasskeyRoles(ctx, s.Actor, 0, []Role{Viewer, Owner}))
	if e := w.newest(); e.Text.String() != "Ada Lovelace changed how administrators of home sign in: passkeys are needed by Owner, Limited Admin (Can View)" {
		t.Errorf("%q", e.Text)
	}
	if err := w.SetPasskeyRoles(ctx, s.Actor, 0, nil); Fields(err)["rules"] == nil {
		t.Error("it was changed meanwhile:", err)
	}
	if err := w.SetPasskeyRoles(ctx, s.Actor, 1, []Role{"king"}); Fields(err)["roles"] == nil {
		t.Error(err)
	}
	if _, err := w.signIn("Ada Lovelace", "wrong", here); err != ErrWrongSignIn {
		t.Error("it says more than whether the password is right:", err)
	}
	if _, err := w.signIn("Ada Lovelace", secret, here); !errors.Is(err, ErrPasskeyOnly) {
		t.Error("signed in by password:", err)
	}
	if e := w.newest(); e.Text.String() != "Ada Lovelace could not sign in with a password, where a passkey is needed, from 192.0.2.7" {
		t.Errorf("%q", e.Text)
	}
	w.pass(FreshFor)
	if err := w.SignInAgain(ctx, s.Token, []byte(secret), here); !errors.Is(err, ErrPasskeyOnly) {
		t.Error("fresh by password:", err)
	}
	s, err := w.SignInWithPasskey(ctx, k.give(w.asked("")), here)
	w.must(err)
	all, _, err := w.Passkeys(ctx, s.Token)
	w.must(err)
	if err := w.RemovePasskey(ctx, s.Token, all[0].ID); !strings.Contains(Fields(err)[""].String(), "could not sign in any more") {
		t.Error("the only way in is removed:", err)
	}
	// The link for who has lost theirs signs in, and lets them add another one.
	token, err := w.OwnerLink(ctx, AtCommandLine("root"), "")
	w.must(err)
	s, err = w.UseOneTimeLink(ctx, token, "", []byte("another horse battery"), here)
	w.must(err)
	w.must(w.AddPasskey(ctx, s.Token, "Phone", w.authenticator().make(w.newPasskey(s))))
	w.must(w.RemovePasskey(ctx, s.Token, all[0].ID))
	w.must(w.SetPasskeyRoles(ctx, s.Actor, 1, nil))
	if _, err := w.signIn("Ada Lovelace", "another horse battery", here); err != nil {
		t.Error("nobody needs a passkey any more:", err)
	}
}

func TestTheLastOwnerWithAWayInStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.owner()
	w.passkey(s)
	second := &store.Admin{Name: "Grace Hopper", Role: string(Owner)}
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) error {
		return errors.Join(tx.AddAdmin(second), tx.SetPassword(second.ID, []byte("sealed")))
	}))
	w.must(w.SetPasskeyRoles(t.Context(), s.Actor, 0, []Role{Owner}))
	if err := w.SetRole(t.Context(), s.Actor, s.Actor.ID, Viewer); Fields(err)["role"] == nil {
		t.Error("the other Owner has only a password, which is not taken:", err)
	}
	w.must(w.SetPasskeyRoles(t.Context(), s.Actor, 1, nil))
	w.must(w.SetRole(t.Context(), s.Actor, s.Actor.ID, Viewer))
}
