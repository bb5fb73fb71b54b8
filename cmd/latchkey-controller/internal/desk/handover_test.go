package desk

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// asks hands a board over, under the id in its config, from an address.
func (w *world) asks(b *boardtest.Board, named, from string) (*wire.HandoverAnswer, error) {
	w.t.Helper()
	return w.HandOver(w.t.Context(), netip.MustParseAddr(from), &wire.Handover{Request: b.Signed, Reader: named})
}

// waits returns the board among those that wait; nil: it is not there.
func (w *world) waits(b *boardtest.Board) *WaitingReader {
	w.t.Helper()
	all, err := w.WaitingReaders(w.t.Context(), as(Super))
	w.must(err)
	for _, one := range all {
		if one.Fingerprint == b.Fingerprint() {
			return one
		}
	}
	return nil
}

// adopts makes a board that waits a reader.
func (w *world) adoptsWaiting(b *boardtest.Board, door string) *site.Adoption {
	w.t.Helper()
	adoption, err := w.AdoptWaiting(w.t.Context(), as(Super), w.waits(b).ID, AdoptForm{Reader: w.waits(b).Named, Fingerprint: b.Fingerprint(), Door: door, Access: []wire.Access{}})
	w.must(err)
	return adoption
}

// heard has the readers of the site say what they understand, as over the link.
func (w *world) heard(reader string) {
	w.t.Helper()
	w.must(w.site.Update(w.t.Context(), func(tx *store.Tx) error { return tx.SetReaderLevel(reader, wire.Level) }))
}

func TestABoardWaitsIsAdoptedFetchesItsBundleAndIsHeard(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), boardtest.New(t)
	for range 3 { // it asks again, as often as it likes
		answer, err := w.asks(b, "", "192.0.2.7")
		if err != nil || answer.Site != "home" || answer.Controller != w.site.VerifyingKey() || answer.Bundle != nil {
			t.Fatalf("%+v, %v", answer, err)
		}
	}
	waits := w.waits(b)
	if waits.Address != "192.0.2.7" || waits.Adopted != "" || waits.Twin || waits.TPM || waits.Problem != nil || waits.Reader != "" || !waits.First.Equal(w.time) {
		t.Errorf("%+v", waits)
	}
	for field, form := range map[string]AdoptForm{
		"fingerprint": {Fingerprint: boardtest.New(t).Fingerprint(), Door: "Back door", Access: []wire.Access{}},
		"door":        {Fingerprint: b.Fingerprint(), Access: []wire.Access{}},
		"access":      {Fingerprint: b.Fingerprint(), Door: "Back door"},
		"reader":      {Fingerprint: b.Fingerprint(), Reader: "Back door", Access: []wire.Access{}},
	} {
		if _, err := w.AdoptWaiting(t.Context(), as(Super), waits.ID, form); Fields(err)[field] == nil || len(Fields(err)) != 1 {
			t.Errorf("%s: %v", field, err)
		}
	}
	// What stands in the form as the request does not count.
	adoption, err := w.AdoptWaiting(t.Context(), as(Super), waits.ID, AdoptForm{Request: boardtest.New(t).Signed, Fingerprint: b.Fingerprint(), Door: "Küche, 2. Stock", Access: []wire.Access{{Group: wire.Everyone}}})
	w.must(err)
	if adoption.Reader != "kuche-2-stock" || adoption.Board != b.Fingerprint() {
		t.Errorf("%+v", adoption)
	}
	if got, want := w.newest().Text.String(), "Super Admin adopted Küche, 2. Stock with the board "+b.Fingerprint()+", which had handed itself over from 192.0.2.7, open to everyone always"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
	if waits = w.waits(b); waits == nil || waits.Adopted != adoption.Reader || !waits.Fetched.IsZero() {
		t.Errorf("%+v", waits)
	}
	var bundle []byte
	for range 2 { // it may have been lost on the way
		w.pass(time.Hour)
		answer, err := w.asks(b, "", "192.0.2.8")
		w.must(err)
		if bundle != nil && !bytes.Equal(bundle, answer.Bundle) {
			t.Error("another bundle the second time")
		}
		bundle = answer.Bundle
	}
	opened, err := wire.OpenBundle(bundle, b.Request, b.Sealing)
	if err != nil || opened.Reader != adoption.Reader || opened.Controller != w.site.VerifyingKey() || wire.Fingerprint(bundle) != adoption.Bundle {
		t.Errorf("%+v, %v", opened, err)
	}
	if waits = w.waits(b); waits == nil || !waits.Fetched.Equal(w.time.Add(-time.Hour)) || waits.Fetcher != "192.0.2.8" || waits.Address != "192.0.2.7" {
		t.Errorf("%+v", waits)
	}
	w.live.states = []link.ReaderStatus{{ID: adoption.Reader, Online: true}}
	w.heard(adoption.Reader)
	if w.waits(b) != nil {
		t.Error("it still waits")
	}
	if one, err := w.WaitingReader(t.Context(), as(Super), waits.ID); err != nil || one.Adopted != adoption.Reader {
		t.Errorf("%+v, %v", one, err)
	}
	if _, err := w.asks(b, "", "192.0.2.7"); !errors.Is(err, ErrBoardIsReader) {
		t.Error("its bundle is given to whoever has its request:", err)
	}
	w.must(w.Prune(t.Context()))
	w.must(w.site.View(t.Context(), func(tx *store.Tx) error {
		if kept, err := tx.WaitingBundle(waits.ID); err != nil || len(kept) != 0 {
			t.Errorf("%d bytes of the bundle are kept, %v", len(kept), err)
		}
		return nil
	}))
}

