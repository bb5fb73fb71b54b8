package site

import (
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// What a reader asked for as it was adopted before is no longer open in its TPM, or is in
// another one.
func TestABudgetIsNotRenewedOverWhatWasAskedBeforeTheAdoption(t *testing.T) {
	s, _ := newSite(t)
	r := adoptTPM(t, s, boardtest.NewWithTPM(t, nonceOne))
	if err := renew(r, wire.TPMState{Ref: r.budget().Ref, Nonce: nonceTwo}); err != nil {
		t.Fatal(err)
	}
	again := adoptTPM(t, s, boardtest.NewWithTPM(t, wire.TPMNonce{3}))
	before := again.budget().Ref
	err := s.Update(t.Context(), func(tx *store.Tx) error { return s.RenewBudget(tx, noon, "front-door") })
	if err == nil || !strings.Contains(err.Error(), "does not ask") {
		t.Error(err)
	}
	if again.budget().Ref != before {
		t.Error("it has a whole budget more")
	}
}
