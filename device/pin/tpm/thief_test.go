package tpm

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"latchkey/sync/wire"
)

// A thief has root, the disk and the chip of a stolen reader: every command of the TPM,
// empty passwords of all hierarchies, the wrapped keys, every nonce and grant that there
// was. They lack the controller's keys.
type thief struct {
	t     *testing.T
	chip  *chip
	tpm   transport.TPM
	keys  *wire.TPMKeys
	index *index
	pin   tpm2.NamedHandle
	judge *controller // knows which answers are right

	guesses int             // made, all different
	right   map[string]bool // those for which the chip gave the right answer
}

// steal returns the thief of a reader with so many PINs left.
func steal(t *testing.T, limit uint32) *thief {
	t.Helper()
	chip, c, tpm, keys := ready(t, limit)
	tpm.Close()
	index, err := indexOf(&c.key.PublicKey, &keys.Ref)
	if err != nil {
		t.Fatal(err)
	}
	area, err := parseKey(keys.PIN.Public, func(unique []byte) *tpm2.TPMTPublic { return pinArea(index, unique) })
	if err != nil {
		t.Fatal(err)
	}
	return &thief{t: t, chip: chip, tpm: chip.raw(), keys: keys, index: index, judge: c,
		pin: tpm2.NamedHandle{Handle: pinHandle, Name: objectName(area)}, right: map[string]bool{}}
}

// message returns the message of the next guess.
func (th *thief) message() []byte {
	th.guesses++
	sum := sha256.Sum256(binary.BigEndian.AppendUint32(nil, uint32(th.guesses)))
	return append([]byte{byte(wire.PIN)}, sum[:]...)
}

// got notes an answer of the chip for a message.
func (th *thief) got(message, answer []byte) {
	if bytes.Equal(answer, mac(&th.judge.pin, message[0], message[1:])) {
		th.right[string(message)] = true
	}
}

// atMost asserts how many right answers the thief has got so far.
func (th *thief) atMost(limit int) {
	th.t.Helper()
	if len(th.right) > limit {
		th.t.Errorf("the thief got %d right answers, of a budget of %d", len(th.right), limit)
	}
}

// step is a command that changes a session's policy.
type step func(session tpm2.TPMHandle) error

func (th *thief) secret(index tpm2.TPM2BName) step {
	return func(session tpm2.TPMHandle) error {
		_, err := tpm2.PolicySecret{AuthHandle: tpm2.AuthHandle{Handle: indexHandle, Name: index, Auth: tpm2.PasswordAuth(nil)}, PolicySession: session}.Execute(th.tpm)
		return err
	}
}

func (th *thief) code(cc tpm2.TPMCC) step {
	return func(session tpm2.TPMHandle) error {
		_, err := tpm2.PolicyCommandCode{PolicySession: session, Code: cc}.Execute(th.tpm)
		return err
	}
}

func (th *thief) or(branches [][]byte) step {
	return func(session tpm2.TPMHandle) error {
		or := or(branches)
		or.PolicySession = session
		_, err := or.Execute(th.tpm)
		return err
	}
}

// with runs an attack with a session that has taken these steps.
func (th *thief) with(attack func(s tpm2.Session) error, steps ...step) error {
	s, end, err := tpm2.PolicySession(th.tpm, tpm2.TPMAlgSHA256, 32)
	if err != nil {
		th.t.Fatal(err)
	}
	defer end()
	for _, step := range steps {
		if err := step(s.Handle()); err != nil {
			return err
		}
	}
	return attack(s)
}

// ask asks for the HMAC of a new guess.
func (th *thief) ask(key tpm2.NamedHandle, s tpm2.Session) error {
	message := th.message()
	answer, err := tpm2.Hmac{Handle: tpm2.AuthHandle{Handle: key.Handle, Name: key.Name, Auth: s},
		Buffer: tpm2.TPM2BMaxBuffer{Buffer: message}, HashAlg: tpm2.TPMAlgSHA256}.Execute(th.tpm)
	if err == nil {
		th.got(message, answer.OutHMAC.Buffer)
	}
	return err
}

