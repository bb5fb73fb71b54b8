package site

import (
	"bytes"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/backup/backuptest"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/site/sitetest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/device/pin"
	"latchkey/sync/wire"
)

// A tpmReader is a reader with a TPM, and what it was given last.
type tpmReader struct {
	t      *testing.T
	site   *Site
	board  *boardtest.Board
	bundle *wire.Bundle
	diary  diary
}

// adoptTPM makes a board with a TPM the front door's reader.
func adoptTPM(t *testing.T, s *Site, b *boardtest.Board) *tpmReader {
	t.Helper()
	return adoptTPMAt(t, s, noon, b)
}

func adoptTPMAt(t *testing.T, s *Site, now time.Time, b *boardtest.Board) *tpmReader {
	t.Helper()
	adoption, sealed, err := tryAdopt(t.Context(), s, now, "front-door", b.Signed, "ssl://broker.example:8883", noEdit)
	if err != nil {
		t.Fatal(err)
	}
	if !adoption.TPM || adoption.NoPIN {
		t.Errorf("%+v", adoption)
	}
	bundle, err := wire.OpenBundle(sealed, b.Request, b.Sealing)
	if err != nil {
		t.Fatal(err)
	}
	return &tpmReader{t: t, site: s, board: b, bundle: bundle, diary: diary{reader: "front-door", journal: wire.JournalID{1}}}
}

