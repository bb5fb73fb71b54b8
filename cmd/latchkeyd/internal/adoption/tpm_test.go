package adoption

import (
	"bytes"
	"testing"

	"latchkey/sync/wire"
)

func TestTheFingerprintChangesWithAllOfTheTPMButItsNonce(t *testing.T) {
	dir := t.TempDir()
	tpm := wire.RequestTPM{Parent: []byte{1}, Revision: 138, Nonce: wire.TPMNonce{1}, Endorsement: []byte{2}}
	for _, step := range []struct {
		what    string
		change  func(*wire.RequestTPM)
		changed bool
	}{
		{"the first", func(*wire.RequestTPM) {}, true},
		{"the same", func(*wire.RequestTPM) {}, false},
		{"another nonce", func(r *wire.RequestTPM) { r.Nonce = wire.TPMNonce{2} }, false},
		{"another certificate", func(r *wire.RequestTPM) { r.Endorsement = []byte{3} }, true},
		{"no certificate", func(r *wire.RequestTPM) { r.Endorsement = nil }, true},
		{"another revision", func(r *wire.RequestTPM) { r.Revision++ }, true},
		{"another parent", func(r *wire.RequestTPM) { r.Parent = []byte{4} }, true},
	} {
		step.change(&tpm)
		changed, err := KeepTPM(dir, &tpm)
		if err != nil || changed != step.changed {
			t.Errorf("%s: %v, %v", step.what, changed, err)
		}
		if kept, err := readTPM(dir); err != nil || !bytes.Equal(wire.Marshal(kept), wire.Marshal(&tpm)) {
			t.Errorf("%s: kept %+v, %v", step.what, kept, err)
		}
	}
}
