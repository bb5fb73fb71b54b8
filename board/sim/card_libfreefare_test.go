package sim

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/board/sim/pty"
)

// judged is a card behind a reader that libfreefare uses.
type judged struct {
	t      *testing.T
	ctx    context.Context
	memory *Memory
	env    []string
}

func judge(t *testing.T, kind Kind) *judged {
	t.Helper()
	near, far := pty.Open(t)
	b := New(nil)
	t.Cleanup(func() { b.Close() })
	memory, err := NewMemory(kind, uid7)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.PresentCard(Card{uid7, kind, memory}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	served := make(chan error, 1)
	go func() { served <- b.ServeHSU(ctx, near) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if v := b.Violations(); len(v) > 0 {
			t.Errorf("violations: %q", v)
		}
	})
	return &judged{t, ctx, memory, append(os.Environ(), "LIBNFC_DEVICE=pn532_uart:"+far, "LIBNFC_AUTO_SCAN=false")}
}

// run runs a tool, which must succeed, and gives its output.
func (j *judged) run(tool ...string) string {
	j.t.Helper()
	if _, err := exec.LookPath(tool[0]); err != nil {
		j.t.Skipf("%s is not installed: make setup installs it", tool[0])
	}
	var out []byte
	var err error
	for range 3 {
		run := exec.CommandContext(j.ctx, tool[0], tool[1:]...)
		run.Env = j.env
		if out, err = run.CombinedOutput(); !strings.Contains(string(out), "nfc_open() failed") {
			break // otherwise this machine was too slow for libnfc's time limits
		}
	}
	if err != nil {
		j.t.Fatalf("%q: %v\n%s\nrefused: %q", tool, err, out, j.memory.Refused())
	}
	return string(out)
}

func TestToolsOfLibfreefareUseTheCards(t *testing.T) {
	for kind, refused := range map[Kind][]string{D40: {"6E: 1C"}, DESFireEV1: nil, DESFireEV2: nil, DESFireEV3: nil} {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			j := judge(t, kind)
			info := j.run("mifare-desfire-info")
			for _, want := range []string{"04a1b2c3d4e580", "Master Key settings (0x0f)", "Master Key version: 0"} {
				if !strings.Contains(info, want) {
					t.Errorf("%q is missing in\n%s", want, info)
				}
			}
			if got := j.memory.Refused(); !slices.Equal(got, refused) {
				t.Errorf("refused: %q", got)
			}
			j.run("mifare-desfire-create-ndef", "-y")
			in, out := filepath.Join(t.TempDir(), "in"), filepath.Join(t.TempDir(), "out")
			message := strings.Repeat("a message of more than one frame ", 20)
			if err := os.WriteFile(in, []byte(message), 0o600); err != nil {
				t.Fatal(err)
			}
			j.run("mifare-desfire-write-ndef", "-y", "-i", in)
			j.run("mifare-desfire-read-ndef", "-y", "-o", out)
			if got, err := os.ReadFile(out); err != nil || string(got) != message {
				t.Errorf("the message was read as %q, %v", got, err)
			}
			j.run("mifare-desfire-format", "-y")
			if text, err := j.memory.MarshalJSON(); err != nil || !strings.Contains(string(text), `"Apps":null`) {
				t.Errorf("FormatPICC has left an application: %s, %v", text, err)
			}
			j.run("mifare-desfire-access")
		})
	}
}

func TestLibfreefareChecksMACsAndChecksums(t *testing.T) {
	if _, err := os.Stat("/usr/include/freefare.h"); err != nil {
		t.Skip("libfreefare is not installed: make setup installs it")
	}
	j := judge(t, DESFireEV1)
	program := filepath.Join(t.TempDir(), "freefare")
	j.run("gcc", "-o", program, "testdata/freefare.c", "-lfreefare", "-lnfc")
	j.run(program)
}
