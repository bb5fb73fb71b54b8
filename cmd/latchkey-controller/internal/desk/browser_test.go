package desk

import (
	"errors"
	"testing"
	"time"
)

// besiege has strangers enter wrong passwords until the account must wait.
func (w *world) besiege(name string) {
	w.t.Helper()
	var soon *TooSoonError
	for i := 0; ; i++ {
		if _, err := w.signIn(name, "wrong password", Client{Address: here.Address}); errors.As(err, &soon) {
			return
		}
		if i > 30 {
			w.t.Fatal("strangers may try for ever")
		}
	}
}

func TestStrangersKeepNobodyOutOfABrowserThatIsKnown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner := w.owner()
	known := here
	known.Browser = owner.Browser
	w.besiege("Ada Lovelace")
	var soon *TooSoonError
	if _, err := w.signIn("Ada Lovelace", secret, here); !errors.As(err, &soon) {
		t.Fatal("the account is not held:", err)
	}
	session, err := w.signIn("ada lovelace", secret, known)
	w.must(err)
	if session.Browser != known.Browser {
		t.Error("it is given another token")
	}
	// It has its own counter, which strangers do not reset.
	for range 5 {
		if _, err := w.signIn("Ada Lovelace", "wrong password", known); err != ErrWrongSignIn {
			t.Fatal(err)
		}
	}
	if _, err := w.signIn("Ada Lovelace", secret, known); !errors.As(err, &soon) {
		t.Error("passwords can be tried without end:", err)
	}
}

func TestABrowserIsKnownForWhoHasSignedInThereWithTheirPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner := w.owner()
	_, link, err := w.AddAdmin(t.Context(), as(Owner), "Grace Hopper", Super, nil)
	w.must(err)
	other, err := w.UseOneTimeLink(t.Context(), link, "", []byte(secret), here)
	w.must(err)
	held := func(from Client) bool {
		t.Helper()
		w.besiege("Ada Lovelace")
		var soon *TooSoonError
		_, err := w.signIn("Ada Lovelace", secret, from)
		if err != nil && !errors.As(err, &soon) {
			t.Fatal(err)
		}
		return err != nil
	}
	with := func(token string) Client { return Client{Address: here.Address, Browser: token} }
	if !held(with(other.Browser)) || !held(with("made up")) || !held(with("")) {
		t.Error("a browser that she never used")
	}
	elsewhere, err := w.signIn("Ada Lovelace", secret, with(owner.Browser))
	w.must(err)
	w.must(w.ChangePassword(t.Context(), elsewhere.Token, []byte(secret), []byte(secret), with(owner.Browser)))
	if held(with(owner.Browser)) {
		t.Error("the browser in which she changed her password is not known any more")
	}
	w.must(w.ChangePassword(t.Context(), elsewhere.Token, []byte(secret), []byte(secret), with("")))
	if !held(with(owner.Browser)) {
		t.Error("a browser of before the password changed")
	}
	// A token is valid for 180 days after the last sign-in.
	w.time = w.time.Add(24 * time.Hour)
	again, err := w.signIn("Ada Lovelace", secret, here)
	w.must(err)
	w.time = w.time.Add(BrowserEnds - 1)
	w.must(w.Prune(t.Context()))
	if held(with(again.Browser)) {
		t.Error("half a year has not gone by")
	}
	w.time = w.time.Add(BrowserEnds)
	if !held(with(again.Browser)) {
		t.Error("after half a year")
	}
}

func TestTwoAdministratorsOfOneBrowserKeepTheirMarksApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.owner()
	_, link, err := w.AddAdmin(t.Context(), as(Owner), "Grace Hopper", Super, nil)
	w.must(err)
	browser := Client{Address: here.Address, Browser: ada.Browser}
	grace, err := w.UseOneTimeLink(t.Context(), link, "", []byte(secret), browser)
	w.must(err)
	if grace.Browser == ada.Browser {
		t.Error("a token that she may have been given is hers now")
	}
	// Strangers besiege both accounts; the browser has only the newest cookie.
	w.besiege("Ada Lovelace")
	w.besiege("Grace Hopper")
	var soon *TooSoonError
	if _, err := w.signIn("Grace Hopper", secret, browser); !errors.As(err, &soon) {
		t.Error("the token of before still counts:", err)
	}
	for range 2 {
		for _, name := range []string{"Ada Lovelace", "Grace Hopper"} {
			browser.Browser = grace.Browser
			session, err := w.signIn(name, secret, browser)
			if err != nil {
				t.Fatalf("%s is kept out of a browser that is known: %v", name, err)
			}
			if session.Browser != grace.Browser {
				t.Error("it is given another token")
			}
		}
	}
	// The right password of one does not reset the counter of the other.
	wrong := 0
	for ; wrong < 30; wrong++ {
		if _, err := w.signIn("Ada Lovelace", "wrong password", browser); errors.As(err, &soon) {
			break
		}
		_, err := w.signIn("Grace Hopper", secret, browser)
		w.must(err)
	}
	if wrong != 5 {
		t.Errorf("%d passwords of Ada's were tried", wrong)
	}
	if _, err := w.signIn("Grace Hopper", secret, browser); err != nil {
		t.Error("she is kept out by what was tried at another's:", err)
	}
	// A new password of one forgets only the browsers of that one.
	w.time = w.time.Add(24 * time.Hour)
	session, err := w.signIn("Ada Lovelace", secret, browser)
	w.must(err)
	w.must(w.ChangePassword(t.Context(), session.Token, []byte(secret), []byte(secret), Client{Address: here.Address}))
	w.besiege("Ada Lovelace")
	w.besiege("Grace Hopper")
	if _, err := w.signIn("Ada Lovelace", secret, browser); !errors.As(err, &soon) {
		t.Error("a browser of before the password changed:", err)
	}
	if _, err := w.signIn("Grace Hopper", secret, browser); err != nil {
		t.Error(err)
	}
}
