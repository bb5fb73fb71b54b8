package site

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// suspend suspends a user, or ends that.
func suspend(t *testing.T, s *Site, id uint64, suspended bool) {
	t.Helper()
	do(t, s, func(tx *store.Tx) error { _, err := SuspendUser(tx, noon, id, suspended); return err })
}

// held returns the credentials that a reader has which followed the log, by id. The log takes
// away only what the reader has.
func held(t *testing.T, s *Site) map[uint64]*wire.Credential {
	t.Helper()
	all, tagged := map[uint64]*wire.Credential{}, map[wire.Tag]*wire.Credential{}
	do(t, s, func(tx *store.Tx) error {
		head, err := tx.Head()
		if err != nil {
			return err
		}
		return tx.Changes(head.Epoch, 0, head.Revision, func(revision uint64, encoded []byte, _ wire.Hash) error {
			var change wire.Change
			if err := wire.Unmarshal(encoded, wire.MaxDelta, &change); err != nil {
				return err
			}
			if change.Credential != nil {
				tagged[change.Tag] = change.Credential
			} else if tagged[change.Tag] == nil {
				t.Errorf("change %d takes away what readers do not have", revision)
			} else {
				delete(tagged, change.Tag)
			}
			return nil
		})
	})
	for _, c := range tagged {
		all[c.ID] = c
	}
	return all
}

func TestASuspendedUserKeepsWhatReadersForget(t *testing.T) {
	s := withReader(t)
	ada := addUser(t, s, "Ada", "58310274", uid(1))
	bob := addUser(t, s, "Bob", "27485913")
	before, was := theLog(t, s, wire.Position{}).Position, held(t, s)
	suspend(t, s, ada.ID, true)
	told := theLog(t, s, before)
	if told.Position.Revision != before.Revision+2 || len(told.Deltas) != 1 {
		t.Errorf("readers are told by %d deltas to revision %d, from %d", len(told.Deltas), told.Position.Revision, before.Revision)
	}
	if now := held(t, s); len(now) != 1 || now[credentialsOf(t, s, bob.ID)[0].ID] == nil {
		t.Errorf("readers have %v", now)
	}
	suspend(t, s, ada.ID, true)
	if again := theLog(t, s, wire.Position{}).Position; again != told.Position {
		t.Errorf("suspended twice: %+v", again)
	}
	if report := check(t, s); report.Users != 2 || report.Credentials != 3 {
		t.Errorf("%+v", report)
	}
	if err := tryUser(t.Context(), s, &store.User{Name: "Eve"}, "58310274"); !errors.Is(err, ErrPINTaken) {
		t.Errorf("the PIN is given to somebody else: %v", err)
	}
	if err := tryUser(t.Context(), s, &store.User{Name: "Eve"}, "", uid(1)); !errors.Is(err, ErrCardTaken) {
		t.Errorf("the card is given to somebody else: %v", err)
	}
	newEpoch(t, s, noon, 0)
	if now := held(t, s); len(now) != 1 {
		t.Errorf("after a new epoch readers have %v", now)
	}
	suspend(t, s, ada.ID, false)
	check(t, s)
	now := held(t, s)
	if !slices.Equal(slices.Sorted(maps.Keys(now)), slices.Sorted(maps.Keys(was))) {
		t.Fatalf("readers have %v, and had %v", now, was)
	}
	for id, c := range now {
		if was := was[id]; c.CardKey == nil && string(wire.Marshal(c)) != string(wire.Marshal(was)) {
			t.Errorf("%+v was %+v", c, was)
		}
	}
}

func TestASuspensionDoesNotEndWhereReadersAreTooOldForThePIN(t *testing.T) {
	s, _, _ := twoReaders(t)
	c := limited(t, s, PINTerms{Uses: 3})
	suspend(t, s, c.User, true)
	do(t, s, func(tx *store.Tx) error { return tx.SetReaderLevel("back-door", wire.LevelProofs-1) })
	err := s.Update(t.Context(), func(tx *store.Tx) error { _, err := SuspendUser(tx, noon, c.User, false); return err })
	if old := (*OldReaders)(nil); !errors.As(err, &old) || !slices.Equal(old.IDs, []string{"back-door"}) {
		t.Error(err)
	}
	if now := held(t, s); len(now) != 0 {
		t.Errorf("readers have %v", now)
	}
	ada := addUser(t, s, "Ada", "27485913")
	suspend(t, s, ada.ID, true)
	suspend(t, s, ada.ID, false)
	if now := held(t, s); len(now) != 1 {
		t.Errorf("readers have %v", now)
	}
}

