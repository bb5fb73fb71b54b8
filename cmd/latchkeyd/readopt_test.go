package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/cmd/latchkeyd/internal/status"
	"latchkey/cmd/latchkeyd/internal/supervision"
	"latchkey/device"
	"latchkey/device/journal"
	"latchkey/sync/wire"
)

func TestAReaderThatIsAdoptedAnewReleasesItsStrike(t *testing.T) {
	t.Parallel()
	site := adaAndBob(t)
	reader := site.adopt(t, "front-door")
	do(t, "", "latchkey-controller", "policy", "--dir", site.dir, "front-door", "set", "--unlock", "60", "--extended", "60")
	site.bundle(t, reader, "front-door")
	do(t, "", "latchkeyd", "adopt", "--data", reader.data(), reader.path("bundle"))
	reader.start()
	reader.showCard(bobUID)
	reader.opens("a card, for a minute,")
	site.bundle(t, reader, "front-door")
	do(t, "", "latchkeyd", "adopt", "--data", reader.data(), reader.path("bundle"))
	reader.closed() // within half of that minute
}

func TestRootLeavesADataDirectoryToItsOwner(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root could take a directory from its owner")
	}
	const service = 64321
	site := adaAndBob(t)
	dir, err := os.MkdirTemp("", "latchkey-owner-*") // which others may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	data := filepath.Join(dir, "data")
	if err := errors.Join(os.Chmod(dir, 0o755), os.Mkdir(data, 0o700), os.Chown(data, service, service)); err != nil {
		t.Fatal(err)
	}
	request, bundle := filepath.Join(data, "request"), filepath.Join(t.TempDir(), "bundle")
	for range 2 { // the second time there is all of it already
		do(t, "", "latchkeyd", "identity", "--data", data, "--out", request)
		do(t, "", "latchkey-controller", "reader", "add", "--dir", site.dir, "--reader", "front-door", "--door", "Front door", "--group", "everyone", "--request", request, "--out", bundle)
		do(t, "", "latchkeyd", "adopt", "--data", data, bundle)
	}
	files := 0
	err = filepath.WalkDir(data, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		files++
		if uid, gid, err := owner(path); err != nil || uid != service || gid != service {
			t.Errorf("%s belongs to %d:%d %v", path, uid, gid, err)
		}
		return nil
	})
	if err != nil || files < 7 {
		t.Errorf("%d files and directories, %v", files, err)
	}
}

func TestAnAdoptionThatIsRefusedIsShownByTheStatus(t *testing.T) {
	t.Parallel()
	reader := adaAndBob(t).adopt(t, "front-door")
	reader.start()
	reader.begun()
	if err := os.WriteFile(filepath.Join(reader.data(), "adoption.cbor"), []byte("no bundle"), 0o600); err != nil {
		t.Fatal(err)
	}
	reader.eventually("the status tells", func() bool {
		text, _ := reader.status()["health"].(map[string]any)["adoption"].(string)
		return strings.Contains(text, "refused")
	})
	reader.showCard(bobUID)
	reader.opens("a card all the same")
}

