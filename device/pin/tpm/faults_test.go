package tpm

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"latchkey/sync/wire"
)

// through returns a TPM that has its keys and whose commands go through a hook.
func through(t *testing.T, limit uint32, h func(chip *chip) hook) (*chip, *controller, *TPM, *wire.TPMKeys) {
	t.Helper()
	chip, c, first, keys := ready(t, limit)
	tpm := Open(chip.between(h(chip)))
	t.Cleanup(func() { tpm.Close() })
	tpm.use = first.use
	return chip, c, tpm, keys
}

var warnings = []tpm2.TPMRC{tpm2.TPMRCRetry, tpm2.TPMRCYielded, tpm2.TPMRCTesting, tpm2.TPMRCNVRate, tpm2.TPMRCNVUnavailable, tpm2.TPMRCLockout,
	tpm2.TPMRCContextGap, tpm2.TPMRCObjectMemory, tpm2.TPMRCSessionMemory, tpm2.TPMRCMemory, tpm2.TPMRCSessionHandles, tpm2.TPMRCObjectHandles}

func TestAWarningIsWaitedFor(t *testing.T) {
	t.Parallel()
	for _, rc := range warnings {
		t.Run(fmt.Sprintf("%#x", uint32(rc)), func(t *testing.T) {
			t.Parallel()
			left := map[tpm2.TPMCC]int{}
			_, c, tpm, keys := through(t, 5, func(chip *chip) hook {
				return func(cc tpm2.TPMCC, command []byte) []byte {
					if left[cc] == 0 {
						left[cc] = 4
					}
					if left[cc]--; left[cc] > 0 {
						return answer(rc)
					}
					return chip.send(command)
				}
			})
			wantPIN(t, tpm, c)
			wantCard(t, tpm, c)
			if err := tpm.Use(t.Context(), c.refill(keys, 6)); err != nil {
				t.Error(err)
			}
			spent(t, tpm, wire.Budget{Spent: 1, Limit: 6})
		})
	}
}

func TestAWarningThatStaysIsSaid(t *testing.T) {
	t.Parallel()
	for _, rc := range warnings {
		t.Run(fmt.Sprintf("%#x", uint32(rc)), func(t *testing.T) {
			t.Parallel()
			for _, at := range []tpm2.TPMCC{tpm2.TPMCCStartAuthSession, tpm2.TPMCCPolicySecret} {
				stays := true
				seen := make(chan bool, 1000)
				_, c, tpm, _ := through(t, 5, func(chip *chip) hook {
					return func(cc tpm2.TPMCC, command []byte) []byte {
						if cc == at && stays {
							seen <- true
							return answer(rc)
						}
						return chip.send(command)
					}
				})
				tag, err := tpm.Tag(until(t, seen), wire.PIN, material(7))
				if tag != (wire.Tag{}) || !errors.Is(err, ErrBusy) && !errors.Is(err, ErrFull) ||
					rc != tpm2.TPMRCRetry && !errors.Is(err, rc) { // go-tpm repeats after RETRY itself
					t.Errorf("%x, %v", tag, err)
				}
				for unstuck(tpm.pins) { // the refused command's session ends
				}
				stays = false
				wantPIN(t, tpm, c)
				spent(t, tpm, wire.Budget{Spent: 1, Limit: 5})
			}
		})
	}
}

// until returns a context that ends when the chip has warned of something twice.
func until(t *testing.T, seen chan bool) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-seen
		<-seen
		cancel()
	}()
	return ctx
}

// watched passes on the chip's own warnings, and says so.
func watched(chip *chip, seen chan bool) hook {
	return func(_ tpm2.TPMCC, command []byte) []byte {
		answer := chip.send(command)
		if isWarning(code(answer)) {
			seen <- true
		}
		return answer
	}
}

// unstuck waits for the end of a file's job. It returns whether to ask again.
func unstuck(f *file) bool {
	f.turn <- struct{}{}
	<-f.turn
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stuck
}

