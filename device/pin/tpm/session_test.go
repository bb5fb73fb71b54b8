package tpm

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"latchkey/sync/wire"
)

// A manager is a file of a resource manager such as Linux's: around each command it loads
// and saves the sessions that are the file's.
type manager struct {
	*chip
	reached *int // commands that have reached the chip
	saved   map[tpm2.TPMHandle]tpm2.TPMSContext
}

func newManager(chip *chip, reached *int) *manager {
	return &manager{chip: chip, reached: reached, saved: map[tpm2.TPMHandle]tpm2.TPMSContext{}}
}

// managed returns another program's TPM that has the keys of first and whose files are
// those of a resource manager.
func managed(t testing.TB, chip *chip, first *TPM) (tpm *TPM, files *[]*manager, reached *int) {
	t.Helper()
	files, reached = new([]*manager), new(int)
	tpm = open(func() (transport.TPMCloser, error) {
		m := newManager(chip, reached)
		*files = append(*files, m)
		return m, nil
	})
	t.Cleanup(func() { tpm.Close() })
	tpm.use = first.use
	return tpm, files, reached
}

// counted sends a command to the chip and counts it.
type counted struct{ *manager }

func (c counted) Send(command []byte) ([]byte, error) {
	*c.reached++
	return direct{c.chip}.Send(command)
}

func (m *manager) Send(command []byte) ([]byte, error) {
	for handle, context := range m.saved {
		if _, err := (tpm2.ContextLoad{Context: context}).Execute(counted{m}); err != nil {
			delete(m.saved, handle) // forgotten, as the chip was reset
		}
	}
	answer, err := counted{m}.Send(command)
	if err != nil || code(answer) != tpm2.TPMRCSuccess && len(m.saved) == 0 {
		return answer, err
	}
	if bytes.Equal(command[6:headerSize], []byte{0, 0, 1, 0x76}) { // TPM2_StartAuthSession
		var handle tpm2.TPMHandle
		for _, b := range answer[headerSize : headerSize+4] {
			handle = handle<<8 | tpm2.TPMHandle(b)
		}
		m.saved[handle] = tpm2.TPMSContext{}
	}
	for handle := range m.saved {
		saved, err := tpm2.ContextSave{SaveHandle: handle}.Execute(counted{m})
		if err != nil {
			delete(m.saved, handle) // the command has ended it
			continue
		}
		m.saved[handle] = saved.Context
	}
	return answer, nil
}

func (m *manager) Close() error {
	for handle := range m.saved {
		(tpm2.FlushContext{FlushHandle: handle}).Execute(counted{m})
	}
	clear(m.saved)
	return nil
}

// session returns the context of a file's only session.
func (m *manager) session(t *testing.T) tpm2.TPMSContext {
	t.Helper()
	if len(m.saved) != 1 {
		t.Fatalf("%d sessions", len(m.saved))
	}
	for _, saved := range m.saved {
		return saved
	}
	panic("unreachable")
}

const (
	loadedSessions = 0x02000000 // TPM_HT_LOADED_SESSION
	savedSessions  = 0x03000000 // TPM_HT_SAVED_SESSION
)

