package tpm

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"latchkey/sync/wire"
)

// signed makes a grant part of a session's policy, as its parts say.
func (th *thief) signed(i *index, nonce []byte, cpHash tpm2.TPM2BDigest, ref []byte, signature [64]byte) step {
	return func(session tpm2.TPMHandle) error {
		key, err := tpm2.LoadExternal{InPublic: tpm2.New2B(*i.grantKey), Hierarchy: tpm2.TPMRHOwner}.Execute(th.tpm)
		if err != nil {
			th.t.Fatal(err)
		}
		defer (tpm2.FlushContext{FlushHandle: key.ObjectHandle}).Execute(th.tpm)
		_, err = tpm2.PolicySigned{AuthObject: tpm2.NamedHandle{Handle: key.ObjectHandle, Name: key.Name}, PolicySession: session,
			NonceTPM: tpm2.TPM2BNonce{Buffer: nonce}, CPHashA: cpHash, PolicyRef: tpm2.TPM2BNonce{Buffer: ref},
			Auth: tpm2.TPMTSignature{SigAlg: tpm2.TPMAlgECDSA, Signature: tpm2.NewTPMUSignature(tpm2.TPMAlgECDSA, &tpm2.TPMSSignatureECC{
				Hash:       tpm2.TPMAlgSHA256,
				SignatureR: tpm2.TPM2BECCParameter{Buffer: signature[:32]},
				SignatureS: tpm2.TPM2BECCParameter{Buffer: signature[32:]}})}}.Execute(th.tpm)
		return err
	}
}

// granted makes a genuine grant part of a session's policy.
func (th *thief) granted(g *wire.Grant, nonce []byte) []step {
	_, cpHash, err := th.index.approval(&th.keys.Ref, g)
	if err != nil {
		th.t.Fatal(err)
	}
	return []step{th.signed(th.index, nonce, cpHash, th.keys.Ref[:], g.Signature), th.or(th.index.branches[:])}
}

// write writes the index by the password or session of auth: the owner's, the platform's,
// or its own.
func (th *thief) write(auth tpm2.AuthHandle, name tpm2.TPM2BName, offset uint16, values ...uint32) error {
	var data []byte
	for _, v := range values {
		data = binary.BigEndian.AppendUint32(data, v)
	}
	if auth.Handle == indexHandle {
		auth.Name = name
	}
	_, err := tpm2.NVWrite{AuthHandle: auth, NVIndex: tpm2.NamedHandle{Handle: indexHandle, Name: name},
		Data: tpm2.TPM2BMaxNVBuffer{Buffer: data}, Offset: offset}.Execute(th.tpm)
	return err
}

func by(handle tpm2.TPMHandle, s tpm2.Session) tpm2.AuthHandle {
	return tpm2.AuthHandle{Handle: handle, Auth: s}
}

func (th *thief) undefine(auth tpm2.TPMHandle) {
	th.t.Helper()
	answer, err := tpm2.NVReadPublic{NVIndex: indexHandle}.Execute(th.tpm)
	if err != nil {
		th.t.Fatal(err)
	}
	_, err = tpm2.NVUndefineSpace{AuthHandle: by(auth, tpm2.PasswordAuth(nil)), NVIndex: tpm2.NamedHandle{Handle: indexHandle, Name: answer.NVName}}.Execute(th.tpm)
	if err != nil {
		th.t.Fatal(err)
	}
}

// define defines an index like the reader's, and returns its names before and after its
// first write.
func (th *thief) define(auth tpm2.TPMHandle, change func(*tpm2.TPMANV)) (fresh, written tpm2.TPM2BName, err error) {
	area := th.index.area
	change(&area.Attributes)
	_, err = tpm2.NVDefineSpace{AuthHandle: by(auth, tpm2.PasswordAuth(nil)), PublicInfo: tpm2.New2B(area)}.Execute(th.tpm)
	fresh = indexName(area)
	area.Attributes.Written = true
	return fresh, indexName(area), err
}

func same(*tpm2.TPMANV) {}

