package desk

import (
	"context"
	"errors"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// readCard has a reader that is connected read a card, … 05 06 unless the test has set another.
func (w *world) readCard(ctx context.Context, a Actor, reader string) (*UnboundCard, error) {
	if w.live.card == nil {
		w.live.card = []byte{4, 1, 2, 3, 4, 5, 6}
	}
	w.live.states = []link.ReaderStatus{{ID: reader, Online: true}}
	return w.ReadCard(ctx, a, reader, func() {}, stillWanted)
}

func TestACardThatWasReadForNobodyIsOfTheFirstWhoGetsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door, ada, bob, a := w.reader(), w.user(), w.user(), as(Editor)
	read, err := w.readCard(t.Context(), a, door)
	w.must(err)
	if read.LastFour != "0506" || read.Credential == 0 {
		t.Fatalf("%+v", read)
	}
	if _, err := w.Card(t.Context(), a, read.Credential); !errors.Is(err, ErrNotFound) {
		t.Error("somebody's before it was given:", err)
	}
	other, console := as(Super), a
	console.Via = CommandLine
	for name, who := range map[string]Actor{"somebody else": other, "elsewhere": console} {
		if err := w.GiveCard(t.Context(), who, ada, read.Credential, true); !errors.Is(err, ErrNoCard) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := w.GiveCard(t.Context(), a, 999, read.Credential, false); !errors.Is(err, ErrNotFound) {
		t.Error("to nobody:", err)
	}
	w.must(w.GiveCard(t.Context(), a, ada, read.Credential, false)) // after what has failed
	if c := w.person(ada).Credentials; len(c) != 1 || c[0].UID != "… 05 06" || c[0].ID != read.Credential {
		t.Fatalf("%+v", c)
	}
	w.must(w.GiveCard(t.Context(), a, ada, read.Credential, false)) // theirs
	again, err := w.readCard(t.Context(), a, door)
	w.must(err)
	if again.Credential != read.Credential {
		t.Errorf("read again it is %d, not %d", again.Credential, read.Credential)
	}
	if err := w.GiveCard(t.Context(), a, bob, again.Credential, false); !errors.Is(err, site.ErrCardTaken) {
		t.Error(err)
	}
	w.must(w.GiveCard(t.Context(), a, bob, again.Credential, true))
	if e, want := w.newest().Text.String(), "Limited Admin (Can Edit) gave "+w.person(bob).Name+" a card: … 05 06, taken from "+w.person(ada).Name; e != want {
		t.Errorf("%q, not %q", e, want)
	}
	if len(w.person(ada).Credentials) != 0 || len(w.person(bob).Credentials) != 1 {
		t.Errorf("%+v, %+v", w.person(ada).Credentials, w.person(bob).Credentials)
	}
	w.check()
	// Another one has another number, also if somebody gets a card before it is somebody's.
	w.live.card = []byte{4, 1, 2, 3, 4, 9, 9}
	next, err := w.readCard(t.Context(), a, door)
	w.must(err)
	w.must(w.AddCard(t.Context(), a, ada, w.uid()))
	w.must(w.GiveCard(t.Context(), a, ada, next.Credential, false))
	if c := w.person(ada).Credentials; len(c) != 2 || c[0].ID != next.Credential || c[1].ID <= next.Credential || next.Credential <= read.Credential {
		t.Errorf("%+v, and the number is %d", c, next.Credential)
	}
	// Three minutes later nobody gets a card that was read.
	w.live.card = []byte{4, 1, 2, 3, 4, 7, 8}
	late, err := w.readCard(t.Context(), a, door)
	w.must(err)
	w.pass(enrolEnds + time.Second)
	if err := w.GiveCard(t.Context(), a, ada, late.Credential, false); !errors.Is(err, ErrNoCard) {
		t.Error("too late:", err)
	}
}

func TestACardThatIsMovedIsAsTheNewUserOfIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ from, to bool }{
		"neither suspended": {}, "from one who is suspended": {from: true}, "to one who is suspended": {to: true}, "both suspended": {true, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			from, card := w.card()
			to := w.user()
			w.must(w.SuspendUser(t.Context(), as(Owner), from, c.from))
			w.must(w.SuspendUser(t.Context(), as(Owner), to, c.to))
			w.must(w.GiveCard(t.Context(), as(Editor), to, card, true))
			w.check() // that readers have it, or not
			for user, n := range map[uint64]int{from: 0, to: 1} {
				if p := w.person(user); p.Cards != n || p.Copyable != n {
					t.Errorf("%d: %d cards, %d that can be copied; not %d", user, p.Cards, p.Copyable, n)
				}
				for state, in := range map[UserState]bool{store.BareUsers: n == 0, store.CopyableUsers: n == 1} {
					page, err := w.Users(t.Context(), as(Viewer), UserQuery{State: state})
					w.must(err)
					found := false
					for _, row := range page.Users {
						found = found || row.ID == user
					}
					if found != in {
						t.Errorf("%d among %s: %v", user, state, found)
					}
				}
			}
			w.must(w.SuspendUser(t.Context(), as(Owner), to, false))
			w.check()
		})
	}
}

func TestNoCardIsTakenFromAReaderThatIsAwayOrForSomebodyWhoIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	door := w.reader()
	begun := 0
	ask := func(ctx context.Context, reader string) error {
		_, err := w.ReadCard(ctx, as(Editor), reader, func() { begun++ }, stillWanted)
		return err
	}
	if err := ask(t.Context(), "nowhere"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if err := ask(t.Context(), door); !errors.Is(err, ErrReaderAway) || begun != 0 {
		t.Error(begun, err)
	}
	w.live.states = []link.ReaderStatus{{ID: door, Online: true}}
	if err := ask(t.Context(), door); Fields(err)["reader"].String() != "No card came" || begun != 1 {
		t.Error(begun, err)
	}
	w.live.card = []byte{0x08, 1, 2, 3} // random
	if err := ask(t.Context(), door); Fields(err)["card"] == nil {
		t.Error(err)
	}
	w.live.card = []byte{4, 1, 2, 3, 4, 5, 6}
	gone, stop := context.WithCancel(t.Context())
	if _, err := w.ReadCard(gone, as(Editor), door, stop, stillWanted); Fields(err)["reader"].String() != "Nobody waits for the card any more" {
		t.Error("a card was taken although nobody waits for it:", err)
	}
}

func stillWanted() bool { return true }
