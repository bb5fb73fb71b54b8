package tests

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// ofController is where the controller's packages lie.
const ofController = "cmd/latchkey-controller/internal/"

// arrows says what each package may import of ours; a package that is not
// named may import nothing of ours. A trailing /... stands for the package and
// what lies below it.
var arrows = []struct {
	from string
	to   []string
}{
	{"sync/wire", nil},
	{"device", []string{"sync/wire"}},
	{"device/cache", []string{"sync/wire", "device/durable"}},
	{"device/durable", nil},
	{"device/journal", []string{"sync/wire", "device/durable"}},
	{"device/pin", []string{"sync/wire"}},
	{"device/pin/tpm/...", []string{"device/pin", "sync/wire"}},
	{"sync", []string{"sync/wire"}},
	{"keypad", []string{"keypad/..."}},
	{"keypad/...", nil},
	{"nfc", []string{"nfc/..."}},
	{"nfc/desfire", nil},
	{"nfc/pn532", []string{"nfc"}}, // what the driver of a chip gives
	{"relay", nil},
	{"board", []string{"board/sim"}},
	{"board/sim", nil},
	{"board/hil", []string{"board/sim", "device/cache", "device/pin/tpm", "device/pin/tpm/swtpm", "sync/wire"}}, // has a TPM made, and reads what it has counted
	{"board/hil/guest", []string{"board/sim"}},
	{"cmd/latchkeyd", []string{"cmd/latchkeyd/internal/...", "device/...", "sync/...", "keypad/...", "nfc/...", "relay", "board"}},
	{"cmd/latchkeyd/internal/adoption", []string{"cmd/latchkeyd/internal/connection", "cmd/latchkeyd/internal/datadir", "device/cache", "device/durable", "device/pin/tpm", "sync/wire"}},
	{"cmd/latchkeyd/internal/connection", []string{"cmd/latchkeyd/internal/datadir", "device/durable", "sync/wire"}},
	{"cmd/latchkeyd/internal/datadir", nil},
	{"cmd/latchkeyd/internal/dnssd", nil},
	{"cmd/latchkeyd/internal/handover", []string{"cmd/latchkeyd/internal/adoption", "cmd/latchkeyd/internal/dnssd", "device/pin/tpm", "sync/wire"}},
	{"cmd/latchkeyd/internal/status", []string{"cmd/latchkeyd/internal/datadir", "device", "device/journal", "sync/wire"}},
	{"cmd/latchkeyd/internal/supervision", []string{"device", "sync/wire"}},
	{"cmd/latchkey-controller", []string{ofController + "adoption", ofController + "api", ofController + "backup", ofController + "broker", ofController + "clock", ofController + "console", ofController + "control", ofController + "desk", ofController + "errand", ofController + "homeassistant", ofController + "language", ofController + "link", ofController + "mail", ofController + "site", ofController + "store", ofController + "webhook", ofController + "zone", "device/durable", "sync/wire"}},
	{ofController + "adoption", []string{ofController + "desk", ofController + "ratelimit", "sync/wire"}},
	{ofController + "api", []string{ofController + "desk", ofController + "ratelimit", ofController + "site", ofController + "zone", "sync/wire"}},
	{ofController + "backup/...", []string{ofController + "backup", "device/durable"}},
	{ofController + "broker", []string{"device/durable", "sync/wire"}},
	{ofController + "clock", []string{ofController + "language"}},
	{ofController + "console", []string{ofController + "desk", ofController + "language", ofController + "site", ofController + "zone", "sync/wire"}},
	{ofController + "control", []string{ofController + "desk", "sync/wire"}},
	{ofController + "desk", []string{ofController + "backup", ofController + "clock", ofController + "icalendar", ofController + "language", ofController + "link", ofController + "outbound", ofController + "ratelimit", ofController + "site", ofController + "store", ofController + "zone", "device/pin", "keypad/letters", "sync/wire"}},
	{ofController + "errand", []string{ofController + "clock", ofController + "desk", ofController + "language", ofController + "link", ofController + "site", ofController + "store", "sync/wire"}},
	{ofController + "homeassistant", []string{ofController + "desk", ofController + "site", "sync/wire"}},
	{ofController + "icalendar", nil},
	{ofController + "language", []string{ofController + "zone"}},
	{ofController + "link", []string{ofController + "clock", ofController + "language", ofController + "site", ofController + "store", "sync/wire"}},
	{ofController + "mail", []string{ofController + "desk"}},
	{ofController + "outbound", nil},
	{ofController + "postgrestest", []string{"cmd/internal/freeport"}},
	{ofController + "ratelimit", nil},
	{ofController + "site/boardtest", []string{"sync/wire"}},
	{ofController + "site/sitetest", []string{ofController + "postgrestest", ofController + "store"}},
	{ofController + "site", []string{ofController + "backup", ofController + "clock", ofController + "language", ofController + "store", ofController + "vault", ofController + "zone", "device", "device/durable", "device/pin", "device/pin/tpm", "sync/wire"}}, // reads what a reader has kept in a checkpoint
	{ofController + "store/migrations", nil},
	{ofController + "store", []string{ofController + "clock", ofController + "language", ofController + "store/migrations", ofController + "zone", "device/durable", "sync/wire"}},
	{ofController + "vault", []string{"device/durable", "sync/wire"}},
	{ofController + "webhook", []string{ofController + "desk", ofController + "outbound"}},
	{ofController + "zone", []string{"sync/wire"}},
	{"cmd/internal/freeport", nil},
	{"cmd/latchkey-demo", []string{"cmd/internal/freeport"}},
	{"cmd/latchkey-bench", []string{"cmd/latchkey-bench/internal/fleet"}},
	{"cmd/latchkey-bench/internal/fleet", []string{"cmd/internal/freeport", "sync/..."}},
	{"cmd/latchkey-bench/internal/cluster", []string{"cmd/internal/freeport", "cmd/latchkey-bench/internal/fleet", "sync/..."}},
	{"cmd/latchkey-package", nil},
	{"cmd/latchkey-tests", nil},
}

type goPackage struct {
	ImportPath string
	Imports    []string
}

func listPackages(t *testing.T, args ...string) []goPackage {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports"}, args...)...).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

func within(pattern, path string) bool {
	below, found := strings.CutSuffix(pattern, "/...")
	return path == below || found && strings.HasPrefix(path, below+"/")
}

func mayImport(from, to string) bool {
	for _, arrow := range arrows {
		if within(arrow.from, from) {
			return slices.ContainsFunc(arrow.to, func(pattern string) bool { return within(pattern, to) })
		}
	}
	return false
}

func TestPackagesImportOnlyAlongTheArrows(t *testing.T) {
	t.Parallel()
	packages := listPackages(t, "latchkey/...")
	if len(packages) < len(arrows)/2 {
		t.Fatalf("go list found only %d packages", len(packages))
	}
	for _, p := range packages {
		from := strings.TrimPrefix(p.ImportPath, "latchkey/")
		for _, imported := range p.Imports {
			if to, ours := strings.CutPrefix(imported, "latchkey/"); ours && !mayImport(from, to) {
				t.Errorf("%s imports %s", from, to)
			}
		}
	}
}

func TestTheFirmwareHasNoSimulatedBoard(t *testing.T) {
	t.Parallel()
	for _, p := range listPackages(t, "-deps", "-tags", "firmware", "latchkey/cmd/latchkeyd") {
		if p.ImportPath == "latchkey/board/sim" {
			t.Error("the firmware contains board/sim")
		}
	}
}
