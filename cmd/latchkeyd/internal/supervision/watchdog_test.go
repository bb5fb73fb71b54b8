package supervision

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAProcessThatTheManagerDoesNotWaitForOnlySaysThatItIsReady(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "/run/nobody")
	t.Setenv("WATCHDOG_USEC", "4000000")
	t.Setenv("WATCHDOG_PID", "1")
	if m := findServiceManager(); m == nil || m.wait != 0 {
		t.Errorf("%+v, though the watchdog is another process's", m)
	}
	t.Setenv("NOTIFY_SOCKET", "")
	if m := findServiceManager(); m != nil {
		t.Errorf("%+v, though there is no manager", m)
	}
}

func TestATimerThatIsNoneIsRefusedAndSaysWhatToDo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, why := range map[string]string{
		file:                     "is not a device",
		"/dev/null":              "is not a watchdog timer",
		"/dev/no-such-watchdog0": "load the driver of the board's timer",
	} {
		if timer, err := openTimer(path, 0); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, %v; want %s", path, timer, err, why)
		}
	}
}
