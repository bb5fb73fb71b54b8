package tpm

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2"
	"pgregory.net/rapid"

	"latchkey/sync/wire"
)

func spent(t *testing.T, tpm *TPM, want wire.Budget) {
	t.Helper()
	if got, err := tpm.Budget(t.Context()); err != nil || got != want {
		t.Errorf("budget %v, %v; want %v", got, err, want)
	}
}

func wantCard(t *testing.T, tpm *TPM, c *controller) {
	t.Helper()
	uid := []byte{4, 1, 2, 3, 4, 5, 6}
	if tag, err := tpm.Tag(t.Context(), wire.Card, uid); err != nil || !bytes.Equal(tag[:], mac(&c.card, 2, uid)[:16]) {
		t.Errorf("card: %x, %v", tag, err)
	}
}

func wantPIN(t *testing.T, tpm *TPM, c *controller) {
	t.Helper()
	if tag, err := tpm.Tag(t.Context(), wire.PIN, material(7)); err != nil || !bytes.Equal(tag[:], mac(&c.pin, 1, material(7))[:16]) {
		t.Errorf("PIN: %x, %v", tag, err)
	}
}

func wantNoPIN(t *testing.T, tpm *TPM, want error) {
	t.Helper()
	if tag, err := tpm.Tag(t.Context(), wire.PIN, material(7)); !errors.Is(err, want) || tag != (wire.Tag{}) {
		t.Errorf("PIN: %x, %v; want %v", tag, err, want)
	}
}

func TestABudgetAnswersUpToItsLimitAndRefillsRaiseIt(t *testing.T) {
	t.Parallel()
	_, c, tpm, keys := ready(t, 3)
	spent(t, tpm, wire.Budget{Spent: 0, Limit: 3})
	for range 3 {
		wantPIN(t, tpm, c)
	}
	spent(t, tpm, wire.Budget{Spent: 3, Limit: 3})
	for range 10 { // more than there is room for sessions that nobody ends
		wantNoPIN(t, tpm, ErrSpent)
	}
	spent(t, tpm, wire.Budget{Spent: 3, Limit: 3})
	wantCard(t, tpm, c)
	for _, limit := range []uint32{5, 4, 5} {
		if err := tpm.Use(t.Context(), c.refill(keys, limit)); err != nil {
			t.Fatal(err)
		}
		spent(t, tpm, wire.Budget{Spent: 3, Limit: 5})
	}
	wantPIN(t, tpm, c)
	spent(t, tpm, wire.Budget{Spent: 4, Limit: 5})
	if err := tpm.Use(t.Context(), keys); err != nil { // the first grant again
		t.Fatal(err)
	}
	spent(t, tpm, wire.Budget{Spent: 4, Limit: 5})
}