func TestABundleIsForNobodyElseAndForADay(t *testing.T) {
	t.Parallel()
	w, b, other := newWorld(t), boardtest.New(t), boardtest.New(t)
	for _, one := range []*boardtest.Board{b, other} {
		_, err := w.asks(one, "", "192.0.2.7")
		w.must(err)
	}
	w.adoptsWaiting(b, "Back door")
	if answer, err := w.asks(other, "", "192.0.2.7"); err != nil || answer.Bundle != nil {
		t.Errorf("another board gets %d bytes, %v", len(answer.Bundle), err)
	}
	w.pass(25 * time.Hour)
	if answer, err := w.asks(b, "", "192.0.2.7"); !errors.Is(err, ErrBoardIsReader) {
		t.Errorf("after a day: %+v, %v", answer, err)
	}
	// Until somebody removes the reader, which nobody has heard of.
	_, err := w.RemoveReader(t.Context(), as(Super), "back-door", Returned)
	w.must(err)
	if answer, err := w.asks(b, "", "192.0.2.7"); err != nil || answer.Bundle != nil || w.waits(b) == nil {
		t.Errorf("%+v, %v", answer, err)
	}
}

func TestTheBundleOfAReaderThatWasRemovedMeanwhileIsGivenToNobody(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), boardtest.New(t)
	_, err := w.asks(b, "", "192.0.2.7")
	w.must(err)
	id := w.adoptsWaiting(b, "Back door").Reader
	_, err = w.RemoveReader(t.Context(), as(Super), id, Lost)
	w.must(err)
	if answer, err := w.asks(b, "", "192.0.2.7"); err != nil || answer.Bundle != nil {
		t.Errorf("%+v, %v", answer, err)
	}
	if waits := w.waits(b); waits == nil || waits.Adopted != "" {
		t.Errorf("%+v", waits)
	}
	// Another board in its place: by a file.
	id = w.adoptsWaiting(b, "Back door").Reader
	_, err = w.Adopt(t.Context(), as(Super), w.form(id), func([]byte) error { return nil })
	w.must(err)
	if answer, err := w.asks(b, "", "192.0.2.7"); err != nil || answer.Bundle != nil {
		t.Errorf("%+v, %v", answer, err)
	}
}

