package adoption

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"latchkey/cmd/latchkeyd/internal/datadir"
	"latchkey/device/pin/tpm"
	"latchkey/device/pin/tpm/swtpm"
	"latchkey/sync/wire"
)

var (
	testSite       = wire.SiteID{1}
	testBrokers    = []string{"ssl://a.example:8883", "ssl://b.example:8883", "tcp://localhost:1883"}
	testController = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
)

// sealBundle answers a request.
func sealBundle(t *testing.T, signed []byte, number uint64) []byte {
	t.Helper()
	request, _, err := wire.ParseRequest(signed)
	if err != nil {
		t.Fatal(err)
	}
	p := wire.DefaultPolicy("front-door", "Front door")
	p.Revision = number
	policy, err := p.Sign(testSite, testController)
	if err != nil {
		t.Fatal(err)
	}
	m := &wire.Manifest{Site: testSite, Epoch: 5, Hash: wire.Start(5), KDF: wire.KDF{Memory: 19456, Time: 2, Threads: 4}}
	snapshot, err := wire.WriteSnapshot(m, nil, testController)
	if err != nil {
		t.Fatal(err)
	}
	keys := wire.EpochKeys{Number: number, PIN: bytes.Repeat([]byte{2}, 32), Card: bytes.Repeat([]byte{3}, 32)}
	sealed, err := wire.SealBundle(&wire.Bundle{Number: number, Site: testSite, SiteName: "home", Reader: "front-door", Epoch: 5, Keys: keys, Policy: policy, Snapshot: snapshot, Broker: testBrokers[0], Others: testBrokers[1:]}, request, testController)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// newChip returns a TPM of which the data directory's request is to say what it wants.
func newChip(t *testing.T, dir string) *tpm.TPM {
	t.Helper()
	chip := tpm.Open(swtpm.New(t).Path)
	t.Cleanup(func() { chip.Close() })
	keepTPM(t, dir, chip)
	return chip
}

func keepTPM(t *testing.T, dir string, chip *tpm.TPM) {
	t.Helper()
	request, err := chip.Request(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := KeepTPM(dir, request); err != nil {
		t.Fatal(err)
	}
}

// ask makes an identity, unless there is one, and returns it with its request.
func ask(t *testing.T, dir string, chip *tpm.TPM) (*Identity, []byte) {
	t.Helper()
	id, err := MakeIdentity(t.Context(), dir, chip)
	if err != nil {
		t.Fatal(err)
	}
	signed, fingerprint, err := id.Request(t.Context(), dir, true, chip)
	if err != nil {
		t.Fatal(err)
	}
	if shown, err := Fingerprint(dir); err != nil || shown != fingerprint {
		t.Errorf("the screen shows %s, not %s, %v", shown, fingerprint, err)
	}
	return id, signed
}

// has checks which identity is in use, and whether another waits.
func has(t *testing.T, dir string, want *Identity, waits bool) {
	t.Helper()
	if got, err := ReadIdentity(dir); err != nil || !reflect.DeepEqual(got, want) {
		t.Error("another identity is in use", err)
	}
	if _, err := os.Stat(filepath.Join(dir, datadir.NextIdentity)); (err == nil) != waits {
		t.Errorf("one waits: %v", err)
	}
}

func adopted(t *testing.T, dir string, sealed []byte, number uint64) {
	t.Helper()
	if _, err := Adopt(dir, sealed, false); err != nil {
		t.Fatal(err)
	}
	if site, err := ReadSite(dir); err != nil || site.Bundle != number || !slices.Equal(site.Brokers(), testBrokers) {
		t.Fatalf("%+v, %v", site, err)
	}
}

// onDisk returns whether some bytes are in a file of a directory.
func onDisk(t *testing.T, dir string, secret []byte) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		found = found || bytes.Contains(b, secret)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestWhoMakesKeysAtTheSameTimeGetsTheSame(t *testing.T) {
	t.Parallel()
	for what, device := range map[string]string{"in a file": "", "in a TPM": swtpm.New(t).Path} {
		dir, made := t.TempDir(), make(chan []byte)
		for range 4 {
			go func() {
				var chip *tpm.TPM // each process has its own
				if device != "" {
					chip = tpm.Open(device)
					defer chip.Close()
				}
				id, err := MakeIdentity(t.Context(), dir, chip)
				if err != nil {
					t.Errorf("%s: %v", what, err)
				}
				made <- wire.Marshal(id)
			}()
		}
		first := <-made
		for range 3 {
			if !bytes.Equal(<-made, first) {
				t.Errorf("%s: two identities", what)
			}
		}
	}
}

func TestAReaderThatGetsATPMKeepsItsIdentityUntilTheBundleOfTheNewOne(t *testing.T) {
	dir := t.TempDir()
	first, request := ask(t, dir, nil)
	adopted(t, dir, sealBundle(t, request, 1), 1)
	chip := newChip(t, dir)
	second, requestTPM := ask(t, dir, chip)
	has(t, dir, first, true)
	if again, _ := ask(t, dir, chip); !reflect.DeepEqual(again, second) {
		t.Error("asked again, it makes other keys")
	}
	// A bundle for the identity in use changes nothing of that.
	adopted(t, dir, sealBundle(t, request, 2), 2)
	has(t, dir, first, true)
	if !onDisk(t, dir, first.Signing[:]) || !onDisk(t, dir, first.TLS) {
		t.Error("its private keys are gone, or this test does not find them")
	}
	adopted(t, dir, sealBundle(t, requestTPM, 3), 3)
	has(t, dir, second, false)
	pkcs8 := []byte("\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x04") // of any key of P-256
	if !bytes.Contains(first.TLS, pkcs8) {
		t.Error("this test does not know a private key when it sees one")
	}
	for _, secret := range [][]byte{first.Signing[:], first.TLS, pkcs8} {
		if onDisk(t, dir, secret) {
			t.Errorf("%x is on the disk", secret)
		}
	}
	if second.Signing != [32]byte{} || second.TLS != nil {
		t.Error("it has private keys")
	}
	// The older request is void for this reader, too.
	if _, err := Adopt(dir, sealBundle(t, request, 4), false); err == nil {
		t.Error("a bundle for the earlier identity is taken over")
	}
	// And back: the TPM is broken, and no longer in the config.
	if _, err := KeepTPM(dir, nil); err != nil {
		t.Fatal(err)
	}
	third, requestHere := ask(t, dir, nil)
	has(t, dir, second, true)
	adopted(t, dir, sealBundle(t, requestHere, 5), 5)
	has(t, dir, third, false)
}

func TestAnIdentityThatWaitsIsGoneWhenItIsNotWantedAnyMore(t *testing.T) {
	dir := t.TempDir()
	first, _ := ask(t, dir, nil)
	ask(t, dir, newChip(t, dir))
	has(t, dir, first, true)
	ask(t, dir, nil)
	has(t, dir, first, false)
}

func TestOnlyARunningReaderAsksForAFirstGrant(t *testing.T) {
	dir := t.TempDir()
	chip := newChip(t, dir)
	id, _ := ask(t, dir, chip)
	asks := func(running bool) bool {
		t.Helper()
		signed, _, err := id.Request(t.Context(), dir, running, chip)
		if err != nil {
			t.Fatal(err)
		}
		request, _, err := wire.ParseRequest(signed)
		if err != nil {
			t.Fatal(err)
		}
		return request.TPM.Nonce != wire.TPMNonce{}
	}
	if asks(false) || !asks(true) {
		t.Errorf("while none runs %t, while one does %t", asks(false), asks(true))
	}
	if err := ForgetNonce(dir); err != nil { // it has ended
		t.Fatal(err)
	}
	if named, waits := WaitsForGrant(dir); !named || waits || asks(true) {
		t.Errorf("after its end: named %t, waits %t", named, waits)
	}
}

// TestAPowerCutInATakeOverLeavesAWholeIdentity cuts before and after the one step that
// changes it.
func TestAPowerCutInATakeOverLeavesAWholeIdentity(t *testing.T) {
	for _, renamed := range []bool{false, true} {
		dir := t.TempDir()
		_, request := ask(t, dir, nil)
		adopted(t, dir, sealBundle(t, request, 1), 1)
		second, requestTPM := ask(t, dir, newChip(t, dir))
		bundle := wire.Marshal(&adoption{Bundle: sealBundle(t, requestTPM, 2)})
		if err := os.WriteFile(filepath.Join(dir, datadir.Adoption), bundle, 0o600); err != nil {
			t.Fatal(err)
		}
		if renamed {
			if err := useNextIdentity(dir); err != nil {
				t.Fatal(err)
			}
		}
		if err := takeOver(dir); err != nil {
			t.Fatal(err)
		}
		has(t, dir, second, false)
		if site, err := ReadSite(dir); err != nil || site.Bundle != 2 {
			t.Errorf("%+v, %v", site, err)
		}
	}
}

// TestACopiedDiskImpersonatesNobody takes all files to a machine with another TPM.
func TestACopiedDiskImpersonatesNobody(t *testing.T) {
	dir, copied := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	chip := newChip(t, dir)
	id, signed := ask(t, dir, chip)
	adopted(t, dir, sealBundle(t, signed, 1), 1)
	request, _, err := wire.ParseRequest(signed)
	if err != nil {
		t.Fatal(err)
	}
	state := &wire.State{Reader: "front-door", Connection: 9}
	messages, tls, err := id.Signers(t.Context(), chip)
	if err != nil {
		t.Fatal(err)
	}
	own, err := state.Sign(testSite, messages)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wire.OpenState(testSite, own, request.VerifyingKey()); err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte("TLS"))
	if _, err := tls.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
		t.Fatal(err)
	}

	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(copied, datadir.Identity), 0o600); err != nil {
		t.Fatal(err)
	}
	thief := tpm.Open(swtpm.New(t).Path)
	defer thief.Close()
	stolen, err := ReadIdentity(copied)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := stolen.Signers(t.Context(), nil); !errors.Is(err, ErrNoTPM) {
		t.Errorf("without a TPM: %v", err)
	}
	if _, err := IdentityHere(t.Context(), copied); !errors.Is(err, ErrNoTPM) {
		t.Errorf("a request without a TPM: %v", err)
	}
	for _, made := range []string{"a new TPM", "a TPM with keys of its own"} {
		messages, tls, err := stolen.Signers(t.Context(), thief)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := state.Sign(testSite, messages); !errors.Is(err, tpm.ErrIdentity) {
			t.Errorf("%s signs a state: %v", made, err)
		}
		if _, err := tls.Sign(rand.Reader, digest[:], crypto.SHA256); !errors.Is(err, tpm.ErrIdentity) {
			t.Errorf("%s takes part in TLS: %v", made, err)
		}
		its, err := thief.SigningKey(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		forged, err := state.Sign(testSite, its)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := wire.OpenState(testSite, forged, request.VerifyingKey()); !errors.Is(err, wire.ErrSignature) {
			t.Errorf("%s: the controller takes its state: %v", made, err)
		}
	}
	// Its owner, who has only moved the disk, is told what to do, and can do it.
	keepTPM(t, copied, thief)
	anew, signedAnew := ask(t, copied, thief)
	if anew.InTPM == id.InTPM {
		t.Error("the new identity has the old key")
	}
	has(t, copied, id, true)
	adopted(t, copied, sealBundle(t, signedAnew, 2), 2)
	has(t, copied, anew, false)
}

