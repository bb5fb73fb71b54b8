package sync

import (
	"crypto"
	"errors"
	"io"
	"testing"
	"time"

	"latchkey/sync/wire"
)

// A chipKey is a key in a chip that can go away.
type chipKey struct {
	crypto.Signer
	fails error
	asked int
}

func (k *chipKey) Sign(random io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	k.asked++
	if k.fails != nil {
		return nil, k.fails
	}
	return k.Signer.Sign(random, message, opts)
}

// TestWithoutItsKeyTheLinkIsDownUntilTheNextConnection takes the key away before a state,
// a batch of records and a fetch.
func TestWithoutItsKeyTheLinkIsDownUntilTheNextConnection(t *testing.T) {
	for name, next := range map[string]func(w *world){
		"a state":     func(w *world) { w.run(stateEvery + time.Second) },
		"records":     func(w *world) { w.record(wire.Record{Kind: wire.ExitPressed}); w.deliver() },
		"a fetch":     func(w *world) { newEpoch(w); w.deliver() },
		"all of them": func(w *world) { newEpoch(w); w.run(2 * stateEvery) },
	} {
		t.Run(name, func(t *testing.T) {
			w := started(t)
			key := &chipKey{Signer: readerKey}
			w.link.o.Signing = key
			w.run(stateEvery)
			w.inStep()
			key.fails, key.asked = errors.New("no working TPM"), 0
			n, news := len(w.published), len(w.news)
			next(w)
			if len(w.published) != n || key.asked != 1 {
				t.Errorf("%d messages are published, and the key was asked %d times", len(w.published)-n, key.asked)
			}
			if len(w.dropped) != 1 || w.dropped[0] != "no working TPM" {
				t.Fatalf("dropped: %q", w.dropped)
			}
			var down []LinkChanged
			for _, n := range w.news[news:] {
				if n, ok := n.(LinkChanged); ok {
					down = append(down, n)
				}
			}
			if len(down) != 1 || down[0].Up || down[0].Why != "no working TPM" {
				t.Errorf("%+v", down)
			}
			w.disconnect()
			w.run(time.Hour)
			if key.asked != 1 {
				t.Error("the key is asked without a connection")
			}
			if _, err := w.link.o.Will(9); err == nil {
				t.Error("there is a will")
			}
			key.fails = nil
			w.connect()
			w.run(time.Minute)
			w.inStep()
		})
	}
}

func newEpoch(w *world) {
	w.controller.startEpoch(w.controller.position.Epoch + 10)
	w.controller.publishAll()
}
