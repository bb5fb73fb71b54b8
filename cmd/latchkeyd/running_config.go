package main

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"latchkey/device/durable"
)

// A reader that drives a strike keeps a copy of its running config for the stop
// hook: by the time it dies with the strike on, somebody may have edited or broken
// the config file. The copy lies in memory, out of a stalled disk's reach, and is
// gone after a power cut, as the strike is off then.

// defaultRuntimeDir is what systemd makes of RuntimeDirectory=latchkeyd and names in
// RUNTIME_DIRECTORY (systemd.exec(5)).
const defaultRuntimeDir = "/run/latchkeyd"

// runningConfigPath returns the path of the copy that belongs to a config file.
func runningConfigPath(config string) (string, error) {
	absolute, err := filepath.Abs(config)
	if err != nil {
		return "", err
	}
	dir := cmp.Or(os.Getenv("RUNTIME_DIRECTORY"), defaultRuntimeDir)
	return filepath.Join(dir, fmt.Sprintf("%.8x.toml", sha256.Sum256([]byte(absolute)))), nil
}

// saveRunning writes the copy. A simulated strike ends with its process and needs none.
func (c *config) saveRunning() error {
	if c.Board.Kind == "sim" {
		return nil
	}
	path, err := runningConfigPath(c.path)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return durable.WriteFile(path, []byte(c.text), 0o600)
}

// removeRunning removes the copy, once the strike is released.
func (c *config) removeRunning() error {
	path, err := runningConfigPath(c.path)
	if err == nil {
		err = os.Remove(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// readRunning reads the copy that belongs to a config file, even if it holds mistakes:
// the reader ran with it. It returns nil without an error if the last reader released
// its strike, or none has run.
func readRunning(path string) (*config, error) {
	path, err := runningConfigPath(path)
	if err != nil {
		return nil, err
	}
	c, err := readConfig(path)
	if c != nil || errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	return nil, err
}
