package cache

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"latchkey/device/durable"
	"latchkey/sync/wire"
)

// Install makes the epoch of an adoption bundle what the data directory holds,
// and removes every other epoch. Of the same site it keeps what is there if
// that is whole, and newer or equal. Cut short, it can be done again. No Cache
// may be open there.
func Install(o Options, bundle *wire.Bundle) error {
	m, err := CheckSnapshot(o, bundle.Snapshot)
	if err != nil {
		return fmt.Errorf("install: %w", err)
	}
	if m.Epoch != bundle.Epoch {
		return fmt.Errorf("install: snapshot of epoch %d in a bundle of epoch %d", m.Epoch, bundle.Epoch)
	}
	keep := m.Epoch
	if held := heldBefore(o, bundle); placeOf(m).Above(held) {
		err = install(filepath.Join(o.Dir, epochName(m.Epoch)), bundle)
	} else {
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

// CheckSnapshot checks a whole snapshot as wire.WriteSnapshot returned it.
func CheckSnapshot(o Options, snapshot []byte) (*wire.Manifest, error) {
	signed, rest, err := wire.Next(snapshot)
	if err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	m, err := checkManifest(&o, signed)
	if err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	for i := range m.Chunks() {
		length := min(m.ChunkLength(i), len(rest))
		if err := checkChunk(m, i, rest[:length]); err != nil {
			return nil, fmt.Errorf("snapshot: chunk %d: %w", i, err)
		}
		rest = rest[length:]
	}
	if len(rest) > 0 {
		return nil, errors.New("snapshot: something follows its chunks")
	}
	return m, nil
}

// heldBefore returns the place of what is held already, if it is the same
// site's, whole, and has a key that it can be used with.
func heldBefore(o Options, bundle *wire.Bundle) Place {
	c := Open(o)
	defer c.Close()
	if c.Fault() != nil || !c.held.whole() {
		return Place{}
	}
	held := c.Held()
	name := filepath.Join(c.held.dir, keyFile)
	if held.Epoch == bundle.Epoch && isKey(name, &bundle.SiteKey) {
		return held
	}
	if held.Epoch <= bundle.Epoch {
		return Place{}
	}
	key, err := readKey(name)
	if err != nil {
		return Place{}
	}
	clear(key[:])
	return held
}

// whole reads every chunk: a bundle is what puts a damaged one right where no
// link does.
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

func install(dir string, bundle *wire.Bundle) error {
	for _, old := range []string{dir + newSuffix, dir + oldSuffix} {
		if err := os.RemoveAll(old); err != nil {
			return err
		}
	}
	if err := makeDir(dir + newSuffix); err != nil {
		return err
	}
	if err := writeKey(filepath.Join(dir+newSuffix, keyFile), &bundle.SiteKey); err != nil {
		return err
	}
	for name, b := range map[string][]byte{credentialsFile: bundle.Snapshot, deltasFile: nil} {
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
