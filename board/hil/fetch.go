package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// stock is the distribution's kernel and programs for arm64, unpacked below
// root, and what is needed to build a module for that kernel.
type stock struct {
	root string
	abi  string // "6.1.0-56"
}

func (s *stock) path(elem ...string) string {
	return filepath.Join(append([]string{s.root}, elem...)...)
}
func (s *stock) kernel() string  { return s.path("boot", "vmlinuz-"+s.abi+"-arm64") }
func (s *stock) modules() string { return s.path("lib", "modules", s.abi+"-arm64", "kernel") }
func (s *stock) headers() string { return s.path("usr", "src", "linux-headers-"+s.abi+"-arm64") }

// guestPackages are what runs in the machine besides the kernel: a shell, and
// libnfc's tools with the libraries they are linked to.
var guestPackages = []string{"busybox-static", "libnfc-bin", "libnfc6", "libusb-0.1-4", "libc6", "libgcc-s1"}

// fetch returns what an earlier run has unpacked in cache, or gets it with apt
// from the machine's own package sources: the newest kernel of the 6.1 series.
func fetch(ctx context.Context, cache string) (*stock, error) {
	// The name is there once all of it is: it is given by a rename.
	if found, _ := filepath.Glob(filepath.Join(cache, "linux-6.1.0-*")); len(found) > 0 {
		newest := slices.MaxFunc(found, func(a, b string) int { return compareVersions(a, b) })
		return &stock{newest, strings.TrimPrefix(filepath.Base(newest), "linux-")}, nil
	}
	a, err := newApt(ctx, cache)
	if err != nil {
		return nil, err
	}
	fmt.Println("fetching a kernel and its headers (75 MB) with apt, once")
	if err := a.run(ctx, "apt-get", "update"); err != nil {
		return nil, err
	}
	abi, err := a.newestKernel(ctx)
	if err != nil {
		return nil, err
	}
	unpacked, err := os.MkdirTemp(cache, "unpacking-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(unpacked)
	names := append([]string{
		"linux-image-" + abi + "-arm64", "linux-headers-" + abi + "-arm64", "linux-headers-" + abi + "-common",
		"linux-kbuild-6.1:" + a.native, // what a module is built with runs on this machine
	}, guestPackages...)
	if err := a.download(ctx, names...); err != nil {
		return nil, err
	}
	if err := unpack(ctx, a.debs(), unpacked); err != nil {
		return nil, err
	}
	s := &stock{filepath.Join(cache, "linux-"+abi), abi}
	// The headers name one another by absolute paths.
	makefile := filepath.Join(unpacked, "usr", "src", "linux-headers-"+abi+"-arm64", "Makefile")
	b, err := os.ReadFile(makefile)
	if err != nil {
		return nil, err
	}
	b = []byte(strings.ReplaceAll(string(b), "include /usr/src/", "include "+s.path("usr", "src")+"/"))
	if err := os.WriteFile(makefile, b, 0o644); err != nil {
		return nil, err
	}
	if err := os.Rename(unpacked, s.root); err != nil {
		return nil, err
	}
	return s, os.RemoveAll(a.dir) // 75 MB that are unpacked now
}

// apt is a private apt for arm64, and for this machine's architecture beside it,
// with the machine's own sources and keys.
type apt struct {
	dir     string
	native  string // this machine's architecture
	options []string
}

func newApt(ctx context.Context, cache string) (*apt, error) {
	native, err := exec.CommandContext(ctx, "dpkg", "--print-architecture").Output()
	if err != nil {
		return nil, fmt.Errorf("dpkg --print-architecture: %w", err)
	}
	a := &apt{dir: filepath.Join(cache, "apt"), native: strings.TrimSpace(string(native))}
	if err := os.RemoveAll(a.dir); err != nil {
		return nil, err
	}
	for _, dir := range []string{"state/lists/partial", "cache/archives/partial", "debs"} {
		if err := os.MkdirAll(filepath.Join(a.dir, dir), 0o755); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(filepath.Join(a.dir, "status"), nil, 0o644); err != nil {
		return nil, err
	}
	for _, option := range []string{
		"APT::Architecture=arm64", "APT::Architectures::=arm64", "APT::Architectures::=" + a.native, "APT::Sandbox::User=root",
		"Dir::State=" + filepath.Join(a.dir, "state"), "Dir::State::status=" + filepath.Join(a.dir, "status"),
		"Dir::Cache=" + filepath.Join(a.dir, "cache"),
	} {
		a.options = append(a.options, "-o", option)
	}
	return a, nil
}

func (a *apt) debs() string { return filepath.Join(a.dir, "debs") }

func (a *apt) run(ctx context.Context, program string, args ...string) error {
	_, err := a.output(ctx, program, args...)
	return err
}

func (a *apt) output(ctx context.Context, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, append(slices.Clone(a.options), args...)...)
	cmd.Dir = a.debs()
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, exit.Stderr)
	}
	return string(out), err
}

func (a *apt) download(ctx context.Context, names ...string) error {
	return a.run(ctx, "apt-get", append([]string{"download"}, names...)...)
}

// kernelPackage is the name of a kernel image; its cloud and real-time variants
// have other names.
var kernelPackage = regexp.MustCompile(`^linux-image-(6\.1\.0-[0-9]+)-arm64$`)

// newestKernel is the ABI of the newest 6.1 kernel that the sources have.
func (a *apt) newestKernel(ctx context.Context) (string, error) {
	names, err := a.output(ctx, "apt-cache", "pkgnames", "linux-image-6.1.0-")
	if err != nil {
		return "", err
	}
	var abis []string
	for _, name := range strings.Fields(names) {
		if match := kernelPackage.FindStringSubmatch(name); match != nil {
			abis = append(abis, match[1])
		}
	}
	if len(abis) == 0 {
		return "", errors.New("the machine's package sources have no arm64 kernel of the 6.1 series")
	}
	return slices.MaxFunc(abis, compareVersions), nil
}

// compareVersions compares strings with numbers in them, number by number.
func compareVersions(a, b string) int {
	number := regexp.MustCompile(`[0-9]+`)
	pad := func(s string) string {
		return number.ReplaceAllStringFunc(s, func(n string) string { return fmt.Sprintf("%12s", n) })
	}
	return strings.Compare(pad(a), pad(b))
}

// unpack unpacks all packages of a directory into root.
func unpack(ctx context.Context, debs, root string) error {
	packages, err := filepath.Glob(filepath.Join(debs, "*.deb"))
	if err != nil || len(packages) == 0 {
		return errors.Join(err, fs.ErrNotExist)
	}
	for _, p := range packages {
		if out, err := exec.CommandContext(ctx, "dpkg-deb", "-x", p, root).CombinedOutput(); err != nil {
			return fmt.Errorf("unpack %s: %w: %s", filepath.Base(p), err, out)
		}
	}
	return nil
}
