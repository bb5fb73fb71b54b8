package desk

import (
	"errors"
	"io"
	"slices"
	"testing"
	"time"
)

func TestAnAdministratorSetsThePasswordByALinkAndSignsIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.owner()
	owner, mine := first.Actor, first.Token
	id, token, err := w.AddAdmin(t.Context(), owner, "Grace Hopper", Editor, nil)
	w.must(err)
	if _, err := w.signIn("Grace Hopper", "", here); err != ErrWrongSignIn {
		t.Error("signed in without a password:", err)
	}
	l, err := w.OneTimeLink(t.Context(), token)
	if err != nil || l.First || l.Name != "Grace Hopper" || l.Role != Editor {
		t.Errorf("%+v, %v", l, err)
	}
	if _, err := w.UseOneTimeLink(t.Context(), token, "", []byte("another horse battery"), here); err != nil {
		t.Fatal(err)
	}
	if _, err := w.UseOneTimeLink(t.Context(), token, "", []byte("somebody else's battery"), here); err != ErrLinkUsed {
		t.Error("the link is used twice:", err)
	}
	session, err := w.signIn("Grace Hopper", "another horse battery", here)
	w.must(err)
	if session.Actor.Role != Editor || session.Actor.ID != id {
		t.Errorf("%+v", session.Actor)
	}
	// With a new link, the old password stays valid until the link is used; that ends all sessions.
	token, err = w.NewOneTimeLink(t.Context(), owner, id)
	w.must(err)
	if _, err := w.Session(t.Context(), session.Token, true); err != nil {
		t.Error(err)
	}
	if _, err := w.UseOneTimeLink(t.Context(), token, "", []byte("a third horse battery"), here); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Session(t.Context(), session.Token, true); err != ErrSignedOut {
		t.Error(err)
	}
	session, err = w.signIn("Grace Hopper", "a third horse battery", here)
	w.must(err)
	w.must(w.SignOutElsewhere(t.Context(), session.Token))
	admins, err := w.Admins(t.Context(), owner)
	w.must(err)
	if _, err := w.Session(t.Context(), session.Token, true); err != nil {
		t.Error("signed out here, too:", err)
	}
	w.must(w.SignOutAdmin(t.Context(), owner, id))
	if _, err := w.Session(t.Context(), session.Token, true); err != ErrSignedOut {
		t.Error(err)
	}
	if _, err := w.Session(t.Context(), mine, true); err != nil {
		t.Error("somebody else is signed out:", err)
	}
	var names []string
	for _, a := range admins {
		names = append(names, a.Name)
	}
	if !slices.Equal(names, []string{"Ada Lovelace", "Grace Hopper"}) || admins[1].Sessions != 1 || !admins[1].Password || admins[1].Seen.IsZero() {
		t.Errorf("%q, %+v", names, admins[1])
	}
}

func TestARoleThatIsTakenCountsFromTheNextRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner := w.owner().Actor
	id, token, err := w.AddAdmin(t.Context(), owner, "Grace", Super, nil)
	w.must(err)
	session, err := w.UseOneTimeLink(t.Context(), token, "", []byte(secret), here)
	w.must(err)
	w.must(w.SetRole(t.Context(), owner, id, Viewer))
	underway := session.Actor // of a request that is already in progress
	if _, err := w.AddPlace(t.Context(), underway, Locations, 0, "Annex"); !errors.Is(err, ErrNotAllowed) || w.newest().Word != wordNotAllowed {
		t.Errorf("%v, %s", err, w.newest().Text)
	}
	if err := w.Export(t.Context(), underway, Query{}, CSV, io.Discard); !errors.Is(err, ErrNotAllowed) {
		t.Error(err)
	}
	s, err := w.Session(t.Context(), session.Token, true)
	if err != nil || s.Actor.Role != Viewer {
		t.Errorf("%+v, %v", s, err)
	}
	w.must(w.RemoveAdmin(t.Context(), owner, id))
	if _, err := w.Session(t.Context(), session.Token, true); err != ErrSignedOut {
		t.Error(err)
	}
	if _, err := w.AddPlace(t.Context(), underway, Locations, 0, "Annex"); !errors.Is(err, ErrSignedOut) {
		t.Error(err)
	}
	if err := w.SetRole(t.Context(), owner, id, Owner); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

func TestThereIsAlwaysAnOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner := w.owner().Actor
	for name, act := range map[string]func(id int64) error{
		"another role": func(id int64) error { return w.SetRole(t.Context(), owner, id, Super) },
		"removal":      func(id int64) error { return w.RemoveAdmin(t.Context(), owner, id) },
	} {
		if err := act(owner.ID); Fields(err)["role"].String() != "Ada Lovelace is the only Owner who can sign in; first make somebody else an Owner and have them set a password or add a passkey" {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.must(w.SetRole(t.Context(), owner, owner.ID, Owner))
	id, token, err := w.AddAdmin(t.Context(), owner, "Grace", Owner, nil)
	w.must(err)
	if err := w.RemoveAdmin(t.Context(), owner, owner.ID); Fields(err)["role"] == nil {
		t.Error("nobody is left who can sign in:", err)
	}
	_, err = w.UseOneTimeLink(t.Context(), token, "", []byte(secret), here)
	w.must(err)
	gone := make(chan error, 2) // they remove each other at the same time
	for _, id := range []int64{owner.ID, id} {
		go func() { gone <- w.RemoveAdmin(t.Context(), owner, id) }()
	}
	if first, second := <-gone, <-gone; (first == nil) == (second == nil) {
		t.Errorf("%v, %v", first, second)
	}
}

func TestTwoAdministratorsAreNotCalledAlike(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner := w.owner().Actor
	for _, name := range []string{"Ada Lovelace", "áda  LOVELACE", "", "\u202eAda", "!"} {
		if _, _, err := w.AddAdmin(t.Context(), owner, name, Viewer, nil); Fields(err)["name"] == nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, _, err := w.AddAdmin(t.Context(), owner, "Grace", "boss", nil); Fields(err)["role"] == nil {
		t.Error(err)
	}
}

func TestTheCommandLineLetsAnOwnerInAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, err := w.OwnerLink(t.Context(), AtCommandLine("root"), "")
	w.must(err)
	if l, err := w.OneTimeLink(t.Context(), first); err != nil || !l.First {
		t.Errorf("%+v, %v", l, err)
	}
	w.owner()
	for range 8 {
		w.signIn("Ada Lovelace", "wrong password", here)
		w.time = w.time.Add(time.Second)
	}
	for _, name := range []string{"", "ada lovelace"} {
		token, err := w.OwnerLink(t.Context(), AtCommandLine("root"), name)
		w.must(err)
		if l, err := w.OneTimeLink(t.Context(), token); err != nil || l.First || l.Name != "Ada Lovelace" {
			t.Errorf("%+v, %v", l, err)
		}
		if _, err := w.UseOneTimeLink(t.Context(), token, "", []byte("another horse battery"), here); err != nil {
			t.Error(err)
		}
	}
	if _, err := w.signIn("Ada Lovelace", "another horse battery", here); err != nil {
		t.Error("still waiting:", err)
	}
	if _, err := w.OwnerLink(t.Context(), AtCommandLine("root"), "Eve"); err == nil {
		t.Error("a link for nobody")
	}
	if _, err := w.OwnerLink(t.Context(), as(Owner), ""); !errors.Is(err, ErrNotAllowed) {
		t.Error("a link for the asking, in the console:", err)
	}
}
