package sync

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"latchkey/sync/wire"
)

// sendKey has the broker deliver the keys with a number, of the epoch held.
func (w *world) sendKey(number uint64, retained bool) {
	k := must(wire.SealKey(readerID, w.controller.position.Epoch, someKeys(number), sealingKey.PublicKey()))
	w.step(Message{Topic: wire.OnKey.Topic(siteName, readerID), Payload: sign(wire.KindKey, k), Retained: retained})
}

// holdsKeys checks that keys with a number are stored, and that nothing is left to do.
func (w *world) holdsKeys(number uint64) {
	w.t.Helper()
	if held := w.cache.keys[w.cache.held.Epoch]; held.Number != number || !bytes.Equal(held.PIN, seed(byte(number))) {
		w.t.Errorf("the keys held are %d, not %d", held.Number, number)
	}
	if w.link.key.key != nil || w.link.key.put != nil {
		w.t.Error("keys are still to be stored")
	}
}

func TestTheNewestKeysOfAnEpochAreStoredInWhateverOrderTheyCome(t *testing.T) {
	for name, order := range map[string][]uint64{
		"rising":                     {10, 11, 12},
		"an older one while storing": {12, 10, 11},
		"an older one that waits":    {10, 12, 11},
		"each twice":                 {10, 10, 12, 12, 11, 11},
	} {
		w := started(t)
		first := w.controller.keys.Number
		heard := len(w.news)
		var waiting []*wire.EpochKeys
		for _, n := range order {
			w.sendKey(first+n, false) // the disk has not answered the first one
			if put := w.link.key.put; put != nil {
				waiting = append(waiting, put.Keys)
			}
		}
		w.deliver()
		w.holdsKeys(first + 12)
		if reasons := w.refusedSince(heard); len(reasons) != 0 {
			t.Errorf("%s: refused: %q", name, reasons)
		}
		for i, keys := range waiting {
			if !bytes.Equal(keys.PIN, make([]byte, 32)) || !bytes.Equal(keys.Card, make([]byte, 32)) {
				t.Errorf("%s: those that waited as number %d are not wiped", name, i)
			}
		}
	}
}

// Keys may have come as a file, while the broker still keeps those before.
func TestOlderKeysAtEachConnectionAreNeitherStoredNorReported(t *testing.T) {
	w := started(t)
	held := w.controller.keys.Number + 9
	w.cache.keys[w.cache.held.Epoch] = someKeys(held)
	heard := len(w.news)
	for range 20 {
		w.disconnect()
		w.connect()
		before := w.cache.put
		w.sendKey(held-1, true)
		w.run(2 * retryEvery)
		w.holdsKeys(held)
		if w.cache.put > before+2 { // the broker had one to deliver, too
			t.Fatalf("they were tried %d times", w.cache.put-before)
		}
	}
	if reasons := w.refusedSince(heard); len(reasons) != 0 {
		t.Errorf("refused: %q", reasons)
	}
	w.sendKey(held+1, true)
	w.deliver()
	w.holdsKeys(held + 1)
	w.inStep()
}

func TestKeysThatTheDiskDoesNotTakeAreTriedAgainUntilNewerOnesCome(t *testing.T) {
	w := started(t)
	first := w.controller.keys.Number
	w.cache.fails = errors.New("no space left on device")
	w.sendKey(first+1, false)
	w.run(retryEvery + time.Second)
	if w.cache.keys[w.cache.held.Epoch].Number != first || w.link.key.key == nil {
		t.Fatal("the disk took them, or they are given up")
	}
	w.sendKey(first+2, false)
	w.sendKey(first+1, false)
	w.cache.fails = nil
	w.run(retryEvery + time.Second)
	w.holdsKeys(first + 2)
}