func TestABoardWithATPMThatHasLostItsFilesIsAdoptedOnceMore(t *testing.T) {
	t.Parallel()
	w, before := newWorld(t), boardtest.NewWithTPM(t, wire.TPMNonce{7})
	_, err := w.asks(before, "", "192.0.2.7")
	w.must(err)
	id := w.adoptsWaiting(before, "Back door").Reader
	w.heard(id)
	// Its data directory was emptied: its TPM has the same keys, and its files have others.
	again := boardtest.New(t)
	again.Signing, again.Parent = before.Signing, before.Parent
	again.Request.Signing, again.Request.TPM = [32]byte{}, before.Request.TPM
	again.Signed, err = again.Request.Sign(again.Signing)
	w.must(err)
	_, err = w.asks(again, "", "192.0.2.7")
	w.must(err)
	if waits := w.waits(again); waits == nil || waits.Reader != id {
		t.Fatalf("%+v", waits)
	}
	if adoption := w.adoptsWaiting(again, ""); adoption.Reader != id || adoption.Revoked == 0 {
		t.Errorf("%+v", adoption)
	}
	w.must(w.Prune(t.Context()))
	if waits := w.waits(again); waits == nil || waits.Adopted != id {
		t.Errorf("%+v", waits)
	}
	answer, err := w.asks(again, "", "192.0.2.7")
	w.must(err)
	if opened, err := wire.OpenBundle(answer.Bundle, again.Request, again.Sealing); err != nil || opened.Reader != id {
		t.Errorf("%+v, %v", opened, err)
	}
	w.heard(id)
	if w.waits(again) != nil {
		t.Error("it still waits")
	}
}

func TestTheRequestOfAReaderNeverWaits(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), boardtest.New(t)
	_, err := w.Adopt(t.Context(), as(Super), AdoptForm{Reader: "front", Request: b.Signed, Fingerprint: b.Fingerprint(), Access: []wire.Access{}}, func([]byte) error { return nil })
	w.must(err)
	if _, err := w.asks(b, "front", "192.0.2.66"); !errors.Is(err, ErrBoardIsReader) || w.waits(b) != nil {
		t.Error(err)
	}
	// With a TPM, where the nonce of a replay is another one.
	tpm := boardtest.NewWithTPM(t, wire.TPMNonce{7})
	_, err = w.Adopt(t.Context(), as(Super), AdoptForm{Reader: "side", Request: tpm.Signed, Fingerprint: tpm.Fingerprint(), Access: []wire.Access{}}, func([]byte) error { return nil })
	w.must(err)
	tpm.Request.TPM.Nonce = wire.TPMNonce{1}
	tpm.Signed, err = tpm.Request.Sign(tpm.Signing)
	w.must(err)
	if _, err := w.asks(tpm, "side", "192.0.2.66"); !errors.Is(err, ErrBoardIsReader) {
		t.Error(err)
	}
}

