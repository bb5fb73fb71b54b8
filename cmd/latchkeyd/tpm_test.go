//go:build !firmware

package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-tpm/tpm2"

	"latchkey/cmd/latchkeyd/internal/adoption"
	"latchkey/cmd/latchkeyd/internal/datadir"
	"latchkey/cmd/latchkeyd/internal/status"
	"latchkey/device"
	"latchkey/device/cache"
	"latchkey/device/pin/tpm"
	"latchkey/sync/wire"
)

// tpmTest runs a reader that has keys of its own, and a chip, and waits for adoption.
func tpmTest(t *testing.T, test func(s *soaked, chip *chip, site *tpmSite)) {
	t.Helper()
	chip := newChip(t)
	data := filepath.Join(t.TempDir(), "data")
	if err := datadir.Open(data); err != nil {
		t.Fatal(err)
	}
	unlock, err := datadir.Lock(data) // as run does
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	site := newTPMSite(t, data, chip.path)
	synctest.Test(t, func(t *testing.T) {
		s := newSoaked(t, data)
		s.config.Key.TPM = chip.path
		s.start()
		s.pass(10 * time.Second)
		test(s, chip, site)
		s.must(s.stop())
	})
}

// adopt has the reader adopted with these keys.
func (s *soaked) adopt(bundle []byte) {
	s.t.Helper()
	if _, err := adoption.Adopt(s.config.Reader.Data, bundle, false); err != nil {
		s.t.Fatal(err)
	}
	s.pass(10 * time.Second)
}

// is waits until a minute is over, in which the reader looks at its TPM, and compares its
// status: why there is no PIN, and no card, and what is said of the key.
func (s *soaked) is(pin, card, fault string) *status.Status {
	s.t.Helper()
	s.pass(2 * time.Minute)
	now := s.r.status.Status()
	said := now.Health[wire.SubjectKey]
	if now.PIN != pin || now.Card != card || !strings.Contains(said, fault) || (said == "") != (fault == "") {
		s.t.Fatalf("PIN %q, card %q, key %q; want %q, %q, %q", now.PIN, now.Card, said, pin, card, fault)
	}
	if strings.Contains(said, "/") || strings.Contains(said, "TPM_RC") {
		s.t.Errorf("said of the key: %s", said)
	}
	return now
}

// spent compares the budget.
func (s *soaked) spent(spent, limit uint32) {
	s.t.Helper()
	if now := s.is(map[bool]string{true: "on", false: "spent"}[spent < limit], "on", ""); now.TPM == nil || *now.TPM != (status.TPM{Spent: spent, Limit: limit}) {
		s.t.Fatalf("the TPM: %+v, want %d of %d", now.TPM, spent, limit)
	}
}

func TestATPMHasTheKeysAndChecksAsManyPINsAsItWasGranted(t *testing.T) {
	tpmTest(t, func(s *soaked, _ *chip, site *tpmSite) {
		s.adopt(site.bundle(site.first(4)))
		s.spent(0, 4)
		s.enter(adaPIN)
		s.showCard(soakCard)
		s.spent(1, 4)
		s.enter("90817264")
		s.restart()
		s.spent(2, 4)
		s.enter(adaPIN)
		s.enter(adaPIN) // the last one
		s.spent(4, 4)
		s.showCard(soakCard)
		if s.offers("pin") {
			s.t.Error("PIN is offered though the budget is spent")
		}
		s.restart()
		s.spent(4, 4)

		older := site.own(site.refill(5))
		grant := site.own(site.refill(6))
		for _, want := range []string{"until it has counted 6; a running reader takes it over", "until it has counted 6; it was there already"} {
			if said, err := site.grant(grant); err != nil || !strings.Contains(said, want) {
				s.t.Errorf("%q, %v", said, err)
			}
		}
		s.spent(4, 6)
		s.enter(adaPIN)
		s.spent(5, 6)

		request, _ := site.request()
		keys := site.refill(7)
		damaged := site.own(keys)
		whole, err := os.ReadFile(damaged)
		s.must(err)
		s.must(os.WriteFile(damaged, whole[:len(whole)-9], 0o600))
		for file, want := range map[string]string{
			older: "older than what this reader has",
			site.file(wire.SiteID{2}, "front-door", 5, request.Sealing, keys): "not from the controller of site home",
			site.file(wire.SiteID{1}, "back-door", 5, request.Sealing, keys):  "for reader back-door",
			site.file(wire.SiteID{1}, "front-door", 6, request.Sealing, keys): "for epoch 6",
			site.file(wire.SiteID{1}, "front-door", 5, [32]byte{9}, keys):     "for another board",
			damaged: "damaged",
			filepath.Join(s.config.Reader.Data, "none"): "read the grant",
		} {
			if said, err := site.grant(file); err == nil || !strings.Contains(err.Error(), want) {
				s.t.Errorf("%s: %q, %v", want, said, err)
			}
		}
		s.spent(5, 6)
	})
}