// guess makes one guess as the reader does.
func (th *thief) guess() error {
	return th.with(func(s tpm2.Session) error { return th.ask(th.pin, s) }, th.secret(th.index.written), th.code(tpm2.TPMCCHMAC))
}

// spend makes guesses until the chip refuses, at most n.
func (th *thief) spend(n int) {
	for range n {
		if th.guess() != nil {
			return
		}
	}
}

// raw sends a command that go-tpm lacks. sessions are the handles that authorize it, with
// an empty password or HMAC.
func (th *thief) raw(cc tpm2.TPMCC, handles, sessions []tpm2.TPMHandle, params []byte) ([]byte, error) {
	var body, auths []byte
	for _, handle := range handles {
		body = binary.BigEndian.AppendUint32(body, uint32(handle))
	}
	for _, session := range sessions {
		auths = binary.BigEndian.AppendUint32(auths, uint32(session))
		auths = append(auths, 0, 0, 1, 0, 0) // no nonce, continueSession, no HMAC
	}
	tag := uint16(0x8001)
	if len(auths) > 0 {
		tag = 0x8002
		body = binary.BigEndian.AppendUint32(body, uint32(len(auths)))
		body = append(body, auths...)
	}
	body = append(body, params...)
	command := binary.BigEndian.AppendUint16(nil, tag)
	command = binary.BigEndian.AppendUint32(command, uint32(headerSize+len(body)))
	command = binary.BigEndian.AppendUint32(command, uint32(cc))
	answer := th.chip.send(append(command, body...))
	if answer == nil {
		return nil, errors.New("no chip")
	}
	if rc := code(answer); rc != tpm2.TPMRCSuccess {
		return nil, rc
	}
	return answer[headerSize:], nil
}

// sized is a TPM2B.
func sized(b []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
}

// refused asserts that an attack failed by the chip's refusal, not by the test's mistake.
func (th *thief) refused(name string, err error) {
	th.t.Helper()
	var rc tpm2.TPMRC
	switch {
	case err == nil:
		th.t.Errorf("%s: done", name)
	case !errors.As(err, &rc):
		th.t.Errorf("%s: never tried: %v", name, err)
	case errors.Is(rc, tpm2.TPMRCSize), errors.Is(rc, tpm2.TPMRCCommandSize), errors.Is(rc, tpm2.TPMRCCommandCode), rc == tpm2.TPMRCAuthMissing:
		th.t.Errorf("%s: malformed: %v", name, err)
	}
}

// weak puts another key with the PIN key's bytes into the chip, as an idea that was
// dropped would have had it.
func (th *thief) weak(area func(unique []byte) *tpm2.TPMTPublic) tpm2.NamedHandle {
	th.t.Helper()
	const at = tpm2.TPMHandle(0x81004C60)
	c := &conn{file: newFile(func() (transport.TPMCloser, error) { return openPath(th.chip.Path) }), ctx: th.t.Context()}
	_, public, err := c.parent()
	if err != nil {
		th.t.Fatal(err)
	}
	parent, err := parseParent(public)
	if err != nil {
		th.t.Fatal(err)
	}
	to, err := tpm2.ImportEncapsulationKey(parent)
	if err != nil {
		th.t.Fatal(err)
	}
	wrapped, err := wrapKey(to, &th.judge.pin, area)
	if err != nil {
		th.t.Fatal(err)
	}
	key, err := parseKey(wrapped.Public, area)
	if err != nil {
		th.t.Fatal(err)
	}
	if err := (&activated{conn: c}).keep(at, key, &wrapped); err != nil {
		th.t.Fatal(err)
	}
	return tpm2.NamedHandle{Handle: at, Name: objectName(key)}
}

