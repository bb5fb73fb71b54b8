package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	_ "embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed module/latchkey_bench.c
var moduleSource []byte

// moduleName is the bench's own module; its source says what it is.
const moduleName = "latchkey_bench"

// buildModule builds the bench's kernel module, or finds the one built of the
// same source for the same kernel before.
func buildModule(ctx context.Context, d *debian) (string, error) {
	dir := filepath.Join(d.root, fmt.Sprintf("module-%x", sha256.Sum256(moduleSource)))
	built := filepath.Join(dir, moduleName+".ko")
	if _, err := os.Stat(built); err == nil {
		return built, nil
	}
	work, err := os.MkdirTemp(d.root, "building-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	if err := os.WriteFile(filepath.Join(work, moduleName+".c"), moduleSource, 0o644); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(work, "Kbuild"), []byte("obj-m := "+moduleName+".o\n"), 0o644); err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, "make", "-s", "-C", d.headers(), "M="+work, "ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-", "modules").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the kernel module: %w:\n%s", err, out)
	}
	if bytes.Contains(out, []byte("warning:")) {
		return "", fmt.Errorf("the kernel module has warnings:\n%s", out)
	}
	if err := os.Rename(work, dir); err != nil {
		return "", err
	}
	return built, nil
}

// withDependencies returns the paths of modules in an order in which they can
// be loaded: each behind those it depends on. What is built into the kernel
// has no path.
func withDependencies(dir string, names ...string) ([]string, error) {
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".ko") {
			files[canonical(path)] = path
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var order []string
	var add func(name string) error
	add = func(name string) error {
		path, ok := files[name]
		if !ok {
			return fmt.Errorf("this kernel has no module %s", name)
		}
		if slices.Contains(order, path) {
			return nil
		}
		dependencies, err := dependsOn(path)
		if err != nil {
			return err
		}
		for _, dependency := range dependencies {
			if err := add(dependency); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		order = append(order, path)
		return nil
	}
	for _, name := range names {
		if err := add(name); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// canonical is the name the kernel knows a module file by.
func canonical(path string) string {
	return strings.ReplaceAll(strings.TrimSuffix(filepath.Base(path), ".ko"), "-", "_")
}

// dependsOn reads a module's "depends" from its section .modinfo, strings that
// are ended by a zero byte.
func dependsOn(path string) ([]string, error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	section := f.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("%s is no kernel module", path)
	}
	info, err := section.Data()
	if err != nil {
		return nil, err
	}
	for field := range bytes.SplitSeq(info, []byte{0}) {
		if names, ok := bytes.CutPrefix(field, []byte("depends=")); ok && len(names) > 0 {
			return strings.Split(strings.ReplaceAll(string(names), "-", "_"), ","), nil
		}
	}
	return nil, nil
}