func TestAnIdentityWithKeysInTwoPlacesOrNoneIsDamaged(t *testing.T) {
	dir := t.TempDir()
	id, err := MakeIdentity(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Identity){
		"two places":         func(id *Identity) { id.InTPM = [65]byte{4} },
		"none":               func(id *Identity) { id.Signing = [32]byte{} },
		"no TLS key":         func(id *Identity) { id.TLS = nil },
		"TLS here only":      func(id *Identity) { id.InTPM, id.Signing = [65]byte{4}, [32]byte{} },
		"nothing that signs": func(id *Identity) { id.TLS, id.Signing = nil, [32]byte{} },
	} {
		changed := *id
		change(&changed)
		if err := os.WriteFile(filepath.Join(dir, datadir.Identity), wire.Marshal(&changed), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadIdentity(dir); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestTheScreenIsToldOfNewKeys(t *testing.T) {
	dir := t.TempDir()
	ask(t, dir, nil)
	inbox := &Inbox{dir: dir}
	ticks, made := make(chan time.Time), make(chan bool)
	go func() { made <- inbox.Await(t.Context(), func() <-chan time.Time { return ticks }) }()
	ticks <- time.Time{}
	ticks <- time.Time{} // the first look was in vain
	ask(t, dir, newChip(t, dir))
	for {
		select {
		case ticks <- time.Time{}:
		case come := <-made:
			if !come {
				t.Error("Await has not noticed them")
			}
			return
		}
	}
}