func TestAPINTakesThreeCommandsAndNineThroughAResourceManager(t *testing.T) {
	t.Parallel()
	chip, c, first, _ := ready(t, 50)
	first.Close()
	tpm, files, reached := managed(t, chip, first)
	taken := func() int {
		*reached = 0
		wantPIN(t, tpm, c)
		return *reached
	}
	if n := taken(); n != 11 {
		t.Errorf("%d commands for the first PIN, which begins the session", n)
	}
	for range 3 {
		if n := taken(); n != 9 {
			t.Errorf("%d commands for a later PIN", n)
		}
	}
	pins := (*files)[0]

	// A session that waits is saved anew.
	before := pins.session(t)
	tpm.Prepare(t.Context())
	after := pins.session(t)
	if after.SavedHandle != before.SavedHandle || after.Sequence <= before.Sequence {
		t.Errorf("saved as %#x, %d and later as %#x, %d", uint32(before.SavedHandle), before.Sequence, uint32(after.SavedHandle), after.Sequence)
	}

	// After a reset of the chip, of which the reader learns nothing, a PIN finds no session.
	chip.Cut()
	chip.Power("startup-clear")
	if n := taken(); n != 13 { // ContextLoad and PolicySecret fail, then it is a first PIN
		t.Errorf("%d commands for the PIN after a reset", n)
	}
	chip.Cut()
	chip.Power("startup-clear")
	tpm.Prepare(t.Context())
	if n := taken(); n != 9 {
		t.Errorf("%d commands for a PIN that was prepared for", n)
	}

	// A failure closes the file, and the session goes with it.
	tpm.pins.close(t.Context())
	if n := len(chip.handles(loadedSessions)) + len(chip.handles(savedSessions)); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
	tpm.Prepare(t.Context())
	if n := taken(); n != 9 {
		t.Errorf("%d commands for a PIN of another opening", n)
	}
	spent(t, tpm, wire.Budget{Spent: 7, Limit: 50})

	// Without a budget there is no session.
	use := tpm.use
	use.refusePIN = ErrNoBudget
	tpm.set(use)
	tpm.Prepare(t.Context())
	if n := len(chip.handles(savedSessions)); n != 0 {
		t.Errorf("%d sessions, and no PIN can be checked", n)
	}
}

// An error with any command of a PIN ends the session, and the PIN is counted once at
// most.
func TestAPINThatFailsLeavesNoSessionAndIsCountedOnce(t *testing.T) {
	t.Parallel()
	for _, at := range []tpm2.TPMCC{tpm2.TPMCCPolicySecret, tpm2.TPMCCPolicyCommandCode, tpm2.TPMCCHMAC} {
		for _, executed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%#x, executed: %v", uint32(at), executed), func(t *testing.T) {
				t.Parallel()
				fail, secrets := false, 0
				chip, c, tpm, _ := through(t, 50, func(chip *chip) hook {
					return func(cc tpm2.TPMCC, command []byte) []byte {
						if cc == tpm2.TPMCCPolicySecret {
							secrets++
						}
						if cc != at || !fail {
							return chip.send(command)
						}
						if executed {
							chip.send(command)
						}
						return answer(tpm2.TPMRCFailure)
					}
				})
				wantPIN(t, tpm, c)
				for range 5 { // more than there is room for sessions
					fail, secrets = true, 0
					wantNoPIN(t, tpm, ErrAbsent)
					if left := chip.handles(loadedSessions); len(left) != 0 || secrets != 1 {
						t.Errorf("left in the TPM: %#x; PolicySecret was sent %d times", left, secrets)
					}
					fail = false
					wantPIN(t, tpm, c)
				}
				counted := uint32(11)
				if at == tpm2.TPMCCPolicySecret && !executed {
					counted = 6
				}
				spent(t, tpm, wire.Budget{Spent: counted, Limit: 50})
			})
		}
	}
}

// No answer is a failure after which the file is opened again. What may have been counted
// is not sent again.
func TestAPINWithoutAnAnswerIsNotSentAgain(t *testing.T) {
	t.Parallel()
	lost := false
	_, c, tpm, _ := through(t, 5, func(chip *chip) hook {
		return func(cc tpm2.TPMCC, command []byte) []byte {
			answer := chip.send(command)
			if cc == tpm2.TPMCCPolicySecret && lost {
				lost = false
				return nil
			}
			return answer
		}
	})
	wantPIN(t, tpm, c)
	lost = true
	wantNoPIN(t, tpm, ErrAbsent)
	spent(t, tpm, wire.Budget{Spent: 2, Limit: 5})
	wantPIN(t, tpm, c)
	spent(t, tpm, wire.Budget{Spent: 3, Limit: 5})
}

