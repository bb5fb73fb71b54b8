package site

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/backup/backuptest"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/device"
	"latchkey/sync/wire"
)

// givePIN gives a user a PIN.
func givePIN(t *testing.T, s *Site, user uint64, digits string, terms PINTerms) error {
	t.Helper()
	p, err := s.ChosenPIN(t.Context(), []byte(digits))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Wipe()
	p.PINTerms = terms
	return s.Update(t.Context(), func(tx *store.Tx) error { return s.SetPIN(tx, noon, "Grace", user, p) })
}

// limited adds a user with a PIN with limits, and returns its credential.
func limited(t *testing.T, s *Site, terms PINTerms) *store.Credential {
	t.Helper()
	u := addUser(t, s, "A plumber", "")
	if err := givePIN(t, s, u.ID, "58310274", terms); err != nil {
		t.Fatal(err)
	}
	return credentialsOf(t, s, u.ID)[0]
}

// sent returns a credential as readers have it; nil: they have none.
func sent(t *testing.T, s *Site, id uint64) *wire.Credential {
	t.Helper()
	all, err := entriesOf(t, s)
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		if all[i].Credential.ID == id {
			return &all[i].Credential
		}
	}
	return nil
}

func entriesOf(t *testing.T, s *Site) (all []wire.Entry, err error) {
	err = s.View(t.Context(), func(tx *store.Tx) error {
		all, err = entries(tx)
		return err
	})
	return all, err
}

// used returns what a reader says when a PIN with limits is used there.
func used(c *store.Credential, count uint64, at time.Time) wire.Record {
	return wire.Record{Kind: wire.UseCounted, Seq: 1, Credential: c.ID, User: c.User, Count: count, From: c.Created * 1000, Time: at.UnixMilli(), Trusted: true}
}

// tell stores the records of a diary from one on.
func tell(t *testing.T, s *Site, now time.Time, d *diary, from int) {
	t.Helper()
	if _, err := s.StoreRecords(t.Context(), at(now), []*wire.Records{d.message(1, uint64(from), uint64(len(d.records)))}); err != nil {
		t.Fatal(err)
	}
	check(t, s)
}

// twoReaders returns a site with two readers, and their journals.
func twoReaders(t *testing.T) (s *Site, front, back *diary) {
	t.Helper()
	s = withReader(t)
	adopt(t, s, noon, "back-door", newBoard(t), noEdit)
	return s, &diary{reader: "front-door", journal: wire.JournalID{1}}, &diary{reader: "back-door", journal: wire.JournalID{2}}
}

func TestAPINIsTakenAwayOnceItsUsesAtAllReadersAreAsManyAsItMayHave(t *testing.T) {
	s, front, back := twoReaders(t)
	c := limited(t, s, PINTerms{Uses: 3})
	if is := sent(t, s, c.ID); is == nil || is.Uses != 3 || is.Made != noon.Unix() || is.Until != 0 {
		t.Fatalf("%+v", is)
	}
	later := noon.Add(time.Minute)
	front.add(used(c, 1, later))
	front.add(used(c, 2, later))
	fork := front.fork(1)
	fork.add(used(c, 1, later.Add(time.Second)))
	tell(t, s, later, front, 1)
	tell(t, s, later, front, 1) // again
	tell(t, s, later, fork, 2)  // the same use, told otherwise
	if sent(t, s, c.ID) == nil {
		t.Fatal("it is gone after two uses of three")
	}
	back.add(used(c, 1, later))
	tell(t, s, later, back, 1)
	if is := sent(t, s, c.ID); is != nil {
		t.Errorf("used up, and readers have it: %+v", is)
	}
	if left := credentialsOf(t, s, c.User); len(left) != 0 {
		t.Errorf("used up, and the user has it: %+v", left[0])
	}
	back.add(used(c, 2, later))
	tell(t, s, later, back, 2) // late: there is nothing to count
}

