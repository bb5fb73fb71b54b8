package desk

import (
	"bytes"
	"errors"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/device/pin"
	"latchkey/sync/wire"
)

// A tpmReader is a reader with a TPM, which is connected.
type tpmReader struct {
	w     *world
	id    string
	board *boardtest.Board
}

// tpmReader adopts a reader with a TPM.
func (w *world) tpmReader() *tpmReader {
	w.t.Helper()
	w.n++
	r := &tpmReader{w: w, id: "counted-" + string(rune('a'+w.n)), board: boardtest.NewWithTPM(w.t, wire.TPMNonce{1})}
	r.adopt()
	return r
}

func (r *tpmReader) adopt() {
	r.w.t.Helper()
	_, err := r.w.Adopt(r.w.t.Context(), as(Owner), AdoptForm{Reader: r.id, Request: r.board.Signed, Fingerprint: r.board.Fingerprint(), Access: []wire.Access{}}, func([]byte) error { return nil })
	r.w.must(err)
}

func (r *tpmReader) budget() (b *store.Budget) {
	r.w.t.Helper()
	r.w.must(r.w.site.View(r.w.t.Context(), func(tx *store.Tx) error {
		bundle, err := tx.BundleOf(r.id)
		if err != nil {
			return err
		}
		b, err = tx.Budget(bundle.Number)
		return err
	}))
	return b
}

// says has the reader report its TPM, after all its records.
func (r *tpmReader) says(t wire.TPMState) {
	r.w.t.Helper()
	peers, _, err := r.w.site.Peers(r.w.t.Context())
	r.w.must(err)
	state := &wire.State{Reader: r.id, Connection: 1, Counter: 1, Nonce: wire.Nonce{1}, Journal: wire.JournalID{99}, Condition: &wire.Condition{Strike: wire.StrikeOff, Door: wire.DoorIsClosed, TPM: &t}}
	r.w.must(r.w.site.TakeBudget(r.w.t.Context(), r.w.clock(), peers[r.id], state))
	r.w.must(r.w.site.SetStates(r.w.t.Context(), []*store.State{{Reader: r.id, Bundle: peers[r.id].Bundle, Connection: 1, Counter: 1, Payload: wire.Marshal(state)}}))
	r.w.live.states = []link.ReaderStatus{{ID: r.id, Online: true, Heard: r.w.time, Current: true, State: state}}
}

// enter has n PINs entered.
func (r *tpmReader) enter(n int) {
	r.w.t.Helper()
	var records []*wire.Record
	for range n {
		records = append(records, &wire.Record{Kind: wire.AttemptStarted})
	}
	r.w.records(r.id, records...)
}

// exactly computes 1-(1-n/c)^guesses without floating point until the end.
func exactly(n, guesses int64) float64 {
	miss := big.NewFloat(1).SetPrec(2000)
	one := new(big.Float).SetPrec(2000).Quo(new(big.Float).SetPrec(2000).SetInt64(pin.Strong-n), new(big.Float).SetPrec(2000).SetInt64(pin.Strong))
	for range guesses {
		miss.Mul(miss, one)
	}
	odds, _ := miss.Sub(big.NewFloat(1).SetPrec(2000), miss).Float64()
	return odds
}

func TestTheOddsOfAStolenReaderAreThoseOfItsGuesses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ pins, guesses int64 }{{0, 500}, {1, 1}, {1000, 0}, {1000, 500}, {1000, 2000}, {10_000, 500}, {10_000, 2000}, {100, 200}} {
		got, want := stolenOdds(int(test.pins), uint64(test.guesses)), exactly(test.pins, test.guesses)
		if math.Abs(got-want) > 1e-12*(1+want) {
			t.Errorf("%d PINs, %d guesses: %g, not %g", test.pins, test.guesses, got, want)
		}
	}
	for odds, want := range map[float64]string{
		0: "0 %", 1e-9: "less than 0.001 %", 0.00002: "0.0020 %", stolenOdds(1000, 500): "0.50 %", stolenOdds(10_000, 500): "4.9 %", stolenOdds(10_000, 2000): "18 %", 0.5: "50 %", 1: "more than 99.9 %",
	} {
		if got := Percent(odds); got.String() != want {
			t.Errorf("%g is %q, not %q", odds, got, want)
		}
	}
}

