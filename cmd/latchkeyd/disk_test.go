package main

import (
	"os"
	"path/filepath"
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
	reader.showCard(bobUID)
	reader.opens("a card, though the disk is full,")
	reader.closed()

	reader.full(unix.RLIM_INFINITY)
	reader.eventually("PIN works again by itself", func() bool { return reader.status()["pin"] == "on" })
	reader.typePIN(adaPIN)
	reader.opens("a PIN after the disk has room again")
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
		reader.eventually("it works", func() bool { return reader.status()["pin"] == "on" })
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
		reader.showCard(bobUID)
		reader.opens("the paired card")
		reader.eventually("the lockout is over", func() bool { return !reader.locked() })
	})
	t.Run("lost journal", func(t *testing.T) {
		reader := site.adopt(t, "front-door")
		reader.start()
		reader.eventually("it works", func() bool { return reader.status()["pin"] == "on" })
		reader.kill()
		if err := os.RemoveAll(filepath.Join(reader.data(), journalDir)); err != nil {
			t.Fatal(err)
		}
		reader.start()
		if lockout := reader.status()["lockout"]; lockout != "journal" {
			t.Errorf("lockout is %v, not journal", lockout)
		}
	})
	t.Run("site", func(t *testing.T) {
		reader := flipped(t, siteFile)
		reader.call("PUT", "/api/lines/exit-button", map[string]bool{"active": true}, nil)
		reader.opens("the exit button")
	})
}
