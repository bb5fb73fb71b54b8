package tpm

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2"

	"latchkey/device/pin/tpm/swtpm"
	"latchkey/sync/wire"
)

// certify writes into the chip, as its maker does, a certificate of its endorsement key of a
// kind, or of another key, and returns it. It is padded.
func (c *chip) certify(kind endorsementKind, key any) *x509.Certificate {
	c.t.Helper()
	if key == nil {
		made, err := tpm2.CreatePrimary{PrimaryHandle: tpm2.TPMRHEndorsement, InPublic: tpm2.New2B(kind.template)}.Execute(c.raw())
		if err != nil {
			c.t.Fatal(err)
		}
		defer tpm2.FlushContext{FlushHandle: made.ObjectHandle}.Execute(c.raw())
		area, err := made.OutPublic.Contents()
		if err != nil {
			c.t.Fatal(err)
		}
		if key, err = tpm2.Pub(*area); err != nil {
			c.t.Fatal(err)
		}
	}
	maker, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		c.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Issuer: pkix.Name{CommonName: "maker"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key, maker)
	if err != nil {
		c.t.Fatal(err)
	}
	c.store(kind.certificate, append(bytes.Clone(der), make([]byte, 1200-len(der))...))
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		c.t.Fatal(err)
	}
	return certificate
}

// store writes an index as a maker does.
func (c *chip) store(handle tpm2.TPMHandle, content []byte) {
	c.t.Helper()
	area := tpm2.TPMSNVPublic{NVIndex: handle, NameAlg: tpm2.TPMAlgSHA256, DataSize: uint16(len(content)),
		Attributes: tpm2.TPMANV{PPWrite: true, PPRead: true, OwnerRead: true, AuthRead: true, NoDA: true, PlatformCreate: true}}
	if _, err := (tpm2.NVDefineSpace{AuthHandle: tpm2.TPMRHPlatform, PublicInfo: tpm2.New2B(area)}).Execute(c.raw()); err != nil {
		c.t.Fatal(err)
	}
	name := indexName(area)
	for offset := 0; offset < len(content); offset += 512 {
		_, err := tpm2.NVWrite{AuthHandle: tpm2.AuthHandle{Handle: tpm2.TPMRHPlatform, Auth: tpm2.PasswordAuth(nil)}, NVIndex: tpm2.NamedHandle{Handle: handle, Name: name},
			Data: tpm2.TPM2BMaxNVBuffer{Buffer: content[offset:min(offset+512, len(content))]}, Offset: uint16(offset)}.Execute(c.raw())
		if err != nil {
			c.t.Fatal(err)
		}
		area.Attributes.Written = true
		name = indexName(area)
	}
}

// endorsed answers a request with keys for a TPM with this endorsement key.
func (c *controller) endorsed(request *wire.RequestTPM, endorsement *x509.Certificate, limit uint32) *wire.TPMKeys {
	c.t.Helper()
	var ref wire.TPMRef
	rand.Read(ref[:])
	keys, err := Wrap(request.Parent, endorsement, &c.key.PublicKey, ref, &c.pin, &c.card)
	if err != nil {
		c.t.Fatal(err)
	}
	if keys.Grant, err = FirstGrant(c.key, ref, request.Nonce, limit); err != nil {
		c.t.Fatal(err)
	}
	return keys
}