func (r *tpmReader) peer() *Peer {
	r.t.Helper()
	peers, _, err := r.site.Peers(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return peers["front-door"]
}

// keys returns what the message with the reader's keys brings it.
func (r *tpmReader) keys() *wire.EpochKeys {
	r.t.Helper()
	signed, err := r.site.EpochKeys(r.t.Context(), []*Peer{r.peer()})
	if err != nil {
		r.t.Fatal(err)
	}
	return opensKey(r.t, r.site, r.board, signed["front-door"])
}

func opensKey(t *testing.T, s *Site, b *boardtest.Board, signed []byte) *wire.EpochKeys {
	t.Helper()
	key, err := wire.OpenKey(s.ID, signed, s.Key())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := key.Unseal(b.Sealing)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// attempts has n PINs entered by a right clock: their records come.
func (r *tpmReader) attempts(n int) {
	r.t.Helper()
	first := uint64(len(r.diary.records)) + 1
	for range n {
		r.diary.add(wire.Record{Kind: wire.AttemptStarted, Time: r.budget().Created * 1000, Trusted: true})
	}
	for from := first; from <= uint64(len(r.diary.records)); from += 100 {
		storeRecord(r.t, r.site, r.diary.message(1, from, min(from+99, uint64(len(r.diary.records)))))
	}
}

// says reports a state, after all records that it speaks of.
func (r *tpmReader) says(t wire.TPMState) {
	r.t.Helper()
	if err := r.site.TakeBudget(r.t.Context(), at(noon), r.peer(), r.state(t)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *tpmReader) state(t wire.TPMState) *wire.State {
	return &wire.State{Reader: "front-door", Last: uint64(len(r.diary.records)), Journal: r.diary.journal, Condition: &wire.Condition{TPM: &t}}
}

// spent reports a budget of the newest Ref.
func (r *tpmReader) spent(spent, limit uint32) {
	r.t.Helper()
	r.says(wire.TPMState{Ref: r.budget().Ref, Budget: wire.Budget{Spent: spent, Limit: limit}})
}

func (r *tpmReader) budget() (b *store.Budget) {
	r.t.Helper()
	err := r.site.View(r.t.Context(), func(tx *store.Tx) (err error) {
		b, err = tx.Budget(r.bundle.Number)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

func surplusAlarms(t *testing.T, s *Site) (texts []string) {
	t.Helper()
	err := s.View(t.Context(), func(tx *store.Tx) error {
		alarms, err := tx.Alarms(store.Filter{Kinds: []string{store.BudgetUnrecorded}})
		for _, a := range alarms {
			texts = append(texts, a.Text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

// keysNow returns the PIN key and the card key of the newest epoch.
func keysNow(t *testing.T, s *Site) (keys *wire.EpochKeys) {
	t.Helper()
	err := s.View(t.Context(), func(tx *store.Tx) (err error) {
		keys, _, err = s.siteKeys(tx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// holds checks that keys are those of now, wrapped to a board's TPM.
func holds(t *testing.T, s *Site, b *boardtest.Board, keys *wire.EpochKeys) {
	t.Helper()
	if keys.TPM == nil || keys.PIN != nil || keys.Card != nil {
		t.Fatalf("%+v", keys)
	}
	now := keysNow(t, s)
	plain, err := b.Activate(keys.TPM)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []struct {
		wrapped *wire.WrappedKey
		want    []byte
	}{{&plain.PIN, now.PIN}, {&plain.Card, now.Card}} {
		if got, err := b.Unwrap(key.wrapped); err != nil || !bytes.Equal(got, key.want) {
			t.Errorf("it is another key: %v", err)
		}
	}
}

var nonceOne, nonceTwo = wire.TPMNonce{1}, wire.TPMNonce{2}

func TestAReaderWithATPMGetsItsKeysForThatAlone(t *testing.T) {
	s, _ := newSite(t)
	epoch := check(t, s).Epoch
	r := adoptTPM(t, s, boardtest.NewWithTPM(t, nonceOne))
	if check(t, s).Epoch != epoch {
		t.Error("an epoch began for nothing")
	}
	holds(t, s, r.board, &r.bundle.Keys)
	keys := r.bundle.Keys.TPM
	if keys.Grant.Limit != 500 || !boardtest.Takes(keys, nonceOne) || boardtest.Takes(keys, nonceTwo) || boardtest.Takes(keys, wire.TPMNonce{}) {
		t.Errorf("the grant is %+v", keys.Grant)
	}
	another := boardtest.NewWithTPM(t, nonceOne)
	if _, err := another.Unwrap(&keys.PIN); err == nil {
		t.Error("another TPM takes it")
	}
	if again := r.keys(); !bytes.Equal(wire.Marshal(again), wire.Marshal(&r.bundle.Keys)) || r.peer().Keys != again.Number {
		t.Error("the message brings other keys than the bundle")
	}
	// The board asks anew after a start, and the bundle still fits.
	r.board.Ask(t, nonceTwo)
	var sealed []byte
	err := s.View(t.Context(), func(tx *store.Tx) error {
		b, err := tx.BundleOf("front-door")
		if !bytes.Equal(b.Request, r.board.Request.Lasting()) {
			t.Error("the nonce is kept in the request")
		}
		reader, err2 := BoardOf(tx, r.board.Request)
		if reader != "front-door" {
			t.Errorf("the board is %q", reader)
		}
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, sealed, err = tryAdopt(t.Context(), s, noon, "front-door", r.board.Signed, "", noEdit); err != nil {
		t.Fatal(err)
	}
	second, err := wire.OpenBundle(sealed, r.board.Request, r.board.Sealing)
	if err != nil || second.Keys.TPM.Ref == keys.Ref || second.Keys.Number <= r.bundle.Keys.Number || !boardtest.Takes(second.Keys.TPM, nonceTwo) {
		t.Errorf("%v", err)
	}
}

func TestATPMThatIsNoneOfOursIsRefused(t *testing.T) {
	s, _ := newSite(t)
	b := boardtest.NewWithTPM(t, nonceOne)
	b.Request.TPM.Parent[7] ^= 0x40 // userWithAuth
	b.Ask(t, nonceOne)
	if _, _, err := tryAdopt(t.Context(), s, noon, "front-door", b.Signed, "", noEdit); err == nil || !strings.Contains(err.Error(), "TPM") {
		t.Error(err)
	}
}

func TestAnEpochBeginsForATPMIfKeysOfTheOldOneLieInFiles(t *testing.T) {
	t.Run("an epoch with one key", func(t *testing.T) {
		s, dir := newSite(t)
		asBefore(t, s, dir)
		addUser(t, s, "Ada", "58310274", uid(1))
		epoch := check(t, s).Epoch
		if keys := keysNow(t, s); !bytes.Equal(keys.PIN, keys.Card) {
			t.Error("it has two")
		}
		r := adoptTPM(t, s, boardtest.NewWithTPM(t, nonceOne))
		if check(t, s).Epoch <= epoch || r.bundle.Epoch != check(t, s).Epoch {
			t.Error("no epoch began")
		}
		if keys := keysNow(t, s); bytes.Equal(keys.PIN, keys.Card) {
			t.Error("the new one has one key")
		}
		holds(t, s, r.board, &r.bundle.Keys)
	})
	had := func(t *testing.T, as string) (*Site, uint64, *tpmReader) {
		s, _ := newSite(t)
		b := boardtest.New(t)
		if _, _, err := tryAdopt(t.Context(), s, noon, as, b.Signed, "", noEdit); err != nil {
			t.Fatal(err)
		}
		before := check(t, s).Epoch
		b.GetTPM(t, nonceOne)
		return s, before, adoptTPM(t, s, b)
	}
	peers := func(t *testing.T, s *Site, inForce, before int) {
		t.Helper()
		peers, former, err := s.Peers(t.Context())
		if err != nil || len(peers) != inForce || len(former) != before {
			t.Errorf("%v, former %v, %v", peers, former, err)
		}
	}
	t.Run("the same reader", func(t *testing.T) {
		s, before, r := had(t, "front-door")
		if check(t, s).Epoch <= before {
			t.Error("the PIN key that was in the file is still that of the site")
		}
		holds(t, s, r.board, &r.bundle.Keys)
		peers(t, s, 1, 0)
	})
	// With a TPM the board has another identity: it stays the other reader as well, which
	// the console shows as one with a file, until an administrator removes that.
	t.Run("another reader of that board", func(t *testing.T) {
		s, _, _ := had(t, "back-door")
		peers(t, s, 2, 0)
		before := check(t, s).Epoch
		err := s.Update(t.Context(), func(tx *store.Tx) error {
			_, err := s.RemoveReader(tx, noon, "back-door", false)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if check(t, s).Epoch <= before {
			t.Error("the PIN key that was in the file is still that of the site")
		}
		peers(t, s, 1, 1)
	})
}

// asBefore makes a new site what it was before there were TPMs.
func asBefore(t *testing.T, s *Site, dir string) {
	t.Helper()
	sitetest.Execute(t, dir, `UPDATE epochs SET split = 0`, `UPDATE site SET grant_key = x''`)
	again, err := Open(t.Context(), dir) // makes the grant key
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

func TestASiteOfBeforeGetsAGrantKeyOnceAndKeepsItThroughANewStorageKey(t *testing.T) {
	s, dir := newSite(t)
	asBefore(t, s, dir)
	sealed := func(s *Site) (plain []byte) {
		t.Helper()
		err := s.View(t.Context(), func(tx *store.Tx) error {
			key, err := s.grantKey(tx)
			if err == nil {
				plain, err = key.Bytes()
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return plain
	}
	first := sealed(s)
	if err := newStorageKey(t, s); err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if !bytes.Equal(sealed(again), first) {
		t.Error("it is another one")
	}
}

func TestANewEpochIsWrappedForTheSameBudget(t *testing.T) {
	s, _ := newSite(t)
	r := adoptTPM(t, s, boardtest.NewWithTPM(t, nonceOne))
	newEpoch(t, s, noon, 0)
	after := r.keys()
	holds(t, s, r.board, after)
	if after.TPM.Ref != r.bundle.Keys.TPM.Ref || after.TPM.Grant != r.bundle.Keys.TPM.Grant || bytes.Equal(after.TPM.PIN.Public, r.bundle.Keys.TPM.PIN.Public) {
		t.Errorf("%+v", after.TPM)
	}
}

func TestReadersWithoutATPMKeepNoPINKeyWhereOnlyTPMsGetIt(t *testing.T) {
	s, _ := newSite(t)
	addUser(t, s, "Ada", "58310274", uid(1))
	b := boardtest.New(t)
	if _, _, err := tryAdopt(t.Context(), s, noon, "back-door", b.Signed, "", noEdit); err != nil {
		t.Fatal(err)
	}
	r := adoptTPM(t, s, boardtest.NewWithTPM(t, nonceOne))
	file := func() *wire.EpochKeys {
		t.Helper()
		peers, _, err := s.Peers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		signed, err := s.EpochKeys(t.Context(), []*Peer{peers["back-door"]})
		if err != nil {
			t.Fatal(err)
		}
		return opensKey(t, s, b, signed["back-door"])
	}
	only := func(on bool) (changed bool) {
		t.Helper()
		err := s.Update(t.Context(), func(tx *store.Tx) (err error) {
			changed, err = s.SetPINsOnlyWithTPM(tx, noon, on)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return changed
	}
	had, epoch, tpmNumber := file(), check(t, s).Epoch, r.peer().Keys
	if !bytes.Equal(had.PIN, keysNow(t, s).PIN) || had.TPM != nil {
		t.Fatalf("%+v", had)
	}
	if !only(true) || only(true) {
		t.Error("it is switched on twice, or not at all")
	}
	without := file()
	if len(without.PIN) != 0 || !bytes.Equal(without.Card, keysNow(t, s).Card) || bytes.Equal(had.PIN, keysNow(t, s).PIN) || check(t, s).Epoch <= epoch {
		t.Error("the reader still knows the PIN key, or lacks the card key")
	}
	if keys, err := pin.NewKeys(without); err != nil {
		t.Error(err)
	} else if _, err := keys.Tag(wire.PIN, make([]byte, pin.MaterialSize)); !errors.Is(err, pin.ErrWithheld) {
		t.Error(err)
	}
	holds(t, s, r.board, r.keys())
	adoption, sealed, err := tryAdopt(t.Context(), s, noon, "back-door", b.Signed, "", noEdit)
	if err != nil || !adoption.NoPIN || adoption.TPM {
		t.Fatalf("%+v, %v", adoption, err)
	}
	if bundle, err := wire.OpenBundle(sealed, b.Request, b.Sealing); err != nil || len(bundle.Keys.PIN) != 0 {
		t.Errorf("%v", err)
	}
	epoch, number := check(t, s).Epoch, file().Number
	if !only(false) {
		t.Error("it is not switched off")
	}
	if back := file(); !bytes.Equal(back.PIN, keysNow(t, s).PIN) || back.Number <= number || check(t, s).Epoch != epoch {
		t.Error("the reader does not get the PIN key back")
	}
	if r.peer().Keys != tpmNumber {
		t.Error("a reader with a TPM is told what does not concern it")
	}
}

func TestABudgetIsRefilledAsFarAsRecordsShowThatItWasUsed(t *testing.T) {
	ref := wire.TPMRef{9}
	budget := func(granted uint32, attempts uint64) *store.Budget {
		return &store.Budget{Ref: ref, Nonce: &nonceOne, Granted: granted, Attempts: attempts}
	}
	in := func(spent, limit uint32) wire.TPMState {
		return wire.TPMState{Ref: ref, Budget: wire.Budget{Spent: spent, Limit: limit}}
	}
	for name, test := range map[string]struct {
		budget   *store.Budget
		says     wire.TPMState
		behind   bool
		setting  uint32
		refill   uint32
		surplus  uint64
		first    bool
		leftNext uint32
	}{
		"nothing used":                       {budget(500, 0), in(0, 500), false, 500, 0, 0, false, 500},
		"half left":                          {budget(500, 250), in(250, 500), false, 500, 0, 0, false, 250},
		"less than half":                     {budget(500, 251), in(251, 500), false, 500, 751, 0, false, 249},
		"all spent":                          {budget(500, 500), in(500, 500), false, 500, 1000, 0, false, 0},
		"a grant is on its way":              {budget(751, 260), in(260, 500), false, 500, 0, 0, false, 491},
		"records are late":                   {budget(500, 100), in(251, 500), true, 500, 0, 0, false, 400},
		"records are missing":                {budget(500, 250), in(400, 500), false, 500, 0, 150, false, 250},
		"it lies high":                       {budget(500, 251), in(math.MaxUint32, 500), false, 500, 751, math.MaxUint32 - 251, false, 249},
		"it lies low":                        {budget(500, 499), in(3, 500), false, 500, 0, 0, false, 497},
		"it claims a lower limit":            {budget(500, 100), in(9, 10), false, 500, 0, 0, false, 491},
		"it claims a higher limit":           {budget(500, 400), in(400, math.MaxUint32), false, 500, 0, 0, false, math.MaxUint32 - 400},
		"spent above the limit":              {budget(500, 600), in(600, 500), false, 500, 1100, 0, false, 0},
		"restored: granted less than it has": {budget(500, 300), in(1200, 1500), true, 500, 0, 0, false, 1200},
		"the setting was raised":             {budget(500, 0), in(0, 500), false, 2000, 2000, 0, false, 500},
		"the setting was lowered":            {budget(10_000, 10), in(10, 10_000), false, 10, 0, 0, false, 9990},
		"the smallest setting":               {budget(10, 6), in(6, 10), false, 10, 16, 0, false, 4},
		"the end of numbers":                 {budget(math.MaxUint32-100, math.MaxUint32), in(math.MaxUint32-110, math.MaxUint32-100), false, 500, math.MaxUint32, 0, false, 10},
		"another budget's":                   {budget(500, 0), wire.TPMState{Ref: wire.TPMRef{1}, Budget: wire.Budget{Spent: 499, Limit: 500}, Nonce: nonceTwo}, false, 500, 0, 0, false, 500},
		"no index, no nonce":                 {budget(500, 0), wire.TPMState{Ref: ref}, false, 500, 0, 0, false, 500},
		"no index, a nonce":                  {budget(500, 0), wire.TPMState{Ref: ref, Nonce: nonceTwo}, false, 500, 0, 0, true, 500},
		"an index and a nonce":               {budget(500, 0), wire.TPMState{Ref: ref, Nonce: nonceTwo, Budget: wire.Budget{Limit: 500}}, false, 500, 0, 0, false, 500},
	} {
		do := budgetStepFor([]*store.Budget{test.budget}, &test.says, !test.behind, test.setting)
		if do.refill != test.refill || do.surplus != test.surplus || do.first != test.first {
			t.Errorf("%s: %+v", name, do)
		}
		if got := Left(test.budget); got != test.leftNext {
			t.Errorf("%s: %d left before the grant, not %d", name, got, test.leftNext)
		}
		if do.refill > 0 && uint64(do.refill) > min(uint64(test.says.Budget.Spent), test.budget.Attempts)+uint64(test.setting) {
			t.Errorf("%s: %d is beyond what was used and the budget", name, do.refill)
		}
	}
}

func TestARefillIsGivenOnceHoweverOftenAndOfWhateverAgeTheStateIs(t *testing.T) {
	s, dir := newSite(t)
	r := adoptTPM(t, s, boardtest.NewWithTPM(t, nonceOne))
	r.spent(0, 500)
	before := r.keys()
	r.attempts(300)
	other, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	peer, state := r.peer(), r.state(wire.TPMState{Ref: r.budget().Ref, Budget: wire.Budget{Spent: 300, Limit: 500}})
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			if err := []*Site{s, other}[i%2].TakeBudget(t.Context(), at(noon), peer, state); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	after := r.keys()
	if after.TPM.Grant.Limit != 800 || after.Number != before.Number+1 || after.TPM.Ref != before.TPM.Ref || !boardtest.Takes(after.TPM, wire.TPMNonce{}) {
		t.Errorf("number %d after %d, %+v", after.Number, before.Number, after.TPM.Grant)
	}
	if !bytes.Equal(after.TPM.PIN.Duplicate, before.TPM.PIN.Duplicate) {
		t.Error("the PIN key is wrapped anew for a refill")
	}
	r.spent(100, 500) // an older state
	r.spent(300, 800)
	if again := r.keys(); !bytes.Equal(wire.Marshal(again), wire.Marshal(after)) {
		t.Errorf("%+v", again.TPM.Grant)
	}
	if alarms := surplusAlarms(t, s); len(alarms) != 0 {
		t.Errorf("%q", alarms)
	}
}

func TestMoreSpentThanRecordsShowIsAnAlarmOnceAndNoGrant(t *testing.T) {
	s, _ := newSite(t)
	r := adoptTPM(t, s, boardtest.NewWithTPM(t, nonceOne))
	r.attempts(20)
	r.diary.add(wire.Record{Kind: wire.AttemptStarted, Time: noon.UnixMilli(), Trusted: true}) // it has not come yet
	r.spent(400, 500)
	if alarms := surplusAlarms(t, s); len(alarms) != 0 {
		t.Errorf("%q", alarms)
	}
	storeRecord(t, s, r.diary.message(1, 21, 21))
	storeRecord(t, s, r.diary.message(1, 21, 21)) // again: it counts once
	if b := r.budget(); b.Attempts != 21 {
		t.Errorf("%d attempts", b.Attempts)
	}
	for range 3 {
		r.spent(400, 500)
	}
	if alarms := surplusAlarms(t, s); len(alarms) != 1 || !strings.Contains(alarms[0], "400 PINs, 379 more") {
		t.Errorf("%q", alarms)
	}
	r.spent(450, 500)
	if alarms := surplusAlarms(t, s); len(alarms) != 2 {
		t.Errorf("%q", alarms)
	}
	r.spent(500, 500)
	if b := r.budget(); b.Granted != 500 || r.keys().TPM.Grant.Limit != 500 {
		t.Errorf("%d was granted", b.Granted)
	}
	if n := Left(r.budget()); n != 479 {
		t.Errorf("%d left, as far as anybody can vouch for", n)
	}
}

// Whoever has taken a reader over can make up records.
func TestAReaderIsGrantedOnlySoMuchADay(t *testing.T) {
	s, dir := newSite(t)
	r := adoptTPM(t, s, boardtest.NewWithTPM(t, nonceOne))
	sitetest.Execute(t, dir, "UPDATE budgets SET attempts = 1000000") // which have come as records
	used := uint32(0)
	for range 30 {
		used += 400
		r.spent(min(used, r.budget().Granted), r.budget().Granted)
	}
	if got, most := r.budget().Granted, uint32(500+dailyGrants+500); got > most || got < most-500 {
		t.Errorf("%d were granted, at most %d are", got, most)
	}
	err := s.View(t.Context(), func(tx *store.Tx) error {
		alarms, err := tx.Alarms(store.Filter{Kinds: []string{store.BudgetRefused}})
		if len(alarms) != 1 {
			t.Errorf("%d alarms", len(alarms))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// renew has an administrator renew the budget of a reader that says this.
func renew(r *tpmReader, says wire.TPMState) error {
	state := r.state(says)
	state.Connection, state.Counter, state.Nonce = 1, 1, wire.Nonce{1}
	state.Condition.Strike, state.Condition.Door = wire.StrikeOff, wire.DoorIsClosed
	if err := r.site.SetStates(r.t.Context(), []*store.State{{Reader: "front-door", Bundle: r.bundle.Number, Connection: 1, Counter: 1, Payload: wire.Marshal(state)}}); err != nil {
		r.t.Fatal(err)
	}
	return r.site.Update(r.t.Context(), func(tx *store.Tx) error { return r.site.RenewBudget(tx, noon, "front-door") })
}

func TestAFirstGrantIsGivenOnceMoreByItselfAndThenOnlyByAnAdministrator(t *testing.T) {
	refs := map[wire.TPMRef]bool{}
	for name, asked := range map[string]wire.TPMNonce{"the nonce of the request died": nonceOne, "there was none in the request": {}} {
		t.Run(name, func(t *testing.T) {
			s, _ := newSite(t)
			r := adoptTPM(t, s, boardtest.NewWithTPM(t, asked))
			first := r.bundle.Keys.TPM
			if !boardtest.Takes(first, asked) || Left(r.budget()) != map[bool]uint32{true: 500, false: 0}[asked != wire.TPMNonce{}] {
				t.Errorf("%+v", first.Grant)
			}
			state := wire.TPMState{Ref: first.Ref, Nonce: wire.TPMNonce{7}}
			r.says(state)
			second := r.keys()
			if second.TPM.Ref == first.Ref || !boardtest.Takes(second.TPM, wire.TPMNonce{7}) || second.Number <= r.bundle.Keys.Number {
				t.Fatalf("%+v", second.TPM.Grant)
			}
			holds(t, s, r.board, second)
			r.says(state) // again
			state = wire.TPMState{Ref: second.TPM.Ref, Nonce: wire.TPMNonce{8}}
			r.says(state) // its nonce died, too
			if again := r.keys(); again.TPM.Ref != second.TPM.Ref {
				t.Error("a third first grant")
			}
			if err := renew(r, wire.TPMState{Ref: second.TPM.Ref}); err == nil || !strings.Contains(err.Error(), "does not ask") {
				t.Error(err)
			}
			if err := renew(r, state); err != nil {
				t.Fatal(err)
			}
			third := r.keys()
			if third.TPM.Ref == second.TPM.Ref || !boardtest.Takes(third.TPM, wire.TPMNonce{8}) {
				t.Errorf("%+v", third.TPM.Grant)
			}
			if err := renew(r, state); err == nil || !strings.Contains(err.Error(), "already") {
				t.Errorf("twice over one nonce: %v", err)
			}
			for _, ref := range []wire.TPMRef{first.Ref, second.TPM.Ref, third.TPM.Ref} {
				if refs[ref] {
					t.Error("a Ref comes twice")
				}
				refs[ref] = true
			}
		})
	}
	t.Run("whoever had a budget gets none by itself", func(t *testing.T) {
		s, _ := newSite(t)
		r := adoptTPM(t, s, boardtest.NewWithTPM(t, nonceOne))
		r.spent(0, 500)
		r.says(wire.TPMState{Ref: r.budget().Ref, Nonce: nonceTwo})
		if keys := r.keys(); keys.TPM.Ref != r.bundle.Keys.TPM.Ref {
			t.Error("it has a whole budget more")
		}
	})
}

func TestARefHasOneFirstGrantForEver(t *testing.T) {
	s, _ := newSite(t)
	r := adoptTPM(t, s, boardtest.NewWithTPM(t, nonceOne))
	b := r.budget()
	if err := s.Update(t.Context(), func(tx *store.Tx) error { return tx.AddBudget(b) }); err == nil {
		t.Error("it has two")
	}
}

func TestAReaderThatIsNoneNowGetsNothing(t *testing.T) {
	s, _ := newSite(t)
	r := adoptTPM(t, s, boardtest.NewWithTPM(t, nonceOne))
	peer, ref := r.peer(), r.budget().Ref
	r.attempts(400)
	if err := s.Update(t.Context(), func(tx *store.Tx) error { _, err := s.RemoveReader(tx, noon, "front-door", true); return err }); err != nil {
		t.Fatal(err)
	}
	if err := s.TakeBudget(t.Context(), at(noon), peer, r.state(wire.TPMState{Ref: ref, Budget: wire.Budget{Spent: 400, Limit: 500}})); err != nil {
		t.Fatal(err)
	}
	if b := r.budget(); b.Granted != 500 {
		t.Errorf("%d was granted", b.Granted)
	}
	err := s.Update(t.Context(), func(tx *store.Tx) error { _, _, err := s.Grant(tx, noon, "front-door", nil); return err })
	if err == nil || !strings.Contains(err.Error(), "there is no reader") {
		t.Error(err)
	}
	if r.peer() != nil {
		t.Error("it is still a peer")
	}
}

func TestAfterARestoreNobodyGetsMoreThanTheyUsedAndABudget(t *testing.T) {
	s, _ := newSite(t)
	r := adoptTPM(t, s, boardtest.NewWithTPM(t, nonceOne))
	r.attempts(100)
	r.spent(100, 500)
	path := filepath.Join(t.TempDir(), "backup")
	backUp(t, s, path)
	r.attempts(1100)
	for range 3 {
		r.spent(1200, r.budget().Granted)
	}
	if b := r.budget(); b.Granted != 1700 {
		t.Fatalf("%d granted", b.Granted)
	}
	dir := filepath.Join(t.TempDir(), "restored")
	if _, err := Restore(t.Context(), at(noon.Add(time.Hour)), path, backuptest.Identities(t), dir, ""); err != nil {
		t.Fatal(err)
	}
	var err error
	if r.site, err = Open(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	defer r.site.Close()
	holds(t, r.site, r.board, r.keys())
	if b := r.budget(); b.Granted != 500 {
		t.Fatalf("%d granted", b.Granted)
	}
	r.spent(1200, 1700) // its records are not here
	if b := r.budget(); b.Granted != 500 {
		t.Errorf("%d granted by the reader's word", b.Granted)
	}
	for from := uint64(101); from < 1200; from += 100 { // they come again
		storeRecord(t, r.site, r.diary.message(101, from, from+99))
	}
	r.spent(1400, 1700)
	if b := r.budget(); b.Granted != 500 || b.Attempts != 1200 {
		t.Errorf("%d granted, %d attempts", b.Granted, b.Attempts)
	}
	r.attempts(300)
	r.spent(1500, 1700)
	if b := r.budget(); b.Granted != 2000 {
		t.Errorf("%d granted", b.Granted)
	}
}

func TestAGrantForAReaderWithoutALinkRaisesItsLimitAsAskedAndNeverLowersIt(t *testing.T) {
	s, _ := newSite(t)
	r := adoptTPM(t, s, boardtest.NewWithTPM(t, nonceOne))
	grant := func(spent *uint32) (limit uint32, keys *wire.EpochKeys) {
		t.Helper()
		var signed []byte
		err := s.Update(t.Context(), func(tx *store.Tx) (err error) {
			signed, limit, err = s.Grant(tx, noon, "front-door", spent)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return limit, opensKey(t, s, r.board, signed)
	}
	spent := func(n uint32) *uint32 { return &n }
	for _, step := range []struct {
		spent *uint32
		want  uint32
	}{{nil, 500}, {spent(420), 920}, {spent(7), 920}, {nil, 920}, {spent(920), 1420}} {
		limit, keys := grant(step.spent)
		if limit != step.want || keys.TPM.Grant.Limit != step.want || keys.Number != r.peer().Keys {
			t.Errorf("the limit is %d, not %d", limit, step.want)
		}
		if refill := limit != 500; boardtest.Takes(keys.TPM, wire.TPMNonce{}) != refill || boardtest.Takes(keys.TPM, nonceOne) == refill {
			t.Errorf("%d: no TPM takes it", limit)
		}
	}
	for _, n := range []uint32{1421, 4_000_000_000, math.MaxUint32} {
		var refusal *Refusal
		err := s.Update(t.Context(), func(tx *store.Tx) error {
			_, _, err := s.Grant(tx, noon, "front-door", &n)
			return err
		})
		if !errors.As(err, &refusal) {
			t.Errorf("%d PINs, more than it may have checked: %v", n, err)
		}
	}
	for reader, want := range map[string]string{"back-door": "without a TPM", "nowhere": "there is no reader"} {
		if reader == "back-door" {
			adopt(t, s, noon, reader, newBoard(t), noEdit)
		}
		err := s.Update(t.Context(), func(tx *store.Tx) error {
			_, _, err := s.Grant(tx, noon, reader, nil)
			return errors.Join(err, s.RenewBudget(tx, noon, reader))
		})
		if err == nil || strings.Count(err.Error(), want) != 2 {
			t.Errorf("%s: %v", reader, err)
		}
	}
}
