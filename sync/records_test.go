package sync

import (
	"errors"
	"strings"
	"testing"
	"time"

	"latchkey/sync/wire"
)

// batches returns the records published after the first n messages.
func (w *world) batches(n int) (batches []*wire.Records) {
	for _, p := range w.published[n:] {
		if _, _, c, _ := wire.ParseTopic(p.Topic); c == wire.OnRecords {
			batches = append(batches, must(wire.OpenRecords(site, p.Payload, publicKey(readerKey))))
		}
	}
	return batches
}

func TestRecordsOfALongAbsenceArriveInOrderInBoundedBatches(t *testing.T) {
	w := started(t)
	w.disconnect()
	for i := range 3000 {
		w.record(wire.Record{Kind: wire.DoorOpened, Text: strings.Repeat("x", i%700)})
	}
	w.deliver()
	n := len(w.published)
	w.connect()
	w.run(time.Second)
	w.inStep()
	next := uint64(2)
	for _, b := range w.batches(n) {
		if size := len(wire.Marshal(b)); size > wire.MaxMessage || size < 20000 && b != w.batches(n)[len(w.batches(n))-1] {
			t.Errorf("a batch of %d bytes", size)
		}
		for _, r := range b.Records {
			if got := must(wire.ParseRecord(r)).Number; got != next {
				t.Fatalf("record %d comes where %d should", got, next)
			}
			next++
		}
	}
	if w.journal.first < 2990 {
		t.Errorf("the journal still holds %d on", w.journal.first)
	}
}

func TestTheNextBatchWaitsForTheAcknowledgement(t *testing.T) {
	w := started(t)
	send := w.controller.send
	w.controller.send = func(c wire.Channel, payload []byte, retained bool) {
		if c != wire.OnAck {
			send(c, payload, retained)
		}
	}
	n := len(w.published)
	for range 1000 {
		w.record(wire.Record{Kind: wire.DoorOpened})
	}
	w.run(5 * time.Minute)
	batches := w.batches(n)
	for _, b := range batches {
		if must(wire.ParseRecord(b.Records[0])).Number != 2 {
			t.Error("another batch than the first is sent")
		}
	}
	if len(batches) < 4 || len(batches) > 12 {
		t.Errorf("it is sent %d times in five minutes", len(batches))
	}
	w.controller.send = send
	w.run(2 * time.Minute)
	w.inStep()
}

func TestAReaderThatForgotWhatWasAcknowledgedIsLedToWhatIsMissing(t *testing.T) {
	w := started(t)
	for range 1500 {
		w.record(wire.Record{Kind: wire.DoorOpened})
	}
	w.run(time.Second)
	w.journal.first = 1 // nothing was trimmed
	w.disconnect()
	for range 10 {
		w.record(wire.Record{Kind: wire.DoorClosed})
	}
	w.boot()
	w.deliver()
	n := len(w.published)
	w.connect()
	w.run(time.Second)
	w.inStep()
	if got := len(w.batches(n)); got != 2 {
		t.Errorf("%d batches are sent", got)
	}
}

func TestAnAcknowledgementOfWhatIsNotHeldTrimsNothing(t *testing.T) {
	w := started(t)
	for range 40 {
		w.journal.append(wire.Record{Kind: wire.DoorOpened})
	}
	topic := wire.OnAck.Topic(siteName, readerID)
	right := wire.Ack{Reader: readerID, Journal: w.journal.id, Number: 30, Hash: w.journal.entries[29].Hash}
	for name, change := range map[string]func(*wire.Ack){
		"another journal":                  func(a *wire.Ack) { a.Journal[0] ^= 1 },
		"another hash":                     func(a *wire.Ack) { a.Hash[0] ^= 1 },
		"another record's hash":            func(a *wire.Ack) { a.Number-- },
		"a record that nobody has written": func(a *wire.Ack) { a.Number = 1 << 40 },
	} {
		a := right
		change(&a)
		acked, first, heard := w.link.records.acked, w.journal.first, len(w.news)
		w.step(Message{Topic: topic, Payload: sign(wire.KindAck, &a)})
		w.deliver()
		if w.link.records.acked != acked || w.journal.first != first || len(w.refusedSince(heard)) != 1 {
			t.Errorf("%s: up to %d is acknowledged, %d on is held, refused as %q", name, w.link.records.acked, w.journal.first, w.refusedSince(heard))
		}
	}
	w.step(Message{Topic: topic, Payload: sign(wire.KindAck, &right)})
	w.deliver()
	if w.link.records.acked < 30 || w.journal.first != 25 {
		t.Errorf("up to %d is acknowledged, %d on is held", w.link.records.acked, w.journal.first)
	}
	heard := len(w.news)
	older := wire.Ack{Reader: readerID, Journal: w.journal.id, Number: 28, Hash: w.journal.entries[27].Hash}
	w.step(Message{Topic: topic, Payload: sign(wire.KindAck, &older)})
	w.deliver()
	if len(w.refusedSince(heard)) != 0 {
		t.Errorf("one that comes late is refused: %q", w.refusedSince(heard))
	}
}

// The controller was restored from a backup, and the reader has not trimmed
// yet what is missing there.
func TestAReaderGoesBackForAControllerThatLostRecords(t *testing.T) {
	w := started(t)
	for range 600 {
		w.record(wire.Record{Kind: wire.DoorOpened})
	}
	w.run(time.Second)
	w.inStep()
	w.journal.first = 9
	held := w.controller.records[w.journal.id]
	for number := range held {
		if number > 100 {
			delete(held, number)
		}
	}
	w.record(wire.Record{Kind: wire.DoorClosed})
	w.run(time.Second)
	w.inStep()

	// Late acknowledgements do not send a reader back that waits for none.
	n := len(w.published)
	w.step(Message{Topic: wire.OnAck.Topic(siteName, readerID), Payload: sign(wire.KindAck, &wire.Ack{Reader: readerID, Journal: w.journal.id, Number: 300, Hash: w.journal.entries[299].Hash})})
	w.run(time.Second)
	if got := len(w.batches(n)); got != 0 {
		t.Errorf("%d batches are sent", got)
	}
}

func TestRecordsWaitForTheLinkAndAreNotReadForNobody(t *testing.T) {
	w := newWorld(t)
	w.controller.silent = true
	w.connect()
	w.record(wire.Record{Kind: wire.DoorOpened})
	w.run(time.Second)
	if got := w.batches(0); len(got) != 0 {
		t.Errorf("%d batches are sent though nobody answers", len(got))
	}
	w.controller.silent = false
	w.controller.publishAll()
	w.run(stateEvery)
	w.inStep()
}

func TestRecordsThatCannotBeReadAreTriedAgain(t *testing.T) {
	w := started(t)
	w.journal.fails = errors.New("input/output error")
	w.record(wire.Record{Kind: wire.DoorOpened})
	w.run(time.Minute)
	w.journal.fails = nil
	w.run(time.Minute)
	w.inStep()
}

// What the journal has dropped leaves a gap; the rest is sent all the same.
func TestAGapInTheJournalIsSentAsItIs(t *testing.T) {
	w := started(t)
	w.disconnect()
	for range 20 {
		w.journal.append(wire.Record{Kind: wire.DoorOpened})
	}
	w.journal.first = 10
	n := len(w.published)
	w.connect()
	w.run(time.Second)
	b := w.batches(n)
	if len(b) == 0 || b[0].First != 10 || must(wire.ParseRecord(b[0].Records[0])).Number != 10 || w.link.records.acked != 21 {
		t.Errorf("%d batches; up to %d is acknowledged", len(b), w.link.records.acked)
	}
}
