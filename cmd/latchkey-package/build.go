package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// product is a program that has a package.
type product struct {
	name string   // of program, package and command
	tags string   // build tags; a reader serves its metrics over HTTP/1.1
	docs []string // files of the module that belong to its documentation
	not  []string // architectures that it is not built for
}

var products = []product{
	{name: "latchkeyd", tags: "firmware,nethttpomithttp2", docs: []string{"board/WIRING.md"}},
	// On armhf Go asks the kernel for the time in 32 bits, which end in January
	// 2038. A reader's clock is the controller's; the controller's is the system's.
	{name: "latchkey-controller", docs: []string{"cmd/latchkey-controller/CERTIFICATE.md", "cmd/latchkey-controller/HOME_ASSISTANT.md", "cmd/latchkey-controller/POSTGRESQL.md", "cmd/latchkey-controller/SIZES.md"}, not: []string{"armhf"}},
}

// architectures are Debian's, with what nfpm and Go call them. Debian's armhf is
// ARMv7, for which Go cannot erase secrets from registers and stacks
// (runtime/secret).
var architectures = map[string]struct {
	nfpm string
	env  []string
}{
	"amd64": {"amd64", []string{"GOARCH=amd64", "GOEXPERIMENT=runtimesecret"}},
	"arm64": {"arm64", []string{"GOARCH=arm64", "GOEXPERIMENT=runtimesecret"}},
	"armhf": {"arm7", []string{"GOARCH=arm", "GOARM=7", "GOEXPERIMENT="}},
}

// release is what is packed.
type release struct {
	version string    // that the programs print
	built   time.Time // of the commit: programs trust no clock before it, no file is younger
}

var numbered = regexp.MustCompile(`^[0-9]+\.[0-9]`)

// debVersion is the version as Debian compares it: one that is only a commit's
// hash sorts by the commit's time, below any that has numbers.
func (r release) debVersion() string {
	version := strings.TrimPrefix(strings.ReplaceAll(r.version, "-", "."), "v")
	if numbered.MatchString(version) {
		return version
	}
	return fmt.Sprintf("0~%s.%s", r.built.Format("20060102.150405"), version)
}

// pack builds a product for an architecture and returns its package's path.
func (r release) pack(p product, arch, out string) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	stage, err := os.MkdirTemp("", "latchkey-package-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(stage)
	if err := r.stage(p, arch, root, stage); err != nil {
		return "", fmt.Errorf("%s for %s: %w", p.name, arch, err)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return "", err
	}
	if out, err = filepath.Abs(out); err != nil {
		return "", err
	}
	target := filepath.Join(out, fmt.Sprintf("%s_%s_%s.deb", p.name, r.debVersion(), arch))
	if err := r.nfpm(stage, arch, target); err != nil {
		return "", fmt.Errorf("%s for %s: %w", p.name, arch, err)
	}
	return target, nil
}

// stage puts all files of a package into one directory.
func (r release) stage(p product, arch, root, stage string) error {
	known, ok := architectures[arch]
	if !ok {
		return fmt.Errorf("%s is none of Debian's architectures that Latchkey is built for", arch)
	}
	env := append(slices.Clone(known.env), "GOOS=linux", "CGO_ENABLED=0", "GOFLAGS=")
	command := "latchkey/cmd/" + p.name
	binary := filepath.Join(stage, p.name)
	linker := fmt.Sprintf("-s -w -X main.version=%s -X main.built=%d", r.version, r.built.Unix())
	if _, err := output(root, env, "go", "build", "-trimpath", "-buildvcs=false", "-tags", p.tags, "-ldflags", linker, "-o", binary, command); err != nil {
		return err
	}
	parts, err := parts(root, env, p, command)
	if err != nil {
		return err
	}
	sbom, err := r.sbom(p, arch, binary, parts)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(stage, "sbom.cdx.json"), sbom, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(stage, "copyright"), copyright(p, parts), 0o644); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(root, "cmd", "latchkey-package", p.name, "*"))
	if err != nil {
		return err
	}
	for _, doc := range p.docs {
		files = append(files, filepath.Join(root, doc))
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(stage, filepath.Base(file)), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// moduleRoot is the directory of go.mod.
func moduleRoot() (string, error) {
	path, err := output("", nil, "go", "env", "GOMOD")
	return filepath.Dir(strings.TrimSpace(string(path))), err
}

// output runs a program with additions to the environment, and returns its
// standard output.
func output(dir string, env []string, program string, args ...string) ([]byte, error) {
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", filepath.Base(program), args[0], err, strings.TrimSpace(stderr.String()))
	}
	return out, nil
}
