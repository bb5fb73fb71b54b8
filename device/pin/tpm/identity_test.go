package tpm

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

// ownKeys returns the reader's own keys, and fails if they are the same.
func ownKeys(t *testing.T, tpm *TPM) (tlsKey, signingKey crypto.Signer) {
	t.Helper()
	tlsKey, err := tpm.TLSKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	signingKey, err = tpm.SigningKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if tlsKey.Public().(*ecdsa.PublicKey).Equal(signingKey.Public()) {
		t.Fatal("both keys are the same")
	}
	return tlsKey, signingKey
}

func openChip(t *testing.T, path string) *TPM {
	t.Helper()
	tpm := Open(path)
	t.Cleanup(func() { tpm.Close() })
	return tpm
}

func TestTheReadersOwnKeysStayAndSignWithOneCommandEach(t *testing.T) {
	chip := newChip(t)
	var commands atomic.Int64
	tpm := openChip(t, chip.between(func(_ tpm2.TPMCC, command []byte) []byte {
		commands.Add(1)
		return chip.send(command)
	}))
	tlsKey, signingKey := ownKeys(t, tpm)
	digest := sha256.Sum256([]byte("message"))
	for _, key := range []crypto.Signer{tlsKey, signingKey} {
		for _, opts := range []crypto.SignerOpts{crypto.SHA256, nil} {
			before := commands.Load()
			signature, err := key.Sign(rand.Reader, digest[:], opts)
			if err != nil {
				t.Fatal(err)
			}
			if n := commands.Load() - before; n != 1 {
				t.Errorf("a signature takes %d commands", n)
			}
			if !ecdsa.VerifyASN1(key.Public().(*ecdsa.PublicKey), digest[:], signature) {
				t.Error("the signature does not verify")
			}
		}
		long := make([]byte, 48)
		if _, err := key.Sign(rand.Reader, long, crypto.SHA384); err == nil {
			t.Error("a digest of SHA-384 is signed")
		}
		if _, err := key.Sign(rand.Reader, digest[:], crypto.SHA512_256); err == nil {
			t.Error("a digest of SHA-512/256 is signed")
		}
		if _, err := key.Sign(rand.Reader, digest[:31], crypto.SHA256); err == nil {
			t.Error("31 bytes are signed")
		}
	}
	chip.Cut()
	chip.Power("startup-clear")
	tlsAgain, signingAgain := ownKeys(t, openChip(t, chip.Path))
	if !tlsKey.Public().(*ecdsa.PublicKey).Equal(tlsAgain.Public()) || !signingKey.Public().(*ecdsa.PublicKey).Equal(signingAgain.Public()) {
		t.Error("a power cut changes them")
	}
	if _, err := signingKey.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
		t.Errorf("a key from before the power cut: %v", err)
	}
}

// TestTheReadersOwnKeysCannotLeaveTheTPM asks as somebody with root would.
func TestTheReadersOwnKeysCannotLeaveTheTPM(t *testing.T) {
	chip := newChip(t)
	ownKeys(t, openChip(t, chip.Path))
	for _, at := range []tpm2.TPMHandle{tlsHandle, signingHandle} {
		public, err := tpm2.ReadPublic{ObjectHandle: at}.Execute(chip.raw())
		if err != nil {
			t.Fatal(err)
		}
		area, err := public.OutPublic.Contents()
		if err != nil {
			t.Fatal(err)
		}
		if got := tpm2.Marshal(area.ObjectAttributes); string(got) != "\x00\x04\x04\x72" {
			t.Errorf("attributes %x", got)
		}
		_, err = tpm2.Duplicate{
			ObjectHandle: tpm2.AuthHandle{Handle: at, Name: public.Name, Auth: tpm2.Policy(tpm2.TPMAlgSHA256, 16,
				func(c transport.TPM, session tpm2.TPMISHPolicy, _ tpm2.TPM2BNonce) error {
					_, err := tpm2.PolicyCommandCode{PolicySession: session, Code: tpm2.TPMCCDuplicate}.Execute(c)
					return err
				})},
			NewParentHandle: tpm2.NamedHandle{Handle: tpm2.TPMRHNull},
			Symmetric:       tpm2.TPMTSymDef{Algorithm: tpm2.TPMAlgNull},
		}.Execute(chip.raw())
		var rc tpm2.TPMRC
		if !errors.As(err, &rc) {
			t.Errorf("Duplicate of %#x: %v", uint32(at), err)
		}
	}
}

