package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// debian is Debian's kernel and programs for arm64, unpacked below root, and
// what is needed to build a module for that kernel.
type debian struct {
	root string
	abi  string // "6.1.0-56"
}

func (d *debian) path(elem ...string) string {
	return filepath.Join(append([]string{d.root}, elem...)...)
}
func (d *debian) kernel() string  { return d.path("boot", "vmlinuz-"+d.abi+"-arm64") }
func (d *debian) modules() string { return d.path("lib", "modules", d.abi+"-arm64", "kernel") }
func (d *debian) headers() string { return d.path("usr", "src", "linux-headers-"+d.abi+"-arm64") }

// guestPackages are what runs in the machine besides the kernel: a shell, libnfc's
// and libfreefare's programs with the libraries they are linked to, and what it
// takes to build another one.
var guestPackages = []string{
	"busybox-static", "libnfc-bin", "libnfc6", "libusb-0.1-4", "libfreefare-bin", "libfreefare0", "libssl3", "libc6", "libgcc-s1",
	"libfreefare-dev", "libnfc-dev", "libc6-dev", "linux-libc-dev",
}

// fetch returns what is in the cache, or downloads it with apt from this
// machine's own package sources: the newest kernel of the 6.1 series.
func fetch(ctx context.Context) (*debian, error) {
	cache := os.Getenv("LATCHKEY_HIL_CACHE")
	if cache == "" {
		caches, err := os.UserCacheDir()
		if err != nil {
			return nil, err
		}
		cache = filepath.Join(caches, "latchkey-hil")
	}
	// What is fetched for other packages has another directory.
	cache = filepath.Join(cache, fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(guestPackages, " "))))[:8])
	// A directory gets this name once it is complete.
	if found, _ := filepath.Glob(filepath.Join(cache, "linux-6.1.0-*")); len(found) > 0 {
		newest := slices.MaxFunc(found, compareABIs)
		return &debian{newest, strings.TrimPrefix(filepath.Base(newest), "linux-")}, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, err
	}
	work, err := os.MkdirTemp(cache, "fetching-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	a, err := newApt(ctx, work)
	if err != nil {
		return nil, err
	}
	fmt.Println("fetching a kernel and its headers (75 MB) with apt, once")
	if _, err := a.run("apt-get", "update"); err != nil {
		return nil, err
	}
	names, err := a.run("apt-cache", "pkgnames", "linux-image-6.1.0-")
	if err != nil {
		return nil, err
	}
	abi, err := newestKernel(names)
	if err != nil {
		return nil, err
	}
	packages := append([]string{
		"download", "linux-image-" + abi + "-arm64", "linux-headers-" + abi + "-arm64", "linux-headers-" + abi + "-common",
		"linux-kbuild-6.1:" + a.native, // which runs on this machine
	}, guestPackages...)
	if _, err := a.run("apt-get", packages...); err != nil {
		return nil, err
	}
	unpacked := filepath.Join(work, "unpacked")
	if err := unpack(ctx, a.dir, unpacked); err != nil {
		return nil, err
	}
	d := &debian{filepath.Join(cache, "linux-"+abi), abi}
	// The headers refer to one another by absolute paths.
	makefile := filepath.Join(unpacked, "usr", "src", "linux-headers-"+abi+"-arm64", "Makefile")
	b, err := os.ReadFile(makefile)
	if err != nil {
		return nil, err
	}
	b = []byte(strings.ReplaceAll(string(b), "include /usr/src/", "include "+d.path("usr", "src")+"/"))
	if err := os.WriteFile(makefile, b, 0o644); err != nil {
		return nil, err
	}
	return d, os.Rename(unpacked, d.root)
}

// apt is a private apt for arm64 and this machine's architecture, with this
// machine's sources and keys. It downloads into dir.
type apt struct {
	ctx     context.Context
	dir     string
	native  string // this machine's architecture
	options []string
}

func newApt(ctx context.Context, dir string) (*apt, error) {
	native, err := execute(exec.CommandContext(ctx, "dpkg", "--print-architecture"))
	if err != nil {
		return nil, err
	}
	a := &apt{ctx: ctx, dir: dir, native: strings.TrimSpace(native)}
	for _, made := range []string{"state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, made), 0o755); err != nil {
			return nil, err
		}
	}
	for _, option := range []string{
		"APT::Architecture=arm64", "APT::Architectures::=arm64", "APT::Architectures::=" + a.native, "APT::Sandbox::User=root",
		"Dir::State=" + filepath.Join(dir, "state"), "Dir::State::status=" + filepath.Join(dir, "status"), "Dir::Cache=" + filepath.Join(dir, "cache"),
	} {
		a.options = append(a.options, "-o", option)
	}
	return a, os.WriteFile(filepath.Join(dir, "status"), nil, 0o644)
}

func (a *apt) run(program string, args ...string) (string, error) {
	cmd := exec.CommandContext(a.ctx, program, append(slices.Clone(a.options), args...)...)
	cmd.Dir = a.dir
	return execute(cmd)
}

// kernelPackage is the name of a kernel image; its cloud and real-time variants
// have other names.
var kernelPackage = regexp.MustCompile(`^linux-image-(6\.1\.0-[0-9]+)-arm64$`)

// newestKernel is the ABI of the newest 6.1 kernel among packages.
func newestKernel(names string) (string, error) {
	var abis []string
	for name := range strings.FieldsSeq(names) {
		if match := kernelPackage.FindStringSubmatch(name); match != nil {
			abis = append(abis, match[1])
		}
	}
	if len(abis) == 0 {
		return "", errors.New("this machine's package sources have no arm64 kernel of the 6.1 series")
	}
	return slices.MaxFunc(abis, compareABIs), nil
}

// compareABIs compares strings that differ in their last number.
func compareABIs(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b)) }

// unpack unpacks all packages of a directory into root.
func unpack(ctx context.Context, dir, root string) error {
	packages, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err := errors.Join(err, os.Mkdir(root, 0o755)); err != nil {
		return err
	}
	for _, p := range packages {
		if _, err := execute(exec.CommandContext(ctx, "dpkg-deb", "-x", p, root)); err != nil {
			return err
		}
	}
	return nil
}