// budget returns what the chip says of the index.
func (th *thief) budget() (wire.Budget, error) {
	return (&conn{file: newFile(func() (transport.TPMCloser, error) { return openPath(th.chip.Path) }), ctx: th.t.Context()}).budget(th.index)
}

func TestOnlyTheControllerRaisesTheLimit(t *testing.T) {
	t.Parallel()
	th := steal(t, 5)
	name := th.index.written
	password := tpm2.PasswordAuth(nil)
	refill := th.judge.refill(th.keys, 8).Grant
	th.spend(2)

	for who, handle := range map[string]tpm2.TPMHandle{"owner": tpm2.TPMRHOwner, "platform": tpm2.TPMRHPlatform, "index": indexHandle} {
		th.refused("write by the "+who, th.write(by(handle, password), name, 0, 0, 1000))
		th.refused("limit by the "+who, th.write(by(handle, password), name, 4, 1000))
	}
	for what, write := range map[string]func(s tpm2.Session) error{
		"another limit":   func(s tpm2.Session) error { return th.write(by(indexHandle, s), name, 4, 9) },
		"another offset":  func(s tpm2.Session) error { return th.write(by(indexHandle, s), name, 0, 8) },
		"count and limit": func(s tpm2.Session) error { return th.write(by(indexHandle, s), name, 0, 0, 8) },
		"NV_ChangeAuth": func(s tpm2.Session) error {
			_, err := th.raw(tpm2.TPMCCNVChangeAuth, []tpm2.TPMHandle{indexHandle}, []tpm2.TPMHandle{s.Handle()}, sized([]byte("mine")))
			return err
		},
		"NV_Increment": func(s tpm2.Session) error {
			_, err := tpm2.NVIncrement{AuthHandle: tpm2.AuthHandle{Handle: indexHandle, Name: name, Auth: s}, NVIndex: tpm2.NamedHandle{Handle: indexHandle, Name: name}}.Execute(th.tpm)
			return err
		},
	} {
		th.refused(what+" by a refill", th.with(write, th.granted(&refill, nil)...))
		th.refused(what+" by the read branch", th.with(write, th.code(tpm2.TPMCCNVRead), th.or(th.index.branches[:])))
		th.refused(what+" without a policy", th.with(write))
	}
	th.refused("a use by the read branch", th.with(func(s tpm2.Session) error {
		return th.with(func(mine tpm2.Session) error {
			_, err := tpm2.PolicySecret{AuthHandle: tpm2.AuthHandle{Handle: indexHandle, Name: name, Auth: s}, PolicySession: mine.Handle()}.Execute(th.tpm)
			if err != nil {
				return err
			}
			return th.ask(th.pin, mine)
		})
	}, th.code(tpm2.TPMCCNVRead), th.or(th.index.branches[:])))

	// Signatures for something else.
	_, cpHash, _ := th.index.approval(&th.keys.Ref, &refill)
	raised := wire.Grant{Limit: 1000}
	_, other, _ := th.index.approval(&th.keys.Ref, &raised)
	ref := bytes.Clone(th.keys.Ref[:])
	ref[0] ^= 1
	for what, steps := range map[string][]step{
		"another command": {th.signed(th.index, nil, other, th.keys.Ref[:], refill.Signature)},
		"any command":     {th.signed(th.index, nil, tpm2.TPM2BDigest{}, th.keys.Ref[:], refill.Signature)},
		"another ref":     {th.signed(th.index, nil, cpHash, ref, refill.Signature)},
		"a nonce":         {th.signed(th.index, th.keys.Grant.Nonce[:], cpHash, th.keys.Ref[:], refill.Signature)},
	} {
		th.refused(what, th.with(func(tpm2.Session) error { return nil }, steps...))
	}
	thiefs := newController(t) // a grant key of the thief's own
	mine, err := indexOf(&thiefs.key.PublicKey, &th.keys.Ref)
	if err != nil {
		t.Fatal(err)
	}
	raised.Signature = thiefs.sign(th.index, th.keys, raised)
	th.refused("another key", th.with(func(s tpm2.Session) error { return th.write(by(indexHandle, s), name, 4, 1000) },
		th.signed(mine, nil, other, th.keys.Ref[:], raised.Signature), th.or(th.index.branches[:])))

	// Genuine grants work, as often as one likes, and give no more than they say.
	lower := th.judge.refill(th.keys, 6).Grant
	for _, g := range []wire.Grant{refill, refill, lower, refill, lower, refill} {
		if err := th.with(func(s tpm2.Session) error { return th.write(by(indexHandle, s), name, 4, g.Limit) }, th.granted(&g, nil)...); err != nil {
			t.Error(err)
		}
		th.spend(1)
	}
	th.spend(100)
	th.atMost(8)
	if len(th.right) != 8 {
		t.Errorf("%d answers of a budget of 8", len(th.right))
	}

	// Writing as the owner does work on an index that lets them, with a key that goes by it.
	th = steal(t, 5)
	th.undefine(tpm2.TPMRHOwner)
	fresh, written, err := th.define(tpm2.TPMRHOwner, func(a *tpm2.TPMANV) { a.OwnerWrite = true })
	if err != nil {
		t.Fatal(err)
	}
	if err := th.write(by(tpm2.TPMRHOwner, password), fresh, 0, 0, 100); err != nil {
		t.Fatal(err)
	}
	if th.guess() == nil {
		t.Error("the PIN key goes by a look-alike index")
	}
	weak := th.weak(func(unique []byte) *tpm2.TPMTPublic { return pinArea(&index{written: written}, unique) })
	for range 20 {
		if err := th.with(func(s tpm2.Session) error { return th.ask(weak, s) }, th.secret(written), th.code(tpm2.TPMCCHMAC)); err != nil {
			t.Fatal(err)
		}
	}
	if len(th.right) != 20 {
		t.Errorf("the weak index gave %d answers", len(th.right))
	}
}