func TestATPMThatComesLateGoesAndComesBack(t *testing.T) {
	tpmTest(t, func(s *soaked, chip *chip, site *tpmSite) {
		_, before := site.request()
		s.adopt(site.bundle(site.first(50)))
		s.spent(0, 50)
		chip.cut()
		s.is("key", "key", tpm.ErrAbsent.Error())
		s.pushExit()
		chip.power()
		s.spent(0, 50)
		s.enter(adaPIN)
		chip.cut()
		s.restart()
		s.is("key", "key", tpm.ErrAbsent.Error())
		s.pushExit()
		chip.power()
		s.spent(1, 50)
		s.enter(adaPIN)
		s.showCard(soakCard)
		if _, after := site.request(); after != before {
			s.t.Error("the request has another fingerprint")
		}
	})
}

func TestAFirstGrantWhoseNonceDiedMakesPINsWaitForAnother(t *testing.T) {
	tpmTest(t, func(s *soaked, _ *chip, site *tpmSite) {
		bundle := site.bundle(site.first(50))
		s.restart()
		s.pass(10 * time.Second)
		s.adopt(bundle)
		s.is("key", "on", tpm.ErrNoBudget.Error())
		s.showCard(soakCard)
		if _, err := site.grant(site.own(site.first(60))); err != nil { // over the nonce in the request
			s.t.Fatal(err)
		}
		s.spent(0, 60)
		s.enter(adaPIN)
		s.spent(1, 60)
	})
}

func TestAClearedTPMNeedsAnotherAdoption(t *testing.T) {
	tpmTest(t, func(s *soaked, chip *chip, site *tpmSite) {
		_, before := site.request()
		bundle := site.bundle(site.first(50))
		s.adopt(bundle)
		s.enter(adaPIN)
		chip.clear()
		s.is("key", "key", tpm.ErrForeign.Error())
		if _, after := site.request(); after == before {
			s.t.Error("the request has the fingerprint of before")
		}
		if _, err := adoption.Adopt(s.config.Reader.Data, bundle, false); err == nil || !strings.Contains(err.Error(), "another TPM") {
			s.t.Errorf("the bundle of before: %v", err)
		}
		s.adopt(site.bundle(site.first(50)))
		s.spent(0, 50)
		s.enter(adaPIN)
	})
}

func TestADamagedNoteOfTheTPMIsMadeAgain(t *testing.T) {
	tpmTest(t, func(s *soaked, _ *chip, site *tpmSite) {
		_, before := site.request()
		s.must(os.WriteFile(filepath.Join(s.config.Reader.Data, datadir.TPM), []byte{0xa1}, 0o600))
		s.pass(2 * time.Minute)
		if _, after := site.request(); after != before {
			s.t.Error("the request has another fingerprint")
		}
	})
}

func TestKeysThatAreNotWhereTheConfigSays(t *testing.T) {
	tpmTest(t, func(s *soaked, chip *chip, site *tpmSite) {
		request, _ := site.request()
		if request.TPM == nil || request.TPM.Nonce == (wire.TPMNonce{}) {
			s.t.Fatalf("%+v", request.TPM)
		}
		s.adopt(site.bundle(site.first(50)))
		s.spent(0, 50)
		s.must(s.stop())
		s.config.Key.TPM, site.chip = "", ""
		s.start()
		s.is("key", "key", errNoTPM.Error())
		if request, _ := site.request(); request.TPM != nil {
			s.t.Error("the request names a TPM, and the config none")
		}
		site.number++
		inFile := keyedKeys(s.t, 7)
		inFile.Number = site.number
		s.adopt(site.bundle(inFile))
		s.is("on", "on", "")
		s.enter(adaPIN)
		s.must(s.stop())
		s.config.Key.TPM = chip.path
		s.start()
		if now := s.is("on", "on", errInFile.Error()); now.TPM != nil {
			s.t.Errorf("keys in a file: %+v", now.TPM)
		}
		s.enter(adaPIN)

		// Without the PIN key there are cards, and nothing is out of order.
		site.number++
		withheld := &wire.EpochKeys{Number: site.number, Card: inFile.Card}
		if said, err := site.grant(site.own(withheld)); err != nil || !strings.Contains(said, "cards only") {
			s.t.Errorf("%q, %v", said, err)
		}
		s.is(string(wire.ReasonWithheld), "on", errInFile.Error())
		s.showCard(soakCard)
		if s.offers("pin") {
			s.t.Error("PIN is offered")
		}
	})
}