// sequence is TPM2_HMAC_Start once, and its context completed again and again.
func (th *thief) sequence(key tpm2.NamedHandle, steps ...step) error {
	return th.with(func(s tpm2.Session) error {
		sequence, err := tpm2.HmacStart{Handle: tpm2.AuthHandle{Handle: key.Handle, Name: key.Name, Auth: s}, HashAlg: tpm2.TPMAlgSHA256}.Execute(th.tpm)
		if err != nil {
			return err
		}
		saved, err := tpm2.ContextSave{SaveHandle: sequence.SequenceHandle}.Execute(th.tpm)
		if err != nil {
			return err
		}
		(tpm2.FlushContext{FlushHandle: sequence.SequenceHandle}).Execute(th.tpm)
		for range 20 {
			loaded, err := tpm2.ContextLoad{Context: saved.Context}.Execute(th.tpm)
			if err != nil {
				return err
			}
			message := th.message()
			answer, err := tpm2.SequenceComplete{SequenceHandle: tpm2.AuthHandle{Handle: loaded.LoadedHandle, Auth: tpm2.PasswordAuth(nil)},
				Buffer: tpm2.TPM2BMaxBuffer{Buffer: message}, Hierarchy: tpm2.TPMRHNull}.Execute(th.tpm)
			if err != nil {
				return err
			}
			th.got(message, answer.Result.Buffer)
		}
		return nil
	}, steps...)
}