func TestABoardThatIsAdoptedByAFileWhileItWaitsWaitsNoLonger(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	byFile := func(b *boardtest.Board, reader string) {
		t.Helper()
		_, err := w.Adopt(t.Context(), as(Super), AdoptForm{Reader: reader, Request: b.Signed, Fingerprint: b.Fingerprint(), Access: []wire.Access{}}, func([]byte) error { return nil })
		w.must(err)
	}
	for name, before := range map[string]func(b *boardtest.Board){
		"waits":   func(*boardtest.Board) {},
		"adopted": func(b *boardtest.Board) { w.adoptsWaiting(b, "Back door") },
		"refused": func(b *boardtest.Board) { w.must(w.RefuseWaiting(t.Context(), as(Super), w.waits(b).ID, false)) },
	} {
		b := boardtest.New(t)
		_, err := w.asks(b, "", "192.0.2.7")
		w.must(err)
		id := w.waits(b).ID
		before(b)
		byFile(b, name)
		if _, err := w.asks(b, "", "192.0.2.7"); !errors.Is(err, ErrBoardIsReader) || w.waits(b) != nil {
			t.Errorf("%s: %v", name, err)
		}
		// In a page that was opened before.
		if _, err := w.AdoptWaiting(t.Context(), as(Super), id, AdoptForm{Fingerprint: b.Fingerprint(), Door: "Other door", Access: []wire.Access{}}); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
		if r := w.look(name); r.Board != b.Fingerprint() || r.Removed != "" {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestWhatIsNoRequestIsRefused(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), boardtest.New(t)
	forged := bytes.Clone(b.Signed)
	forged[len(forged)-1] ^= 1
	for _, signed := range [][]byte{nil, []byte("junk"), forged} {
		if _, err := w.HandOver(t.Context(), netip.MustParseAddr("192.0.2.7"), &wire.Handover{Request: signed}); Fields(err)["request"] == nil {
			t.Errorf("%x: %v", signed, err)
		}
	}
	if all, err := w.WaitingReaders(t.Context(), as(Super)); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}

func TestAnotherBoardUnderTheSameNameIsATwin(t *testing.T) {
	t.Parallel()
	w, b, other, plain := newWorld(t), boardtest.New(t), boardtest.New(t), boardtest.New(t)
	for one, named := range map[*boardtest.Board]string{b: "front", other: "front", plain: ""} {
		_, err := w.asks(one, named, "192.0.2.7")
		w.must(err)
	}
	if !w.waits(b).Twin || !w.waits(other).Twin || w.waits(plain).Twin {
		t.Error("who is a twin:", w.waits(b).Twin, w.waits(other).Twin, w.waits(plain).Twin)
	}
	// A board whose config names a reader takes no other id.
	_, err := w.AdoptWaiting(t.Context(), as(Super), w.waits(b).ID, AdoptForm{Reader: "back", Fingerprint: b.Fingerprint(), Access: []wire.Access{}})
	if Fields(err)["reader"] == nil {
		t.Error(err)
	}
	// The fingerprint of one does not adopt the other.
	_, err = w.AdoptWaiting(t.Context(), as(Super), w.waits(other).ID, AdoptForm{Reader: "front", Fingerprint: b.Fingerprint(), Access: []wire.Access{}})
	if Fields(err)["fingerprint"] == nil {
		t.Error(err)
	}
	if id := w.adoptsWaiting(b, "Front door").Reader; id != "front" {
		t.Error(id)
	}
	if waits := w.waits(other); !waits.Twin {
		t.Error("a reader has that name, and another board comes under it")
	}
	if w.waits(b).Twin {
		t.Error("it is its own twin")
	}
}

// TestARequestThatIsReplayedUnderAnotherIDTouchesNoOtherReader has a stranger, who has seen the request of a board that waits,
// say that it is of a reader with a board of its own.
func TestARequestThatIsReplayedUnderAnotherIDTouchesNoOtherReader(t *testing.T) {
	t.Parallel()
	w, vault := newWorld(t), boardtest.New(t)
	_, err := w.asks(vault, "vault", "192.0.2.7")
	w.must(err)
	w.adoptsWaiting(vault, "Vault")
	for named, reader := range map[string]string{"": "back-door", "gate": "gate"} {
		b := boardtest.New(t)
		_, err := w.asks(b, named, "192.0.2.8")
		w.must(err)
		saw := w.waits(b)
		if saw.Disputed || saw.Twin {
			t.Errorf("%+v", saw)
		}
		_, err = w.asks(b, "vault", "192.0.2.66")
		w.must(err)
		if now := w.waits(b); now.Named != named || !now.Disputed || !now.Twin {
			t.Errorf("%+v", now)
		}
		form := AdoptForm{Reader: saw.Named, Fingerprint: b.Fingerprint(), Door: "Back door", Access: []wire.Access{{Group: wire.Everyone}}}
		if saw.Named == "" { // nobody has said which one it is
			if _, err := w.AdoptWaiting(t.Context(), as(Super), saw.ID, form); Fields(err)["reader"] == nil {
				t.Error(err)
			}
			form.Reader = reader
		}
		adoption, err := w.AdoptWaiting(t.Context(), as(Super), saw.ID, form)
		w.must(err)
		if adoption.Reader != reader || adoption.Revoked != 0 {
			t.Errorf("%+v", adoption)
		}
	}
	if r := w.look("vault"); r.Board != vault.Fingerprint() || r.Door != "Vault" || len(r.Policy.Access) != 0 {
		t.Errorf("%+v", r)
	}
	// Whose id it is that a board has said is not taken for granted: whoever adopts it says it, too.
	other := boardtest.New(t)
	_, err = w.asks(other, "vault", "192.0.2.66")
	w.must(err)
	if _, err := w.AdoptWaiting(t.Context(), as(Super), w.waits(other).ID, AdoptForm{Fingerprint: other.Fingerprint(), Door: "Back door"}); Fields(err)["reader"] == nil {
		t.Error(err)
	}
}

func TestARefusedBoardIsToldSoForAnHourAndNotShown(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), boardtest.New(t)
	_, err := w.asks(b, "front", "192.0.2.7")
	w.must(err)
	id := w.waits(b).ID
	w.must(w.RefuseWaiting(t.Context(), as(Super), id, false))
	if got, want := w.newest().Text.String(), "Super Admin refused the board "+b.Fingerprint()+" from 192.0.2.7, which calls itself front"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
	for range 59 {
		w.pass(time.Minute)
		if _, err := w.asks(b, "", "192.0.2.8"); !errors.Is(err, ErrBoardRefused) || w.waits(b) != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.WaitingReader(t.Context(), as(Super), id); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	for _, do := range []error{w.RefuseWaiting(t.Context(), as(Super), id, false), w.TakeBackAdoption(t.Context(), as(Super), id, false)} {
		if !errors.Is(do, ErrNotFound) {
			t.Error(do)
		}
	}
	if _, err := w.AdoptWaiting(t.Context(), as(Super), id, AdoptForm{Fingerprint: b.Fingerprint(), Access: []wire.Access{}}); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	w.pass(2 * time.Minute)
	if _, err := w.asks(b, "", "192.0.2.7"); err != nil || w.waits(b) == nil {
		t.Error(err)
	}
}

func TestAnAdoptionIsTakenBack(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), boardtest.New(t)
	user, _, err := w.AddUser(t.Context(), as(Owner), UserForm{First: "Ada"}, PIN{Choice: Auto}, nil)
	w.must(err)
	_, err = w.asks(b, "", "192.0.2.7")
	w.must(err)
	id := w.waits(b).ID
	reader := w.adoptsWaiting(b, "Back door").Reader
	if err := w.TakeBackAdoption(t.Context(), as(Super), id, true); !errors.Is(err, ErrChanged) {
		t.Error(err)
	}
	w.must(w.TakeBackAdoption(t.Context(), as(Super), id, false))
	if got, want := w.newest().Text.String(), "Super Admin took back the adoption of Back door: its bundle was not fetched yet"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
	if r := w.look(reader); r.Board != "" || r.Removed != Returned || w.person(user).Exposed != 0 {
		t.Errorf("%+v", r)
	}
	// It waits again, as the same.
	if waits := w.waits(b); waits == nil || waits.ID != id || waits.Adopted != "" {
		t.Errorf("%+v", waits)
	}
	if answer, err := w.asks(b, "", "192.0.2.7"); err != nil || answer.Bundle != nil {
		t.Errorf("%+v, %v", answer, err)
	}
	if err := w.TakeBackAdoption(t.Context(), as(Super), id, false); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	// The door's reader of before is this one.
	if again := w.adoptsWaiting(b, "Back door").Reader; again != reader {
		t.Errorf("%s, before it was %s", again, reader)
	}
	answer, err := w.asks(b, "", "192.0.2.7")
	w.must(err)
	if len(answer.Bundle) == 0 {
		t.Fatal("there is no bundle")
	}
	// Fetched after it was asked about: nobody has confirmed what that means.
	if err := w.TakeBackAdoption(t.Context(), as(Super), id, false); !errors.Is(err, ErrChanged) || w.look(reader).Removed != "" || w.person(user).Exposed != 0 {
		t.Error(err)
	}
	w.must(w.TakeBackAdoption(t.Context(), as(Super), id, true))
	if got, want := w.newest().Text.String(), "Super Admin took back the adoption of Back door: its bundle was fetched, so the reader counts as lost"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
	if r := w.look(reader); r.Board != "" || r.Removed != Lost || w.person(user).Exposed != 1 {
		t.Errorf("%+v", r)
	}
}

func TestWhatAnAdoptionHasShutOutIsKnownWhenItIsTakenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	adopts := func(b *boardtest.Board, named, reader string) *WaitingReader {
		t.Helper()
		_, err := w.asks(b, named, "192.0.2.7")
		w.must(err)
		_, err = w.AdoptWaiting(t.Context(), as(Super), w.waits(b).ID, AdoptForm{Reader: reader, Fingerprint: b.Fingerprint(), Access: []wire.Access{}})
		w.must(err)
		return w.waits(b)
	}
	chip := boardtest.NewWithTPM(t, wire.TPMNonce{7})
	if is := adopts(chip, "vault", "vault"); is.Revoked || is.Moved != "" {
		t.Errorf("%+v", is)
	}
	if is := adopts(boardtest.New(t), "vault", "vault"); !is.Revoked || is.Moved != "" {
		t.Errorf("%+v", is)
	}
	adopts(boardtest.New(t), "side", "side")
	_, err := w.Adopt(t.Context(), as(Super), AdoptForm{Reader: "hall", Request: chip.Signed, Fingerprint: chip.Fingerprint(), Access: []wire.Access{}}, func([]byte) error { return nil })
	w.must(err)
	anew := boardtest.New(t) // the board with the TPM, whose files were emptied
	anew.Signing, anew.Request.Signing, anew.Request.TPM = chip.Signing, [32]byte{}, chip.Request.TPM
	anew.Signed, err = anew.Request.Sign(anew.Signing)
	w.must(err)
	is := adopts(anew, "side", "side")
	if !is.Revoked || is.Moved != "hall" {
		t.Errorf("%+v", is)
	}
	w.must(w.TakeBackAdoption(t.Context(), as(Super), is.ID, false))
	if is := w.waits(anew); is.Revoked || is.Moved != "" {
		t.Errorf("%+v", is)
	}
}

func TestOneAddressFillsAPartOfTheListOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := range 15 {
		_, err := w.asks(boardtest.New(t), "", fmt.Sprintf("2001:db8::%x", n+1)) // one customer
		if full := errors.Is(err, ErrTooManyWait); full != (n >= maxBoardsEach) || err != nil && !full {
			t.Errorf("%d: %v", n, err)
		}
	}
	b := boardtest.New(t)
	if _, err := w.asks(b, "", "192.0.2.7"); err != nil || w.waits(b) == nil {
		t.Error("another address:", err)
	}
}

func TestAHundredWaitAndWhoIsSilentGivesWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var boards []*boardtest.Board
	for n := range maxBoards {
		b := boardtest.New(t)
		boards = append(boards, b)
		_, err := w.asks(b, "", fmt.Sprintf("192.0.2.%d", n))
		w.must(err)
	}
	late := boardtest.New(t)
	if _, err := w.asks(late, "", "198.51.100.1"); !errors.Is(err, ErrTooManyWait) {
		t.Error(err)
	}
	ask := func(silent int) {
		t.Helper()
		for n, b := range boards {
			if n != silent {
				_, err := w.asks(b, "", fmt.Sprintf("192.0.2.%d", n))
				w.must(err)
			}
		}
	}
	for range 2 {
		w.pass(time.Minute + time.Second)
		ask(17)
	}
	if _, err := w.asks(late, "", "198.51.100.1"); err != nil || w.waits(late) == nil || w.waits(boards[17]) != nil {
		t.Error("the silent one does not give way:", err)
	}
	if _, err := w.asks(boards[17], "", "192.0.2.17"); !errors.Is(err, ErrTooManyWait) {
		t.Error(err)
	}
	all, err := w.WaitingReaders(t.Context(), as(Super))
	if err != nil || len(all) != maxBoards || !slices.IsSortedFunc(all, func(a, b *WaitingReader) int { return int(a.ID - b.ID) }) {
		t.Errorf("%d wait, %v", len(all), err)
	}
	// Those that were adopted or refused take nobody's place.
	w.must(w.RefuseWaiting(t.Context(), as(Super), all[0].ID, false))
	if _, err := w.asks(boards[17], "", "192.0.2.17"); err != nil {
		t.Error(err)
	}
}

