package site

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/backup/backuptest"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// begin begins to give a card new keys at the front door.
func begin(t *testing.T, s *Site, user, credential uint64, c *boardtest.Card) (*Keying, *wire.CardKeySets, error) {
	t.Helper()
	return beginAt(t, s, "front-door", user, credential, c)
}

func beginAt(t *testing.T, s *Site, reader string, user, credential uint64, c *boardtest.Card) (k *Keying, sets *wire.CardKeySets, err error) {
	t.Helper()
	err = s.Update(t.Context(), func(tx *store.Tx) (err error) {
		k, sets, err = s.BeginKeys(tx, user, credential, reader, c.Read())
		return err
	})
	if err == nil {
		sets.Command = wire.CommandID{1}
		if err := sets.Check(); err != nil {
			t.Fatal(err)
		}
	}
	return k, sets, err
}

func end(t *testing.T, s *Site, k *Keying) (began bool, err error) {
	t.Helper()
	err = s.Update(t.Context(), func(tx *store.Tx) (err error) {
		if err := EndKeys(tx, k); err != nil {
			return err
		}
		began, err = s.GiveKeyed(tx, noon, "Grace", k)
		return err
	})
	return began, err
}

// give gives a card to a user, without a hitch.
func give(t *testing.T, s *Site, user uint64, c *boardtest.Card) {
	t.Helper()
	k, sets, err := begin(t, s, user, 0, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Write(sets, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := end(t, s, k); err != nil {
		t.Fatal(err)
	}
}

// proves checks that a reader takes a card, and only that, for the one of a credential:
// with what it gets in the newest log.
func proves(t *testing.T, s *Site, c *boardtest.Card, want bool) {
	t.Helper()
	check(t, s)
	err := s.View(t.Context(), func(tx *store.Tx) error {
		keys, err := s.tagKeys(tx)
		if err != nil {
			return err
		}
		tag, err := s.tag(tx, wire.Card, c.UID)
		if err != nil {
			return err
		}
		head, err := tx.Head()
		if err != nil {
			return err
		}
		log, err := replay(tx, head)
		if err != nil {
			return err
		}
		var credential wire.Credential
		if log[tag] == nil {
			if want {
				t.Error("the card is nobody's")
			}
			return nil
		}
		if err := wire.Unmarshal(log[tag], wire.MaxDelta, &credential); err != nil {
			return err
		}
		with, err := keys.WrappingKey(c.UID)
		if err != nil {
			return err
		}
		if got := c.Proves(&credential, with); got != want {
			t.Errorf("the card proves itself is %v, not %v", got, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func credentialsOf(t *testing.T, s *Site, user uint64) (all []*store.Credential) {
	t.Helper()
	if err := s.View(t.Context(), func(tx *store.Tx) (err error) { all, err = tx.CredentialsOf(user); return err }); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestACardThatGotItsKeysProvesItselfAndStaysTheSameCredential(t *testing.T) {
	s, _ := newSite(t)
	ada := addUser(t, s, "Ada", "", uid(1))
	before := credentialsOf(t, s, ada.ID)[0]
	revision := theLog(t, s, wire.Position{}).Position.Revision
	card := boardtest.NewCard(uid(1))
	give(t, s, ada.ID, card)
	proves(t, s, card, true)
	after := credentialsOf(t, s, ada.ID)
	if len(after) != 1 || after[0].ID != before.ID || after[0].Generation != 1 || after[0].Chip != wire.DESFireEV2 {
		t.Errorf("%+v", after)
	}
	if now := theLog(t, s, wire.Position{}).Position.Revision; now != revision+1 {
		t.Errorf("%d changes in the log", now-revision)
	}
	other := boardtest.NewCard(uid(2))
	give(t, s, ada.ID, other)
	proves(t, s, other, true)
	imposter := boardtest.NewCard(uid(1))
	proves(t, s, imposter, false)
	give(t, s, ada.ID, card) // anew
	proves(t, s, card, true)
	if c := credentialsOf(t, s, ada.ID)[0]; c.ID != before.ID || c.Generation != 2 {
		t.Errorf("%+v", c)
	}
}

// However often a card is taken away, after whichever key and at whichever reader, doing it
// again finishes it.
func TestACardThatWasTakenAwayIsFinishedTheNextTime(t *testing.T) {
	readers := []string{"front-door", "back-door", "side-door"}
	for n := range 4 * 4 * 4 {
		first, second, mute, many := n%4, n/4%4, n/16%2 == 1, n/32 == 1
		if (mute || many) && first != 1 {
			continue
		}
		t.Run(fmt.Sprintf("%d %d %v %v", first, second, mute, many), func(t *testing.T) {
			s, dir := newSite(t)
			ada := addUser(t, s, "Ada", "")
			card := boardtest.NewCard(uid(1))
			card.Mute = mute
			for round, torn := range []int{first, second} {
				for again := range round + 1 {
					reader := "front-door"
					if many {
						reader = readers[round+again]
					}
					_, sets, err := beginAt(t, s, reader, ada.ID, 0, card)
					if err != nil {
						t.Fatal(err)
					}
					if err := card.Write(sets, torn); !errors.Is(err, boardtest.ErrGone) {
						t.Fatal(err)
					}
				}
				proves(t, s, card, round == 1 && torn == 0) // the proving key is the first to change
				again, err := Open(t.Context(), dir)        // the controller ended in between
				if err != nil {
					t.Fatal(err)
				}
				give(t, again, ada.ID, card)
				proves(t, again, card, true)
				again.Close()
			}
		})
	}
}

// A reader that somebody controls may have kept the keys that it was sent.
func TestKeysThatOneReaderGotAreNotWrittenByAnother(t *testing.T) {
	s, _ := newSite(t)
	ada := addUser(t, s, "Ada", "")
	card := boardtest.NewCard(uid(1))
	for _, step := range []struct {
		reader string
		torn   int
		to     uint8
	}{
		{"front-door", 0, 1}, {"back-door", 0, 2}, // it says that the card was gone, and has written nothing
		{"front-door", 1, 3}, {"front-door", 2, 3}, {"back-door", 1, 4},
		{"adopt", 0, 0}, {"front-door", 1, 5}, {"adopt", 0, 0}, {"front-door", 1, 6}, {"front-door", 2, 6}, // another board is the front door
		{"revoke", 0, 0}, {"front-door", -1, 7}, {"front-door", -1, 7},
	} {
		switch step.reader {
		case "adopt":
			adopt(t, s, noon, "front-door", newBoard(t), noEdit)
			continue
		case "revoke":
			if err := s.Update(t.Context(), func(tx *store.Tx) error { return tx.RevokeBundle(noon.Unix(), "front-door", false) }); err != nil {
				t.Fatal(err)
			}
			continue
		}
		k, sets, err := beginAt(t, s, step.reader, ada.ID, 0, card)
		if err != nil || k.To != step.to {
			t.Fatalf("%+v: %+v, %v", step, k, err)
		}
		if err := card.Write(sets, step.torn); (err == nil) != (step.torn < 0) {
			t.Fatalf("%+v: %v", step, err)
		}
	}
	give(t, s, ada.ID, card)
	proves(t, s, card, true)
}

// What a card tells of its keys is not proven, and whoever stands in for one could have its
// generations used up, or get the factory's keys tried.
func TestWhatACardTellsOfItsKeysIsBounded(t *testing.T) {
	s, _ := newSite(t)
	ada := addUser(t, s, "Ada", "")
	card := boardtest.NewCard(uid(1))
	give(t, s, ada.ID, card)
	for _, test := range []struct {
		told []byte
		to   uint8
		from []uint8
		why  string
	}{
		{told: []byte{18, 255, 1}, to: 2, from: []uint8{1}}, // no more than 16 ahead
		{told: []byte{0, 0, 0}, why: "give it back first"},  // it should have keys
		{told: []byte{1, 2, 3, 4, 5}, why: "more keys than it can have"},
		{told: []byte{17, 2, 1, 1, 1}, to: 18, from: []uint8{17, 2, 1}},
		{told: []byte{34}, to: 35, from: []uint8{34}},
		{told: []byte{254, 0, 0}, to: 35},
	} {
		stand := card.Read()
		stand.Generations = test.told
		err := s.Update(t.Context(), func(tx *store.Tx) error {
			k, sets, err := s.BeginKeys(tx, ada.ID, 0, "front-door", stand)
			if test.why != "" {
				if err == nil || !strings.Contains(err.Error(), test.why) {
					t.Errorf("%v: %v", test.told, err)
				}
				return errors.New("not begun")
			}
			if err != nil {
				return err
			}
			var from []uint8
			for _, set := range sets.From {
				from = append(from, set.Generation)
			}
			if k.To != test.to || !slices.Equal(from, test.from) {
				t.Errorf("%v: to %d from %v", test.told, k.To, from)
			}
			return nil
		})
		if (err != nil) != (test.why != "") {
			t.Error(err)
		}
	}
}

// A database that was restored knows less than the card.
func TestACardIsGivenBackWhoseKeysTheDatabaseDoesNotKnowAndNoneComesTwice(t *testing.T) {
	s, _ := newSite(t)
	ada := addUser(t, s, "Ada", "")
	card := boardtest.NewCard(uid(1))
	read := card.Read()
	read.Generations = []byte{3, 3, 3}
	err := s.Update(t.Context(), func(tx *store.Tx) error {
		k, sets, err := s.BeginReturn(tx, noon, 0, 0, read)
		if err != nil {
			return err
		}
		if len(sets.From) != 1 || sets.From[0].Generation != 3 {
			t.Errorf("%+v", sets.From)
		}
		return EndKeys(tx, k)
	})
	if err != nil {
		t.Fatal(err)
	}
	if k, _, err := begin(t, s, ada.ID, 0, card); err != nil || k.To != 4 {
		t.Errorf("%+v, %v", k, err)
	}
}

func TestWhatIsKnownOfACardEndsWithItsOwnKeysOnly(t *testing.T) {
	s, _ := newSite(t)
	ada := addUser(t, s, "Ada", "")
	card := boardtest.NewCard(uid(1))
	first, _, err := begin(t, s, ada.ID, 0, card)
	if err != nil {
		t.Fatal(err)
	}
	second, sets, err := beginAt(t, s, "back-door", ada.ID, 0, card)
	if err != nil || second.To != 2 {
		t.Fatalf("%+v, %v", second, err)
	}
	if _, err := end(t, s, first); !errors.Is(err, ErrOtherKeys) {
		t.Error("keys that were replaced:", err)
	}
	give := func(k *Keying) error {
		return s.Update(t.Context(), func(tx *store.Tx) error { _, err := s.GiveKeyed(tx, noon, "Grace", k); return err })
	}
	if err := give(second); !errors.Is(err, ErrOtherKeys) {
		t.Error("keys that nobody has written:", err)
	}
	if err := card.Write(sets, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := end(t, s, second); err != nil {
		t.Fatal(err)
	}
	// It gets a third set, and a reader says late that it wrote the second.
	if _, _, err := begin(t, s, ada.ID, 0, card); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), func(tx *store.Tx) error { return EndKeys(tx, second) }); err != nil {
		t.Fatal(err)
	}
	err = s.View(t.Context(), func(tx *store.Tx) error {
		if row, err := tx.Card(second.Card); err != nil || row.Pending != 3 || row.OnCard != 2 {
			t.Errorf("%+v, %v", row, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(t.Context(), func(tx *store.Tx) error {
		row, err := tx.Card(second.Card)
		row.Highest, row.Pending = 255, 0
		return errors.Join(err, tx.SetCard(row))
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := begin(t, s, ada.ID, 0, card); err == nil || !strings.Contains(err.Error(), "use another card") {
		t.Error("after 255 times:", err)
	}
}

// A reader that somebody controls can name anybody in a record.
func TestInventedCardsRaiseOneAlarm(t *testing.T) {
	s, _ := newSite(t)
	ada := addUser(t, s, "Ada", "", uid(1)) // it can be copied: no reader asks it for a proof
	adopt(t, s, noon, "front-door", newBoard(t), noEdit)
	m := &wire.Records{Reader: "front-door", Journal: wire.JournalID{1}, First: 1}
	before := wire.Hash{}
	for i := range uint64(100) {
		encoded := wire.Marshal(&wire.Record{Number: i + 1, Before: before, Kind: wire.AccessDenied, By: wire.ByCard, Reason: wire.ReasonNotGenuine, Credential: 1 + i, User: ada.ID + i, Time: noon.UnixMilli()})
		m.Records, before = append(m.Records, encoded), wire.Sum(encoded)
	}
	if _, err := s.StoreRecords(t.Context(), at(noon), []*wire.Records{m}); err != nil {
		t.Fatal(err)
	}
	err := s.View(t.Context(), func(tx *store.Tx) error {
		all, err := tx.Alarms(store.Filter{})
		if len(all) != 1 || all[0].User != 0 || all[0].Text != "A copy of a card that is nobody's any more, or the card itself, was shown" {
			t.Errorf("%d alarms: %+v", len(all), all)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Whoever stands in for a card with its UID knows the factory's keys: a card that has had
// keys of its own must not get the next ones under these.
func TestTheFactorysKeysAreTriedOnlyOnACardThatMayHaveThem(t *testing.T) {
	s, _ := newSite(t)
	ada := addUser(t, s, "Ada", "")
	card := boardtest.NewCard(uid(1))
	factory := func(sets *wire.CardKeySets) bool {
		return slices.ContainsFunc(sets.From, func(set wire.KeySet) bool { return set.Generation == 0 })
	}
	_, sets, err := begin(t, s, ada.ID, 0, card)
	if err != nil || !factory(sets) || card.Write(sets, 1) == nil {
		t.Fatal("a fresh card", err)
	}
	k, sets, err := begin(t, s, ada.ID, 0, card)
	if err != nil || !factory(sets) || card.Write(sets, -1) != nil {
		t.Fatal("one that was taken away", err)
	}
	if _, err := end(t, s, k); err != nil {
		t.Fatal(err)
	}
	for range 2 { // and one that is not finished
		if _, sets, err := begin(t, s, ada.ID, 0, card); err != nil || factory(sets) {
			t.Errorf("new keys for a card with keys: %v", err)
		}
	}
	credential := credentialsOf(t, s, ada.ID)[0].ID
	other := card.Read()
	other.Version[1], other.Version[3] = 0x04, 0x30 // an NTAG 424 DNA
	err = s.Update(t.Context(), func(tx *store.Tx) error {
		_, _, err := s.BeginReturn(tx, noon, ada.ID, credential, other)
		return err
	})
	if err == nil || len(credentialsOf(t, s, ada.ID)) != 1 {
		t.Errorf("given back as another kind of card: %v", err)
	}
	err = s.Update(t.Context(), func(tx *store.Tx) error {
		_, _, err := s.BeginReturn(tx, noon, ada.ID, credential, card.Read())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, sets, err := begin(t, s, ada.ID, 0, card); err != nil || !factory(sets) {
		t.Errorf("new keys for a card whose return was begun: %v", err)
	}
}

func TestAReturnedCardIsFirstNobodysAndThenAsNew(t *testing.T) {
	for torn := range 4 {
		s, _ := newSite(t)
		ada := addUser(t, s, "Ada", "")
		card := boardtest.NewCard(uid(1))
		give(t, s, ada.ID, card)
		giveBack := func(user, credential uint64) (k *Keying, sets *wire.CardKeySets, err error) {
			err = s.Update(t.Context(), func(tx *store.Tx) (err error) {
				k, sets, err = s.BeginReturn(tx, noon, user, credential, card.Read())
				return err
			})
			return k, sets, err
		}
		if _, _, err := giveBack(0, 0); !errors.Is(err, ErrCardTaken) {
			t.Error("the card is Ada's:", err)
		}
		if _, _, err := giveBack(ada.ID, 99); err == nil {
			t.Error("another card")
		}
		_, sets, err := begin(t, s, ada.ID, 0, card) // and it has a pending generation
		if err != nil || card.Write(sets, torn) == nil {
			t.Fatal(err)
		}
		_, sets, err = giveBack(ada.ID, credentialsOf(t, s, ada.ID)[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		if len(credentialsOf(t, s, ada.ID)) != 0 {
			t.Error("it still opens")
		}
		if err := card.Write(sets, torn); !errors.Is(err, boardtest.ErrGone) {
			t.Fatal(err)
		}
		bob := addUser(t, s, "Bob", "")
		if card.Keyed() == 0 { // nobody knows that it is in its factory state
			give(t, s, bob.ID, card)
			proves(t, s, card, true)
			continue
		}
		k, sets, err := giveBack(0, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := card.Write(sets, -1); err != nil || card.Keyed() != 0 {
			t.Fatal(err, card.Keyed())
		}
		if err := s.Update(t.Context(), func(tx *store.Tx) error { return EndKeys(tx, k) }); err != nil {
			t.Fatal(err)
		}
		give(t, s, bob.ID, card)
		proves(t, s, card, true)
	}
}

func TestACardIsGivenToNobodyElseAndNoOtherCardInItsPlace(t *testing.T) {
	s, _ := newSite(t)
	ada, bob := addUser(t, s, "Ada", ""), addUser(t, s, "Bob", "", uid(2))
	card := boardtest.NewCard(uid(1))
	give(t, s, ada.ID, card)
	credential := credentialsOf(t, s, ada.ID)[0].ID
	if _, _, err := begin(t, s, bob.ID, 0, card); !errors.Is(err, ErrCardTaken) {
		t.Error(err)
	}
	for _, other := range [][]byte{uid(2), uid(3)} {
		if _, _, err := begin(t, s, ada.ID, credential, boardtest.NewCard(other)); err == nil {
			t.Errorf("%X is another card", other)
		}
	}
	changed := boardtest.NewCard(uid(1))
	changed.Major = 1
	if _, _, err := begin(t, s, ada.ID, credential, changed); err == nil {
		t.Error("it was an EV3, and is an EV1")
	}
	if _, _, err := begin(t, s, ada.ID, 0, boardtest.NewCard([]byte{8, 1, 2, 3})); err == nil {
		t.Error("a random UID")
	}
	// What was refused has begun nothing.
	if k, _, err := begin(t, s, ada.ID, credential, card); err != nil || k.To != 2 {
		t.Errorf("%+v, %v", k, err)
	}
	// Somebody removes it while it gets new keys.
	k, sets, err := begin(t, s, ada.ID, credential, card)
	if err != nil || card.Write(sets, -1) != nil {
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), func(tx *store.Tx) error { return RemoveCard(tx, noon, ada.ID, credential) }); err != nil {
		t.Fatal(err)
	}
	if _, err := end(t, s, k); !errors.Is(err, store.ErrNotFound) {
		t.Error("a removed card is back:", err)
	}
	give(t, s, bob.ID, card) // it has keys of ours
	proves(t, s, card, true)
}

func TestCardsProveThemselvesAfterANewEpochAStorageKeyAndARestore(t *testing.T) {
	s, dir := newSite(t)
	ada := addUser(t, s, "Ada", "58310274")
	card, ev1 := boardtest.NewCard(uid(1)), boardtest.NewCard(uid(2))
	ev1.Major, ev1.Chip = 1, wire.DESFireEV1
	give(t, s, ada.ID, card)
	give(t, s, ada.ID, ev1)
	// An epoch begins while a card gets new keys.
	k, sets, err := begin(t, s, ada.ID, 0, card)
	if err != nil {
		t.Fatal(err)
	}
	newEpoch(t, s, noon, 0)
	proves(t, s, card, true)
	if err := card.Write(sets, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := end(t, s, k); err != nil {
		t.Fatal(err)
	}
	proves(t, s, card, true)
	proves(t, s, ev1, true)

	path := filepath.Join(t.TempDir(), "backup")
	backUp(t, s, path)
	if err := newStorageKey(t, s); err != nil {
		t.Fatal(err)
	}
	resealed, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer resealed.Close()
	newEpoch(t, resealed, noon, 0)
	proves(t, resealed, card, true)
	for range 3 { // after the backup
		give(t, resealed, ada.ID, card)
	}
	third := boardtest.NewCard(uid(3))
	give(t, resealed, ada.ID, third)

	to := filepath.Join(t.TempDir(), "restored")
	if _, err := Restore(t.Context(), at(noon.Add(time.Hour)), path, backuptest.Identities(t), to, ""); err != nil {
		t.Fatal(err)
	}
	restored, err := Open(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	defer restored.Close()
	proves(t, restored, ev1, true)
	proves(t, restored, card, false) // it has newer keys than the backup
	for _, c := range []*boardtest.Card{card, third} {
		give(t, restored, ada.ID, c)
		proves(t, restored, c, true)
	}
	if c := credentialsOf(t, restored, ada.ID); c[1].Generation != 6 { // above all that the card has had
		t.Errorf("%+v", c[1])
	}
}

func TestACheckFindsACredentialWithTheKeyOfAnotherGeneration(t *testing.T) {
	s, _ := newSite(t)
	ada := addUser(t, s, "Ada", "")
	give(t, s, ada.ID, boardtest.NewCard(uid(1)))
	check(t, s)
	c := credentialsOf(t, s, ada.ID)[0]
	c.Generation++
	if err := s.Update(t.Context(), func(tx *store.Tx) error { return tx.SetCardKey(noon.Unix(), ada, c) }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "another key") {
		t.Error(err)
	}
}

func TestAnOldSiteGetsAMasterKeyWhenItIsOpenedAndKeepsItsPolicies(t *testing.T) {
	s, dir := newSite(t)
	ada := addUser(t, s, "Ada", "", uid(1))
	adopt(t, s, noon, "front-door", newBoard(t), noEdit)
	err := s.Update(t.Context(), func(tx *store.Tx) error { // as 08_cards.sql leaves it
		return errors.Join(tx.SetCardMaster([]byte{}), tx.SetFirstProven(store.FirstProvenIgnored))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := newStorageKey(t, s); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	card := boardtest.NewCard(uid(1))
	_, sets, err := begin(t, s, ada.ID, 0, card)
	if err != nil || card.Write(sets, 2) == nil {
		t.Fatal(err)
	}
	k, sets, err := begin(t, s, ada.ID, 0, card) // with the same master key
	if err != nil || card.Write(sets, -1) != nil {
		t.Fatal(err)
	}
	if began, err := end(t, s, k); began || err != nil {
		t.Errorf("%v, %v", began, err)
	}
	proves(t, s, card, true)
	if policyOf(t, s, "front-door").ProvenEnds {
		t.Error("nobody has changed its policy")
	}
}

func TestTheFirstCardOfANewSiteThatProvesItselfEndsLockoutsAloneEverywhere(t *testing.T) {
	s, _ := newSite(t)
	ada := addUser(t, s, "Ada", "", uid(9))
	adopt(t, s, noon, "front-door", newBoard(t), noEdit)
	adopt(t, s, noon, "back-door", newBoard(t), noEdit)
	before := policyOf(t, s, "front-door")
	if before.ProvenEnds {
		t.Error("before any card proves itself")
	}
	for n, want := range []bool{true, false} {
		card := boardtest.NewCard(uid(n))
		k, sets, err := begin(t, s, ada.ID, 0, card)
		if err != nil || card.Write(sets, -1) != nil {
			t.Fatal(err)
		}
		if began, err := end(t, s, k); began != want || err != nil {
			t.Errorf("card %d: %v, %v", n, began, err)
		}
		err = s.Update(t.Context(), func(tx *store.Tx) error {
			p, err := Policy(tx, "back-door")
			if err == nil && p.ProvenEnds != want {
				t.Errorf("card %d: %+v", n, p)
			}
			p.ProvenEnds = false // somebody wants it otherwise there
			return errors.Join(err, SetPolicy(tx, noon, p))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if p := policyOf(t, s, "front-door"); !p.ProvenEnds || p.ProvenOpens || p.Revision <= before.Revision {
		t.Errorf("%+v", p)
	}
	adopt(t, s, noon, "side-door", newBoard(t), noEdit)
	if !policyOf(t, s, "side-door").ProvenEnds {
		t.Error("a later reader goes by another rule")
	}
}

func TestCopiesRaiseOneAlarmInTenMinutes(t *testing.T) {
	s, _ := newSite(t)
	ada := addUser(t, s, "Ada Lovelace", "", uid(1))
	for _, reader := range []string{"front-door", "back-door"} {
		adopt(t, s, noon, reader, newBoard(t), noEdit)
	}
	card := boardtest.NewCard(uid(1))
	give(t, s, ada.ID, card)
	position := theLog(t, s, wire.Position{}).Position
	show := func(reader string, journal byte, now time.Time, reason wire.Reason) {
		t.Helper()
		r := &wire.Record{Number: 1, Kind: wire.AccessDenied, By: wire.ByCard, Reason: reason, Credential: 1, User: ada.ID, Time: now.UnixMilli(), Epoch: position.Epoch, Revision: position.Revision}
		m := &wire.Records{Reader: reader, Journal: wire.JournalID{journal}, First: 1, Records: [][]byte{wire.Marshal(r)}}
		if _, err := s.StoreRecords(t.Context(), at(now), []*wire.Records{m}); err != nil {
			t.Fatal(err)
		}
	}
	alarms := func() (texts []string) {
		t.Helper()
		var all []*store.Alarm
		if err := s.View(t.Context(), func(tx *store.Tx) (err error) { all, err = tx.Alarms(store.Filter{}); return err }); err != nil {
			t.Fatal(err)
		}
		for _, a := range all {
			if a.Kind == store.CardCopied {
				texts = append(texts, a.Reader+": "+a.Text)
			}
		}
		return texts
	}
	show("front-door", 1, noon, wire.ReasonGroup)
	if len(alarms()) != 0 {
		t.Error(alarms())
	}
	for i, test := range []struct {
		reader string
		after  time.Duration
		want   int
	}{
		{"front-door", 0, 1}, {"front-door", time.Minute, 1}, {"back-door", time.Minute, 2}, {"front-door", 9 * time.Minute, 2}, {"front-door", 10 * time.Minute, 3},
		{"front-door", 2 * time.Minute, 4}, // the clock was set back
		{"front-door", time.Hour, 5},
	} {
		show(test.reader, byte(i+2), noon.Add(test.after), wire.ReasonNotGenuine)
		if got := alarms(); len(got) != test.want || got[0] != "front-door: A copy of Ada Lovelace's card was shown" {
			t.Errorf("after %v at %s: %v", test.after, test.reader, got)
		}
	}
	// The card itself could be it: it has only some of its new keys, and then a key that this
	// reader has not heard of.
	k, sets, err := begin(t, s, ada.ID, 0, card)
	if err != nil {
		t.Fatal(err)
	}
	newest := func() string { all := alarms(); return all[len(all)-1] }
	show("front-door", 20, noon.Add(2*time.Hour), wire.ReasonNotGenuine)
	if got := newest(); got != "front-door: A copy of Ada Lovelace's card, or the card itself, whose new keys are unfinished, was shown" {
		t.Error(got)
	}
	if err := card.Write(sets, -1); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), func(tx *store.Tx) error { return EndKeys(tx, k) }); err != nil { // it waits for confirmation
		t.Fatal(err)
	}
	show("front-door", 23, noon.Add(150*time.Minute), wire.ReasonNotGenuine)
	if got := newest(); got != "front-door: A copy of Ada Lovelace's card, or the card itself, whose new keys are unfinished, was shown" || len(alarms()) != 7 {
		t.Error(got, len(alarms()))
	}
	if _, err := end(t, s, k); err != nil {
		t.Fatal(err)
	}
	show("front-door", 21, noon.Add(3*time.Hour), wire.ReasonNotGenuine)
	if got := newest(); got != "front-door: A copy of Ada Lovelace's card, or the card itself, whose new key the reader did not know yet, was shown" {
		t.Error(got)
	}
	position = theLog(t, s, wire.Position{}).Position
	show("front-door", 22, noon.Add(4*time.Hour), wire.ReasonNotGenuine)
	if got := newest(); got != "front-door: A copy of Ada Lovelace's card was shown" {
		t.Error(got)
	}
}
