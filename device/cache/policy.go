package cache

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"latchkey/device/durable"
	"latchkey/sync/wire"
)

const policyFile = "policy.cbor"

// LoadPolicy reads the policy of a reader, which the controller signed. The
// error wraps fs.ErrNotExist when there is none.
func LoadPolicy(o Options, reader string) (*wire.Policy, error) {
	f, err := os.Open(filepath.Join(o.Dir, policyFile))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	signed, err := io.ReadAll(io.LimitReader(f, 2*wire.MaxMessage))
	if err != nil {
		return nil, err
	}
	p, err := checkPolicy(o, reader, signed)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", policyFile, err)
	}
	return p, nil
}

// StorePolicy checks a signed policy and stores it durably; one that is held
// already is not written again. ErrOlder: one of a higher revision, or of the
// same and with another content, is held.
func StorePolicy(o Options, reader string, signed []byte) (*wire.Policy, error) {
	p, err := checkPolicy(o, reader, signed)
	if err != nil {
		return nil, err
	}
	// One that is damaged or missing does not stand in the way.
	if held, err := LoadPolicy(o, reader); err == nil && held.Revision >= p.Revision {
		if held.Revision == p.Revision && bytes.Equal(wire.Marshal(held), wire.Marshal(p)) {
			return p, nil
		}
		return nil, fmt.Errorf("policy of revision %d: %w", p.Revision, ErrOlder)
	}
	if err := durable.WriteFile(filepath.Join(o.Dir, policyFile), signed, 0o600); err != nil {
		return nil, fmt.Errorf("store the policy: %w", err)
	}
	return p, nil
}

func checkPolicy(o Options, reader string, signed []byte) (*wire.Policy, error) {
	payload, err := wire.Open(wire.KindPolicy, o.Site, signed, wire.MaxMessage, o.Controller)
	if err != nil {
		return nil, err
	}
	p, err := wire.ParsePolicy(payload)
	if err != nil {
		return nil, err
	}
	if p.Reader != reader {
		return nil, fmt.Errorf("policy of reader %s", p.Reader)
	}
	return p, nil
}