// sign signs a grant for an index, whoever's it is.
func (c *controller) sign(i *index, keys *wire.TPMKeys, g wire.Grant) (signature [64]byte) {
	c.t.Helper()
	digest, _, err := i.approval(&keys.Ref, &g)
	if err != nil {
		c.t.Fatal(err)
	}
	r, s, err := ecdsa.Sign(crand.Reader, c.key, digest)
	if err != nil {
		c.t.Fatal(err)
	}
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signature
}

func TestAnIndexThatIsGoneStaysGone(t *testing.T) {
	t.Parallel()
	for who, handle := range map[string]tpm2.TPMHandle{"owner": tpm2.TPMRHOwner, "platform": tpm2.TPMRHPlatform} {
		th := steal(t, 5)
		th.spend(3)
		refill := th.judge.refill(th.keys, 8).Grant
		first := th.keys.Grant
		th.undefine(handle)
		th.refused(who+": a guess without the index", th.guess())
		fresh, written, err := th.define(tpm2.TPMRHOwner, same)
		if err != nil || !bytes.Equal(fresh.Buffer, th.index.fresh.Buffer) {
			t.Fatalf("not the same index again: %v", err)
		}
		th.refused(who+": a guess with a fresh index", th.guess())
		write := func(name tpm2.TPM2BName, offset uint16, values ...uint32) func(tpm2.Session) error {
			return func(s tpm2.Session) error { return th.write(by(indexHandle, s), name, offset, values...) }
		}
		th.refused("the first grant, its nonce", th.with(write(fresh, 0, 0, 5), th.granted(&first, first.Nonce[:])...))
		th.refused("the first grant, no nonce", th.with(write(fresh, 0, 0, 5), th.granted(&first, nil)...))
		s, end, err := tpm2.PolicySession(th.tpm, tpm2.TPMAlgSHA256, 32)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range th.granted(&first, s.NonceTPM().Buffer) {
			if err = step(s.Handle()); err != nil {
				break
			}
		}
		th.refused("the first grant, a new nonce", err)
		end()
		th.refused("a refill, fresh", th.with(write(fresh, 4, 8), th.granted(&refill, nil)...))
		th.refused("a refill, written", th.with(write(written, 4, 8), th.granted(&refill, nil)...))
		if _, err := th.budget(); err == nil {
			t.Error("there is a budget")
		}
		th.spend(10)
		th.atMost(5)
	}
}