func TestGarbageIsAnErrorAndPasses(t *testing.T) {
	t.Parallel()
	random := make([]byte, 200)
	rand.Read(random)
	sized := func(body []byte) []byte {
		return append(binary.BigEndian.AppendUint32([]byte{0x80, 0x02}, uint32(headerSize+len(body))), append([]byte{0, 0, 0, 0}, body...)...)
	}
	short := func(n int) func([]byte) []byte { return func(a []byte) []byte { return a[:min(n, len(a))] } }
	for name, garbage := range map[string]func(answer []byte) []byte{
		"nothing":             func([]byte) []byte { return nil },
		"9 bytes":             short(9),
		"10 bytes":            short(10),
		"20 bytes":            short(20),
		"random bytes":        func([]byte) []byte { return random },
		"random after header": func([]byte) []byte { return sized(random) },
		"only a header":       func([]byte) []byte { return answer(0) },
		"an empty body":       func([]byte) []byte { return sized(nil) },
		"all ones":            func(a []byte) []byte { return sized([]byte(strings.Repeat("\xff", 300))) },
		"zeros":               func(a []byte) []byte { return sized(make([]byte, 300)) },
		"4096 bytes":          func(a []byte) []byte { return sized(make([]byte, 4086)) },
		"an unknown code":     func(a []byte) []byte { return answer(0xFFFFFFFF) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var at tpm2.TPMCC
			chip, c, tpm, keys := through(t, 100, func(chip *chip) hook {
				return func(cc tpm2.TPMCC, command []byte) []byte {
					if cc == at {
						return garbage(chip.send(command))
					}
					return chip.send(command)
				}
			})
			// Each either fails or, where the garbage says no more than success, is right.
			// A session whose handle was lost in the garbage ends with the file on a real
			// resource manager; on a socket it stays.
			ctx := t.Context()
			tried := uint32(0)
			for _, at = range []tpm2.TPMCC{tpm2.TPMCCStartAuthSession, tpm2.TPMCCPolicySecret, tpm2.TPMCCPolicyCommandCode, tpm2.TPMCCHMAC} {
				tried++
				tag, err := tpm.Tag(ctx, wire.PIN, material(7))
				if err == nil && !bytes.Equal(tag[:], mac(&c.pin, 1, material(7))[:16]) || err != nil && tag != (wire.Tag{}) {
					t.Errorf("%#x: PIN: %x, %v", at, tag, err)
				}
				if err != nil && !errors.Is(err, ErrAbsent) && !errors.Is(err, ErrNoBudget) && !errors.Is(err, errRefused) {
					t.Errorf("%#x: PIN: %v", at, err)
				}
				chip.flushSessions()
			}
			if key, err := tpm.WrappingKey(ctx, make([]byte, 4)); err == nil || key != nil {
				t.Errorf("card: %x, %v", key, err)
			}
			at = 0
			before, err := tpm.Budget(ctx)
			if err != nil || before.Spent > tried {
				t.Errorf("%v, %v", before, err)
			}
			for _, at = range []tpm2.TPMCC{tpm2.TPMCCNVRead, tpm2.TPMCCPolicyOR} {
				if b, err := tpm.Budget(ctx); err == nil && b != before {
					t.Errorf("%#x: budget %v", at, b)
				}
				chip.flushSessions()
			}
			for _, at = range []tpm2.TPMCC{tpm2.TPMCCReadPublic, tpm2.TPMCCNVReadPublic, tpm2.TPMCCLoadExternal, tpm2.TPMCCPolicySigned,
				tpm2.TPMCCNVWrite, tpm2.TPMCCGetCapability, tpm2.TPMCCStartAuthSession, tpm2.TPMCCCreatePrimary} {
				tpm.Use(ctx, c.refill(keys, 101))
				tpm.Request(ctx)
				tpm.Describe(ctx)
				chip.flushSessions()
				for _, handle := range chip.handles(0x80000000) {
					(tpm2.FlushContext{FlushHandle: handle}).Execute(chip.raw())
				}
			}
			at = 0
			if err := tpm.Use(ctx, c.refill(keys, 102)); err != nil {
				t.Error(err)
			}
			wantPIN(t, tpm, c)
			wantCard(t, tpm, c)
			spent(t, tpm, wire.Budget{Spent: before.Spent + 1, Limit: 102})
		})
	}
}

