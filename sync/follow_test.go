package sync

import (
	"errors"
	"slices"
	"testing"
	"time"

	"latchkey/sync/wire"
)

// fill gives the site n credentials before anybody listens.
func (c *controller) fill(n int) {
	for i := range n {
		tag, credential := credential(i)
		c.content[tag] = credential
	}
	c.makeSnapshot()
}

func TestAFreshReaderComesIntoStep(t *testing.T) {
	w := newWorld(t)
	w.controller.fill(300)
	w.controller.publishAll()
	w.connect()
	w.run(time.Second)
	w.inStep()
	if len(w.cache.content) != 300 || w.cache.manifest.Chunks() < 2 {
		t.Errorf("%d credentials in %d chunks", len(w.cache.content), w.cache.manifest.Chunks())
	}
	if changed := heard[CredentialsChanged](w); changed[len(changed)-1].Held != w.controller.position {
		t.Errorf("the reader heard of %v", changed)
	}
	if changed := heard[PolicyChanged](w); len(changed) != 1 || changed[0].Policy.Policy() != w.policy {
		t.Errorf("the reader heard of policies %v", changed)
	}
}

func TestAChangeIsOneMessageAndNeedsNoAnswer(t *testing.T) {
	w := started(t)
	before := len(w.published)
	w.controller.add(0, 3)
	w.deliver()
	w.inStep()
	if w.cache.applied != 1 || len(w.published) != before {
		t.Errorf("%d deltas are applied, and the reader said %d things", w.cache.applied, len(w.published)-before)
	}
	w.run(16 * time.Second)
	if w.controller.state.Held.Revision != 3 {
		t.Error("15 s later the controller has not heard of it")
	}
}

func TestMissedChangesAreFetched(t *testing.T) {
	for name, miss := range map[string]func(w *world){
		"the newest, and the head comes": func(w *world) {
			w.controller.change(wire.Change{Tag: wire.Tag{1}})
			w.controller.sendHead()
		},
		"one, and the next comes": func(w *world) {
			w.controller.change(wire.Change{Tag: wire.Tag{1}})
			w.controller.add(1, 1)
		},
		"ten, and a now comes": func(w *world) {
			for i := range 10 {
				w.controller.change(wire.Change{Tag: wire.Tag{byte(i)}})
			}
			w.run(stateEvery)
		},
		"many while away": func(w *world) {
			w.disconnect()
			for i := range 50 {
				w.controller.add(i, 1)
			}
			w.connect()
		},
	} {
		w := started(t)
		w.controller.add(0, 1)
		miss(w)
		w.run(time.Second)
		if w.inStep(); t.Failed() {
			t.Fatal(name)
		}
		if w.cache.begun > 1 {
			t.Errorf("%s: a snapshot is fetched", name)
		}
	}
}

func TestAReaderThatIsFarBehindIsGivenASnapshot(t *testing.T) {
	w := started(t)
	w.disconnect()
	w.controller.add(0, 5)
	w.controller.deltas = nil
	w.controller.makeSnapshot()
	w.connect()
	w.run(time.Second)
	w.inStep()
}

func TestANewEpochIsGoneOverToWithItsKeyAndItsSnapshot(t *testing.T) {
	w := started(t)
	w.controller.add(0, 200)
	w.deliver()
	old := w.cache.held
	w.controller.startEpoch(old.Epoch + 10)
	w.controller.sendHead()
	w.run(time.Second)
	if w.cache.held != old || w.cache.incoming == nil || len(w.cache.parts) == 0 {
		t.Fatalf("without its key the epoch is %v, with %d chunks", w.cache.held, len(w.cache.parts))
	}
	fetched := w.controller.fetched
	w.retained = slices.DeleteFunc(w.retained, func(m Message) bool { return m.Topic == wire.OnKey.Topic(siteName, readerID) })
	w.retained = append(w.retained, Message{wire.OnKey.Topic(siteName, readerID), w.controller.key(), true})
	w.run(25 * time.Second)
	if w.cache.held != old || w.controller.fetched != fetched {
		t.Errorf("while it waits for the key it fetched %d times", w.controller.fetched-fetched)
	}
	w.run(25 * time.Second) // the topic is subscribed to again
	w.inStep()
	if changed := heard[CredentialsChanged](w); !changed[len(changed)-1].Key || changed[len(changed)-1].Held.Epoch != old.Epoch+10 {
		t.Errorf("the reader heard of %+v", changed[len(changed)-1])
	}
	if w.controller.state.Held.Epoch != old.Epoch+10 {
		t.Error("the controller has not heard of it")
	}
}