func TestTheFirstUseSetsTheEndOfAPINWithATime(t *testing.T) {
	for what, test := range map[string]struct {
		at      time.Time
		trusted bool
		first   time.Time
	}{
		"told at once":                 {noon.Add(2 * time.Hour), true, noon.Add(2 * time.Hour)},
		"told late":                    {noon.Add(time.Hour), true, noon.Add(time.Hour)},
		"before it was made":           {noon.Add(-time.Hour), true, noon},
		"in the future":                {noon.Add(99 * time.Hour), true, noon.Add(2 * time.Hour)},
		"by a clock that is untrusted": {noon.Add(-time.Hour), false, noon.Add(2 * time.Hour)},
	} {
		t.Run(what, func(t *testing.T) {
			s, front, _ := twoReaders(t)
			c := limited(t, s, PINTerms{Within: 4 * 3600})
			r := used(c, 1, test.at)
			r.Trusted = test.trusted
			front.add(r)
			tell(t, s, noon.Add(2*time.Hour), front, 1)
			if is, want := sent(t, s, c.ID), test.first.Add(4*time.Hour).Unix(); is == nil || is.Until != want {
				t.Errorf("%+v, not until %d", is, want)
			}
		})
	}
}

func TestTheEarliestOfFirstUsesCountsAndATimeThatIsOverTakesThePINAway(t *testing.T) {
	s, front, back := twoReaders(t)
	c := limited(t, s, PINTerms{Uses: 9, Within: 3600})
	back.add(used(c, 1, noon.Add(50*time.Minute)))
	tell(t, s, noon.Add(50*time.Minute), back, 1)
	front.add(used(c, 1, noon.Add(20*time.Minute)))
	front.add(used(c, 2, noon.Add(55*time.Minute)))
	tell(t, s, noon.Add(55*time.Minute), front, 1)
	if is := sent(t, s, c.ID); is == nil || is.Until != noon.Add(80*time.Minute).Unix() {
		t.Fatalf("%+v", is)
	}
	// An administrator's end that is earlier stays the end; one that is later does not.
	for until, want := range map[int64]int64{noon.Add(70 * time.Minute).Unix(): noon.Add(70 * time.Minute).Unix(), noon.Add(9 * time.Hour).Unix(): noon.Add(80 * time.Minute).Unix()} {
		do(t, s, func(tx *store.Tx) error {
			u, err := tx.User(c.User)
			if err != nil {
				return err
			}
			u.Until = until
			return tx.SetUser(noon.Unix(), u)
		})
		if is := sent(t, s, c.ID); is.Until != want || is.Uses != 9 || is.Within != 3600 || is.Made != noon.Unix() {
			t.Errorf("until %d: %+v", until, is)
		}
		check(t, s)
	}
	back.add(used(c, 2, noon.Add(56*time.Minute)))
	tell(t, s, noon.Add(3*time.Hour), back, 2) // late
	if is := sent(t, s, c.ID); is != nil {
		t.Errorf("its time is over: %+v", is)
	}
}

func TestAReaderThatLiesTakesNothingAwayButPINsWithLimits(t *testing.T) {
	s, front, _ := twoReaders(t)
	ada := addUser(t, s, "Ada", "27485913", uid(1))
	if err := givePIN(t, s, ada.ID, "91374826", PINTerms{Duress: true}); err != nil {
		t.Fatal(err)
	}
	c := limited(t, s, PINTerms{Uses: 100, Within: wire.MaxWithin})
	before := theLog(t, s, wire.Position{}).Position
	for _, other := range credentialsOf(t, s, ada.ID) {
		front.add(used(other, 100, noon))
	}
	for _, lie := range []func(*wire.Record){
		func(r *wire.Record) { r.User = ada.ID },
		func(r *wire.Record) { r.Credential = 999 },
		func(r *wire.Record) { r.From += 1000 }, // of a credential with the same number, before a restore
		func(r *wire.Record) { r.Count = 0 },
		func(r *wire.Record) { r.Kind = wire.ProofGiven },
	} {
		r := used(c, 100, noon)
		lie(&r)
		front.add(r)
	}
	tell(t, s, noon, front, 1)
	if after := theLog(t, s, wire.Position{}).Position; after != before {
		t.Errorf("the log is at %+v, and was at %+v", after, before)
	}
	from := len(front.records) + 1
	for i := range 60 {
		front.add(used(c, 1, noon.Add(time.Duration(60-i)*time.Second)))
	}
	tell(t, s, noon.Add(time.Hour), front, from)
	if after := theLog(t, s, wire.Position{}).Position; after.Revision != before.Revision+1 {
		t.Errorf("other readers get %d changes", after.Revision-before.Revision)
	}
	front.add(used(c, 1<<40, noon))
	tell(t, s, noon, front, len(front.records))
	if len(credentialsOf(t, s, c.User)) != 0 || len(credentialsOf(t, s, ada.ID)) != 3 {
		t.Error("its word counts for PINs with limits, and for them only")
	}
}

