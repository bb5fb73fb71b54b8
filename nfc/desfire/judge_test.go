package desfire_test

import (
	"context"
	"encoding/hex"
	"io"
	"log/slog"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/board/sim"
	"latchkey/board/sim/pty"
)

// judgeSource is a program that does with libfreefare what it can do with a DESFire of ours.
const judgeSource = "../../board/sim/testdata/judge/judge.c"

// serialLine serves the chip of a board behind a pseudo terminal and returns its path.
func serialLine(t *testing.T, b *sim.Board) string {
	t.Helper()
	near, far := pty.Open(t)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- b.ServeHSU(ctx, near) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return far
}

// run runs a program on the reader behind a serial line.
func run(t *testing.T, line, program string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for try := 1; ; try++ {
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Env = []string{"LIBNFC_DEVICE=pn532_uart:" + line, "LIBNFC_AUTO_SCAN=false"}
		out, err := cmd.CombinedOutput()
		if try == 3 || !strings.Contains(string(out), "failed: the reader is opened") {
			return string(out), err // otherwise this machine was too slow for libnfc's time limits
		}
	}
}

// needed skips a test without the programs that it needs.
func needed(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not installed: make setup installs it", p)
		}
	}
}

// libfreefare knows the first secure messaging with AES, which every DESFire but the
// first speaks. It checks each CMAC and CRC of the card.
func TestLibfreefareUsesTheKeysThatACardGot(t *testing.T) {
	needed(t, "gcc", "nfc-list", "mifare-desfire-info")
	judge := filepath.Join(t.TempDir(), "judge")
	if out, err := exec.Command("gcc", "-Wall", "-Wextra", "-Werror", "-o", judge, judgeSource, "-lfreefare", "-lnfc").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, e := range emulated[:3] {
		t.Run(e.kind.String(), func(t *testing.T) {
			m := factoryFresh(t, e.kind)
			set := keySet(2, e.keys)
			synctest.Test(t, func(t *testing.T) {
				r := newReader(t)
				defer r.stop()
				r.must(r.with(m, personalise(e.chip, keySet(1, e.keys), keySet(0, 0))))
				r.must(r.with(m, personalise(e.chip, set, keySet(1, e.keys))))
			})
			b := sim.New(&sim.Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
			defer b.Close()
			if err := b.PresentCard(sim.Card{UID: m.UID(), Kind: m.Kind(), Memory: m}); err != nil {
				t.Fatal(err)
			}
			args := []string{"f44c4b"}
			for _, key := range set.Keys {
				args = append(args, hex.EncodeToString(key[:]))
			}
			line := serialLine(t, b)
			out, err := run(t, line, judge, append(args, "02")...)
			if err != nil || !strings.HasSuffix(out, "format is refused\n") {
				t.Fatalf("%v\n%s", err, out)
			}
			if out, err := run(t, line, judge, append(args, "03")...); err != nil {
				t.Errorf("a second time: %v\n%s", err, out)
			}
			args[3] = strings.Repeat("00", 16)
			if out, err := run(t, line, judge, append(args, "02")...); err == nil || !strings.Contains(out, "failed: the proving key authenticates") {
				t.Errorf("with a wrong key: %v\n%s", err, out)
			}
		})
	}
}