// TestATLSClientCanHaveItsKeyInTheTPM has a server of Go's crypto/tls ask for the
// certificate of a certificate request that the TPM signed.
func TestATLSClientCanHaveItsKeyInTheTPM(t *testing.T) {
	key, _ := ownKeys(t, openChip(t, newChip(t).Path))
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "latchkey reader"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		t.Fatal(err)
	}
	if err := csr.CheckSignature(); err != nil {
		t.Fatal(err)
	}
	authority, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := func(name string) *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
			NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IsCA: name == "root", KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	}
	certify := func(name string, public any) []byte {
		b, err := x509.CreateCertificate(rand.Reader, template(name), template("root"), public, authority)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	root, err := x509.ParseCertificate(certify("root", authority.Public()))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	server := &tls.Config{MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots,
		Certificates: []tls.Certificate{{Certificate: [][]byte{certify("broker", authority.Public())}, PrivateKey: authority}}}
	handshake := func(key crypto.PrivateKey) (atClient, atServer error) {
		a, b := net.Pipe()
		defer a.Close()
		defer b.Close()
		served := make(chan error, 1)
		go func() {
			defer b.Close()
			conn := tls.Server(b, server)
			err := conn.Handshake()
			if err == nil {
				_, err = conn.Write([]byte("1"))
			}
			served <- err
		}()
		conn := tls.Client(a, &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots, ServerName: "broker",
			Certificates: []tls.Certificate{{Certificate: [][]byte{certify("reader", csr.PublicKey)}, PrivateKey: key}}})
		err := conn.Handshake()
		if err == nil {
			_, err = io.ReadFull(conn, make([]byte, 1))
		}
		a.Close()
		return err, <-served
	}
	if client, server := handshake(key); client != nil || server != nil {
		t.Errorf("client %v, server %v", client, server)
	}
	// Whoever has the certificate and another TPM has nothing.
	another := openChip(t, newChip(t).Path)
	ownKeys(t, another)
	if client, server := handshake(another.KnownTLSKey(t.Context(), csr.PublicKey.(*ecdsa.PublicKey))); client == nil || server == nil {
		t.Errorf("with another TPM: client %v, server %v", client, server)
	}
}

func TestAKeyOfAnotherTPMOrAClearedOneDoesNotSign(t *testing.T) {
	chip := newChip(t)
	_, key := ownKeys(t, openChip(t, chip.Path))
	public, digest := key.Public().(*ecdsa.PublicKey), sha256.Sum256(nil)
	sign := func(tpm *TPM) error {
		_, err := tpm.KnownSigningKey(t.Context(), public).Sign(rand.Reader, digest[:], crypto.SHA256)
		return err
	}
	if err := sign(openChip(t, chip.Path)); err != nil {
		t.Fatal(err)
	}
	another := openChip(t, newChip(t).Path)
	if err := sign(another); !errors.Is(err, ErrIdentity) {
		t.Errorf("a TPM without keys: %v", err)
	}
	ownKeys(t, another)
	if err := sign(another); !errors.Is(err, ErrIdentity) {
		t.Errorf("a TPM with other keys: %v", err)
	}
	if _, err := (tpm2.Clear{AuthHandle: tpm2.AuthHandle{Handle: tpm2.TPMRHPlatform, Auth: tpm2.PasswordAuth(nil)}}).Execute(chip.raw()); err != nil {
		t.Fatal(err)
	}
	tpm := openChip(t, chip.Path)
	if err := sign(tpm); !errors.Is(err, ErrIdentity) {
		t.Errorf("a cleared TPM: %v", err)
	}
	_, anew := ownKeys(t, tpm)
	if public.Equal(anew.Public()) {
		t.Error("a cleared TPM makes the same key again")
	}
	if err := sign(tpm); !errors.Is(err, ErrIdentity) {
		t.Errorf("a cleared TPM with new keys: %v", err)
	}
}

