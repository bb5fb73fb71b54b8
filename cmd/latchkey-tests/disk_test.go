package tests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestAFullDiskTakesNoPINButLetsCardsInAndHealsByItself(t *testing.T) {
	t.Parallel()
	reader := adaAndBob(t).adopt(t, "front-door")
	reader.start()
	reader.typePIN(adaPIN)
	reader.opens("a PIN before the disk is full")
	reader.closed()

	reader.full(1)
	reader.typePIN(adaPIN) // cannot be charged
	reader.eventually("PIN is out of order", func() bool { return reader.status()["pin"] == "not stored" })
	if reader.line("strike") {
		t.Fatal("a PIN opened the door though it could not be charged")
	}
	reader.opensByCard(bobUID, "a card, though the disk is full,")

	reader.full(unix.RLIM_INFINITY)
	reader.eventually("PIN works again by itself", func() bool { return reader.status()["pin"] == "on" })
	reader.typePIN(adaPIN)
	reader.opens("a PIN after the disk has room again")
}

// begun waits until the reader works and its first journal is known to be there.
func (r *testReader) begun() {
	r.t.Helper()
	r.eventually("it works", func() bool {
		site, err := readSite(r.data())
		return err == nil && !site.First && r.status()["pin"] == "on"
	})
}

// full lets no file that the running reader writes grow beyond so many bytes,
// which it meets as a disk without room (EFBIG).
func (r *testReader) full(bytes uint64) {
	r.t.Helper()
	limit := &unix.Rlimit{Cur: bytes, Max: unix.RLIM_INFINITY}
	if err := unix.Prlimit(r.cmd.Process.Pid, unix.RLIMIT_FSIZE, limit, nil); err != nil {
		r.t.Fatal(err)
	}
}

func TestDamagedFilesOpenNoDoorAndStopNoReader(t *testing.T) {
	t.Parallel()
	site := adaAndBob(t)
	flipped := func(t *testing.T, pattern string) *testReader {
		reader := site.adopt(t, "front-door")
		reader.start()
		reader.begun()
		reader.kill()
		files, err := filepath.Glob(filepath.Join(reader.data(), pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("no %s: %v", pattern, err)
		}
		b, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/2] ^= 0x10
		if err := os.WriteFile(files[0], b, 0o600); err != nil {
			t.Fatal(err)
		}
		reader.start()
		return reader
	}
	t.Run("credentials", func(t *testing.T) {
		reader := flipped(t, "epoch-*/credentials.cbor")
		reader.showCard(bobUID)
		if reader.line("strike") {
			t.Error("a card opened the door on the word of damaged credentials")
		}
		if health := reader.status()["health"].(map[string]any); health["cache"] == nil {
			t.Errorf("the status does not tell: %v", health)
		}
	})
	t.Run("policy", func(t *testing.T) {
		reader := flipped(t, "policy.cbor")
		reader.showCard(bobUID)
		if reader.line("strike") {
			t.Error("a card opened the door on the word of a damaged policy")
		}
		reader.call("PUT", "/api/lines/exit-button", map[string]bool{"active": true}, nil)
		reader.opens("the exit button")
	})
	t.Run("journal", func(t *testing.T) {
		reader := flipped(t, "journal/*.segment")
		if lockout := reader.status()["lockout"]; lockout != "journal" {
			t.Errorf("lockout is %v, not journal", lockout)
		}
		reader.cardOpens(bobUID, "the paired card")
		reader.eventually("the lockout is over", func() bool { return !reader.locked() })
	})
	t.Run("lost journal", func(t *testing.T) {
		reader := site.adopt(t, "front-door")
		reader.start()
		reader.begun()
		reader.kill()
		if err := os.RemoveAll(filepath.Join(reader.data(), "journal")); err != nil {
			t.Fatal(err)
		}
		reader.start()
		if lockout := reader.status()["lockout"]; lockout != "journal" {
			t.Errorf("lockout is %v, not journal", lockout)
		}
	})
	t.Run("credentials, until they are adopted again", func(t *testing.T) {
		reader := flipped(t, "epoch-*/credentials.cbor")
		do(t, "", "latchkeyd", "adopt", "--data", reader.data(), reader.path("bundle"))
		reader.cardOpens(bobUID, "a card")
	})
	t.Run("site", func(t *testing.T) {
		reader := flipped(t, "site.cbor")
		reader.status() // a button that is down when the reader starts opens nothing
		reader.call("PUT", "/api/lines/exit-button", map[string]bool{"active": true}, nil)
		reader.opens("the exit button")
	})
}

func TestOlderCredentialsStayBehindThroughAStartUnderAWrongName(t *testing.T) {
	t.Parallel()
	site := adaAndBob(t)
	reader := site.adopt(t, "front-door")
	epochs, err := filepath.Glob(filepath.Join(reader.data(), "epoch-*"))
	if err != nil || len(epochs) != 1 {
		t.Fatalf("%v: %v", epochs, err)
	}
	copyDir(t, epochs[0], reader.path("older"))
	site.addCard(t, "Eve", "04a1b2c3d4e599")
	site.bundle(t, reader, "front-door")
	do(t, "", "latchkeyd", "adopt", "--data", reader.data(), reader.path("bundle"))
	reader.start()
	reader.begun()
	reader.kill()

	copyDir(t, reader.path("older"), epochs[0])
	config, err := os.ReadFile(reader.config())
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(config), strings.Replace(string(config), "front-door", "frond-door", 1), string(config)} {
		reader.configure(text)
		reader.start()
		var pin any
		reader.eventually("something of this start is stored", func() bool { pin = reader.status()["pin"]; return pin != "not stored" })
		if pin != "behind" && pin != "not set up" {
			t.Errorf("PIN is %v with older credentials than were once held", pin)
		}
		reader.kill()
	}
}

func TestAReaderWithoutAStatusSocketStillOpensItsDoor(t *testing.T) {
	t.Parallel()
	reader := adaAndBob(t).adopt(t, "front-door")
	if err := os.MkdirAll(filepath.Join(reader.data(), "status.sock", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	reader.start()
	reader.cardOpens(bobUID, "a card")
}