func TestItIsSaidWhatAStolenReaderIsWorth(t *testing.T) {
	t.Parallel()
	counted := func(id string, left uint32) *Reader {
		return &Reader{ID: id, Key: KeyInTPM, Budget: &Budget{Left: left, Most: uint64(left)}}
	}
	moved := counted("moved", 500)
	moved.OldKey = true
	certified := counted("vault", 500)
	certified.Budget.Certified = true
	file := func(id string) *Reader { return &Reader{ID: id, Key: KeyInFile} }
	without := &Reader{ID: "gate", Key: KeyWithheld}
	for _, test := range []struct {
		readers []*Reader
		want    string
		void    bool
	}{
		{nil, "There are no readers that could be stolen.", false},
		{[]*Reader{without, {ID: "gone"}}, "A stolen reader gives no PIN away: no reader has the PIN key.", false},
		{[]*Reader{counted("front", 1), without}, "A stolen reader is worth at most 1 guess: 0.0010 % to find one of 1,000 PINs. That holds for generated PINs, and takes the TPM of front at its word.", false},
		{[]*Reader{counted("front", 0)}, "A stolen reader is worth at most 0 guesses: 0 % to find one of 1,000 PINs. That holds for generated PINs, and takes the TPM of front at its word.", false},
		{[]*Reader{certified, moved}, "1 reader has not said yet that the PIN key that it had in a file is gone: moved. If it was stolen, the thief has all PINs: remove it as lost, and give out new ones. " +
			"A stolen reader is worth at most 500 guesses: 0.50 % to find one of 1,000 PINs. All 2 readers with a TPM together: 1,000 guesses, 1.00 %. That holds for generated PINs, and takes the TPM of moved at its word.", true},
		{[]*Reader{{ID: "a", Key: KeyWithheld, OldKey: true}, {ID: "b", Key: KeyWithheld, OldKey: true}}, "2 readers have not said yet that the PIN key that they had in a file is gone: a and b. If one of them was stolen, the thief has all PINs: remove it as lost, and give out new ones. " +
			"A stolen reader gives no PIN away: no reader has the PIN key.", true},
		{[]*Reader{certified}, "A stolen reader is worth at most 500 guesses: 0.50 % to find one of 1,000 PINs. That holds for generated PINs.", false},
		{[]*Reader{certified, counted("front", 0)}, "A stolen reader is worth at most 500 guesses: 0.50 % to find one of 1,000 PINs. All 2 readers with a TPM together: 500 guesses, 0.50 %. That holds for generated PINs, and takes the TPM of front at its word.", false},
		{[]*Reader{counted("back", 2500), counted("front", 500)}, "A stolen reader is worth at most 2,500 guesses: 2.5 % to find one of 1,000 PINs. All 2 readers with a TPM together: 3,000 guesses, 3.0 %. That holds for generated PINs, and takes 2 TPMs at their word: back and front.", false},
		{[]*Reader{counted("front", 500), file("barn")}, "1 reader keeps the PIN key in a file: barn. Whoever steals it has all PINs within hours, whatever the other readers do. Have it adopted with a TPM, or give PINs only to readers with a TPM.", true},
		{[]*Reader{file("a"), file("b"), file("c"), file("d"), file("e"), file("f")}, "6 readers keep the PIN key in a file: a, b, c, d and 2 more. Whoever steals one of them has all PINs within hours, whatever the other readers do. Have them adopted with a TPM, or give PINs only to readers with a TPM.", true},
	} {
		theft := theftOf(1000, store.GuessSettings{Budget: 500}, test.readers)
		if got := theft.String(); got != test.want || theft.Void() != test.void {
			t.Errorf("%q\nnot %q", got, test.want)
		}
	}
}

func TestWhereTheKeyIsFollowsFromAdoptionAndSetting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	file, counted := w.reader(), w.tpmReader()
	places := func() [2]KeyPlace { return [2]KeyPlace{w.look(file).Key, w.look(counted.id).Key} }
	if got := places(); got != [2]KeyPlace{KeyInFile, KeyInTPM} {
		t.Errorf("%v", got)
	}
	if theft, err := w.Theft(ctx, as(Viewer)); err != nil || !theft.Void() || theft.Budget != 500 || theft.OnlyTPM {
		t.Errorf("%+v, %v", theft, err)
	}
	w.must(w.SetPINReaders(ctx, as(Owner), true))
	if got := places(); got != [2]KeyPlace{KeyWithheld, KeyInTPM} {
		t.Errorf("%v", got)
	}
	if theft, err := w.Theft(ctx, as(Viewer)); err != nil || !theft.Void() || !slices.Equal(theft.OldKeys, []string{file}) || !w.look(file).OldKey || w.look(counted.id).OldKey {
		t.Errorf("the key of before is still there: %+v, %v", theft, err)
	}
	w.holds(file)
	if theft, err := w.Theft(ctx, as(Viewer)); err != nil || theft.Void() || theft.Guesses != 1000 || len(theft.Without) != 1 || !theft.OnlyTPM {
		t.Errorf("%+v, %v", theft, err)
	}
	signed, _ := w.board()
	if r, err := w.ReadRequest(ctx, as(Super), signed); err != nil || r.TPM || !r.NoPIN {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := w.ReadRequest(ctx, as(Super), counted.board.Signed); err != nil || !r.TPM || r.NoPIN || r.Reader != counted.id {
		t.Errorf("%+v, %v", r, err)
	}
	_, err := w.RemoveReader(ctx, as(Owner), counted.id, Lost)
	w.must(err)
	if r := w.look(counted.id); r.Key != "" || r.Budget != nil {
		t.Errorf("a removed reader: %+v", r)
	}
	for n, want := range map[int]bool{9: false, 10: true, 10_000: true, 10_001: false} {
		if err := w.SetGuessBudget(ctx, as(Owner), n); (err == nil) != want || !want && Fields(err)["guess-budget"] == nil {
			t.Errorf("%d: %v", n, err)
		}
	}
}

