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

// LoadPolicy reads and verifies the policy of a reader. The error wraps fs.ErrNotExist
// if there is none.
func LoadPolicy(o Options, reader string) (*wire.VerifiedPolicy, error) {
	f, err := os.Open(filepath.Join(o.Dir, policyFile))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	signed, err := io.ReadAll(io.LimitReader(f, 2*wire.MaxMessage))
	if err != nil {
		return nil, err
	}
	policy, err := wire.OpenPolicy(o.Site, signed, o.Controller)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", policyFile, err)
	}
	if of := policy.Policy().Reader; of != reader {
		return nil, fmt.Errorf("%s: policy of reader %s", policyFile, of)
	}
	return policy, nil
}

// StorePolicy stores a reader's policy durably, unless that is already held. ErrOlder:
// the policy held has a higher revision, or the same revision and another content.
func StorePolicy(o Options, reader string, policy *wire.VerifiedPolicy) error {
	if err := policy.By(o.Site, o.Controller); err != nil {
		return err
	}
	p := policy.Policy()
	if p.Reader != reader {
		return fmt.Errorf("policy of reader %s", p.Reader)
	}
	// A damaged or missing policy is replaced.
	if held, err := LoadPolicy(o, reader); err == nil && held.Policy().Revision >= p.Revision {
		if held.Policy().Revision == p.Revision && bytes.Equal(wire.Marshal(held.Policy()), wire.Marshal(p)) {
			return nil
		}
		return fmt.Errorf("policy of revision %d: %w", p.Revision, ErrOlder)
	}
	if err := durable.WriteFile(filepath.Join(o.Dir, policyFile), policy.Signed(), 0o600); err != nil {
		return fmt.Errorf("store the policy: %w", err)
	}
	return nil
}