func mustEndorsement(t *testing.T, request *wire.RequestTPM) *x509.Certificate {
	t.Helper()
	certificate, err := ParseEndorsement(request.Endorsement)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func TestATPMWithACertificateTakesKeysThatAreForItAlone(t *testing.T) {
	t.Parallel()
	maker := swtpm.NewMaker(t)
	kinds := endorsementKinds()
	for name, certified := range map[string]func(t *testing.T) *chip{
		"by swtpm_setup": func(t *testing.T) *chip { return &chip{maker.New(), t} },
		"ECDSA":          func(t *testing.T) *chip { c := newChip(t); c.certify(kinds[0], nil); return c },
		"RSA":            func(t *testing.T) *chip { c := newChip(t); c.certify(kinds[1], nil); return c },
		"both": func(t *testing.T) *chip {
			c := newChip(t)
			c.certify(kinds[1], nil)
			c.certify(kinds[0], nil)
			return c
		},
	} {
		t.Run(name, func(t *testing.T) {
			chip, c := certified(t), newController(t)
			tpm := Open(chip.Path)
			defer tpm.Close()
			request := mustRequest(t, tpm)
			keys := c.endorsed(request, mustEndorsement(t, request), 3)
			if bytes.Contains(keys.PIN.Duplicate, keys.PIN.Public) || keys.Activation == nil {
				t.Error("the keys are not encrypted")
			}
			if err := tpm.Use(t.Context(), keys); err != nil {
				t.Fatal(err)
			}
			wantPIN(t, tpm, c)
			wantCard(t, tpm, c)
			// A refill, and the keys of another epoch.
			rand.Read(c.pin[:])
			rand.Read(c.card[:])
			next, err := Wrap(request.Parent, mustEndorsement(t, request), &c.key.PublicKey, keys.Ref, &c.pin, &c.card)
			if err != nil {
				t.Fatal(err)
			}
			next.Grant = c.refill(keys, 10).Grant
			if err := tpm.Use(t.Context(), next); err != nil {
				t.Fatal(err)
			}
			wantPIN(t, tpm, c)
			wantCard(t, tpm, c)
			spent(t, tpm, wire.Budget{Spent: 2, Limit: 10})
			// After a power cut, by another program.
			chip.Cut()
			chip.Power("startup-clear")
			again := Open(chip.Path)
			defer again.Close()
			if err := again.Use(t.Context(), next); err != nil {
				t.Fatal(err)
			}
			wantPIN(t, again, c)
			if got := chip.handles(uint32(tpm2.TPMHTTransient) << 24); len(got) > 0 {
				t.Errorf("left in the TPM: %x", got)
			}
		})
	}
}

func TestKeysForOneTPMAreOfNoUseToAnother(t *testing.T) {
	t.Parallel()
	kind := endorsementKinds()[0]
	first, second := newChip(t), newChip(t)
	first.certify(kind, nil)
	second.certify(kind, nil)
	c := newController(t)
	tpm, other := Open(first.Path), Open(second.Path)
	defer tpm.Close()
	defer other.Close()
	request, foreign := mustRequest(t, tpm), mustRequest(t, other)
	for _, test := range []struct {
		name string
		keys *wire.TPMKeys
	}{
		{"for the other's endorsement key", c.endorsed(request, mustEndorsement(t, foreign), 3)},
		{"for the other's parent", c.endorsed(foreign, mustEndorsement(t, request), 3)},
		{"for the other", c.endorsed(foreign, mustEndorsement(t, foreign), 3)},
		{"encrypted for another activation", func() *wire.TPMKeys {
			keys := c.endorsed(request, mustEndorsement(t, request), 3)
			keys.Activation = c.endorsed(request, mustEndorsement(t, request), 3).Activation
			return keys
		}()},
		{"in the clear beside an activation", func() *wire.TPMKeys {
			keys := c.endorsed(request, mustEndorsement(t, request), 3)
			keys.PIN, keys.Card = c.adopt(request, 3).PIN, c.adopt(request, 3).Card
			return keys
		}()},
	} {
		if err := tpm.Use(t.Context(), test.keys); err == nil {
			t.Errorf("%s: taken", test.name)
		}
		wantNoPIN(t, tpm, ErrForeign) // of the first; those that are refused otherwise leave it
	}
	// The TPM has lost nothing: what is for it is taken.
	if err := tpm.Use(t.Context(), c.endorsed(request, mustEndorsement(t, request), 3)); err != nil {
		t.Error(err)
	}
	wantPIN(t, tpm, c)
}

func TestATPMWithoutAUsableCertificateHasNone(t *testing.T) {
	t.Parallel()
	kind := endorsementKinds()[0]
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for name, chip := range map[string]func(*chip){
		"none":                  func(*chip) {},
		"of P-384":              func(c *chip) { c.certify(kind, &p384.PublicKey) },
		"of RSA-1024":           func(c *chip) { c.certify(endorsementKinds()[1], &short.PublicKey) },
		"of the other template": func(c *chip) { kind := kind; kind.template = tpm2.RSAEKTemplate; c.certify(kind, nil) },
		"empty":                 func(c *chip) { c.store(kind.certificate, nil) },
		"padding":               func(c *chip) { c.store(kind.certificate, bytes.Repeat([]byte{0xff}, 1500)) },
		"zero":                  func(c *chip) { c.store(kind.certificate, make([]byte, 10)) },
		"longer than it is":     func(c *chip) { c.store(kind.certificate, []byte{0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 1}) },
		"not written": func(c *chip) {
			area := tpm2.TPMSNVPublic{NVIndex: kind.certificate, NameAlg: tpm2.TPMAlgSHA256, DataSize: 900, Attributes: tpm2.TPMANV{PPWrite: true, PPRead: true, AuthRead: true, NoDA: true, PlatformCreate: true}}
			if _, err := (tpm2.NVDefineSpace{AuthHandle: tpm2.TPMRHPlatform, PublicInfo: tpm2.New2B(area)}).Execute(c.raw()); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newChip(t)
			chip(c)
			tpm := Open(c.Path)
			defer tpm.Close()
			if request := mustRequest(t, tpm); request.Endorsement != nil {
				t.Errorf("%d bytes", len(request.Endorsement))
			}
			if keys := newController(t).adopt(mustRequest(t, tpm), 1); tpm.Use(t.Context(), keys) != nil {
				t.Error("it is of no use without")
			}
		})
	}
}