func TestASnapshotGoesOnAfterACutAndAfterAStart(t *testing.T) {
	for name, interrupt := range map[string]func(*world){
		"cut":   func(w *world) { w.disconnect() },
		"start": func(w *world) { w.disconnect(); w.boot(); w.deliver() },
	} {
		w := newWorld(t)
		w.controller.fill(60000)
		w.controller.publishAll()
		w.connect()
		asked := map[uint32]int{}
		count := func() {
			for _, p := range w.published {
				if _, _, c, _ := wire.ParseTopic(p.Topic); c == wire.OnFetch {
					for _, i := range must(wire.OpenFetch(site, p.Payload, publicKey(readerKey))).Chunks {
						asked[i]++
					}
				}
			}
			w.published = nil
		}
		for len(w.cache.parts) < 100 {
			w.deliverOne()
			if open := len(w.link.fetches.open); open > chunkFetches+1 {
				t.Fatalf("%d fetches are open", open)
			}
		}
		count()
		w.toSite = nil
		held := len(w.cache.parts)
		interrupt(w)
		w.run(time.Minute)
		w.connect()
		w.run(time.Second)
		if w.inStep(); t.Failed() {
			t.Fatal(name)
		}
		count()
		again := 0
		for _, n := range asked {
			if n > 1 {
				again++
			}
		}
		if chunks := w.cache.manifest.Chunks(); len(asked) != chunks || again > chunkLimit || held+again < 100 {
			t.Errorf("%s: %d of %d chunks are asked for, %d twice", name, len(asked), chunks, again)
		}
	}
}

func TestASnapshotThatIsNotKeptAnyMoreIsReplaced(t *testing.T) {
	w := newWorld(t)
	w.controller.fill(5000)
	w.controller.publishAll()
	w.connect()
	for len(w.cache.parts) == 0 {
		w.deliverOne()
	}
	w.controller.add(5000, 1)
	w.controller.makeSnapshot()
	w.run(time.Second)
	w.inStep()
}

func TestAControllerThatHasNothingIsAskedNowAndThen(t *testing.T) {
	w := newWorld(t)
	w.controller.fill(3000)
	w.controller.publishAll()
	snapshot := w.controller.snapshot
	send := w.controller.send
	w.controller.send = func(c wire.Channel, payload []byte, retained bool) {
		if c == wire.OnReply {
			payload = wire.Marshal(&wire.Reply{Number: w.controller.fetched})
		}
		send(c, payload, retained)
	}
	w.connect()
	w.run(10 * time.Minute)
	if n := w.controller.fetched; n < 4 || n > 15 {
		t.Errorf("asked for a snapshot %d times in ten minutes", n)
	}
	w.controller.send = send
	w.run(2 * time.Minute)
	w.inStep()

	// The same for a chunk.
	w.controller.snapshot = snapshot[:1]
	w.cache.damaged[2] = true
	w.controller.send = func(c wire.Channel, payload []byte, retained bool) {
		if c == wire.OnReply {
			payload = wire.Marshal(&wire.Reply{Number: w.controller.fetched})
		}
		send(c, payload, retained)
	}
	fetched := w.controller.fetched
	w.step(Damaged{})
	w.run(10 * time.Minute)
	if n := w.controller.fetched - fetched; n < 4 || n > 20 {
		t.Errorf("asked for a chunk %d times in ten minutes", n)
	}
}

func TestADamagedChunkIsFetchedByItself(t *testing.T) {
	w := newWorld(t)
	w.controller.fill(2000)
	w.controller.publishAll()
	w.connect()
	w.run(time.Second)
	begun, fetched := w.cache.begun, w.controller.fetched
	w.cache.damaged[3] = true
	w.step(Damaged{})
	w.deliver()
	if len(w.cache.damaged) != 0 || w.cache.begun != begun || w.controller.fetched != fetched+1 {
		t.Errorf("damaged are %v, after %d fetches and %d manifests", w.cache.damaged, w.controller.fetched-fetched, w.cache.begun-begun)
	}
	changed := heard[CredentialsChanged](w)
	if len(changed) < 2 || changed[len(changed)-2].Fault == nil || changed[len(changed)-1].Fault != nil {
		t.Errorf("the reader heard of %+v", changed)
	}
	// The snapshot is gone at the controller: a new one takes its place.
	w.controller.add(2000, 1)
	w.controller.makeSnapshot()
	w.cache.damaged[3] = true
	w.step(Damaged{})
	w.run(time.Second)
	w.inStep()
	if len(w.cache.damaged) != 0 {
		t.Error("it stays damaged")
	}
}

func TestWithTooManyDeltasASnapshotIsAskedForWithinTenMinutes(t *testing.T) {
	var waits []time.Duration
	for i := range 5 {
		w := newWorld(t)
		w.connections = uint64(i) // another source of chance
		w.boot()
		w.controller.publishAll()
		w.connect()
		w.run(time.Second)
		w.cache.many = 4
		for i := range 5 {
			w.controller.add(i, 1)
			w.deliver()
		}
		begun, from := w.cache.begun, w.now
		for w.cache.begun == begun && w.now-from <= snapshotWait {
			w.run(time.Second)
		}
		w.inStep()
		if len(w.cache.since) != 0 {
			t.Errorf("%d deltas are left", len(w.cache.since))
		}
		waits = append(waits, w.now-from)
	}
	if slices.Max(waits)-slices.Min(waits) < time.Minute {
		t.Errorf("the waits are %v", waits)
	}
}

