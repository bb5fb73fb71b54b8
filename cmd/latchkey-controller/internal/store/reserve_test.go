package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
)

func TestAFullDiskIsOpenedAndActsAreKeptInTheReserve(t *testing.T) {
	postgrestest.SQLiteOnly(t)
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=32m"); err != nil {
		t.Skipf("mounting needs rights: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(disk, unix.MNT_DETACH) })
	s, err := Create(t.Context(), disk, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Full(); err != nil {
		t.Fatal(err)
	}
	s.Close()
	var hogs []string
	hog := func() {
		f, err := os.CreateTemp(disk, "hog-*")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		hogs = append(hogs, f.Name())
		for err == nil {
			_, err = f.Write(make([]byte, 4<<10))
		}
		if !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
	}
	note := func(s *Store, keep bool) error {
		transact := s.Update
		if keep {
			transact = s.Keep
		}
		return transact(t.Context(), func(tx *Tx) error {
			return tx.AddAudit(&Audit{At: 1, Who: "Grace Hopper", Act: "unlock", Outcome: Done, Reader: "front-door", Subject: "front-door", Via: "console"})
		})
	}
	for range 3 {
		hog()
		if s, err = Open(t.Context(), disk); err != nil {
			t.Fatalf("a full disk: %v", err)
		}
		hog() // whatever is given back to the disk is gone
		for range 50 {
			if err := note(s, false); err != nil {
				t.Fatal(err)
			}
		}
		full := (*FullError)(nil)
		if err := note(s, true); !errors.As(err, &full) || full.Path != filepath.Join(disk, File) || !strings.Contains(err.Error(), "the disk is full") {
			t.Errorf("what can wait: %v", err)
		}
		s.Close()
	}
	if s, err = Open(t.Context(), disk); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, name := range hogs {
		os.Remove(name)
	}
	if err := errors.Join(note(s, true), s.Full()); err != nil {
		t.Errorf("there is room again: %v", err)
	}
	if held := s.engine.(*sqliteEngine).reserve.size(); held != reserveSize {
		t.Errorf("%d bytes are held for the next time", held)
	}
}