func TestANewEpochAndARestoreKeepWhatPINsAreFor(t *testing.T) {
	s, front, back := twoReaders(t)
	ada := addUser(t, s, "Ada", "27485913")
	if err := givePIN(t, s, ada.ID, "91374826", PINTerms{Duress: true}); err != nil {
		t.Fatal(err)
	}
	duress := credentialsOf(t, s, ada.ID)[1]
	c := limited(t, s, PINTerms{Uses: 3, Within: 7200})
	front.add(used(c, 1, noon))
	tell(t, s, noon, front, 1)
	path, dir := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "restored")
	backUp(t, s, path)
	newEpoch(t, s, noon, 0)
	check(t, s)
	if is := sent(t, s, c.ID); is == nil || is.Uses != 3 || is.Within != 7200 || is.Made != noon.Unix() || is.Until != noon.Unix()+7200 {
		t.Errorf("in a new epoch: %+v", is)
	}
	if is := sent(t, s, duress.ID); is == nil || !is.Duress {
		t.Errorf("in a new epoch: %+v", is)
	}
	front.add(used(c, 2, noon.Add(time.Minute)))
	tell(t, s, noon.Add(time.Minute), front, 2) // the backup does not know of it
	if _, err := Restore(t.Context(), at(noon.Add(2*time.Minute)), path, backuptest.Identities(t), dir, ""); err != nil {
		t.Fatal(err)
	}
	restored, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer restored.Close()
	tell(t, restored, noon.Add(3*time.Minute), front, 1) // both, of which it has one
	if is := sent(t, restored, c.ID); is == nil || is.Until != noon.Unix()+7200 {
		t.Fatalf("two uses of three: %+v", is)
	}
	if is := sent(t, restored, duress.ID); is == nil || !is.Duress {
		t.Errorf("restored: %+v", is)
	}
	back.add(used(c, 1, noon.Add(3*time.Minute)))
	tell(t, restored, noon.Add(3*time.Minute), back, 1)
	if is := sent(t, restored, c.ID); is != nil {
		t.Errorf("three uses of three: %+v", is)
	}
}

func TestAUserHasOnePINAndOneForDuressBesideOneWithoutLimits(t *testing.T) {
	s := withReader(t)
	u := addUser(t, s, "Ada", "")
	if err := givePIN(t, s, u.ID, "58310274", PINTerms{Duress: true}); !errors.Is(err, ErrNoPIN) {
		t.Errorf("a PIN for duress that is the only one: %v", err)
	}
	for _, pin := range []struct {
		digits string
		terms  PINTerms
		err    error
	}{
		{"27485913", PINTerms{}, nil}, {"27485913", PINTerms{Duress: true}, ErrPINTaken},
		{"58310274", PINTerms{Duress: true}, nil}, {"91374826", PINTerms{Duress: true}, nil},
		{"36915248", PINTerms{Uses: 1}, ErrDuressPIN}, {"36915248", PINTerms{Within: 60}, ErrDuressPIN}, {"36915248", PINTerms{}, nil},
	} {
		if err := givePIN(t, s, u.ID, pin.digits, pin.terms); !errors.Is(err, pin.err) {
			t.Fatalf("%+v: %v", pin, err)
		}
	}
	both := credentialsOf(t, s, u.ID)
	if len(both) != 2 || !both[0].Duress || both[1].Duress {
		t.Fatalf("%d PINs", len(both))
	}
	bob := addUser(t, s, "Bob", "")
	if err := givePIN(t, s, bob.ID, "72940158", PINTerms{Uses: 1}); err != nil {
		t.Fatal(err)
	}
	if err := givePIN(t, s, bob.ID, "61829405", PINTerms{Duress: true}); !errors.Is(err, ErrLimitedPIN) {
		t.Errorf("a PIN for duress beside one with limits: %v", err)
	}
}