func TestOneUseOfTheBudgetIsOneAnswer(t *testing.T) {
	t.Parallel()
	th := steal(t, 40)
	secret, hmac := th.secret(th.index.written), th.code(tpm2.TPMCCHMAC)
	auth := func(s tpm2.Session) tpm2.AuthHandle {
		return tpm2.AuthHandle{Handle: th.pin.Handle, Name: th.pin.Name, Auth: s}
	}

	th.refused("a sequence", th.sequence(th.pin, secret))
	th.refused("a sequence, by the policy of an HMAC", th.sequence(th.pin, secret, hmac))
	th.refused("a sequence, by its own code", th.sequence(th.pin, secret, th.code(tpm2.TPMCCHMACStart)))
	th.refused("no policy", th.with(func(s tpm2.Session) error { return th.ask(th.pin, s) }))
	th.refused("without the budget", th.with(func(s tpm2.Session) error { return th.ask(th.pin, s) }, hmac))
	th.refused("without the code", th.with(func(s tpm2.Session) error { return th.ask(th.pin, s) }, secret))
	th.refused("the other order", th.with(func(s tpm2.Session) error { return th.ask(th.pin, s) }, hmac, secret))
	th.refused("a password", th.ask(th.pin, tpm2.PasswordAuth(nil)))
	th.refused("an HMAC session", th.ask(th.pin, tpm2.HMAC(tpm2.TPMAlgSHA256, 16)))
	th.atMost(0)

	before := len(th.right)
	th.refused("two HMACs", th.with(func(s tpm2.Session) error {
		if err := th.ask(th.pin, s); err != nil {
			t.Error(err)
		}
		return th.ask(th.pin, s)
	}, secret, hmac))
	th.refused("two HMACs, the second after another code", th.with(func(s tpm2.Session) error {
		if err := th.ask(th.pin, s); err != nil {
			t.Error(err)
		}
		if err := hmac(s.Handle()); err != nil {
			return err
		}
		return th.ask(th.pin, s)
	}, secret, hmac))
	th.refused("a session that is loaded twice", th.with(func(s tpm2.Session) error {
		saved, err := tpm2.ContextSave{SaveHandle: s.Handle()}.Execute(th.tpm)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (tpm2.ContextLoad{Context: saved.Context}).Execute(th.tpm); err != nil {
			t.Fatal(err)
		}
		if err := th.ask(th.pin, s); err != nil {
			t.Error(err)
		}
		if _, err := (tpm2.ContextLoad{Context: saved.Context}).Execute(th.tpm); err != nil {
			return err
		}
		return th.ask(th.pin, s)
	}, secret, hmac))
	if n := len(th.right) - before; n != 3 {
		t.Errorf("%d answers for three uses", n)
	}

	th.refused("a ticket", th.with(func(s tpm2.Session) error {
		answer, err := tpm2.PolicySecret{AuthHandle: tpm2.AuthHandle{Handle: indexHandle, Name: th.index.written, Auth: tpm2.PasswordAuth(nil)},
			PolicySession: s.Handle(), NonceTPM: s.NonceTPM(), Expiration: -3600}.Execute(th.tpm)
		if err != nil {
			return err
		}
		if len(answer.PolicyTicket.Digest.Buffer) > 0 || len(answer.Timeout.Buffer) > 0 {
			t.Error("there is a ticket")
		}
		return th.with(func(s tpm2.Session) error {
			params := slices.Concat(sized(make([]byte, 8)), sized(nil), sized(nil), sized(th.index.written.Buffer), tpm2.Marshal(answer.PolicyTicket))
			if _, err := th.raw(tpm2.TPMCCPolicyTicket, []tpm2.TPMHandle{s.Handle()}, nil, params); err != nil {
				return err
			}
			return th.ask(th.pin, s)
		})
	}))
	_, _, err := tpm2.PolicySession(th.tpm, tpm2.TPMAlgSHA256, 16, tpm2.Bound(indexHandle, th.index.written, nil))
	th.refused("a session bound to the index", err)
	for name, steps := range map[string][]step{"plain": {secret}, "HMAC": {secret, hmac}} {
		th.refused(name+": Sign", th.with(func(s tpm2.Session) error {
			_, err := tpm2.Sign{KeyHandle: auth(s), Digest: tpm2.TPM2BDigest{Buffer: th.message()[:32]},
				Validation: tpm2.TPMTTKHashCheck{Tag: tpm2.TPMSTHashCheck, Hierarchy: tpm2.TPMRHNull}}.Execute(th.tpm)
			return err
		}, steps...))
		th.refused(name+": Duplicate", th.with(func(s tpm2.Session) error {
			_, err := tpm2.Duplicate{ObjectHandle: auth(s), NewParentHandle: tpm2.TPMRHNull, Symmetric: tpm2.TPMTSymDef{Algorithm: tpm2.TPMAlgNull}}.Execute(th.tpm)
			return err
		}, steps...))
		th.refused(name+": ObjectChangeAuth", th.with(func(s tpm2.Session) error {
			_, err := tpm2.ObjectChangeAuth{ObjectHandle: auth(s), ParentHandle: tpm2.NamedHandle{Handle: parentHandle, Name: th.name(parentHandle)}}.Execute(th.tpm)
			return err
		}, steps...))
		th.refused(name+": Unseal", th.with(func(s tpm2.Session) error {
			_, err := tpm2.Unseal{ItemHandle: auth(s)}.Execute(th.tpm)
			return err
		}, steps...))
	}
	th.refused("Duplicate by its own code", th.with(func(s tpm2.Session) error {
		_, err := tpm2.Duplicate{ObjectHandle: auth(s), NewParentHandle: tpm2.TPMRHNull, Symmetric: tpm2.TPMTSymDef{Algorithm: tpm2.TPMAlgNull}}.Execute(th.tpm)
		return err
	}, secret, th.code(tpm2.TPMCCDuplicate)))
	th.spend(100)
	th.atMost(40)
	if th.guess() == nil {
		t.Error("a guess beyond the budget")
	}

	// The attack does work on a key whose policy does not name the command.
	th = steal(t, 5)
	weak := th.weak(func(unique []byte) *tpm2.TPMTPublic {
		area := pinArea(th.index, unique)
		area.AuthPolicy.Buffer = policy(tpm2.PolicySecret{AuthHandle: tpm2.NamedHandle{Handle: indexHandle, Name: th.index.written}})
		return area
	})
	if err := th.sequence(weak, th.secret(th.index.written)); err != nil || len(th.right) != 20 {
		t.Errorf("the weak key gave %d answers for one use: %v", len(th.right), err)
	}
}

func (th *thief) name(handle tpm2.TPMHandle) tpm2.TPM2BName {
	th.t.Helper()
	answer, err := tpm2.ReadPublic{ObjectHandle: handle}.Execute(th.tpm)
	if err != nil {
		th.t.Fatal(err)
	}
	return answer.Name
}