// A board whose TPM lies has a certificate, of itself or of another's TPM, and no
// endorsement key that fits.
func TestACertificateOfAnothersKeyOpensNothing(t *testing.T) {
	t.Parallel()
	kind := endorsementKinds()[0]
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	chip, c := newChip(t), newController(t)
	chip.certify(kind, &key.PublicKey)
	tpm := Open(chip.Path)
	defer tpm.Close()
	request := mustRequest(t, tpm)
	if err := tpm.Use(t.Context(), c.endorsed(request, mustEndorsement(t, request), 3)); !errors.Is(err, ErrForeign) {
		t.Error(err)
	}
}

// Somebody has a TPM with a good certificate, and wants the keys of a site in the clear:
// they make the parent in software, with the public area that a controller wants. The TPM
// knows that it has not made it.
func TestNoTPMActivatesForAParentMadeInSoftware(t *testing.T) {
	t.Parallel()
	chip, c := newChip(t), newController(t)
	certificate := chip.certify(endorsementKinds()[0], nil)
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point := key.PublicKey().Bytes()
	area := parentArea(point[1:1+coordinate], point[1+coordinate:])
	keys := c.endorsed(&wire.RequestTPM{Parent: tpm2.Marshal(*area), Nonce: wire.TPMNonce{1}}, certificate, 3)

	endorsement, err := tpm2.CreatePrimary{PrimaryHandle: tpm2.TPMRHEndorsement, InPublic: tpm2.New2B(tpm2.ECCEKTemplate)}.Execute(chip.raw())
	if err != nil {
		t.Fatal(err)
	}
	th := &thief{t: t, chip: chip, tpm: chip.raw()}
	activateBy := func(object tpm2.TPMHandle, name tpm2.TPM2BName, auth tpm2.Session) (*tpm2.ActivateCredentialResponse, error) {
		s, end, err := tpm2.PolicySession(th.tpm, tpm2.TPMAlgSHA256, 32)
		if err != nil {
			t.Fatal(err)
		}
		defer end()
		if _, err := (tpm2.PolicySecret{AuthHandle: tpm2.TPMRHEndorsement, PolicySession: s.Handle()}).Execute(th.tpm); err != nil {
			t.Fatal(err)
		}
		return tpm2.ActivateCredential{ActivateHandle: tpm2.AuthHandle{Handle: object, Name: name, Auth: auth},
			KeyHandle:      tpm2.AuthHandle{Handle: endorsement.ObjectHandle, Name: endorsement.Name, Auth: s},
			CredentialBlob: tpm2.TPM2BIDObject{Buffer: keys.Activation.Object}, Secret: tpm2.TPM2BEncryptedSecret{Buffer: keys.Activation.Secret}}.Execute(th.tpm)
	}
	policy := func(object tpm2.TPMHandle, name tpm2.TPM2BName) error {
		return th.with(func(s tpm2.Session) error {
			answer, err := activateBy(object, name, s)
			if err == nil {
				t.Errorf("the TPM has activated %x", answer.CertInfo.Buffer)
			}
			return err
		}, th.code(tpm2.TPMCCActivateCredential), th.or(parentBranches()))
	}
	for _, hierarchy := range []tpm2.TPMHandle{tpm2.TPMRHOwner, tpm2.TPMRHNull, tpm2.TPMRHEndorsement} {
		loaded, err := tpm2.LoadExternal{InPublic: tpm2.New2B(*area), Hierarchy: hierarchy}.Execute(th.tpm)
		if err != nil {
			t.Fatal(err)
		}
		if err := policy(loaded.ObjectHandle, loaded.Name); !errors.Is(err, tpm2.TPMRCAuthUnavailable) {
			t.Errorf("its public part: %v", err)
		}
		if _, err := activateBy(loaded.ObjectHandle, loaded.Name, tpm2.PasswordAuth(nil)); err == nil {
			t.Error("its public part, by a password")
		}
		tpm2.FlushContext{FlushHandle: loaded.ObjectHandle}.Execute(th.tpm)
	}
	private := tpm2.TPMTSensitive{SensitiveType: tpm2.TPMAlgECC, Sensitive: tpm2.NewTPMUSensitiveComposite(tpm2.TPMAlgECC, &tpm2.TPM2BECCParameter{Buffer: key.Bytes()})}
	if _, err := (tpm2.LoadExternal{InPublic: tpm2.New2B(*area), InPrivate: tpm2.New2B(private), Hierarchy: tpm2.TPMRHNull}).Execute(th.tpm); !errors.Is(err, tpm2.TPMRCAttributes) {
		t.Errorf("with its private part: %v", err) // fixedTPM
	}
	// The weak variant, which no controller takes, shows that the test can fail: a parent
	// that need not be made in a TPM.
	weak := *area
	weak.ObjectAttributes.FixedTPM, weak.ObjectAttributes.FixedParent, weak.ObjectAttributes.SensitiveDataOrigin, weak.ObjectAttributes.Restricted = false, false, false, false
	weak.Parameters = tpm2.NewTPMUPublicParms(tpm2.TPMAlgECC, &tpm2.TPMSECCParms{CurveID: tpm2.TPMECCNistP256})
	if err := activate(keys, certificate, &weak); err != nil {
		t.Fatal(err)
	}
	loaded, err := tpm2.LoadExternal{InPublic: tpm2.New2B(weak), InPrivate: tpm2.New2B(private), Hierarchy: tpm2.TPMRHNull}.Execute(th.tpm)
	if err != nil {
		t.Fatal(err)
	}
	if err := th.with(func(s tpm2.Session) error {
		_, err := activateBy(loaded.ObjectHandle, loaded.Name, s)
		return err
	}, th.code(tpm2.TPMCCActivateCredential), th.or(parentBranches())); err != nil {
		t.Errorf("the weak variant: %v", err)
	}
	if CheckParent(tpm2.Marshal(weak)) == nil {
		t.Error("a controller takes the weak variant")
	}
}