func TestAnHMACOfAnotherLengthIsAnError(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 16, 31, 33, 48} {
		digest := append(binary.BigEndian.AppendUint16(nil, uint16(n)), make([]byte, n)...)
		body := slices.Concat(binary.BigEndian.AppendUint32(nil, uint32(len(digest))), digest, []byte{0, 0, 1, 0, 0})
		header := append(binary.BigEndian.AppendUint32([]byte{0x80, 0x02}, uint32(headerSize+len(body))), 0, 0, 0, 0)
		_, _, tpm, _ := through(t, 5, func(*chip) hook {
			return func(tpm2.TPMCC, []byte) []byte { return append(header, body...) }
		})
		if key, err := tpm.WrappingKey(t.Context(), make([]byte, 4)); !errors.Is(err, ErrAbsent) || key != nil {
			t.Errorf("%d bytes: %x, %v", n, key, err)
		}
	}
}

func (c *chip) flushSessions() {
	for _, handle := range c.handles(0x02000000) {
		(tpm2.FlushContext{FlushHandle: handle&0x00FFFFFF | 0x03000000}).Execute(c.raw())
	}
}

func TestAnAbsentTPMIsSaidAndMayComeLate(t *testing.T) {
	t.Parallel()
	chip, c, _, keys := ready(t, 5)
	link := filepath.Join(filepath.Dir(chip.Path), "late")
	tpm := Open(link)
	t.Cleanup(func() { tpm.Close() })
	if err := tpm.Use(t.Context(), keys); !errors.Is(err, ErrAbsent) {
		t.Error(err)
	}
	if _, err := tpm.Request(t.Context()); !errors.Is(err, ErrAbsent) {
		t.Error(err)
	}
	if _, err := tpm.Describe(t.Context()); !errors.Is(err, ErrAbsent) {
		t.Error(err)
	}
	if _, err := tpm.Tag(t.Context(), wire.Card, make([]byte, 4)); err == nil {
		t.Error("a tag without a TPM")
	}
	if err := syscall.Symlink(chip.Path, link); err != nil {
		t.Fatal(err)
	}
	if err := tpm.Use(t.Context(), keys); err != nil {
		t.Fatal(err)
	}
	wantPIN(t, tpm, c)
	wantCard(t, tpm, c)
}

func TestATPMThatGoesAwayComesBackWithItsCount(t *testing.T) {
	t.Parallel()
	chip, c, tpm, keys := ready(t, 5)
	wantPIN(t, tpm, c)
	chip.Cut()
	wantNoPIN(t, tpm, ErrAbsent)
	if _, err := tpm.Tag(t.Context(), wire.Card, make([]byte, 4)); !errors.Is(err, ErrAbsent) {
		t.Error(err)
	}
	if err := tpm.Use(t.Context(), keys); !errors.Is(err, ErrAbsent) {
		t.Error(err)
	}
	if _, err := tpm.Budget(t.Context()); !errors.Is(err, ErrAbsent) {
		t.Error(err)
	}
	chip.Power("startup-clear")
	spent(t, tpm, wire.Budget{Spent: 1, Limit: 5})
	wantPIN(t, tpm, c)
	wantCard(t, tpm, c)
	spent(t, tpm, wire.Budget{Spent: 2, Limit: 5})
}

func TestATPMThatWasNotStartedIsSaid(t *testing.T) {
	t.Parallel()
	chip, c, tpm, _ := ready(t, 5)
	chip.Cut()
	chip.Power("")
	for _, err := range []error{
		func() error { _, err := tpm.Tag(t.Context(), wire.PIN, material(7)); return err }(),
		func() error { _, err := tpm.Tag(t.Context(), wire.Card, make([]byte, 4)); return err }(),
		func() error { _, err := tpm.Request(t.Context()); return err }(),
	} {
		if !errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), "TPM_RC_INITIALIZE") {
			t.Error(err)
		}
	}
	if _, err := (tpm2.Startup{StartupType: tpm2.TPMSUClear}).Execute(chip.raw()); err != nil {
		t.Fatal(err)
	}
	wantPIN(t, tpm, c)
	spent(t, tpm, wire.Budget{Spent: 1, Limit: 5})
}