func TestATPMThatHangsKeepsNobodyWaiting(t *testing.T) {
	var bundle []byte
	var data string
	tpmTest(t, func(s *soaked, _ *chip, site *tpmSite) {
		data, bundle = s.config.Reader.Data, site.bundle(site.first(50))
	})
	if _, err := adoption.Adopt(data, bundle, false); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "hung")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	listener, err := net.Listen("unix", filepath.Join(dir, "s")) // which nobody answers
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	hung := tpm.Open(filepath.Join(dir, "s"))
	h := openHeld(t.Context(), cache.Options{Dir: data, Site: wire.SiteID{1}, Controller: keyedController.Public().(ed25519.PublicKey)}, hung)
	defer h.cache.Close()
	if health := h.health(); len(health) != 1 {
		t.Errorf("said of keys that nobody has asked for: %+v", health)
	}
	r := &reader{config: &config{Reader: readerConfig{Data: data}}, tpm: hung}
	ctx, cancel := context.WithCancel(t.Context())
	watched := make(chan error, 1)
	go func() { watched <- r.watchTPM(ctx, h, func(device.Event) {}, func() {}) }()
	asked := make(chan error, 1)
	go func() {
		_, _, err := h.tag(ctx, wire.Card, soakCard)
		asked <- err
	}()
	h.openAgain(ctx) // as the link does: at once
	h.openAgain(ctx)
	h.tell(func(device.Event) {})
	if h.isOpen() {
		t.Error("the link has waited until the TPM was given up")
	}
	cancel()
	if err := <-asked; err == nil {
		t.Error("a card was checked")
	}
	if err := <-watched; err != nil {
		t.Error(err)
	}
}

// heldInTPM returns the credentials of an adopted reader whose keys are in the TPM at path.
func heldInTPM(t *testing.T, path string) (*held, *tpmSite) {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	if err := datadir.Open(data); err != nil {
		t.Fatal(err)
	}
	chip := tpm.Open(path)
	t.Cleanup(func() { chip.Close() })
	r := &reader{config: &config{Reader: readerConfig{Data: data}}, tpm: chip}
	if changed, err := r.requestTPM(t.Context()); !changed || err != nil {
		t.Fatal(changed, err)
	}
	site := newTPMSite(t, data, path)
	if _, err := adoption.Adopt(data, site.bundle(site.first(50)), false); err != nil {
		t.Fatal(err)
	}
	h := openHeld(t.Context(), cache.Options{Dir: data, Site: wire.SiteID{1}, Controller: keyedController.Public().(ed25519.PublicKey)}, chip)
	t.Cleanup(func() { h.cache.Close() })
	h.openKeys(t.Context())
	return h, site
}

func TestAReaderTellsTheControllerWhatItsTPMNeeds(t *testing.T) {
	h, site := heldInTPM(t, newChip(t).path)
	told := func() *wire.TPMState {
		t.Helper()
		h.openKeys(t.Context())
		c := condition(device.State{TPM: h.keyHealth().TPM}, nil)
		if c.TPM == nil {
			t.Fatal("nothing of the TPM")
		}
		return c.TPM
	}
	if _, _, err := h.tag(t.Context(), wire.PIN, []byte(adaPIN)); err != nil {
		t.Fatal(err)
	}
	before := h.keyHealth().TPM // counted without asking
	if now := told(); *now != before || *now != (wire.TPMState{Ref: site.tpm.Ref, Budget: wire.Budget{Spent: 1, Limit: 50}}) {
		t.Errorf("%+v, before that %+v", now, before)
	}

	// These keys are for an index that the TPM has not.
	keys := site.first(50)
	keys.TPM.Grant.Nonce[0] ^= 1
	if said, err := site.grant(site.own(keys)); err != nil {
		t.Fatal(said, err)
	}
	now := told()
	if now.Ref != keys.TPM.Ref || now.Nonce == (wire.TPMNonce{}) || now.Budget != (wire.Budget{}) {
		t.Errorf("%+v", now)
	}
	if health := h.keyHealth(); health.PIN != wire.ReasonKey || health.Condition != device.Impaired {
		t.Errorf("%+v", health)
	}
	if _, _, err := h.tag(t.Context(), wire.Card, soakCard); err != nil {
		t.Error(err)
	}
	if c := condition(device.State{}, nil); c.TPM != nil {
		t.Errorf("without a TPM: %+v", c.TPM)
	}
}