// Without a resource manager nobody tells the reader that its TPM was reset, and the handle
// of the session for PINs may be that of the nonce by now.
func TestAPINLeavesTheSessionOfANonceAlone(t *testing.T) {
	t.Parallel()
	chip, c, tpm, _ := ready(t, 5)
	wantPIN(t, tpm, c)
	chip.Cut()
	chip.Power("startup-clear")
	request := mustRequest(t, tpm)
	if tpm.nonce.session.Handle() != tpm.session.session.Handle() {
		t.Fatal("the handles differ")
	}
	wantNoPIN(t, tpm, tpm2.TPMRCNonce)
	spent(t, tpm, wire.Budget{Spent: 2, Limit: 5})
	wantPIN(t, tpm, c)
	spent(t, tpm, wire.Budget{Spent: 3, Limit: 5})
	if again := mustRequest(t, tpm); again.Nonce != request.Nonce {
		t.Error("the nonce is another")
	}
	if err := tpm.Use(t.Context(), c.adopt(request, 9)); err != nil {
		t.Fatal(err)
	}
	wantPIN(t, tpm, c)
	spent(t, tpm, wire.Budget{Spent: 1, Limit: 9})
}

// A TPM without a resource manager has room for three sessions. One is the nonce's, one is
// for PINs, and an activation takes two.
func TestThereIsRoomForEverySessionWithoutAResourceManager(t *testing.T) {
	t.Parallel()
	chip, c := newChip(t), newController(t)
	chip.certify(endorsementKinds()[0], nil)
	seen := make(chan bool, 1000)
	tpm := Open(chip.between(watched(chip, seen)))
	t.Cleanup(func() { tpm.Close() })
	request := mustRequest(t, tpm)
	keys := c.endorsed(request, mustEndorsement(t, request), 5)
	if err := tpm.Use(t.Context(), keys); err != nil {
		t.Fatal(err)
	}
	tpm.Prepare(t.Context())
	wantPIN(t, tpm, c)
	request = mustRequest(t, tpm)
	if n := len(chip.handles(loadedSessions)); n != 2 {
		t.Errorf("%d sessions, of the nonce and for PINs", n)
	}
	if err := tpm.Use(t.Context(), c.refill(keys, 6)); err != nil {
		t.Error(err)
	}
	spent(t, tpm, wire.Budget{Spent: 1, Limit: 6})
	rand.Read(c.pin[:])
	next, err := Wrap(request.Parent, mustEndorsement(t, request), &c.key.PublicKey, keys.Ref, &c.pin, &c.card)
	if err != nil {
		t.Fatal(err)
	}
	next.Grant = c.refill(keys, 7).Grant
	if err := tpm.Use(until(t, seen), next); err != nil {
		t.Fatal(err)
	}
	wantPIN(t, tpm, c)
	if len(seen) > 0 {
		t.Error("the TPM was full")
	}
}

