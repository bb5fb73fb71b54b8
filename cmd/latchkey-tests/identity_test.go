package tests

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"latchkey/device/pin/tpm/swtpm"
)

// pkcs8 is in every private key of P-256 that is written as PKCS #8: the curve's names,
// and the beginning of the key (RFC 5958 §2, RFC 5480 §2.1.1).
const pkcs8 = "\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x04"

// holds says whether some bytes are in a file of the reader's data.
func (r *testReader) holds(secret string) (found bool) {
	r.t.Helper()
	err := filepath.WalkDir(r.data(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		found = found || bytes.Contains(b, []byte(secret))
		return err
	})
	if errors.Is(err, fs.ErrNotExist) { // the reader has just replaced it
		return r.holds(secret)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return found
}

// name adds a TPM to the reader's config.
func (r *testReader) name(chip *swtpm.Chip) {
	r.t.Helper()
	b, err := os.ReadFile(r.config())
	if err != nil {
		r.t.Fatal(err)
	}
	r.configure(string(b) + "\n[key]\ntpm = " + strconv.Quote(chip.Path) + "\n")
}

// A reader gets a TPM long after its adoption. Then somebody copies its disk.
func TestACopiedDiskIsNoReaderOnceItsIdentityIsInTheTPM(t *testing.T) {
	t.Parallel()
	onBothBrokers(t, func(t *testing.T, c *controller) {
		front := c.adopt(t, "front-door")
		front.start()
		c.knowReaders()
		front.linked()
		if !front.holds(pkcs8) {
			t.Fatal("the TLS key of a reader without a TPM is not found")
		}
		front.kill()
		front.name(swtpm.New(t))
		front.start()
		front.linked()
		do(t, "", "latchkeyd", "identity", "--config", front.config(), "--out", front.path("request"))
		c.addPIN(t, "Grace Hopper", gracePIN)
		front.eventually("it is still the reader that it was", func() bool { return front.status()["link"] == "up" && front.revision() == 3 })
		c.bundle(t, front, "front-door")
		do(t, "", "latchkeyd", "adopt", "--data", front.data(), front.path("bundle"))
		c.knowReaders()
		front.linked()
		if front.holds(pkcs8) {
			t.Error("a private key is on the disk")
		}
		front.pinOpens(gracePIN, "a PIN, checked by the TPM,")
		c.addPIN(t, "Carol Shaw", "31847290")
		front.eventually("deltas come", func() bool { return front.revision() >= 4 })
		c.complete(front)
		front.kill()

		if err := os.Remove(filepath.Join(front.data(), "status.sock")); err != nil { // which the kill has left
			t.Fatal(err)
		}
		thief := newReader(t, "front-door")
		if err := os.CopyFS(thief.data(), os.DirFS(front.data())); err != nil {
			t.Fatal(err)
		}
		thief.private()
		thief.name(swtpm.New(t))
		thief.start()
		thief.eventually("it says why it has no link", func() bool {
			health, _ := thief.status()["health"].(map[string]any)
			text, _ := health["link"].(string)
			return strings.Contains(text, "another TPM")
		})
		if link := thief.status()["link"]; link != "down" {
			t.Errorf("the link of the copy is %v", link)
		}
		front.start()
		front.linked()
		c.complete(front)
	})
}

// private makes the reader's data its own again, after a copy.
func (r *testReader) private() {
	r.t.Helper()
	err := filepath.WalkDir(r.data(), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			return os.Chmod(path, 0o700)
		}
		if err == nil {
			return os.Chmod(path, 0o600)
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
}