func TestASlowTPMIsWaitedForAsLongAsTheCallerWaits(t *testing.T) {
	t.Parallel()
	_, c, tpm, _ := through(t, 5, func(chip *chip) hook {
		return func(_ tpm2.TPMCC, command []byte) []byte {
			time.Sleep(time.Second)
			return chip.send(command)
		}
	})
	wantPIN(t, tpm, c)
	wantCard(t, tpm, c)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond) // the first of three commands, which counts, takes a second
	defer cancel()
	if _, err := tpm.Tag(ctx, wire.PIN, material(7)); !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
	unstuck(tpm.pins)
	spent(t, tpm, wire.Budget{Spent: 2, Limit: 5})
}

func TestATPMThatHangsKeepsNobodyAndSpendsNothingLater(t *testing.T) {
	t.Parallel()
	hang, hangs, goOn := false, make(chan bool), make(chan bool)
	_, c, tpm, _ := through(t, 5, func(chip *chip) hook {
		return func(cc tpm2.TPMCC, command []byte) []byte {
			if hang && cc == tpm2.TPMCCStartAuthSession {
				hang = false
				hangs <- true
				<-goOn
			}
			return chip.send(command)
		}
	})
	hang = true
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-hangs
		cancel()
	}()
	if _, err := tpm.Tag(ctx, wire.PIN, material(7)); !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
	for range 3 { // at once, though the context lives
		wantNoPIN(t, tpm, ErrBusy)
	}
	if err := tpm.Close(); !errors.Is(err, ErrBusy) {
		t.Errorf("Close: %v", err)
	}
	goOn <- true
	unstuck(tpm.pins)
	spent(t, tpm, wire.Budget{Spent: 0, Limit: 5})
	wantPIN(t, tpm, c)
	spent(t, tpm, wire.Budget{Spent: 1, Limit: 5})
}

func TestAJobThatNobodyWaitsForLeavesNoSecret(t *testing.T) {
	t.Parallel()
	f := newFile(nil)
	ctx, cancel := context.WithCancel(t.Context())
	goOn := make(chan bool)
	left, never := []byte{1}, []byte{2}
	err := f.do(ctx, func(*conn) error {
		cancel()
		<-goOn
		copy(left, []byte{3}) // the answer
		return nil
	}, left)
	if !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
	if err := f.do(t.Context(), nil, never); !errors.Is(err, ErrBusy) || never[0] != 0 {
		t.Errorf("%v, %v", err, never)
	}
	goOn <- true
	unstuck(f)
	if left[0] != 0 {
		t.Error("the answer is left")
	}
	if err := f.do(t.Context(), func(*conn) error { left[0] = 4; return nil }, left); err != nil || left[0] != 4 {
		t.Errorf("%v, %v", err, left)
	}
}

func TestATPMFullOfOthersSessionsIsSaid(t *testing.T) {
	t.Parallel()
	seen := make(chan bool, 1000)
	chip, c, tpm, _ := through(t, 5, func(chip *chip) hook { return watched(chip, seen) })
	raw := chip.raw()
	for {
		if _, _, err := tpm2.PolicySession(raw, tpm2.TPMAlgSHA256, 16); err != nil {
			t.Log(err)
			break
		}
	}
	if _, err := tpm.Tag(until(t, seen), wire.PIN, material(7)); !errors.Is(err, ErrFull) {
		t.Error(err)
	}
	unstuck(tpm.pins)
	wantCard(t, tpm, c)
	chip.flushSessions()
	wantPIN(t, tpm, c)
	spent(t, tpm, wire.Budget{Spent: 1, Limit: 5})
}

