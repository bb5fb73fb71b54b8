package desk

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/sync/wire"
)

func TestRefusedActsAreNotedOneByOneAndThenTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.user()
	after := w.newest().ID
	for range 500 {
		if err := w.RemoveUser(t.Context(), as(Viewer), id); !errors.Is(err, ErrNotAllowed) {
			t.Fatal(err)
		}
	}
	// Another administrator's refusals have their own entry.
	if err := w.SetKeepDays(t.Context(), as(Editor), 30); !errors.Is(err, ErrNotAllowed) {
		t.Fatal(err)
	}
	told := w.told(Query{After: after})
	if len(told) != 12 {
		t.Fatalf("%d entries: %q", len(told), told)
	}
	for _, text := range told[:10] {
		if !strings.Contains(text, "was not allowed to remove User 1") {
			t.Errorf("%q", text)
		}
	}
	if told[10] != "Not allowed: Limited Admin (Can View) was refused 490 more acts within a minute" || !strings.Contains(told[11], "change the settings") {
		t.Errorf("%q", told[10:])
	}
	w.time = w.time.Add(time.Minute)
	after = w.newest().ID
	if err := w.RemoveUser(t.Context(), as(Viewer), id); !errors.Is(err, ErrNotAllowed) {
		t.Fatal(err)
	}
	if told := w.told(Query{After: after}); len(told) != 1 || !strings.Contains(told[0], "remove User 1") {
		t.Errorf("a minute later: %q", told)
	}
	w.put = -day
	after = w.newest().ID
	if err := w.RemoveUser(t.Context(), as(Viewer), id); !errors.Is(err, ErrNotAllowed) {
		t.Fatal(err)
	}
	if told := w.told(Query{After: after}); len(told) != 1 || !strings.Contains(told[0], "remove User 1") {
		t.Errorf("by a clock that was put right: %q", told)
	}
}

func TestActsOfAdministratorsAreKeptForNinetyDaysAtLeast(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.reader()
	w.must(w.SetKeepDays(t.Context(), as(Owner), 1))
	w.records(door, &wire.Record{Kind: wire.DoorOpened})
	acts := w.told(Query{Kind: "admin"})
	w.pass(89 * day)
	w.must(w.Prune(t.Context()))
	if told := w.told(Query{}); !slices.Equal(told, acts) {
		t.Errorf("after 89 days: %q\nnot %q", told, acts)
	}
	w.pass(2 * day)
	w.must(w.Prune(t.Context()))
	if told := w.told(Query{}); len(told) != 0 {
		t.Errorf("after 91 days: %q", told)
	}
}

func TestStrangersWaitInALineThatEndsAndWhoIsKnownGoesPastIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	known := here
	known.Browser = w.owner().Browser
	for range cap(w.hashing) {
		w.hashing <- struct{}{} // passwords take long to check
	}
	done := make(chan error)
	try := func(name, password string, from Client) {
		go func() {
			_, err := w.SignIn(t.Context(), name, []byte(password), from)
			done <- err
		}()
	}
	for i := range cap(w.unknownClients) {
		try(strings.Repeat("x", i+1), "wrong password", Client{Address: "198.51.100.7"})
	}
	for end := time.Now().Add(time.Minute / 2); len(w.unknownClients) < cap(w.unknownClients); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d wait", len(w.unknownClients))
		}
	}
	for range 30 { // they are not counted as wrong passwords
		if _, err := w.signIn("Ada Lovelace", secret, here); !errors.Is(err, ErrBusy) {
			t.Fatal(err)
		}
	}
	try("Ada Lovelace", secret, known)
	for range cap(w.hashing) {
		<-w.hashing
	}
	in := 0
	for range cap(w.unknownClients) + 1 {
		if err := <-done; err == nil {
			in++
		} else if !errors.Is(err, ErrWrongSignIn) {
			t.Error(err)
		}
	}
	if in != 1 {
		t.Errorf("%d are signed in", in)
	}
	if _, err := w.signIn("Ada Lovelace", secret, here); err != nil {
		t.Error("afterwards:", err)
	}
}
