package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// unitOf is the path of a product's unit.
func unitOf(name string) string { return filepath.Join(name, name+".service") }

func TestTheServicesAreExposedToTwoAtMost(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	for _, p := range products {
		name := p.name
		unit := unitOf(name)
		// The threshold is ten times the exposure, from 0 to 100.
		out, err := exec.Command(analyze, "security", "--offline=true", "--no-pager", "--threshold=20", unit).CombinedOutput()
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		if err != nil {
			t.Errorf("%s: %v: %s", name, err, lines[len(lines)-1])
		}
		t.Log(lines[len(lines)-1])
	}
}

func TestTheUnitsAreUnderstoodWhole(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	for _, p := range products {
		name := p.name
		b, err := os.ReadFile(unitOf(name))
		if err != nil {
			t.Fatal(err)
		}
		// It insists on programs that are there.
		text := strings.NewReplacer("/usr/bin/"+name, "/bin/true", "/usr/bin/udevadm", "/bin/true").Replace(string(b))
		unit := filepath.Join(t.TempDir(), name+".service")
		if err := os.WriteFile(unit, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(analyze, "verify", "--man=no", unit).CombinedOutput()
		if err != nil || strings.Contains(string(out), name+".service:") {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}

func TestACrashShowsNoArgumentsInALog(t *testing.T) {
	for _, p := range products {
		name := p.name
		if got := unitSettings(t, unitOf(name))["Service.Environment"]; !slices.Equal(got, []string{"GOTRACEBACK=none"}) {
			t.Errorf("%s: Environment is %q", name, got)
		}
	}
}

// unitSettings reads a unit: section.key to its values.
func unitSettings(t *testing.T, path string) map[string][]string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all, section := map[string][]string{}, ""
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if key, value, is := strings.Cut(line, "="); is && !strings.HasPrefix(line, "#") {
			all[section+"."+key] = append(all[section+"."+key], value)
		} else if strings.HasPrefix(line, "[") {
			section = strings.Trim(line, "[]")
		}
	}
	return all
}

// What the service may open is what udev gives to its user.
func TestTheReadersServiceMayOpenItsDevicesAndNoOthers(t *testing.T) {
	allowed := slices.Sorted(slices.Values(unitSettings(t, unitOf("latchkeyd"))["Service.DeviceAllow"]))
	if want := []string{"char-gpiochip rw", "char-input rw", "char-spi* rw", "char-tpm rw", "char-watchdog rw"}; !slices.Equal(allowed, want) {
		t.Errorf("the unit allows %q, want %q", allowed, want)
	}
	rules, err := os.ReadFile("latchkeyd/99-latchkeyd.rules")
	if err != nil {
		t.Fatal(err)
	}
	var given []string
	for line := range strings.Lines(string(rules)) {
		if strings.Contains(line, `GROUP="latchkey", MODE="0660"`) {
			given = append(given, strings.Join(strings.Split(line, ", ")[:2], ", "))
		}
	}
	want := []string{
		`SUBSYSTEM=="spidev", KERNEL=="spidev[0-9].*"`, `SUBSYSTEM=="gpio", KERNEL=="gpiochip*"`, `SUBSYSTEM=="watchdog", KERNEL=="watchdog0"`,
		`SUBSYSTEM=="tpmrm", KERNEL=="tpmrm[0-9]*"`, `SUBSYSTEM=="input", KERNEL=="event*"`,
	}
	if !slices.Equal(given, want) {
		t.Errorf("udev gives %q, want %q", given, want)
	}
}

func TestTheReadersServiceIsWatchedAndReleasesTheStrikeHoweverItEnds(t *testing.T) {
	unit := unitSettings(t, unitOf("latchkeyd"))
	for key, want := range map[string]string{
		"Service.Type":           "notify",
		"Service.ExecStart":      "/usr/bin/latchkeyd run --config /etc/latchkey/latchkeyd.toml",
		"Service.ExecStopPost":   "/usr/bin/latchkeyd release --config /etc/latchkey/latchkeyd.toml",
		"Service.Restart":        "always",
		"Service.WatchdogSec":    "20s",
		"Service.WatchdogSignal": "SIGKILL",
		"Service.MemorySwapMax":  "0",
		"Service.MemoryMax":      "75%",
		"Service.User":           "latchkey",
		"Service.StateDirectory": "latchkey",
		"Service.DevicePolicy":   "closed",

		"Service.RuntimeDirectory":     "latchkeyd",
		"Service.RuntimeDirectoryMode": "0700",
	} {
		if !slices.Equal(unit[key], []string{want}) {
			t.Errorf("%s is %q, not %q", key, unit[key], want)
		}
	}
}

func TestTheControllersServiceIsStartedAgainForAsLongAsItTakes(t *testing.T) {
	unit := unitSettings(t, unitOf("latchkey-controller"))
	for key, want := range map[string]string{"Unit.StartLimitIntervalSec": "0", "Service.Restart": "always", "Service.RestartSec": "2s"} {
		if !slices.Equal(unit[key], []string{want}) {
			t.Errorf("%s is %q, not %q", key, unit[key], want)
		}
	}
}

func TestThePackagesBoardIsTheOneOfTheWiringPage(t *testing.T) {
	page, err := os.ReadFile("../../board/WIRING.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```toml\n[board]\n")
	text, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("no config in WIRING.md")
	}
	packaged, err := os.ReadFile("latchkeyd/latchkeyd.toml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(packaged), text) {
		t.Error("the package's config is another one")
	}
}