func TestWhatWaitsIsForgottenAfterAnHourWhateverTheWallClockIsPutTo(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), boardtest.New(t)
	_, err := w.asks(b, "", "192.0.2.7")
	w.must(err)
	w.put = 48 * time.Hour
	w.pass(50 * time.Minute)
	if w.waits(b) == nil {
		t.Error("it is forgotten as the clock was put forward")
	}
	w.put = -48 * time.Hour
	w.pass(11 * time.Minute)
	if w.waits(b) != nil {
		t.Error("it waits on as the clock was put back")
	}
}

func TestThatABoardWasHeardIsWrittenOnceAMinute(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), boardtest.New(t)
	_, err := w.asks(b, "", "192.0.2.7")
	w.must(err)
	first := w.waits(b).Heard
	for range 19 {
		w.pass(3 * time.Second)
		_, err := w.asks(b, "", "192.0.2.8") // whatever else it says
		w.must(err)
	}
	if waits := w.waits(b); !waits.Heard.Equal(first) || waits.Named != "" {
		t.Errorf("%+v", waits)
	}
	w.pass(5 * time.Second)
	_, err = w.asks(b, "", "192.0.2.8")
	w.must(err)
	if waits := w.waits(b); !waits.Heard.Equal(w.time) || waits.Address != "192.0.2.8" || !waits.First.Equal(first) {
		t.Errorf("%+v", waits)
	}
}