func TestTheCertificateIsReadOncePerParent(t *testing.T) {
	t.Parallel()
	chip := newChip(t)
	chip.certify(endorsementKinds()[0], nil)
	var read int
	tpm := Open(chip.between(func(cc tpm2.TPMCC, command []byte) []byte {
		if cc == tpm2.TPMCCNVRead {
			read++
		}
		return chip.send(command)
	}))
	defer tpm.Close()
	first := mustRequest(t, tpm)
	once := read
	if second := mustRequest(t, tpm); read != once || once == 0 || !bytes.Equal(first.Endorsement, second.Endorsement) {
		t.Errorf("read by %d commands, then by %d", once, read-once)
	}
	if _, err := (tpm2.Clear{AuthHandle: tpm2.TPMRHLockout}).Execute(chip.raw()); err != nil {
		t.Fatal(err)
	}
	if third := mustRequest(t, tpm); !bytes.Equal(first.Endorsement, third.Endorsement) || bytes.Equal(first.Parent, third.Parent) || read == once {
		t.Error("not read again for another parent")
	}
}

// An activation of bad input, and one that the TPM does not get to, leave nothing behind.
func TestAnActivationThatFailsLeavesNothingInTheTPM(t *testing.T) {
	t.Parallel()
	chip, c := newChip(t), newController(t)
	chip.certify(endorsementKinds()[0], nil)
	tpm := Open(chip.Path)
	defer tpm.Close()
	request := mustRequest(t, tpm)
	for range 5 { // more than there is room for
		for _, spoil := range []func(*wire.TPMKeys){
			func(k *wire.TPMKeys) { k.Activation.Object[0] ^= 1 },
			func(k *wire.TPMKeys) { k.Activation.Object = k.Activation.Object[:7] },
			func(k *wire.TPMKeys) { k.Activation.Secret[3] ^= 1 },
			func(k *wire.TPMKeys) { k.Activation.Secret = []byte{1} },
			func(k *wire.TPMKeys) { k.Card.Duplicate = k.Card.Duplicate[:3] },
		} {
			keys := c.endorsed(request, mustEndorsement(t, request), 3)
			spoil(keys)
			if err := tpm.Use(t.Context(), keys); err == nil || errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		}
	}
	if err := tpm.Use(t.Context(), c.endorsed(request, mustEndorsement(t, request), 3)); err != nil {
		t.Error(err)
	}
	wantPIN(t, tpm, c)
	if got := chip.handles(uint32(tpm2.TPMHTTransient) << 24); len(got) > 0 {
		t.Errorf("left in the TPM: %x", got)
	}
}

func TestTheMakersOwnCertificatesAreAsExpected(t *testing.T) {
	t.Parallel()
	maker := swtpm.NewMaker(t)
	chip := maker.New()
	tpm := Open(chip.Path)
	defer tpm.Close()
	certificate := mustEndorsement(t, mustRequest(t, tpm))
	b, err := os.ReadFile(maker.Authority())
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(b)
	authority, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if err := certificate.CheckSignatureFrom(authority); err != nil {
		t.Error(err)
	}
	if _, ok := certificate.PublicKey.(*rsa.PublicKey); !ok {
		t.Errorf("%T", certificate.PublicKey)
	}
}