func TestATPMFullOfOthersObjectsIsSaid(t *testing.T) {
	t.Parallel()
	seen := make(chan bool, 1000)
	chip, c, tpm, keys := through(t, 5, func(chip *chip) hook { return watched(chip, seen) })
	raw := chip.raw()
	parent := mustRequest(t, tpm).Parent
	for {
		if _, err := (tpm2.CreatePrimary{PrimaryHandle: owner(), InPublic: tpm2.New2B(tpm2.ECCSRKTemplate)}).Execute(raw); err != nil {
			t.Log(err)
			break
		}
	}
	rand.Read(c.pin[:])
	next, err := Wrap(parent, nil, &c.key.PublicKey, keys.Ref, &c.pin, &c.card)
	if err != nil {
		t.Fatal(err)
	}
	next.Grant = c.refill(keys, 6).Grant
	if err := tpm.Use(until(t, seen), next); !errors.Is(err, ErrFull) {
		t.Error(err)
	}
	unstuck(tpm.rest)
	for _, handle := range chip.handles(0x80000000) {
		(tpm2.FlushContext{FlushHandle: handle}).Execute(raw)
	}
	if err := tpm.Use(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	wantPIN(t, tpm, c)
	wantCard(t, tpm, c)
	spent(t, tpm, wire.Budget{Spent: 1, Limit: 6})
}

// A resource manager forgets a file's sessions and objects when it is closed, and says
// EINVAL for an object it does not know.
func TestAStaleFileIsOpenedAgain(t *testing.T) {
	t.Parallel()
	chip, c, first, _ := ready(t, 5)
	fail := false
	tpm := open(func() (transport.TPMCloser, error) {
		return &stale{manager: newManager(chip, new(int)), fail: &fail}, nil
	})
	t.Cleanup(func() { tpm.Close() })
	tpm.use = first.use
	wantPIN(t, tpm, c)
	wantCard(t, tpm, c)
	fail = true
	wantCard(t, tpm, c)
	fail = true
	tpm.Prepare(t.Context())
	wantPIN(t, tpm, c)
	fail = true
	wantNoPIN(t, tpm, ErrAbsent) // what counts is not sent twice
	wantPIN(t, tpm, c)
	spent(t, tpm, wire.Budget{Spent: 3, Limit: 5})
}

type stale struct {
	*manager
	used bool
	fail *bool
}

func (s *stale) Send(command []byte) ([]byte, error) {
	if s.used && *s.fail {
		*s.fail = false
		return nil, syscall.EINVAL
	}
	s.used = true
	return s.manager.Send(command)
}

// After any command, the chip loses its power. What remains is adopted again or goes on.
func TestUseGoesOnAfterAPowerCutAtAnyCommand(t *testing.T) {
	t.Parallel()
	for at, done := 1, false; !done; at++ {
		done = true
		chip := newChip(t)
		c := newController(t)
		for _, lost := range []bool{false, true} { // the answer is
			n := 0
			cut := false
			tpm := Open(chip.between(func(_ tpm2.TPMCC, command []byte) []byte {
				if cut {
					return nil
				}
				answer := chip.send(command)
				if n++; n == at {
					cut = true
					chip.Cut()
					if lost {
						return nil
					}
				}
				return answer
			}))
			var keys *wire.TPMKeys
			request, err := tpm.Request(t.Context())
			if err == nil {
				keys = c.adopt(request, 3)
				err = tpm.Use(t.Context(), keys)
			}
			done = done && !cut
			if !cut && err != nil {
				t.Fatal(err)
			}
			if cut {
				chip.Power("startup-clear")
			}
			tpm.Close()

			after := Open(chip.Path)
			err = ErrNoBudget
			if keys != nil {
				err = after.Use(t.Context(), keys)
			}
			if errors.Is(err, ErrNoBudget) {
				if keys != nil {
					wantCard(t, after, c)
				}
				wantNoPINAtAll(t, after)
				keys = c.adopt(mustRequest(t, after), 3)
				err = after.Use(t.Context(), keys)
			}
			if err != nil {
				t.Fatalf("command %d: %v", at, err)
			}
			wantCard(t, after, c)
			for range 3 {
				wantPIN(t, after, c)
			}
			wantNoPIN(t, after, ErrSpent)
			after.Close()
		}
		if done {
			t.Logf("%d commands", at)
		}
		chip.Cut()
	}
}

func wantNoPINAtAll(t *testing.T, tpm *TPM) {
	t.Helper()
	if tag, err := tpm.Tag(t.Context(), wire.PIN, material(7)); err == nil {
		t.Errorf("PIN: %x without a budget", tag)
	}
}

func TestASessionThatCannotBeEndedEndsWithItsFile(t *testing.T) {
	t.Parallel()
	chip, _, first, _ := ready(t, 5)
	tpm, files, _ := managed(t, chip, first)
	c := &conn{file: tpm.rest, ctx: t.Context()}
	if _, _, err := tpm2.PolicySession(c, tpm2.TPMAlgSHA256, 16); err != nil {
		t.Fatal(err)
	}
	c.flush(0x03FFFFFF) // which nobody has
	if left := (*files)[0].saved; len(left) != 0 {
		t.Errorf("%d sessions are left", len(left))
	}
}