func TestWhatWaitsIsThereAfterARestartAndAnotherControllerAdoptsIt(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), boardtest.New(t)
	_, err := w.asks(b, "", "192.0.2.7")
	w.must(err)
	other, err := site.Open(t.Context(), w.dir) // another process
	w.must(err)
	defer other.Close()
	second := New(Options{Site: other, Clock: w.clock})
	all, err := second.WaitingReaders(t.Context(), as(Super))
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	_, err = second.AdoptWaiting(t.Context(), as(Super), all[0].ID, AdoptForm{Fingerprint: b.Fingerprint(), Door: "Back door", Access: []wire.Access{}})
	w.must(err)
	answer, err := w.asks(b, "", "192.0.2.7")
	w.must(err)
	if opened, err := wire.OpenBundle(answer.Bundle, b.Request, b.Sealing); err != nil || opened.Reader != "back-door" {
		t.Errorf("%+v, %v", opened, err)
	}
	// Two administrators at once: the second one is told.
	if _, err := w.AdoptWaiting(t.Context(), as(Super), all[0].ID, AdoptForm{Fingerprint: b.Fingerprint(), Door: "Other door", Access: []wire.Access{}}); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

func TestABoardThatTheSiteWouldNotTakeSaysWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tpm, plain := boardtest.NewWithTPM(t, wire.TPMNonce{7}), boardtest.New(t)
	for _, b := range []*boardtest.Board{tpm, plain} {
		_, err := w.asks(b, "", "192.0.2.7")
		w.must(err)
	}
	if waits := w.waits(tpm); waits.Problem != nil || !waits.TPM {
		t.Errorf("%+v", waits)
	}
	w.must(w.SetPINReaders(t.Context(), as(Owner), true))
	if !w.waits(plain).NoPIN || w.waits(tpm).NoPIN {
		t.Error("who would take no PINs")
	}
	maker := boardtest.NewTPMMaker(t, "Maker", nil, nil)
	_, err := w.AddTPMAuthorities(t.Context(), as(Owner), maker.PEM())
	w.must(err)
	certified := boardtest.NewWithTPM(t, wire.TPMNonce{7})
	certified.Endorse(t, maker)
	_, err = w.asks(certified, "", "192.0.2.7")
	w.must(err)
	if waits := w.waits(certified); waits.Problem != nil || waits.Certified != "Maker" {
		t.Errorf("%+v", waits)
	}
	if waits := w.waits(tpm); !strings.Contains(waits.Problem.String(), "no certificate of its maker") {
		t.Errorf("%+v", waits)
	}
	_, err = w.AdoptWaiting(t.Context(), as(Super), w.waits(tpm).ID, AdoptForm{Fingerprint: tpm.Fingerprint(), Door: "Back door", Access: []wire.Access{}})
	if !strings.Contains(Fields(err)[""].String(), "no certificate of its maker") {
		t.Error(err)
	}
}

func TestTheIDOfAReaderIsMadeOfItsDoorsName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Front door": "front-door", "Straße 7": "strasse-7", "  Hall/2 ": "hall-2", "入口": "reader", "-": "reader",
		strings.Repeat("long ", 10): "long-long-long-long-long-long-lo",
	} {
		if got := idFrom(name); got != want || wire.CheckName(got) != nil {
			t.Errorf("%q: %q, not %q", name, got, want)
		}
	}
	w := newWorld(t)
	for _, want := range []string{"back-door", "back-door-2", "back-door-3"} { // several readers at one door
		b := boardtest.New(t)
		_, err := w.asks(b, "", "192.0.2.7")
		w.must(err)
		if got := w.adoptsWaiting(b, "Back door").Reader; got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
}