func TestTheSessionForPINsAnswersOnceForEachUseOfTheBudget(t *testing.T) {
	t.Parallel()
	chip, c, tpm, keys := ready(t, 50)
	th := &thief{t: t, chip: chip, tpm: chip.raw(), keys: keys, index: tpm.use.index, judge: c,
		pin: tpm2.NamedHandle{Handle: pinHandle, Name: tpm.use.pin}, right: map[string]bool{}}
	tpm.Prepare(t.Context())
	for range 3 { // the thief takes over the reader's session at once after a PIN
		wantPIN(t, tpm, c)
		s := tpm.session.session
		th.refused("an HMAC", th.ask(th.pin, s))
		if err := th.code(tpm2.TPMCCHMAC)(s.Handle()); err != nil {
			t.Fatal(err)
		}
		th.refused("an HMAC, after the code", th.ask(th.pin, s))
		tpm.endPINs(t.Context())
	}
	spent(t, tpm, wire.Budget{Spent: 3, Limit: 50})
	th.atMost(0)

	secret, hmac := th.secret(th.index.written), th.code(tpm2.TPMCCHMAC)
	save := func(s tpm2.Session) tpm2.TPMSContext {
		saved, err := tpm2.ContextSave{SaveHandle: s.Handle()}.Execute(th.tpm)
		if err != nil {
			t.Fatal(err)
		}
		return saved.Context
	}
	load := func(context tpm2.TPMSContext) error {
		_, err := tpm2.ContextLoad{Context: context}.Execute(th.tpm)
		return err
	}
	// Saved and loaded as a resource manager does, it gives one answer, and then none.
	th.refused("saved and loaded", th.with(func(s tpm2.Session) error {
		if err := load(save(s)); err != nil {
			t.Fatal(err)
		}
		if err := th.ask(th.pin, s); err != nil {
			t.Error(err)
		}
		if err := load(save(s)); err != nil {
			t.Fatal(err)
		}
		return th.ask(th.pin, s)
	}, secret, hmac))
	th.atMost(1)
	// What was saved before the HMAC cannot be loaded after it.
	th.refused("an older context", th.with(func(s tpm2.Session) error {
		older := save(s)
		if err := load(older); err != nil {
			t.Fatal(err)
		}
		if err := th.ask(th.pin, s); err != nil {
			t.Error(err)
		}
		save(s)
		return load(older)
	}, secret, hmac))
	th.atMost(2)
	// The session ends with the power, and so does what was saved of it.
	for _, wasSaved := range []bool{false, true} {
		th.refused("after a power cut", th.with(func(s tpm2.Session) error {
			var context tpm2.TPMSContext
			if wasSaved {
				context = save(s)
			}
			chip.Cut()
			chip.Power("startup-clear")
			if wasSaved {
				th.refused("loaded after a power cut", load(context))
			}
			return th.ask(th.pin, s)
		}, secret, hmac))
	}
	th.atMost(2)
	if len(th.right) != 2 {
		t.Errorf("%d answers, not 2", len(th.right))
	}
	if budget, err := th.budget(); err != nil || budget.Spent != 7 {
		t.Errorf("%v, %v", budget, err)
	}
	if errors.Is(th.guess(), tpm2.TPMRCAuthUnavailable) {
		t.Error("the budget is spent")
	}
}

func TestOnlyTheCommandInFlightKeepsAPINWaiting(t *testing.T) {
	t.Parallel()
	var hold atomic.Bool
	arrived, goOn, sent := make(chan bool), make(chan bool), make(chan tpm2.TPMCC, 100)
	_, c, tpm, keys := through(t, 9, func(chip *chip) hook {
		return func(cc tpm2.TPMCC, command []byte) []byte {
			if hold.CompareAndSwap(true, false) {
				arrived <- true
				<-goOn
			}
			sent <- cc
			return chip.send(command)
		}
	})
	_, signing := ownKeys(t, tpm)
	tpm.Prepare(t.Context())
	for len(sent) > 0 {
		<-sent
	}
	hold.Store(true)
	var others sync.WaitGroup
	others.Go(func() {
		if err := tpm.Use(t.Context(), c.refill(keys, 10)); err != nil {
			t.Error(err)
		}
	})
	<-arrived
	others.Go(func() { wantPIN(t, tpm, c) })
	for len(tpm.gate) == 0 {
		time.Sleep(time.Millisecond)
	}
	others.Go(func() {
		if _, err := signing.Sign(nil, material(1), nil); err != nil {
			t.Error(err)
		}
	})
	goOn <- true
	others.Wait()
	<-sent // of Use
	for _, want := range []tpm2.TPMCC{tpm2.TPMCCPolicySecret, tpm2.TPMCCPolicyCommandCode, tpm2.TPMCCHMAC} {
		if got := <-sent; got != want {
			t.Errorf("the TPM had to do %v before %v", got, want)
		}
	}
	spent(t, tpm, wire.Budget{Spent: 1, Limit: 10})
}