// holds has a reader say that it holds the newest epoch.
func (w *world) holds(id string) {
	w.t.Helper()
	peers, _, err := w.site.Peers(w.t.Context())
	w.must(err)
	report, err := w.site.Check(w.t.Context())
	w.must(err)
	w.must(w.site.TakeHeld(w.t.Context(), peers[id], &wire.State{Reader: id, Held: &wire.Position{Epoch: report.Epoch}}))
}

func TestAKeyInAFileIsAThiefsUntilTheReaderSaysThatItIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	file := w.reader()
	old := func(when string, want bool, key KeyPlace) {
		t.Helper()
		theft, err := w.Theft(ctx, as(Viewer))
		if r := w.look(file); err != nil || r.OldKey != want || r.Key != key || theft.Void() != (want || key == KeyInFile) {
			t.Errorf("%s: %+v, %+v, %v", when, r, theft, err)
		}
	}
	old("adopted", false, KeyInFile)
	_, err := w.NewEpoch(ctx, as(Owner)) // and its PIN key, too
	w.must(err)
	w.holds(file)
	old("it holds the epoch of the key", false, KeyInFile)
	w.must(w.SetPINReaders(ctx, as(Owner), true))
	old("no PINs for readers without a TPM", true, KeyWithheld)
	w.must(w.SetPINReaders(ctx, as(Owner), false))
	old("PINs for all", false, KeyInFile)
	w.must(w.SetPINReaders(ctx, as(Owner), true))
	old("and again", true, KeyWithheld)
	w.holds(file)
	old("it has the new epoch", false, KeyWithheld)
	_, err = w.NewEpoch(ctx, as(Owner))
	w.must(err)
	old("another epoch", false, KeyWithheld)
	w.must(w.SetPINReaders(ctx, as(Owner), false))
	w.holds(file)
	old("PINs for all, once more", false, KeyInFile)

	// The reader moves to a TPM.
	b := boardtest.NewWithTPM(t, wire.TPMNonce{1})
	_, err = w.Adopt(ctx, as(Owner), AdoptForm{Reader: file, Request: b.Signed, Fingerprint: b.Fingerprint()}, func([]byte) error { return nil })
	w.must(err)
	old("adopted with a TPM", true, KeyInTPM)
	_, err = w.NewEpoch(ctx, as(Owner))
	w.must(err)
	old("an epoch that it has not said it has", true, KeyInTPM)
	w.holds(file)
	old("and has taken it", false, KeyInTPM)

	// As another reader it is still the same board.
	other := boardtest.NewWithTPM(t, wire.TPMNonce{1})
	gate := w.reader()
	for _, id := range []string{gate, "annex"} {
		_, err = w.Adopt(ctx, as(Owner), AdoptForm{Reader: id, Request: other.Signed, Fingerprint: other.Fingerprint(), Access: []wire.Access{}}, func([]byte) error { return nil })
		w.must(err)
	}
	if !w.look("annex").OldKey {
		t.Error("its old key is forgotten")
	}
}

func TestABudgetSaysWhatIsLeftAndHowLongThatLasts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.tpmReader()
	if b := w.look(r.id).Budget; b.Left != 500 || b.Most != 1000 || b.Limit != 500 || b.Days() != 0 || b.Need != NeedsConnection || b.String() != "500 guesses left; no PIN was entered lately" {
		t.Errorf("%+v", b)
	}
	r.enter(40)
	r.says(wire.TPMState{Ref: r.budget().Ref, Budget: wire.Budget{Spent: 40, Limit: 500}})
	if b := w.look(r.id).Budget; b.Left != 460 || b.Most != 460 || b.PerDay != 40 || b.Need != NeedsNothing || b.String() != "460 guesses left, for 12 days at its use" {
		t.Errorf("on the first day: %+v, %s", b, b)
	}
	w.pass(10 * day)
	if b := w.look(r.id).Budget; b.PerDay != 4 || b.String() != "460 guesses left, for 4 months at its use" {
		t.Errorf("after ten days: %+v, %s", b, b)
	}
	w.pass(40 * day)
	if b := w.look(r.id).Budget; b.PerDay != 0 {
		t.Errorf("after 50 days: %+v", b)
	}
	r.enter(900)
	if b := w.look(r.id).Budget; b.PerDay != 30 {
		t.Errorf("then: %+v", b)
	}
}