func TestAForkIsRecordedAndEndsWithASnapshot(t *testing.T) {
	for name, fork := range map[string]func(*controller){
		"by a head": func(c *controller) {
			c.send(wire.OnHead, sign(wire.KindHead, wire.Position{Epoch: c.position.Epoch, Revision: 2, Hash: wire.Hash{7}}), true)
		},
		"by a delta from here": func(c *controller) {
			c.position.Hash, c.before = wire.Hash{7}, wire.Hash{}
			c.add(5, 1)
		},
		"by a delta to here": func(c *controller) {
			c.position.Revision, c.position.Hash = 1, wire.Hash{7}
			c.send(wire.OnCredentials, c.change(wire.Change{Tag: wire.Tag{9}}), false)
		},
	} {
		w := started(t)
		w.controller.add(0, 2)
		w.deliver()
		fork(w.controller)
		w.controller.makeSnapshot()
		w.run(time.Minute)
		forks := heard[Forked](w)
		if len(forks) != 1 || forks[0].Position.Revision != 2 {
			t.Errorf("%s: the reader heard of %v", name, forks)
		}
		if name == "by a head" {
			continue // the controller itself does not know of it
		}
		if w.inStep(); t.Failed() {
			t.Fatal(name)
		}
		if w.link.log.forked != (wire.Position{}) {
			t.Errorf("%s: it is still forked", name)
		}
	}
}

func TestAControllerThatLostPartOfItsLogIsShownItsHead(t *testing.T) {
	w := started(t)
	w.controller.add(0, 2)
	w.deliver()
	backup := *w.controller
	backup.deltas = slices.Clone(w.controller.deltas)
	w.controller.add(2, 1)
	w.run(time.Second)
	w.controller.position, w.controller.before, w.controller.deltas = backup.position, backup.before, backup.deltas
	tag, _ := credential(2)
	delete(w.controller.content, tag)
	w.run(2 * time.Minute)
	if !w.controller.forkedLog {
		t.Error("it does not notice")
	}
	w.inStep()
}

func TestADiskThatFailsIsTriedAgain(t *testing.T) {
	full := errors.New("no space left on device")
	w := newWorld(t)
	w.cache.fails, w.fails = full, full
	w.controller.fill(100)
	w.controller.publishAll()
	w.connect()
	w.run(10 * time.Minute)
	if fetches := w.controller.fetched; fetches > 15 || w.cache.held.Epoch != 0 {
		t.Errorf("%d fetches, %v is held", fetches, w.cache.held)
	}
	if reasons := w.refusedSince(0); len(reasons) > 0 {
		t.Errorf("messages are refused: %q", reasons)
	}
	w.cache.fails, w.fails = nil, nil
	w.run(3 * time.Minute)
	w.inStep()
	w.cache.fails = full
	w.controller.add(100, 1)
	w.run(time.Minute)
	w.cache.fails = nil
	w.run(3 * time.Minute)
	w.inStep()
}

func TestAPolicyThatGotLostIsAskedForAgain(t *testing.T) {
	w := started(t)
	newer := *w.controller.policy
	newer.Revision++
	w.controller.policy = &newer
	w.retained = slices.DeleteFunc(w.retained, func(m Message) bool { return m.Topic == wire.OnPolicy.Topic(siteName, readerID) })
	w.retained = append(w.retained, Message{wire.OnPolicy.Topic(siteName, readerID), sign(wire.KindPolicy, &newer), true})
	w.run(stateEvery + policyWait + time.Second)
	w.inStep()
	if w.controller.state.PolicyRevision != newer.Revision {
		t.Error("the controller has not heard that it is in force")
	}
}

func TestAPolicyBelowTheJournalsIsRefusedThoughTheFileOfTheNewerOneIsLost(t *testing.T) {
	w := newWorld(t)
	o := w.options()
	o.PolicyFloor = w.controller.policy.Revision
	w.link, _ = New(o) // its file cannot be read: no revision is in force
	for _, test := range []struct {
		revision uint64
		refused  bool
	}{{1, true}, {o.PolicyFloor - 1, true}, {o.PolicyFloor, false}} {
		older := *w.controller.policy
		older.Revision = test.revision
		err := w.link.takePolicy(sign(wire.KindPolicy, &older))
		if (err != nil) != test.refused {
			t.Errorf("revision %d: %v", test.revision, err)
		}
	}
}
