package sync

import (
	"testing"

	"latchkey/sync/wire"
)

// asked returns how many chunks each fetch of chunks asked for.
func (w *world) asked() (sizes []int) {
	for _, p := range w.published {
		if _, _, channel, _ := wire.ParseTopic(p.Topic); channel != wire.OnFetch {
			continue
		}
		if f := must(wire.OpenFetch(site, p.Payload, publicKey(readerKey))); f.Want == wire.WantChunks {
			sizes = append(sizes, len(f.Chunks))
		}
	}
	return sizes
}

func TestALinkThatHasJustComeUpIsAskedForFewChunks(t *testing.T) {
	w := newWorld(t)
	w.controller.fill(40000)
	w.controller.publishAll()
	w.connect()
	longest := func() (most int) {
		for len(w.asked()) == 0 || w.asked()[len(w.asked())-1] < chunksPerFetch {
			if !w.deliverOne() {
				t.Fatal("it never asks for more")
			}
		}
		for _, n := range w.asked() {
			most = max(most, n)
		}
		return most
	}
	if most := longest(); w.asked()[0] != chunksFirst || most != chunksPerFetch {
		t.Errorf("it asks for %v", w.asked())
	}
	w.disconnect()
	w.published, w.toSite = nil, nil
	w.connect()
	w.deliver()
	if w.inStep(); w.asked()[0] != chunksFirst {
		t.Errorf("it goes on with %v", w.asked())
	}
}