func TestAReaderThatNeedsSomethingSaysWhatToDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.tpmReader()
	need := func(want Need) {
		t.Helper()
		got := w.look(r.id).Budget.Need
		if got != want || (got.Text() == nil) != (got == NeedsNothing) || got.Needy() == (got == NeedsNothing || got == NeedsConnection) {
			t.Errorf("it needs %q, not %q: %s", got, want, got.Text())
		}
	}
	first := r.budget().Ref
	r.says(wire.TPMState{Ref: first})
	need(NeedsTPM)
	w.live.states[0].State.Condition.TPM.Nonce = wire.TPMNonce{2} // before the controller has looked at it
	need(NeedsFirstGrant)
	r.says(wire.TPMState{Ref: first, Nonce: wire.TPMNonce{2}})
	need(NeedsConnection) // given
	second := r.budget().Ref
	r.says(wire.TPMState{Ref: second, Nonce: wire.TPMNonce{3}})
	need(NeedsRenewal)
	w.must(w.RenewBudget(t.Context(), as(Super), r.id))
	if got := w.newest().Text.String(); got != "Super Admin gave the TPM at "+r.id+" a new budget" {
		t.Error(got)
	}
	if err := w.RenewBudget(t.Context(), as(Super), r.id); err == nil || !strings.Contains(err.Error(), "already") {
		t.Error(err)
	}
	need(NeedsConnection)
	third := r.budget().Ref
	r.says(wire.TPMState{Ref: third, Budget: wire.Budget{Limit: 500}})
	need(NeedsNothing)
	r.says(wire.TPMState{Ref: third, Budget: wire.Budget{Spent: 500, Limit: 500}})
	need(NeedsAdoption)
	if e := w.newest(); e.Kind != store.BudgetUnrecorded || e.Result != Alarm || !strings.HasPrefix(e.Text.String(), r.id+": its TPM has checked 500 PINs, 500 more than its records show") {
		t.Errorf("%+v", e)
	}
	r.enter(500)
	need(NeedsGrant)
	r.says(wire.TPMState{Ref: third, Budget: wire.Budget{Spent: 500, Limit: 500}})
	if b := w.look(r.id).Budget; b.Left != 500 || b.Limit != 1000 {
		t.Errorf("%+v", b)
	}
}

func TestAGrantForAReaderWithoutALinkIsOneAct(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.tpmReader()
	full := errors.New("the disk is full")
	spent := uint32(501)
	if _, err := w.WriteGrant(t.Context(), as(Owner), r.id, &spent, func([]byte) error { return nil }); err == nil || !strings.Contains(err.Error(), "cannot have checked 501 PINs") {
		t.Error(err)
	}
	spent = 420
	if _, err := w.WriteGrant(t.Context(), as(Owner), r.id, &spent, func([]byte) error { return full }); !errors.Is(err, full) {
		t.Error(err)
	}
	if b := r.budget(); b.Granted != 500 {
		t.Errorf("%d is granted, though it was not saved", b.Granted)
	}
	var signed []byte
	limit, err := w.WriteGrant(t.Context(), as(Owner), r.id, &spent, func(b []byte) error { signed = bytes.Clone(b); return nil })
	if err != nil || limit != 920 {
		t.Errorf("%d, %v", limit, err)
	}
	key, err := wire.OpenKey(w.site.ID, signed, w.site.Key())
	w.must(err)
	keys, err := key.Unseal(r.board.Sealing)
	if err != nil || keys.TPM.Grant.Limit != 920 || !boardtest.Takes(keys.TPM, wire.TPMNonce{}) {
		t.Errorf("%+v, %v", keys, err)
	}
	if got := w.newest().Text.String(); got != "Owner wrote a grant for the TPM at "+r.id+": until it has checked 920 PINs" {
		t.Error(got)
	}
}

func TestRecordsOfABudgetAreToldAsAPersonWould(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.tpmReader()
	for kind, want := range map[wire.RecordKind]string{
		wire.BudgetGranted:   "The TPM of the reader at " + r.id + " may check PINs until it has checked 1,500",
		wire.BudgetSpent:     "The TPM of the reader at " + r.id + " has checked the 1,500 PINs that it may: no PINs are taken there until it gets the next grant",
		wire.BudgetOverspent: "The TPM of the reader at " + r.id + " has checked 1,500 PINs that are not in its records: somebody may have tried PINs on its chip",
	} {
		w.records(r.id, &wire.Record{Kind: kind, Count: 1500})
		if e := w.newest(); e.Text.String() != want || (e.Result == Alarm) != (kind != wire.BudgetGranted) {
			t.Errorf("%s: %q, %s", kind, e.Text, e.Result)
		}
	}
}
