package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"latchkey/device/durable"
)

// A reader that drives a strike keeps a copy of the config that it runs by, for
// the stop hook: when the reader dies with the strike on, the file may have
// become another one meanwhile, or none that can be read. The copy lies in
// memory, where no stalled disk keeps the hook from it and where it ends with
// the power, as the strike does.

// defaultRuntimeDir is where systemd's RuntimeDirectory=latchkeyd is. systemd
// names it in RUNTIME_DIRECTORY (systemd.exec(5)).
const defaultRuntimeDir = "/run/latchkeyd"

// drivenFile is where the copy of a config file is, for the reader that runs by
// it and for its stop hook alike.
func drivenFile(config string) (dir, name string, err error) {
	if dir = os.Getenv("RUNTIME_DIRECTORY"); dir == "" {
		dir = defaultRuntimeDir
	}
	absolute, err := filepath.Abs(config)
	if err != nil {
		return "", "", err
	}
	return dir, fmt.Sprintf("%.8x.toml", sha256.Sum256([]byte(absolute))), nil
}

// keepDriven keeps the copy. A simulated strike ends with its process and needs
// none.
func (c *config) keepDriven() error {
	if c.Board.Kind == "sim" {
		return nil
	}
	dir, name, err := drivenFile(c.path)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		err = durable.WriteFile(filepath.Join(dir, name), []byte(c.text), 0o600)
	}
	return err
}

// dropDriven removes the copy, once the strike is released in good order.
func (c *config) dropDriven() error {
	dir, name, err := drivenFile(c.path)
	if err == nil {
		err = os.Remove(filepath.Join(dir, name))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// driven reads the copy of a config file; nil without an error if there is
// none, since the last reader ended in good order or none has run.
func driven(path string) (*config, error) {
	dir, name, err := drivenFile(path)
	if err != nil {
		return nil, err
	}
	c, err := readConfig(filepath.Join(dir, name))
	switch {
	case c != nil: // whatever is wrong with it, the reader ran by it
		return c, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	}
	return nil, err
}