// TestReadersHaveTheCredentialsOfThoseWhoAreNotSuspended does what changes credentials, in any
// order, and looks at what readers have, and would have by a snapshot.
func TestReadersHaveTheCredentialsOfThoseWhoAreNotSuspended(t *testing.T) {
	s := withReader(t)
	pin, err := s.ChosenPIN(t.Context(), []byte("58310274"))
	if err != nil {
		t.Fatal(err)
	}
	pin.Within = 3600
	cards := 0
	card := func() []byte { cards++; return uid(cards) }
	rapid.Check(t, func(r *rapid.T) {
		do(t, s, func(tx *store.Tx) error {
			left, err := tx.Users()
			for _, u := range left {
				err = errors.Join(err, RemoveUser(tx, noon, u.ID))
			}
			return err
		})
		var users []uint64
		for i := range 2 {
			users = append(users, addUser(t, s, fmt.Sprint("User ", i), "", card()).ID)
		}
		do(t, s, func(tx *store.Tx) error { return s.SetPIN(tx, noon, "somebody", users[0], pin) })
		suspended := map[uint64]bool{}
		group := "staff"
		for range rapid.IntRange(1, 12).Draw(r, "acts") {
			id := rapid.SampledFrom(users).Draw(r, "user")
			act := rapid.SampledFrom([]string{"suspend", "resume", "edit", "card", "no card", "rename", "first use", "remove", "epoch"}).Draw(r, "act")
			do(t, s, func(tx *store.Tx) error {
				switch act {
				case "suspend", "resume":
					suspended[id] = act == "suspend"
					_, err := SuspendUser(tx, noon, id, suspended[id])
					return err
				case "edit":
					u, err := tx.User(id)
					if err != nil {
						return err
					}
					u.Until, u.Groups = noon.Unix()+int64(rapid.IntRange(1, 3).Draw(r, "until")), []string{group}
					return tx.SetUser(noon.Unix(), u)
				case "card":
					return s.AddCard(tx, noon, "somebody", id, card())
				case "no card":
					all, err := tx.CredentialsOf(id)
					i := slices.IndexFunc(all, func(c *store.Credential) bool { return c.Kind == wire.Card })
					if err != nil || i < 0 {
						return err
					}
					return RemoveCard(tx, noon, id, all[i].ID)
				case "rename":
					to := fmt.Sprint("group-", cards)
					if to == group {
						return nil
					}
					_, err := tx.ReplaceGroup(noon.Unix(), group, to)
					group = to
					return err
				case "first use":
					all, err := tx.CredentialsOf(id)
					i := slices.IndexFunc(all, (*store.Credential).Limited)
					if err != nil || i < 0 {
						return err
					}
					u, err := tx.User(id)
					if err != nil {
						return err
					}
					return tx.SetFirstUsed(noon.Unix(), u, all[i], noon.Unix()+int64(rapid.IntRange(0, 2).Draw(r, "at")))
				case "remove":
					if len(users) == 1 {
						return nil
					}
					users = slices.DeleteFunc(users, func(other uint64) bool { return other == id })
					return RemoveUser(tx, noon, id)
				default:
					_, err := s.NewEpoch(tx, noon, 0)
					return err
				}
			})
			want := map[uint64]uint64{}
			do(t, s, func(tx *store.Tx) error {
				all, err := tx.Credentials()
				for _, c := range all {
					if !suspended[c.User] {
						want[c.ID] = c.User
					}
				}
				return err
			})
			now := map[uint64]uint64{}
			for id, c := range held(t, s) {
				now[id] = c.User
			}
			if !maps.Equal(now, want) {
				r.Fatalf("after %s of %d readers have %v, not %v", act, id, now, want)
			}
			if all, err := entriesOf(t, s); err != nil || len(all) != len(want) {
				r.Fatalf("a snapshot has %d of %d credentials, %v", len(all), len(want), err)
			}
			check(t, s)
		}
	})
}
