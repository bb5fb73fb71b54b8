package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// nfpmVersion is nfpm's, which is no dependency of the module.
const nfpmVersion = "v2.43.4"

// nfpm packs a stage into a Debian package.
func (r release) nfpm(stage, arch, target string) error {
	program, err := nfpmProgram()
	if err != nil {
		return err
	}
	_, err = output(stage, []string{
		"ARCH=" + architectures[arch].nfpm,
		"VERSION=" + r.debVersion(),
		fmt.Sprintf("SOURCE_DATE_EPOCH=%d", r.built.Unix()),
	}, program, "package", "--config", "nfpm.yaml", "--packager", "deb", "--target", target)
	return err
}

// nfpmProgram returns the path of nfpm, which is built once and kept in the
// user's cache directory.
func nfpmProgram() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "latchkey-package", nfpmVersion)
	program := filepath.Join(dir, "nfpm")
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	_, err = output("", []string{"GOBIN=" + dir, "GOFLAGS=", "GOOS=", "GOARCH="}, "go", "install", "github.com/goreleaser/nfpm/v2/cmd/nfpm@"+nfpmVersion)
	return program, err
}
