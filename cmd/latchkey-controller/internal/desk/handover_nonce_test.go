package desk

import (
	"testing"

	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/sync/wire"
)

// TestABoardIsAdoptedWithWhatItsTPMWantsNow has one start anew while it waits: its TPM wants another first grant.
func TestABoardIsAdoptedWithWhatItsTPMWantsNow(t *testing.T) {
	t.Parallel()
	w, first, second := newWorld(t), wire.TPMNonce{1}, wire.TPMNonce{2}
	b := boardtest.NewWithTPM(t, first)
	asks := func(nonce wire.TPMNonce) *wire.HandoverAnswer {
		t.Helper()
		b.Ask(t, nonce)
		answer, err := w.asks(b, "", "192.0.2.7")
		w.must(err)
		return answer
	}
	asks(first)
	w.pass(2 * nonceEvery)
	asks(second)
	asks(wire.TPMNonce{}) // its request in a file, say
	asks(first)           // a replay: it is soon put right, and does not have much written
	heard := w.waits(b).Heard
	w.pass(2 * nonceEvery)
	if asks(second); !w.waits(b).Heard.Equal(heard) {
		t.Error("it says the same, and is written again")
	}
	w.adoptsWaiting(b, "Back door")
	opened, err := wire.OpenBundle(asks(second).Bundle, b.Request, b.Sealing)
	if err != nil || !boardtest.Takes(opened.Keys.TPM, second) {
		t.Errorf("%v: the first grant is for another start", err)
	}
	// Once more it starts, after it was adopted: it gets the bundle all the same, and the link brings another first grant.
	if answer := asks(wire.TPMNonce{3}); len(answer.Bundle) == 0 {
		t.Error("it gets nothing")
	}
}
