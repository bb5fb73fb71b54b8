package adoption

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"latchkey/cmd/latchkeyd/internal/datadir"
	"latchkey/device/durable"
	"latchkey/sync/wire"
)

// KeepTPM notes which TPM the request for adoption names, and what it wants in a first
// grant; nil: none. changed says that the fingerprint may be another one now.
func KeepTPM(dir string, tpm *wire.RequestTPM) (changed bool, err error) {
	path := filepath.Join(dir, datadir.TPM)
	held, err := readTPM(dir)
	if err != nil {
		held = nil // it is made again
	}
	switch {
	case tpm == nil && held == nil && err == nil:
		return false, nil
	case tpm == nil:
		return true, durable.Remove(path)
	case held != nil && bytes.Equal(wire.Marshal(held), wire.Marshal(tpm)):
		return false, nil
	}
	changed = held == nil || !bytes.Equal(held.Parent, tpm.Parent) || held.Revision != tpm.Revision || !bytes.Equal(held.Endorsement, tpm.Endorsement)
	return changed, durable.WriteFile(path, wire.Marshal(tpm), 0o600)
}

// ForgetNonce notes that the TPM waits for no first grant: a nonce does not outlive the
// program that asked for it.
func ForgetNonce(dir string) error {
	held, err := readTPM(dir)
	if err != nil || held == nil {
		return nil // it is made again
	}
	held.Nonce = wire.TPMNonce{}
	_, err = KeepTPM(dir, held)
	return err
}

// WaitsForGrant says whether the request names a TPM that waits for a first grant.
func WaitsForGrant(dir string) (named, waits bool) {
	held, err := readTPM(dir)
	if err != nil || held == nil {
		return false, false
	}
	return true, held.Nonce != wire.TPMNonce{}
}

// readTPM returns the TPM that the request names, but for its signing key; nil: none.
func readTPM(dir string) (*wire.RequestTPM, error) {
	b, err := datadir.Read(filepath.Join(dir, datadir.TPM), wire.MaxMessage)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var tpm wire.RequestTPM
	if err := wire.Unmarshal(b, wire.MaxMessage, &tpm); err != nil {
		return nil, fmt.Errorf("%s is damaged: start the reader, which makes it again: %w", datadir.TPM, err)
	}
	return &tpm, nil
}