func TestTagsAreThoseOfTheKeysInTheClear(t *testing.T) {
	t.Parallel()
	chip := newChip(t)
	rapid.Check(t, func(r *rapid.T) {
		c := newController(t)
		copy(c.pin[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(r, "PIN key"))
		copy(c.card[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(r, "card key"))
		tpm := Open(chip.Path)
		defer tpm.Close()
		request, err := tpm.Request(t.Context())
		if err != nil {
			r.Fatal(err)
		}
		if err := tpm.Use(t.Context(), c.adopt(request, 10)); err != nil {
			r.Fatal(err)
		}
		for range 3 {
			material := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(r, "material")
			if tag, err := tpm.Tag(t.Context(), wire.PIN, material); err != nil || !bytes.Equal(tag[:], mac(&c.pin, 1, material)[:16]) {
				r.Errorf("PIN: %x, %v", tag, err)
			}
			uid := material[:rapid.SampledFrom([]int{4, 7, 10}).Draw(r, "length")]
			if tag, err := tpm.Tag(t.Context(), wire.Card, uid); err != nil || !bytes.Equal(tag[:], mac(&c.card, 2, uid)[:16]) {
				r.Errorf("card: %x, %v", tag, err)
			}
			if key, err := tpm.WrappingKey(t.Context(), uid); err != nil || !bytes.Equal(key[:], mac(&c.card, 3, uid)) {
				r.Errorf("wrapping key: %x, %v", key, err)
			}
		}
	})
}

func TestWhatIsNoMaterialNeverReachesTheTPM(t *testing.T) {
	t.Parallel()
	_, _, tpm, _ := ready(t, 5)
	for n := range 40 {
		m := make([]byte, n)
		if n != 32 {
			if _, err := tpm.Tag(t.Context(), wire.PIN, m); err == nil {
				t.Errorf("a PIN's material of %d bytes", n)
			}
		}
		if n != 4 && n != 7 && n != 10 {
			if _, err := tpm.Tag(t.Context(), wire.Card, m); err == nil {
				t.Errorf("a card of %d bytes", n)
			}
			if key, err := tpm.WrappingKey(t.Context(), m); err == nil || key != nil {
				t.Errorf("a wrapping key for %d bytes", n)
			}
		}
	}
	if _, err := tpm.Tag(t.Context(), 3, make([]byte, 7)); err == nil {
		t.Error("a tag of kind 3, which is a wrapping key")
	}
	spent(t, tpm, wire.Budget{Limit: 5})
}

func TestAPINTakesThreeCommandsAndACardOne(t *testing.T) {
	t.Parallel()
	chip, c, first, _ := ready(t, 5)
	commands := 0
	tpm := Open(chip.between(func(_ tpm2.TPMCC, command []byte) []byte {
		commands++
		return chip.send(command)
	}))
	t.Cleanup(func() { tpm.Close() })
	tpm.use = first.use
	wantPIN(t, tpm, c)
	if commands != 4 {
		t.Errorf("the first PIN took %d commands", commands)
	}
	tpm.Prepare(t.Context())
	commands = 0
	wantPIN(t, tpm, c)
	if commands != 3 {
		t.Errorf("a PIN took %d commands", commands)
	}
	commands = 0
	wantCard(t, tpm, c)
	if commands != 1 {
		t.Errorf("a card took %d commands", commands)
	}
}

func TestANonceServesUntilItIsUsedOrADayIsOver(t *testing.T) {
	t.Parallel()
	chip := newChip(t)
	c := newController(t)
	tpm := Open(chip.Path)
	t.Cleanup(func() { tpm.Close() })
	request := func() *wire.RequestTPM {
		t.Helper()
		r, err := tpm.Request(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckParent(r.Parent); err != nil {
			t.Error(err)
		}
		if r.Revision < 138 || r.Nonce == (wire.TPMNonce{}) {
			t.Errorf("revision %d, nonce %x", r.Revision, r.Nonce)
		}
		return r
	}
	first := request()
	if again := request(); again.Nonce != first.Nonce || !bytes.Equal(again.Parent, first.Parent) {
		t.Error("another request has another nonce or parent")
	}
	tpm.nonce.begun = time.Now().Add(-maxNonce)
	late := c.adopt(first, 5)
	if err := tpm.Use(t.Context(), late); !errors.Is(err, ErrNoBudget) {
		t.Errorf("a grant after a day: %v", err)
	}
	wantCard(t, tpm, c)
	wantNoPIN(t, tpm, ErrNoBudget)
	second := request()
	if second.Nonce == first.Nonce {
		t.Error("a nonce lives on after a day")
	}
	keys := c.adopt(second, 5)
	if err := tpm.Use(t.Context(), keys); err != nil {
		t.Fatal(err)
	}
	wantPIN(t, tpm, c)
	tpm.nonce.begun = time.Now().Add(-maxNonce)
	spent(t, tpm, wire.Budget{Spent: 1, Limit: 5})
	third := request()
	if third.Nonce == second.Nonce {
		t.Error("a nonce lives on after its use")
	}
	// A new first grant takes the place of a budget; that of a request before does not.
	if err := tpm.Use(t.Context(), c.adopt(second, 50)); !errors.Is(err, ErrNoBudget) {
		t.Error(err)
	}
	if err := tpm.Use(t.Context(), keys); err != nil {
		t.Fatal(err)
	}
	spent(t, tpm, wire.Budget{Spent: 1, Limit: 5})
	if err := tpm.Use(t.Context(), c.adopt(third, 6)); err != nil {
		t.Fatal(err)
	}
	spent(t, tpm, wire.Budget{Spent: 0, Limit: 6})

	wantPIN(t, tpm, c)

	// Neither sessions nor objects are left behind.
	request()
	tpm.Close()
	for _, kind := range []uint32{0x02000000, 0x03000000, 0x80000000} {
		if left := chip.handles(kind); len(left) > 0 {
			t.Errorf("left in the TPM: %#x", left)
		}
	}
}

func TestANonceDiesWithItsTPM(t *testing.T) {
	t.Parallel()
	chip := newChip(t)
	c := newController(t)
	tpm := Open(chip.Path)
	t.Cleanup(func() { tpm.Close() })
	request, err := tpm.Request(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	chip.Cut()
	chip.Power("startup-clear")
	if err := tpm.Use(t.Context(), c.adopt(request, 5)); !errors.Is(err, ErrNoBudget) {
		t.Errorf("%v", err)
	}
	wantCard(t, tpm, c)
	again, err := tpm.Request(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if again.Nonce == request.Nonce || !bytes.Equal(again.Parent, request.Parent) {
		t.Error("the nonce is the old one, or the parent is not")
	}
	if err := tpm.Use(t.Context(), c.adopt(again, 5)); err != nil {
		t.Fatal(err)
	}
	wantPIN(t, tpm, c)
}

func TestAGrantThatIsNotTheControllersChangesNothing(t *testing.T) {
	t.Parallel()
	_, c, tpm, keys := ready(t, 5)
	wantPIN(t, tpm, c)
	other := newController(t)
	forged := c.refill(keys, 50)
	forged.Grant.Signature = other.refill(keys, 50).Grant.Signature
	raised := c.refill(keys, 50)
	raised.Grant.Limit = 51
	cut := c.refill(keys, 50)
	clear(cut.Grant.Signature[32:])
	for name, bad := range map[string]*wire.TPMKeys{"another controller's": forged, "another limit": raised, "cut": cut} {
		if err := tpm.Use(t.Context(), bad); !errors.Is(err, ErrGrant) {
			t.Errorf("%s: %v", name, err)
		}
		spent(t, tpm, wire.Budget{Spent: 1, Limit: 5})
	}
	if err := tpm.Use(t.Context(), c.refill(keys, 6)); err != nil {
		t.Fatal(err)
	}
	wantPIN(t, tpm, c)

	// Nor does a first grant that is not.
	request, err := tpm.Request(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first := c.adopt(request, 100)
	first.Grant.Limit++
	if err := tpm.Use(t.Context(), first); !errors.Is(err, ErrGrant) {
		t.Error(err)
	}
	if err := tpm.Use(t.Context(), keys); err != nil {
		t.Fatal(err)
	}
	spent(t, tpm, wire.Budget{Spent: 2, Limit: 6})
	for range 4 {
		wantPIN(t, tpm, c)
	}
	wantNoPIN(t, tpm, ErrSpent)

	// The nonce still serves for one that is.
	first.Grant.Limit--
	if err := tpm.Use(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	spent(t, tpm, wire.Budget{Spent: 0, Limit: 100})
}

func TestKeysOfAnotherTPMAreForeign(t *testing.T) {
	t.Parallel()
	_, c, _, keys := ready(t, 5)
	tpm := Open(newChip(t).Path)
	t.Cleanup(func() { tpm.Close() })
	if err := tpm.Use(t.Context(), keys); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "TPM_RC_INTEGRITY") {
		t.Error(err)
	}
	wantNoPIN(t, tpm, ErrForeign)
	if _, err := tpm.Tag(t.Context(), wire.Card, make([]byte, 4)); !errors.Is(err, ErrForeign) {
		t.Error(err)
	}
	request, err := tpm.Request(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := tpm.Use(t.Context(), c.adopt(request, 5)); err != nil {
		t.Fatal(err)
	}
	wantPIN(t, tpm, c)
}

func TestAClearedTPMNeedsAdoption(t *testing.T) {
	t.Parallel()
	chip, c, tpm, keys := ready(t, 5)
	raw := chip.raw()
	if _, err := (tpm2.Clear{AuthHandle: tpm2.AuthHandle{Handle: tpm2.TPMRHLockout, Auth: tpm2.PasswordAuth(nil)}}).Execute(raw); err != nil {
		t.Fatal(err)
	}
	wantNoPIN(t, tpm, ErrNoBudget)
	if err := tpm.Use(t.Context(), c.refill(keys, 9)); !errors.Is(err, ErrForeign) {
		t.Error(err)
	}
	wantNoPIN(t, tpm, ErrForeign)
	request, err := tpm.Request(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := tpm.Use(t.Context(), c.adopt(request, 5)); err != nil {
		t.Fatal(err)
	}
	wantPIN(t, tpm, c)
	wantCard(t, tpm, c)
}

func TestAnOwnersPasswordIsSaid(t *testing.T) {
	t.Parallel()
	chip := newChip(t)
	change := tpm2.HierarchyChangeAuth{AuthHandle: owner(), NewAuth: tpm2.TPM2BAuth{Buffer: []byte("another program's")}}
	if _, err := change.Execute(chip.raw()); err != nil {
		t.Fatal(err)
	}
	tpm := Open(chip.Path)
	t.Cleanup(func() { tpm.Close() })
	if _, err := tpm.Request(t.Context()); !errors.Is(err, ErrOwned) {
		t.Error(err)
	}
	if d, err := tpm.Describe(t.Context()); err != nil || !errors.Is(d.Lacks, ErrOwned) {
		t.Error(d, err)
	}
}

func wantChecks(t *testing.T, tpm *TPM, keys *wire.TPMKeys, cards, pins bool) {
	t.Helper()
	if c, p := tpm.Checks(keys); c != cards || p != pins {
		t.Errorf("cards %t, PINs %t", c, p)
	}
}

func TestCardsGoOnWithoutTheIndex(t *testing.T) {
	t.Parallel()
	_, c, tpm, keys := ready(t, 5)
	wantChecks(t, tpm, keys, true, true)
	conn := &conn{file: tpm.rest, ctx: t.Context()}
	name, err := conn.indexName()
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.undefine(indexHandle, name); err != nil {
		t.Fatal(err)
	}
	wantNoPIN(t, tpm, ErrNoBudget)
	if _, err := tpm.Budget(t.Context()); !errors.Is(err, ErrNoBudget) {
		t.Error(err)
	}
	for _, again := range []*wire.TPMKeys{keys, c.refill(keys, 50)} {
		if err := tpm.Use(t.Context(), again); !errors.Is(err, ErrNoBudget) {
			t.Error(err)
		}
		wantNoPIN(t, tpm, ErrNoBudget)
		wantCard(t, tpm, c)
		wantChecks(t, tpm, keys, true, false)
	}
}

func TestEvictedKeysComeBack(t *testing.T) {
	t.Parallel()
	chip, c, tpm, keys := ready(t, 5)
	wantPIN(t, tpm, c)
	raw := chip.raw()
	for _, handle := range []tpm2.TPMHandle{parentHandle, pinHandle, cardHandle} {
		object, err := tpm2.ReadPublic{ObjectHandle: handle}.Execute(raw)
		if err != nil {
			t.Fatal(err)
		}
		_, err = tpm2.EvictControl{Auth: owner(), ObjectHandle: tpm2.NamedHandle{Handle: handle, Name: object.Name}, PersistentHandle: handle}.Execute(raw)
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tpm.Tag(t.Context(), wire.Card, make([]byte, 4)); err == nil {
		t.Error("a tag without a key")
	}
	// Another program's object takes the place of the parent.
	made, err := tpm2.CreatePrimary{PrimaryHandle: owner(), InPublic: tpm2.New2B(tpm2.ECCSRKTemplate)}.Execute(raw)
	if err != nil {
		t.Fatal(err)
	}
	_, err = tpm2.EvictControl{Auth: owner(), ObjectHandle: tpm2.NamedHandle{Handle: made.ObjectHandle, Name: made.Name}, PersistentHandle: parentHandle}.Execute(raw)
	if err != nil {
		t.Fatal(err)
	}
	(tpm2.FlushContext{FlushHandle: made.ObjectHandle}).Execute(raw)
	if err := tpm.Use(t.Context(), keys); err != nil {
		t.Fatal(err)
	}
	wantPIN(t, tpm, c)
	wantCard(t, tpm, c)
	spent(t, tpm, wire.Budget{Spent: 2, Limit: 5})
}

func TestAnotherEpochsKeysGoByTheSameBudget(t *testing.T) {
	t.Parallel()
	_, c, tpm, keys := ready(t, 5)
	wantPIN(t, tpm, c)
	rand.Read(c.pin[:])
	rand.Read(c.card[:])
	next, err := Wrap(mustRequest(t, tpm).Parent, nil, &c.key.PublicKey, keys.Ref, &c.pin, &c.card)
	if err != nil {
		t.Fatal(err)
	}
	next.Grant = c.refill(keys, 8).Grant
	wantChecks(t, tpm, next, false, false)
	if err := tpm.Use(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	wantChecks(t, tpm, next, true, true)
	wantChecks(t, tpm, keys, false, false)
	wantPIN(t, tpm, c)
	wantCard(t, tpm, c)
	spent(t, tpm, wire.Budget{Spent: 2, Limit: 8})
}

func mustRequest(t *testing.T, tpm *TPM) *wire.RequestTPM {
	t.Helper()
	request, err := tpm.Request(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return request
}

func TestOnlyAReadersParentPasses(t *testing.T) {
	t.Parallel()
	tpm := Open(newChip(t).Path)
	t.Cleanup(func() { tpm.Close() })
	parent := mustRequest(t, tpm).Parent
	if err := CheckParent(parent); err != nil {
		t.Fatal(err)
	}
	for n := range parent {
		bad := bytes.Clone(parent)
		bad[n] ^= 1
		if CheckParent(bad) == nil {
			t.Errorf("byte %d does not matter", n)
		}
		if CheckParent(parent[:n]) == nil {
			t.Errorf("%d bytes pass", n)
		}
	}
	if CheckParent(append(bytes.Clone(parent), 0)) == nil || CheckParent(make([]byte, 1<<16)) == nil {
		t.Error("more bytes pass")
	}
}

func TestDescribeSaysWhatTheTPMCanDo(t *testing.T) {
	t.Parallel()
	_, _, tpm, _ := ready(t, 5)
	for range 2 {
		d, err := tpm.Describe(t.Context())
		if err != nil || d.Lacks != nil || d.Have != 3 || d.Manufacturer != "IBM" || d.Revision < 138 {
			t.Errorf("%+v, %v", d, err)
		}
		t.Log(d)
	}
	spent(t, tpm, wire.Budget{Limit: 5})
}

func TestAReaderNeedsRoomForFiveKeys(t *testing.T) {
	t.Parallel()
	var slots byte
	_, _, tpm, _ := through(t, 5, func(chip *chip) hook { // it has three of them
		return func(cc tpm2.TPMCC, command []byte) []byte {
			answer := chip.send(command)
			if cc == tpm2.TPMCCGetCapability && binary.BigEndian.Uint32(command[14:]) == uint32(tpm2.TPMPTHRPersistentAvail) {
				copy(answer[len(answer)-4:], []byte{0, 0, 0, slots})
			}
			return answer
		}
	})
	for slots = range byte(4) {
		d, err := tpm.Describe(t.Context())
		if err != nil || d.Slots != uint32(slots) || errors.Is(d.Lacks, ErrFull) != (slots < 2) {
			t.Errorf("with room for %d more: %+v, %v", slots, d, err)
		}
	}
}

func TestAGrantThatTookHalfNeedsANewNonce(t *testing.T) {
	t.Parallel()
	chip, c := newChip(t), newController(t)
	signed := 0
	tpm := Open(chip.between(func(cc tpm2.TPMCC, command []byte) []byte {
		if cc == tpm2.TPMCCPolicySigned {
			signed++
		} else if cc == tpm2.TPMCCPolicyOR && signed == 1 {
			signed++
			return answer(tpm2.TPMRCFailure)
		}
		return chip.send(command)
	}))
	t.Cleanup(func() { tpm.Close() })
	request := mustRequest(t, tpm)
	if err := tpm.Use(t.Context(), c.adopt(request, 5)); !errors.Is(err, ErrAbsent) {
		t.Error(err)
	}
	again := mustRequest(t, tpm)
	if again.Nonce == request.Nonce {
		t.Error("the nonce is offered again")
	}
	if err := tpm.Use(t.Context(), c.adopt(again, 5)); err != nil {
		t.Fatal(err)
	}
	wantPIN(t, tpm, c)
}