func TestATPMThatNeedsASecondForEachCommandChecksPINsAndCards(t *testing.T) {
	t.Parallel()
	var pause atomic.Int64
	h, _ := heldInTPM(t, newChip(t).between(func([]byte) bool {
		time.Sleep(time.Duration(pause.Load()))
		return true
	}))
	pause.Store(int64(time.Second))
	for kind, secret := range map[wire.CredentialKind][]byte{wire.PIN: []byte(adaPIN), wire.Card: soakCard} {
		tag, epoch, err := h.tag(t.Context(), kind, secret)
		if err != nil {
			t.Errorf("%v: %v", kind, err)
		} else if _, err := h.cache.Lookup(epoch, tag); err != nil {
			t.Errorf("%v: %v", kind, err)
		}
	}
	looks := make(chan bool) // as they do each minute, but without a rest
	stop := make(chan bool)
	go func() {
		defer close(looks)
		for {
			select {
			case <-stop:
				return
			default:
				h.openKeys(t.Context())
			}
		}
	}()
	for range 3 {
		if _, _, err := h.tag(t.Context(), wire.PIN, []byte(adaPIN)); err != nil {
			t.Errorf("while the TPM is looked at: %v", err)
		}
	}
	close(stop)
	<-looks
	if k := h.current(); k.err != nil || k.pinErr != nil || k.state.Budget != (wire.Budget{Spent: 4, Limit: 50}) {
		t.Errorf("%+v", k)
	}
	pause.Store(0)
}