func TestAFirstGrantServesOnce(t *testing.T) {
	t.Parallel()
	chip, c := newChip(t), newController(t)
	tpm := Open(chip.Path)
	request, err := tpm.Request(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// The thief is there from the beginning, and holds the nonce's session.
	for _, again := range []string{"PolicyRestart", "ContextLoad"} {
		tpm.endNonce(&conn{file: tpm.rest, ctx: t.Context()})
		raw := chip.raw()
		s, end, err := tpm2.PolicySession(raw, tpm2.TPMAlgSHA256, 32)
		if err != nil {
			t.Fatal(err)
		}
		request.Nonce = wire.TPMNonce(s.NonceTPM().Buffer)
		keys := c.adopt(request, 5)
		index, err := indexOf(&c.key.PublicKey, &keys.Ref)
		if err != nil {
			t.Fatal(err)
		}
		th := &thief{t: t, chip: chip, tpm: raw, keys: keys, index: index, judge: c, right: map[string]bool{}}
		if len(chip.handles(0x01000000)) > 0 {
			th.undefine(tpm2.TPMRHOwner)
		}
		fresh, _, err := th.define(tpm2.TPMRHOwner, same)
		if err != nil {
			t.Fatal(err)
		}
		first := func() error {
			for _, step := range th.granted(&keys.Grant, keys.Grant.Nonce[:]) {
				if err := step(s.Handle()); err != nil {
					return err
				}
			}
			return th.write(by(indexHandle, s), fresh, 0, 0, 5)
		}
		saved, err := tpm2.ContextSave{SaveHandle: s.Handle()}.Execute(raw)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (tpm2.ContextLoad{Context: saved.Context}).Execute(raw); err != nil {
			t.Fatal(err)
		}
		if err := first(); err != nil {
			t.Fatalf("the first time: %v", err)
		}
		th.undefine(tpm2.TPMRHOwner)
		if _, _, err := th.define(tpm2.TPMRHOwner, same); err != nil {
			t.Fatal(err)
		}
		switch again {
		case "PolicyRestart":
			if _, err := th.raw(tpm2.TPMCCPolicyRestart, []tpm2.TPMHandle{s.Handle()}, nil, nil); err != nil {
				t.Fatal(err)
			}
			th.refused("a second time after PolicyRestart", first())
			end()
		case "ContextLoad":
			if _, err := (tpm2.ContextSave{SaveHandle: s.Handle()}).Execute(raw); err != nil {
				t.Fatal(err)
			}
			_, err := tpm2.ContextLoad{Context: saved.Context}.Execute(raw)
			th.refused("the session as it was before", err)
		}
	}
}

// imported returns the PIN key as the chip gives it out to be loaded later.
func (th *thief) imported(area *tpm2.TPMTPublic) (private tpm2.TPM2BPrivate) {
	th.t.Helper()
	if err := th.with(func(s tpm2.Session) error {
		answer, err := tpm2.Import{ParentHandle: tpm2.AuthHandle{Handle: parentHandle, Name: th.name(parentHandle), Auth: s}, ObjectPublic: tpm2.New2B(*area),
			Duplicate: tpm2.TPM2BPrivate{Buffer: th.keys.PIN.Duplicate}, InSymSeed: tpm2.TPM2BEncryptedSecret{Buffer: th.keys.PIN.Seed},
			Symmetric: tpm2.TPMTSymDef{Algorithm: tpm2.TPMAlgNull}}.Execute(th.tpm)
		if err == nil {
			private = answer.OutPrivate
		}
		return err
	}, th.code(tpm2.TPMCCImport), th.or(parentBranches())); err != nil {
		th.t.Fatal(err)
	}
	return private
}

func TestNoHierarchyHasAnotherGuess(t *testing.T) {
	t.Parallel()
	password := tpm2.PasswordAuth(nil)
	for who, handle := range map[string]tpm2.TPMHandle{"lockout": tpm2.TPMRHLockout, "platform": tpm2.TPMRHPlatform} {
		th := steal(t, 5)
		th.spend(3)
		area := pinArea(th.index, th.keys.PIN.Public[len(th.keys.PIN.Public)-uniqueSize:])
		private := th.imported(area)
		if _, err := (tpm2.Clear{AuthHandle: by(handle, password)}).Execute(th.tpm); err != nil {
			t.Fatal(err)
		}
		th.refused(who+": a guess after Clear", th.guess())
		fresh, _, err := th.define(tpm2.TPMRHOwner, same)
		if err != nil {
			t.Fatal(err)
		}
		th.refused("the first grant after Clear", th.with(func(s tpm2.Session) error { return th.write(by(indexHandle, s), fresh, 0, 0, 5) },
			th.granted(&th.keys.Grant, th.keys.Grant.Nonce[:])...))
		c := &conn{file: newFile(func() (transport.TPMCloser, error) { return openPath(th.chip.Path) }), ctx: t.Context()}
		if err := (&activated{conn: c}).keep(pinHandle, area, &th.keys.PIN); !errors.Is(err, tpm2.TPMRCIntegrity) {
			t.Errorf("%s: the PIN key after Clear: %v", who, err)
		}
		parent := tpm2.NamedHandle{Handle: parentHandle, Name: th.name(parentHandle)} // made anew by keep
		if err := th.with(func(s tpm2.Session) error {
			_, err := tpm2.Load{ParentHandle: tpm2.AuthHandle{Handle: parent.Handle, Name: parent.Name, Auth: s}, InPrivate: private, InPublic: tpm2.New2B(*area)}.Execute(th.tpm)
			return err
		}, th.code(tpm2.TPMCCLoad), th.or(parentBranches())); !errors.Is(err, tpm2.TPMRCIntegrity) {
			t.Errorf("%s: what Import gave before Clear: %v", who, err)
		}
		th.spend(10)
		th.atMost(5)
	}

	// Under the endorsement hierarchy, a parent and what is wrapped to it outlive Clear.
	th := steal(t, 5)
	endorsed := func() (*tpm2.CreatePrimaryResponse, *tpm2.TPMTPublic) {
		made, err := tpm2.CreatePrimary{PrimaryHandle: by(tpm2.TPMRHEndorsement, password), InPublic: tpm2.New2B(*parentArea(make([]byte, 32), make([]byte, 32)))}.Execute(th.tpm)
		if err != nil {
			t.Fatal(err)
		}
		area, err := made.OutPublic.Contents()
		if err != nil {
			t.Fatal(err)
		}
		return made, area
	}
	_, area := endorsed()
	to, err := tpm2.ImportEncapsulationKey(area)
	if err != nil {
		t.Fatal(err)
	}
	pin := func(unique []byte) *tpm2.TPMTPublic { return pinArea(th.index, unique) }
	wrapped, err := wrapKey(to, &th.judge.pin, pin)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (tpm2.Clear{AuthHandle: by(tpm2.TPMRHPlatform, password)}).Execute(th.tpm); err != nil {
		t.Fatal(err)
	}
	made, _ := endorsed()
	public, err := parseKey(wrapped.Public, pin)
	if err != nil {
		t.Fatal(err)
	}
	if err := th.with(func(s tpm2.Session) error {
		_, err := tpm2.Import{ParentHandle: tpm2.AuthHandle{Handle: made.ObjectHandle, Name: made.Name, Auth: s}, ObjectPublic: tpm2.New2B(*public),
			Duplicate: tpm2.TPM2BPrivate{Buffer: wrapped.Duplicate}, InSymSeed: tpm2.TPM2BEncryptedSecret{Buffer: wrapped.Seed},
			Symmetric: tpm2.TPMTSymDef{Algorithm: tpm2.TPMAlgNull}}.Execute(th.tpm)
		return err
	}, th.code(tpm2.TPMCCImport), th.or(parentBranches())); err != nil {
		t.Errorf("the weak parent lost its key: %v", err)
	}

	// A look-alike of the platform, which may write it.
	th = steal(t, 5)
	th.spend(3)
	th.undefine(tpm2.TPMRHPlatform)
	_, _, err = th.define(tpm2.TPMRHOwner, func(a *tpm2.TPMANV) { a.PlatformCreate = true })
	th.refused("the owner for the platform", err)
	fresh, written, err := th.define(tpm2.TPMRHPlatform, func(a *tpm2.TPMANV) { a.PlatformCreate, a.PPWrite = true, true })
	if err != nil {
		t.Fatal(err)
	}
	if err := th.write(by(tpm2.TPMRHPlatform, password), fresh, 0, 0, 100); err != nil {
		t.Fatal(err)
	}
	th.refused("a guess by the platform's index", th.with(func(s tpm2.Session) error { return th.ask(th.pin, s) }, th.secret(written), th.code(tpm2.TPMCCHMAC)))
	th.undefine(tpm2.TPMRHPlatform)
	_, _, err = th.define(tpm2.TPMRHPlatform, same)
	th.refused("the same index, by the platform", err)
	th.spend(10)
	th.atMost(5)
}

func TestTheCountIsNeverBehindTheAnswersAfterPowerCuts(t *testing.T) {
	t.Parallel()
	const limit = 100_000
	chip, c, tpm, _ := ready(t, limit)
	answers, cuts := uint32(0), 40
	for range cuts {
		ctx, stop := context.WithCancel(t.Context())
		got := make(chan uint32)
		go func() {
			n := uint32(0)
			defer func() { got <- n }()
			for ctx.Err() == nil {
				tag, err := tpm.Tag(ctx, wire.PIN, material(7))
				if err != nil {
					return
				}
				if bytes.Equal(tag[:], mac(&c.pin, 1, material(7))[:16]) {
					n++
				}
				if tpm.session.session == nil {
					t.Error("no session is kept for the next PIN")
				}
			}
		}()
		time.Sleep(time.Duration(rand.IntN(30_000)) * time.Microsecond) // which command it hits does not matter
		chip.Cut()
		answers += <-got
		stop()
		unstuck(tpm.pins)
		chip.Power("startup-clear")
		budget, err := tpm.Budget(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if budget.Spent < answers || budget.Limit != limit {
			t.Fatalf("%d answers, and the TPM says %+v", answers, budget)
		}
	}
	budget, err := tpm.Budget(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d power cuts, %d answers, count %d", cuts, answers, budget.Spent)
	if answers == 0 || budget.Spent > answers+uint32(cuts) {
		t.Errorf("%d answers, count %d", answers, budget.Spent)
	}

	// An ORDERLY index does lose its count.
	th := steal(t, 5)
	th.undefine(tpm2.TPMRHOwner)
	fresh, written, err := th.define(tpm2.TPMRHOwner, func(a *tpm2.TPMANV) { a.OwnerWrite, a.Orderly = true, true })
	if err != nil {
		t.Fatal(err)
	}
	if err := th.write(by(tpm2.TPMRHOwner, tpm2.PasswordAuth(nil)), fresh, 0, 0, 100); err != nil {
		t.Fatal(err)
	}
	if err := th.with(func(tpm2.Session) error { return nil }, th.secret(written)); err != nil {
		t.Fatal(err)
	}
	th.chip.Cut()
	th.chip.Power("startup-clear")
	err = th.with(func(tpm2.Session) error { return nil }, th.secret(written))
	if !slices.ContainsFunc([]error{tpm2.TPMRCNVUninitialized, tpm2.TPMRCAuthUnavailable}, func(rc error) bool { return errors.Is(err, rc) }) {
		t.Errorf("the weak index kept its count: %v", err)
	}
}