// rewrap asks the chip to wrap what the controller wrapped to the parent to a key of the
// thief's, and unwraps it.
func (th *thief) rewrap(parent tpm2.TPMHandle, session tpm2.TPMHandle, key *wire.WrappedKey) ([]byte, error) {
	mine, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		th.t.Fatal(err)
	}
	point := mine.PublicKey().Bytes()
	area := parentArea(point[1:33], point[33:])
	area.ObjectAttributes.FixedTPM, area.ObjectAttributes.FixedParent, area.ObjectAttributes.SensitiveDataOrigin = false, false, false
	loaded, err := tpm2.LoadExternal{InPublic: tpm2.New2B(*area), Hierarchy: tpm2.TPMRHOwner}.Execute(th.tpm)
	if err != nil {
		th.t.Fatal(err)
	}
	defer (tpm2.FlushContext{FlushHandle: loaded.ObjectHandle}).Execute(th.tpm)
	sum := sha256.Sum256(key.Public)
	name := append([]byte{0, 0x0B}, sum[:]...)
	body, err := th.raw(tpm2.TPMCCRewrap, []tpm2.TPMHandle{parent, loaded.ObjectHandle}, []tpm2.TPMHandle{session},
		slices.Concat(sized(key.Duplicate), sized(name), sized(key.Seed)))
	if err != nil {
		return nil, err
	}
	next := func(b *[]byte) []byte {
		n := binary.BigEndian.Uint16(*b)
		part := (*b)[2 : 2+n]
		*b = (*b)[2+n:]
		return part
	}
	body = body[4:] // parameterSize
	duplicate, seed := next(&body), next(&body)
	x, y := next(&seed), next(&seed)
	peer, err := ecdh.P256().NewPublicKey(slices.Concat([]byte{4}, x, y))
	if err != nil {
		th.t.Fatal(err)
	}
	z, err := mine.ECDH(peer)
	if err != nil {
		th.t.Fatal(err)
	}
	secret := tpm2.KDFe(crypto.SHA256, z, "DUPLICATE", x, point[1:33], 256)
	block, err := aes.NewCipher(tpm2.KDFa(crypto.SHA256, secret, "STORAGE", name, nil, 128))
	if err != nil {
		th.t.Fatal(err)
	}
	next(&duplicate) // integrity
	plain := make([]byte, len(duplicate))
	//lint:ignore SA1019 the TPM wraps by CFB
	cipher.NewCFBDecrypter(block, make([]byte, 16)).XORKeyStream(plain, duplicate)
	return plain, nil
}