func TestAPINBesideALookAtTheTPMIsCountedOnce(t *testing.T) {
	h, _ := heldInTPM(t, newChip(t).path)
	before := h.current()
	asked, err := h.idle(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.tag(t.Context(), wire.PIN, []byte(adaPIN)); err != nil {
		t.Fatal(err)
	}
	if h.set(before, asked) || h.current().state.Budget.Spent != 1 {
		t.Error("the count of before a PIN is in place of that after it")
	}

	// A PIN that is being checked may be counted already, and is added as well.
	h.asking <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.idle(ctx); err == nil {
		t.Error("the TPM is idle while it checks a PIN")
	}
	<-h.asking

	pins := make(chan error)
	go func() {
		defer close(pins)
		for range 5 {
			_, _, err := h.tag(t.Context(), wire.PIN, []byte(adaPIN))
			pins <- err
		}
	}()
	for n := uint32(1); ; {
		h.openKeys(t.Context())
		select {
		case err, more := <-pins:
			if n++; !more {
				return
			}
			if err != nil || h.current().state.Budget.Spent < n {
				t.Errorf("%v, %+v after %d PINs", err, h.current().state.Budget, n)
			}
		default:
		}
		if k := h.current(); k.state.Budget.Spent > n+1 {
			t.Fatalf("%+v after %d PINs and perhaps another", k.state.Budget, n)
		}
	}
}

func TestWhatPassesInATPMKeepsNobodyFromTryingAPIN(t *testing.T) {
	var fails atomic.Uint32 // TPM_CC
	chip := newChip(t)
	h, site := heldInTPM(t, chip.between(func(command []byte) bool {
		return binary.BigEndian.Uint32(command[6:]) != fails.Load()
	}))
	spent := uint32(0)
	is := func(condition device.Condition, limit uint32, fault string) {
		t.Helper()
		h.openKeys(t.Context())
		health := h.keyHealth()
		if health.Condition != condition || health.PIN != "" || health.Text != fault || health.TPM.Budget != (wire.Budget{Spent: spent, Limit: limit}) {
			t.Errorf("%+v", health)
		}
		for kind, secret := range map[wire.CredentialKind][]byte{wire.PIN: []byte(adaPIN), wire.Card: soakCard} {
			if _, _, err := h.tag(t.Context(), kind, secret); err != nil {
				t.Errorf("%v: %v", kind, err)
			}
		}
		spent++
	}
	is(device.Good, 50, "")
	for _, cc := range []tpm2.TPMCC{tpm2.TPMCCNVReadPublic, tpm2.TPMCCNVRead} { // of Use, of Budget
		fails.Store(uint32(cc))
		is(device.Impaired, 50, tpm.ErrAbsent.Error())
	}
	fails.Store(0)
	bad := site.refill(60)
	bad.TPM.Grant.Signature[0] ^= 1
	if said, err := site.grant(site.own(bad)); err != nil {
		t.Fatal(said, err)
	}
	is(device.Impaired, 50, tpm.ErrGrant.Error())
	if said, err := site.grant(site.own(site.refill(60))); err != nil {
		t.Fatal(said, err)
	}
	is(device.Good, 60, "")

	// Nothing is known of the budget of other keys.
	request, err := h.tpm.Request(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := adoption.KeepTPM(site.data, request); err != nil {
		t.Fatal(err)
	}
	if said, err := site.grant(site.own(site.first(70))); err != nil {
		t.Fatal(said, err)
	}
	fails.Store(uint32(tpm2.TPMCCNVRead))
	for range 2 {
		h.openKeys(t.Context())
		if health := h.keyHealth(); health.Condition != device.Impaired || health.PIN != wire.ReasonKey || health.TPM.Budget != (wire.Budget{}) {
			t.Errorf("%+v", health)
		}
		chip.cut() // to end the session of what has failed
		chip.power()
	}
	fails.Store(0)
	spent = 0
	is(device.Good, 70, "")
}

func TestAPINThatCanOpenNothingIsNotCounted(t *testing.T) {
	h, _ := heldInTPM(t, newChip(t).path)
	h.cache.Close()
	h.cache = cache.Open(cache.Options{Dir: t.TempDir()})
	if _, _, err := h.tag(t.Context(), wire.PIN, []byte(adaPIN)); !errors.Is(err, cache.ErrEmpty) {
		t.Error(err)
	}
	if budget, err := h.tpm.Budget(t.Context()); err != nil || budget.Spent != 0 {
		t.Errorf("%+v, %v", budget, err)
	}
}

// Without a resource manager the sessions of a reader that was killed stay: for PINs, and of
// the nonce. A TPM has room for three.
func TestAReaderThatWasKilledLeavesRoomForTheNext(t *testing.T) {
	chip := newChip(t)
	killed, site := heldInTPM(t, chip.path)
	if _, err := killed.tpm.Request(t.Context()); err != nil {
		t.Fatal(err)
	}
	own := tpm.Open(chip.path)
	defer own.Close()
	h := openHeld(t.Context(), cache.Options{Dir: site.data, Site: wire.SiteID{1}, Controller: keyedController.Public().(ed25519.PublicKey)}, own)
	defer h.cache.Close()
	h.openKeys(t.Context())
	if k := h.current(); k.err != nil || k.pinErr != nil || k.state.Budget != (wire.Budget{Limit: 50}) {
		t.Errorf("%+v", k)
	}
}

func TestWhatIsWrongWithATPMIsSaidWithoutItsCodes(t *testing.T) {
	for _, known := range []error{
		errNoTPM, errInFile, tpm.ErrAbsent, tpm.ErrBusy, tpm.ErrSpent, tpm.ErrNoBudget, tpm.ErrForeign, tpm.ErrGrant, tpm.ErrOwned, tpm.ErrFull, tpm.ErrIdentity, tpm.ErrNoKeys,
	} {
		if said := tpmFault(fmt.Errorf("tpm: card: %w: %w", known, tpm2.TPMRCValue)); said != known.Error() || len(said) > wire.MaxText {
			t.Errorf("%q", said)
		}
	}
	if said := tpmFault(tpm2.TPMRCValue); !strings.Contains(said, "see the log") {
		t.Errorf("%q", said)
	}
}

func TestAStartAfterARunWithoutTheTPMIsNoError(t *testing.T) {
	h, site := heldInTPM(t, newChip(t).path)
	if _, err := adoption.KeepTPM(site.data, nil); err != nil { // as a run does whose config names no TPM
		t.Fatal(err)
	}
	for chip, want := range map[*tpm.TPM]string{h.tpm: "", nil: adoption.ErrNotReached.Error()} {
		var log bytes.Buffer
		r := &reader{config: &config{Reader: readerConfig{Data: site.data}}, log: newLog(&log, slog.LevelDebug), tpm: chip}
		if shown, said := r.fingerprint(), log.String(); shown != "" || !strings.Contains(said, want) || (said == "") != (want == "") {
			t.Errorf("shown %q, in the log %q; want %q", shown, said, want)
		}
	}
}