func TestPagesAreToldOfABoardThatWaits(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), boardtest.New(t)
	changes := make(chan Change, 100)
	go w.Watch(t.Context(), func(c Change) { changes <- c })
	come(t, changes, "a change")
	_, err := w.asks(b, "", "192.0.2.7")
	w.must(err)
	if c := come(t, changes, "a change"); !c.States {
		t.Errorf("%+v", c)
	}
	w.adoptsWaiting(b, "Back door")
	come(t, changes, "a change")
	_, err = w.asks(b, "", "192.0.2.7")
	w.must(err)
	if c := come(t, changes, "a change"); !c.States {
		t.Errorf("fetched: %+v", c)
	}
	other := boardtest.New(t)
	for _, named := range []string{"", "gate"} {
		_, err = w.asks(other, named, "192.0.2.7")
		w.must(err)
		if c := come(t, changes, "a change"); !c.States {
			t.Errorf("%q: %+v", named, c)
		}
	}
}

func TestABoardSaysWhichReaderItWas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, lost := range []bool{false, true} {
		b := boardtest.New(t)
		ask := func() *WaitingReader {
			t.Helper()
			_, err := w.asks(b, "", "192.0.2.7")
			w.must(err)
			return w.waits(b)
		}
		if was := ask().Was; was != nil {
			t.Errorf("a new one was %+v", was)
		}
		reader := w.adoptsWaiting(b, fmt.Sprintf("Door %t", lost)).Reader
		how := Returned
		if lost {
			how = Lost
		}
		_, err := w.RemoveReader(t.Context(), as(Super), reader, how)
		w.must(err)
		w.pass(2 * day) // its row has gone
		want := FormerReader{ID: reader, Until: w.time.Add(-2 * day), Lost: lost}
		if was := ask().Was; was == nil || was.ID != want.ID || was.Lost != want.Lost || was.Until.Sub(want.Until).Abs() > time.Minute {
			t.Errorf("it was %+v, not %+v", was, want)
		}
		// Another board in its place, and the same board as a file, change nothing of that.
		other := boardtest.New(t)
		_, err = w.Adopt(t.Context(), as(Super), AdoptForm{Reader: reader, Request: other.Signed, Fingerprint: other.Fingerprint(), Access: []wire.Access{}}, func([]byte) error { return nil })
		w.must(err)
		file, err := w.ReadRequest(t.Context(), as(Super), b.Signed)
		w.must(err)
		for _, was := range []*FormerReader{ask().Was, file.Was} {
			if was == nil || was.ID != reader || was.Lost != lost {
				t.Errorf("it was %+v", was)
			}
		}
		if is, err := w.ReadRequest(t.Context(), as(Super), other.Signed); err != nil || is.Was != nil || is.Reader != reader {
			t.Errorf("the other one: %+v, %v", is, err)
		}
	}
}

func TestAllBoardsOfAnAddressAreRefusedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var boards []*boardtest.Board
	for _, from := range []string{"192.0.2.7", "192.0.2.7", "192.0.2.8", "192.0.2.7"} {
		b := boardtest.New(t)
		_, err := w.asks(b, "", from)
		w.must(err)
		boards = append(boards, b)
	}
	w.adoptsWaiting(boards[3], "Lab")
	if first, other := w.waits(boards[0]).Beside, w.waits(boards[2]).Beside; first != 1 || other != 0 {
		t.Errorf("beside are %d and %d", first, other)
	}
	w.must(w.RefuseWaiting(t.Context(), as(Super), w.waits(boards[0]).ID, true))
	for i, there := range []bool{false, false, true, true} {
		if got := w.waits(boards[i]) != nil; got != there {
			t.Errorf("board %d is there: %t", i, got)
		}
	}
	if _, err := w.asks(boards[1], "", "192.0.2.9"); !errors.Is(err, ErrBoardRefused) {
		t.Errorf("the other one of the address: %v", err)
	}
}
