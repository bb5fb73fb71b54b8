package store

import (
	"context"
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/device/durable"
)

func TestAFullDiskOfACopyIsNamedAsItIs(t *testing.T) {
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("mounting needs rights: %v", err)
	}
	defer unix.Unmount(disk, unix.MNT_DETACH)
	s, err := Create(t.Context(), t.TempDir(), postgrestest.Database(t))
	must(t, err)
	defer s.Close()
	update(t, s, func(tx *Tx) error {
		return tx.exec(`INSERT INTO names (name, words) SELECT 'name ' || n, repeat('x', 3000) FROM generate_series(1, 1000) n`)
	})
	for _, full := range []int{0, 1<<21 - 1<<12} { // of bytes that something else has: its tables fit, or not even they
		must(t, durable.WriteFile(disk+"/other", make([]byte, full), 0o600))
		err = s.View(t.Context(), func(tx *Tx) error {
			image, err := tx.Image(disk)
			if err == nil {
				image.Close()
			}
			return err
		})
		if full := (*FullError)(nil); !errors.As(err, &full) || full.Path != "a copy of the database in "+disk {
			t.Errorf("%v", err)
		}
	}
}

// Commands and the controller tidy one directory, each when it likes.
func TestACopyIsMadeThoughAnotherProcessTidies(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			if err := durable.Tidy(dir); err != nil {
				ended <- err
				return
			}
		}
		ended <- nil
	}()
	for range 500 {
		f, err := lockedFile(dir)
		must(t, err)
		if _, err := os.Stat(f.Name()); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	cancel()
	must(t, <-ended)
}
