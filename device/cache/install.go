package cache

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"latchkey/device/durable"
	"latchkey/sync/wire"
)

// Install makes the epoch of an adoption bundle the only one in the data directory. It
// keeps an epoch of the same site instead if that is whole and not older; of the same epoch
// it keeps the newer log and the newer keys. If it is cut short, call it again. No Cache may
// be open on the directory.
func Install(o Options, snapshot *wire.VerifiedSnapshot, keys *wire.EpochKeys) error {
	err := snapshot.By(o.Site, o.Controller)
	if err != nil {
		return fmt.Errorf("install: %w", err)
	}
	m := snapshot.Manifest()
	dir, keep := filepath.Join(o.Dir, epochName(m.Epoch)), m.Epoch
	held := heldBefore(o, m.Epoch)
	if held.Epoch == m.Epoch {
		path := filepath.Join(dir, keyFile)
		if err = writeKey(path, keys); errors.Is(err, ErrOlder) {
			if keys, err = readKey(path); err == nil {
				defer keys.Wipe()
			}
		}
	}
	switch {
	case err != nil:
	case m.Position().Above(held):
		err = install(dir, snapshot, keys)
	default:
		keep = held.Epoch
	}
	if err == nil {
		err = removeEpochs(o.Dir, func(epoch uint64, arriving bool) bool { return epoch != keep || arriving })
	}
	if err != nil {
		return fmt.Errorf("install: %w", err)
	}
	return nil
}

// heldBefore returns the position that the data directory already holds, if that is of
// the same site and whole, and, in another epoch than the bundle's, has usable keys.
func heldBefore(o Options, epoch uint64) wire.Position {
	c := Open(o)
	defer c.Close()
	if c.Fault() != nil || !c.held.whole() {
		return wire.Position{}
	}
	held := c.Held()
	if held.Epoch == epoch {
		return held
	}
	keys, err := readKey(filepath.Join(c.held.dir, keyFile))
	if err != nil {
		return wire.Position{}
	}
	keys.Wipe()
	return held
}

// whole says whether every chunk can be read. Without a link, a bundle is what repairs
// a damaged one.
func (v *view) whole() bool {
	b := make([]byte, wire.MaxChunk)
	f := v.snapshot.acquire()
	defer f.release()
	for i := range v.manifest.Chunks() {
		if _, err := v.readChunk(f, i, b); err != nil {
			return false
		}
	}
	return true
}

func install(dir string, snapshot *wire.VerifiedSnapshot, keys *wire.EpochKeys) error {
	for _, old := range []string{dir + newSuffix, dir + oldSuffix} {
		if err := os.RemoveAll(old); err != nil {
			return err
		}
	}
	if err := makeDir(dir + newSuffix); err != nil {
		return err
	}
	if err := writeKey(filepath.Join(dir+newSuffix, keyFile), keys); err != nil {
		return err
	}
	for name, b := range map[string][]byte{credentialsFile: snapshot.Bytes(), deltasFile: nil} {
		if err := durable.WriteFile(filepath.Join(dir+newSuffix, name), b, 0o600); err != nil {
			return err
		}
	}
	if _, err := os.Stat(dir); err == nil {
		if err := os.Rename(dir, dir+oldSuffix); err != nil {
			return err
		}
	}
	if err := os.Rename(dir+newSuffix, dir); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(dir))
}
