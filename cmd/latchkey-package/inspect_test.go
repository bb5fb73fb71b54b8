package main

import (
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// contents is all that a package may contain, besides the directories that
// lead there.
var contents = map[string][]string{
	"latchkeyd": {
		"etc/latchkey/latchkeyd.toml", "usr/bin/latchkeyd",
		"usr/lib/systemd/system/latchkeyd.service", "usr/lib/udev/rules.d/99-latchkeyd.rules",
		"usr/share/doc/latchkeyd/README.md", "usr/share/doc/latchkeyd/WIRING.md",
		"usr/share/doc/latchkeyd/copyright", "usr/share/doc/latchkeyd/sbom.cdx.json",
	},
	"latchkey-controller": {
		"etc/latchkey/latchkey-controller.conf", "usr/bin/latchkey-controller",
		"usr/lib/systemd/system/latchkey-controller.service",
		"usr/share/doc/latchkey-controller/CERTIFICATE.md", "usr/share/doc/latchkey-controller/HOME_ASSISTANT.md", "usr/share/doc/latchkey-controller/POSTGRESQL.md", "usr/share/doc/latchkey-controller/README.md", "usr/share/doc/latchkey-controller/SIZES.md", "usr/share/doc/latchkey-controller/prometheus-rules.yml", "usr/share/doc/latchkey-controller/grafana-dashboard.json",
		"usr/share/doc/latchkey-controller/copyright", "usr/share/doc/latchkey-controller/sbom.cdx.json",
	},
}

// privateKey is a key in PEM, not only the words that programs look for.
var privateKey = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{16}`)

// inspect looks into a package that need not run here.
func inspect(t *testing.T, path string) {
	field := strings.Split(strings.TrimSuffix(filepath.Base(path), ".deb"), "_")
	name, arch := field[0], field[2]
	dir := t.TempDir()
	if _, err := output("", nil, "dpkg-deb", "--extract", path, dir); err != nil {
		t.Fatal(err)
	}
	control, err := output("", nil, "dpkg-deb", "--field", path, "Package", "Version", "Architecture")
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("Package: %s\nVersion: 1.0.0\nArchitecture: %s\n", name, arch); string(control) != want {
		t.Errorf("control says %q, not %q", control, want)
	}
	listing, err := output("", nil, "dpkg-deb", "--contents", path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(listing)) {
		if !regexp.MustCompile(`^(drwxr-xr-x|-rw-r--r--|-rwxr-xr-x) root/root +\d+ 2023-11-14 22:13 `).MatchString(line) {
			t.Errorf("mode, owner or time of %s", line)
		}
	}

	var files []string
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files = append(files, strings.TrimPrefix(path, dir+"/"))
		b, err := os.ReadFile(path)
		if privateKey.Match(b) {
			t.Errorf("%s contains a private key", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	if !slices.Equal(files, contents[name]) {
		t.Errorf("contains %q, not %q", files, contents[name])
	}

	program := filepath.Join(dir, "usr/bin", name)
	binary, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer binary.Close()
	if want := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "armhf": elf.EM_ARM}[arch]; binary.Machine != want {
		t.Errorf("is for %v, not %v", binary.Machine, want)
	}
	for _, segment := range binary.Progs {
		if segment.Type == elf.PT_INTERP || segment.Type == elf.PT_DYNAMIC {
			t.Errorf("is not static: %v", segment.Type)
		}
	}
	billOfMaterials(t, program, filepath.Join(dir, "usr/share/doc", name, "sbom.cdx.json"))
}

// billOfMaterials compares a bill with the program that it came with.
func billOfMaterials(t *testing.T, program, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var bill bom
	if err := json.Unmarshal(b, &bill); err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := output("", nil, "sha256sum", program)
	if err != nil {
		t.Fatal(err)
	}
	if hashes := bill.Metadata.Component.Hashes; len(hashes) != 1 || !strings.HasPrefix(string(sum), hashes[0].Content) {
		t.Errorf("is of a program with %v, and this one has %s", hashes, sum)
	}
	var missing, listed []string
	for _, c := range bill.Components {
		listed = append(listed, c.PURL)
		if len(c.Licenses) != 1 || c.Licenses[0].License.ID == "" {
			t.Errorf("%s has no licence", c.Name)
		}
	}
	for _, module := range info.Deps {
		if purl := fmt.Sprintf("pkg:golang/%s@%s", module.Path, module.Version); !slices.Contains(listed, purl) {
			missing = append(missing, purl)
		}
	}
	if std := "pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go"); !slices.ContainsFunc(listed, func(purl string) bool { return purl != "" && strings.HasPrefix(std, purl) }) {
		missing = append(missing, std)
	}
	if missing != nil || len(info.Deps) < 5 {
		t.Errorf("of %d modules the bill lacks %q", len(info.Deps), missing)
	}
}