// TestAnObjectOfOthersAtTheHandleGivesWay puts a key there that its owner knows.
func TestAnObjectOfOthersAtTheHandleGivesWay(t *testing.T) {
	chip := newChip(t)
	made, err := tpm2.CreatePrimary{PrimaryHandle: owner(), InPublic: tpm2.New2B(*identityAreaOf(t, func(a *tpm2.TPMAObject) { a.FixedTPM, a.FixedParent = false, false }))}.Execute(chip.raw())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (tpm2.EvictControl{Auth: owner(), ObjectHandle: tpm2.NamedHandle{Handle: made.ObjectHandle, Name: made.Name}, PersistentHandle: signingHandle}).Execute(chip.raw()); err != nil {
		t.Fatal(err)
	}
	if _, err := (tpm2.FlushContext{FlushHandle: made.ObjectHandle}).Execute(chip.raw()); err != nil {
		t.Fatal(err)
	}
	ownKeys(t, openChip(t, chip.Path))
	now, err := tpm2.ReadPublic{ObjectHandle: signingHandle}.Execute(chip.raw())
	if err != nil || string(now.Name.Buffer) == string(made.Name.Buffer) {
		t.Errorf("it is still there, %v", err)
	}
	if handles := chip.handles(0x80000000); len(handles) > 0 {
		t.Errorf("%x are left loaded", handles)
	}
}

func identityAreaOf(t *testing.T, change func(*tpm2.TPMAObject)) *tpm2.TPMTPublic {
	t.Helper()
	area := identityArea(nil, nil)
	change(&area.ObjectAttributes)
	return area
}

// TestAChipThatIsGoneOrHangsMakesNoSignatureAndBlocksNobody uses keys that were there.
func TestAChipThatIsGoneOrHangsMakesNoSignatureAndBlocksNobody(t *testing.T) {
	chip := newChip(t)
	_, key := ownKeys(t, openChip(t, chip.Path))
	public, digest := key.Public().(*ecdsa.PublicKey), sha256.Sum256(nil)
	hang, hung := make(chan struct{}), make(chan struct{}, 1)
	hanging := openChip(t, chip.between(func(_ tpm2.TPMCC, command []byte) []byte {
		select {
		case hung <- struct{}{}:
		default:
		}
		<-hang
		return chip.send(command)
	}))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-hung
		cancel()
	}()
	if _, err := hanging.KnownSigningKey(ctx, public).Sign(nil, digest[:], crypto.SHA256); !errors.Is(err, ErrBusy) {
		t.Errorf("hanging: %v", err)
	}
	if _, err := hanging.KnownSigningKey(t.Context(), public).Sign(nil, digest[:], crypto.SHA256); !errors.Is(err, ErrBusy) {
		t.Errorf("hanging still: %v", err)
	}
	close(hang)
	if _, err := hanging.SigningKey(ctx); err == nil {
		t.Error("a key comes although ctx has ended")
	}
	chip.Cut()
	if _, err := key.Sign(nil, digest[:], crypto.SHA256); !errors.Is(err, ErrAbsent) {
		t.Errorf("gone: %v", err)
	}
	if _, err := openChip(t, chip.Path+"-none").TLSKey(t.Context()); !errors.Is(err, ErrAbsent) {
		t.Errorf("never there: %v", err)
	}
	chip.Power("startup-clear")
	if _, err := key.Sign(nil, digest[:], crypto.SHA256); err != nil {
		t.Errorf("back again: %v", err)
	}
}