func TestTheParentHandsOutNoKey(t *testing.T) {
	t.Parallel()
	th := steal(t, 5)
	parent := parentHandle
	_, err := th.rewrap(parent, tpm2.TPMRSPW, &th.keys.PIN)
	th.refused("Rewrap by password", err)
	for _, cc := range []tpm2.TPMCC{tpm2.TPMCCLoad, tpm2.TPMCCImport, tpm2.TPMCCCreate, tpm2.TPMCCActivateCredential, tpm2.TPMCCRewrap} {
		steps := []step{th.code(cc), th.or(parentBranches())}
		if cc == tpm2.TPMCCRewrap {
			steps = steps[:1]
		}
		th.refused("Rewrap by a branch", th.with(func(s tpm2.Session) error {
			_, err := th.rewrap(parent, s.Handle(), &th.keys.PIN)
			return err
		}, steps...))
	}
	th.refused("Duplicate of the parent", th.with(func(s tpm2.Session) error {
		_, err := tpm2.Duplicate{ObjectHandle: tpm2.AuthHandle{Handle: parent, Name: th.name(parent), Auth: s}, NewParentHandle: tpm2.TPMRHNull,
			Symmetric: tpm2.TPMTSymDef{Algorithm: tpm2.TPMAlgNull}}.Execute(th.tpm)
		return err
	}, th.code(tpm2.TPMCCDuplicate)))

	// The PIN key's public area cannot be changed on the way in.
	c := &conn{file: newFile(func() (transport.TPMCloser, error) { return openPath(th.chip.Path) }), ctx: t.Context()}
	for name, change := range map[string]func(*tpm2.TPMTPublic){
		"a card key":          func(a *tpm2.TPMTPublic) { a.ObjectAttributes.UserWithAuth = true },
		"another policy":      func(a *tpm2.TPMTPublic) { a.AuthPolicy.Buffer[0] ^= 1 },
		"none":                func(a *tpm2.TPMTPublic) { a.AuthPolicy.Buffer = nil },
		"decrypts":            func(a *tpm2.TPMTPublic) { a.ObjectAttributes.Decrypt = true },
		"another unique":      func(a *tpm2.TPMTPublic) { *a = *pinArea(th.index, make([]byte, 32)) },
		"card key's template": func(a *tpm2.TPMTPublic) { *a = *cardArea(th.keys.PIN.Public[len(th.keys.PIN.Public)-32:]) },
	} {
		area := pinArea(th.index, th.keys.PIN.Public[len(th.keys.PIN.Public)-32:])
		change(area)
		th.refused(name, (&activated{conn: c}).keep(0x81004C61, area, &wire.WrappedKey{Public: tpm2.Marshal(*area), Duplicate: th.keys.PIN.Duplicate, Seed: th.keys.PIN.Seed}))
	}
	th.spend(20)
	th.atMost(5)

	// The attack does work on a storage root key with an empty password.
	made, err := tpm2.CreatePrimary{PrimaryHandle: owner(), InPublic: tpm2.New2B(tpm2.ECCSRKTemplate)}.Execute(th.tpm)
	if err != nil {
		t.Fatal(err)
	}
	srk, err := made.OutPublic.Contents()
	if err != nil {
		t.Fatal(err)
	}
	to, err := tpm2.ImportEncapsulationKey(srk)
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := wrapKey(to, &th.judge.pin, func(unique []byte) *tpm2.TPMTPublic { return pinArea(th.index, unique) })
	if err != nil {
		t.Fatal(err)
	}
	plain, err := th.rewrap(made.ObjectHandle, tpm2.TPMRSPW, &wrapped)
	if err != nil || !bytes.Contains(plain, th.judge.pin[:]) {
		t.Errorf("the weak parent did not hand out the key: %v", err)
	}
}

func TestHalfAnHMACIsNoOracle(t *testing.T) {
	t.Parallel()
	th := steal(t, 5)
	message := th.message()
	whole := mac(&th.judge.pin, message[0], message[1:])
	verify := func(digest []byte) error {
		_, err := tpm2.VerifySignature{KeyHandle: th.pin, Digest: tpm2.TPM2BDigest{Buffer: message},
			Signature: tpm2.TPMTSignature{SigAlg: tpm2.TPMAlgHMAC,
				Signature: tpm2.NewTPMUSignature(tpm2.TPMAlgHMAC, &tpm2.TPMTHA{HashAlg: tpm2.TPMAlgSHA256, Digest: digest})}}.Execute(th.tpm)
		return err
	}
	if err := verify(whole); err != nil {
		t.Errorf("the whole HMAC, which nobody may keep, is not even verified: %v", err)
	}
	if err := verify(append(whole[:16:16], make([]byte, 16)...)); !errors.Is(err, tpm2.TPMRCSignature) {
		t.Errorf("half of it and zeros: %v", err)
	}
	// What is left of it on the reader's disk is 16 bytes. No hash algorithm has a digest
	// of this length that the TPM would compare with the beginning of another.
	params := slices.Concat(sized(message), []byte{0, 5, 0, 0x0B}, whole[:16])
	if _, err := th.raw(tpm2.TPMCCVerifySignature, []tpm2.TPMHandle{pinHandle}, nil, params); err == nil {
		t.Error("half of it is verified")
	}
	if _, err := (&conn{file: newFile(func() (transport.TPMCloser, error) { return openPath(th.chip.Path) }), ctx: t.Context()}).budget(th.index); err != nil {
		t.Error(err)
	}
}