func TestNoPINIsGivenThatAnAdoptedReaderWouldRefuse(t *testing.T) {
	s, _, _ := twoReaders(t)
	u := addUser(t, s, "Ada", "27485913")
	give := func(terms PINTerms) error { return givePIN(t, s, u.ID, "58310274", terms) }
	report(t, s, "front-door", wire.LevelModes, wire.ModeNormal, noon)
	report(t, s, "back-door", wire.LevelProofs, wire.ModeNormal, noon)
	for _, terms := range []PINTerms{{Duress: true}, {Uses: 1}, {Within: 60}} {
		var old *OldReaders
		if err := give(terms); !errors.As(err, &old) || len(old.IDs) != 1 || old.IDs[0] != "front-door" || !strings.Contains(err.Error(), "update it first") {
			t.Errorf("%+v: %v", terms, err)
		}
	}
	if err := give(PINTerms{}); err != nil {
		t.Errorf("an ordinary PIN: %v", err)
	}
	if err := givePIN(t, s, u.ID, "91374826", PINTerms{Duress: true}); err == nil {
		t.Error("given")
	}
	do(t, s, func(tx *store.Tx) error { _, err := s.RemoveReader(tx, noon, "front-door", false); return err })
	if err := givePIN(t, s, u.ID, "91374826", PINTerms{Duress: true}); err != nil {
		t.Errorf("the old reader was removed: %v", err)
	}
}

// What the reader itself writes and refuses is what the site counts.
func TestAReaderAndTheSiteCountTheSameUses(t *testing.T) {
	s := withReader(t)
	c := limited(t, s, PINTerms{Uses: 3, Within: 3600})
	p := newPad(t, s, boardtest.New(t), true)
	p.now.Wall = noon.Add(time.Minute) // its clock is ahead
	uses := func() (n int) {
		do(t, s, func(tx *store.Tx) error {
			all, err := tx.UsesOf(c.ID)
			for _, u := range all {
				n += int(u.Uses)
			}
			return err
		})
		return n
	}
	for i := 1; i <= 2; i++ {
		p.pin = sent(t, s, c.ID)
		p.enter(device.Known)
		p.send(all)
		p.sent = 0
		p.send(all) // again
		if got := uses(); got != i {
			t.Fatalf("%d uses after %d", got, i)
		}
		if is := sent(t, s, c.ID); is == nil || is.Until != noon.Unix()+3600 {
			t.Fatalf("after %d uses: %+v", i, is)
		}
		p.restart()
	}
	p.enter(device.Known)
	p.enter(device.Known) // the reader has not heard, and refuses it by itself
	p.send(all)
	if is := sent(t, s, c.ID); is != nil {
		t.Errorf("used up: %+v", is)
	}
	granted := 0
	for _, encoded := range p.diary.records {
		r, err := wire.ParseRecord(encoded)
		if err != nil {
			t.Fatal(err)
		}
		if r.Kind == wire.AccessGranted {
			granted++
		}
	}
	if granted != 3 {
		t.Errorf("it opened %d times", granted)
	}
	check(t, s)
}

func TestABoardThatTakesThePlaceOfAnotherCountsBesideIt(t *testing.T) {
	s := withReader(t)
	c := limited(t, s, PINTerms{Uses: 2})
	front := &diary{reader: "front-door", journal: wire.JournalID{1}}
	front.add(used(c, 1, noon))
	tell(t, s, noon, front, 1)
	adopt(t, s, noon, "front-door", newBoard(t), noEdit)
	if sent(t, s, c.ID) == nil {
		t.Fatal("it is gone after one use of two")
	}
	anew := &diary{reader: "front-door", journal: wire.JournalID{2}}
	anew.add(used(c, 1, noon))
	tell(t, s, noon, anew, 1)
	if is := sent(t, s, c.ID); is != nil {
		t.Errorf("used up: %+v", is)
	}
}