// pending returns a loop that has charged a PIN and waits for its outcome.
func pending(t *testing.T, adopted <-chan struct{}, answers <-chan device.Event) *loop {
	t.Helper()
	policy, err := device.LoadPolicy(&wire.Policy{
		Reader: "front-door", Revision: 1, Door: "Front door", TimeZone: "UTC", PIN: true,
		Limit: 10, Unlock: 5, Extended: 5, Access: []wire.Access{{Group: wire.Everyone}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var durable device.Durable
	events := journal.Open(journal.Options{Dir: t.TempDir(), Fresh: true, Fold: &durable})
	t.Cleanup(func() { events.Close() })
	l := &loop{
		lookups: new(status.Lookups),
		clock:   newClock(time.Unix(0, 0)), instruments: &instruments{slots: new(slots), stopwatch: new(status.Stopwatch), parts: supervision.NewParts(nil, nil, nil)}, answers: answers, adopted: adopted,
		journal: journal.NewWriter(events, func(journal.Stored) {}), storing: new(supervision.Task), recent: new(recent), report: func(device.State) {},
		workers: map[wire.CredentialKind]*worker{wire.PIN: {task: new(supervision.Task), jobs: make(chan *job, 1)}},
	}
	held := device.Held{Epoch: 1, Revision: 1}
	l.brain, _ = device.New(durable, device.Start{Reader: "front-door", Site: wire.SiteID{1}, Policy: policy, Held: held, NewJournal: true}, l.clock.now())
	l.carryOut(l.brain.Step(l.clock.now(), device.Stored{Batch: 1}))
	l.carryOut(l.brain.Step(l.clock.now(), device.Presented{Kind: wire.PIN}))
	if l.brain.Durable().Pending == 0 {
		t.Fatal("the PIN is not charged")
	}
	return l
}

func TestAnAdoptionWaitsForThePINThatIsBeingChecked(t *testing.T) {
	adopted, answers := make(chan struct{}, 1), make(chan device.Event)
	adopted <- struct{}{}
	l := pending(t, adopted, answers)
	seq := l.brain.Durable().Pending
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { ended <- l.run(ctx, nil) }()
	for _, answer := range []device.Event{
		device.Identified{Kind: wire.PIN, Seq: seq, Outcome: device.Unknown},
		device.Stored{Batch: 2}, // the charge
	} {
		select {
		case err := <-ended:
			t.Fatalf("ended before the PIN was decided: %v", err)
		case answers <- answer:
		}
	}
	if err := <-ended; !errors.Is(err, errAdopted) {
		t.Error(err)
	}
	if d := l.brain.Durable(); d.Pending != 0 || d.Wrong != 1 {
		t.Errorf("the PIN was not counted: %+v", d)
	}
}

func TestWhatWasKnownAtTheStartGivesWayToWhatWasSaidSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 20 {
			l := pending(t, nil, nil)
			var now device.State
			l.report = func(state device.State) { now = state }
			l.instruments.events = make(chan device.Event, 1)
			l.waiting = []device.Event{device.Health{Subject: device.SubjectNFC, Condition: device.Good}}
			l.instruments.events <- device.Health{Subject: device.SubjectNFC, Condition: device.Failed, Text: "no answer"}
			ctx, cancel := context.WithCancel(t.Context())
			go l.run(ctx, nil)
			synctest.Wait()
			cancel()
			synctest.Wait()
			if now.Health[device.SubjectNFC] != device.Failed {
				t.Fatalf("the card reader has failed, and the reader says %q", now.Card)
			}
		}
	})
}

func TestAnotherSiteAdoptsAReaderWhateverTheOneBeforeHadReached(t *testing.T) {
	t.Parallel()
	next := adaAndBob(t)
	time.Sleep(1100 * time.Millisecond) // an epoch is no lower than its second
	first := adaAndBob(t)               // so its epoch is above the next one's
	reader := first.adopt(t, "front-door")
	reader.start()
	reader.opensByCard(bobUID, "a card of the first site")
	reader.kill()
	next.bundle(t, reader, "front-door")
	do(t, "", "latchkeyd", "adopt", "--data", reader.data(), "--replace-site", reader.path("bundle"))
	if held, err := readSite(reader.data()); err != nil || !held.Replaced {
		t.Errorf("%+v, %v", held, err)
	}
	reader.start()
	reader.eventually("the reader takes PINs and cards", func() bool {
		return reader.status()["card"] == "on" && reader.status()["pin"] == "on"
	})
	reader.opensByCard(bobUID, "a card of the next site")
	reader.eventually("the change of the site is noted", func() bool {
		held, err := readSite(reader.data())
		return err == nil && !held.Replaced
	})
}
