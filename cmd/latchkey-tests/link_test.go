package tests

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	gracePIN = "55280417"
	carolUID = "04112233445566"
)

// linked waits until the controller has answered the reader. Without a broker it
// tries ever more rarely.
func (r *testReader) linked() {
	r.t.Helper()
	r.within(3*time.Minute, "the link is up", func() bool { return r.status()["link"] == "up" })
}

// revision is the reader's place in the credential log.
func (r *testReader) revision() float64 { return r.status()["revision"].(float64) }

// offers says whether the screen offers a control.
func (r *testReader) offers(name string) bool {
	r.t.Helper()
	var controls []control
	r.call("GET", "/api/controls", nil, &controls)
	return slices.ContainsFunc(controls, func(c control) bool { return c.Name == name })
}

func TestWhatTheControllerIsToldTheRunningReaderDoes(t *testing.T) {
	t.Parallel()
	onBothBrokers(t, func(t *testing.T, c *controller) {
		reader := c.adopt(t, "front-door")
		reader.start()
		reader.linked()
		if trusted := reader.status()["clock_trusted"]; trusted != true {
			t.Error("the controller has answered, and its time is not taken")
		}

		c.addPIN(t, "Grace Hopper", gracePIN)
		reader.eventually("the new PIN has arrived", func() bool { return reader.revision() == 3 })
		reader.typePIN(gracePIN)
		reader.opens("a PIN that was added while the reader runs")
		reader.closed()

		c.tell("", "policy", "front-door", "set", "--pin", "off")
		reader.eventually("the PIN button goes", func() bool { return !reader.offers("pin") })
		c.tell("", "policy", "front-door", "set", "--pin", "on", "--limit", "2")
		reader.eventually("the PIN button comes", func() bool { return reader.offers("pin") })

		reader.wrong(wrongPIN)
		reader.wrong(wrongPIN)
		if !reader.locked() {
			t.Fatal("the policy's limit does not hold")
		}
		c.tell("", "unlock", "front-door", "--by", "Olga Owner")
		reader.opens("a remote unlock")
		reader.eventually("the remote unlock ends the lockout", func() bool { return !reader.locked() })
		reader.closed()

		epoch := reader.status()["epoch"]
		c.tell("", "site", "rekey")
		reader.eventually("the new epoch is held", func() bool { return reader.status()["epoch"] != epoch })
		reader.typePIN(gracePIN)
		reader.opens("a PIN under a new site key")
		reader.closed()

		before := reader.revision()
		c.tell("", "user", "pin", "Grace Hopper", "remove")
		reader.eventually("the PIN is gone", func() bool { return reader.revision() > before })
		reader.wrong(gracePIN)
		noPINInClear(t, reader, adaPIN, gracePIN, wrongPIN)
	})
}

func TestAnEnrolledCardOpensNothingUntilItIsSomebodys(t *testing.T) {
	t.Parallel()
	onBothBrokers(t, func(t *testing.T, c *controller) {
		reader := c.adopt(t, "front-door")
		reader.start()
		reader.linked()
		reader.eventually("the reader is at home", func() bool { return reader.offers("pin") })
		enrolled := make(chan struct{})
		go func() {
			defer close(enrolled) // if that failed, too
			c.tell(carolUID[len(carolUID)-4:], "user", "card", "Ada Lovelace", "enrol", "front-door")
		}()
		reader.eventually("the reader asks for the card", func() bool { return !reader.offers("pin") })
		reader.showCard(carolUID)
		<-enrolled
		if kinds := c.kinds(); kinds["access.granted"] != 0 || kinds["command.done"] != 1 {
			t.Errorf("enrolling led to %v", kinds)
		}
		reader.eventually("the card is Ada's", func() bool { return reader.revision() == 3 })
		reader.cardOpens(carolUID, "the enrolled card")
	})
}

// kinds counts what the controller has of each kind of record.
func (c *controller) kinds() map[string]int {
	kinds := map[string]int{}
	for _, journal := range c.records() {
		for _, r := range journal {
			kinds[r.Kind]++
		}
	}
	return kinds
}

func TestRecordsOfADoorWithoutALinkArriveOnceEach(t *testing.T) {
	t.Parallel()
	c := adaAndBobLinked(t, true)
	reader := c.adopt(t, "front-door")
	reader.start()
	reader.opensByCard(bobUID, "a card, though there never was a link,")
	c.startBroker()
	c.serve()
	reader.linked()
	c.stopBroker()
	for range 3 {
		reader.typePIN(adaPIN)
		reader.opens("a PIN, though the broker is gone,")
		reader.closed()
	}
	c.startBroker()
	reader.linked()
	c.complete(reader)
	if kinds := c.kinds(); kinds["access.granted"] != 4 {
		t.Errorf("not four grants: %v", kinds)
	}
}

// complete waits until the controller has all records of the reader's journal,
// and checks that it has each once.
func (c *controller) complete(reader *testReader) {
	c.t.Helper()
	reader.eventually("the controller has all records", func() bool {
		if reader.figures()["records_waiting"].(float64) > 0 {
			return false
		}
		var readers []struct{ Live struct{ Online bool } }
		if err := json.Unmarshal([]byte(c.tell("", "reader", "list", "--json")), &readers); err != nil {
			c.t.Fatal(err)
		}
		return readers[0].Live.Online && len(c.all()) > 0
	})
	for journal, records := range c.records() {
		for i, r := range records {
			if r.Number != uint64(i+1) {
				c.t.Errorf("journal %s: record %d stands where %d should", journal, r.Number, i+1)
			}
		}
	}
	c.tell("", "check")
}

// all returns all records of all journals.
func (c *controller) all() []record {
	return slices.Concat(slices.Collect(maps.Values(c.records()))...)
}

func TestADamagedPartOfTheCredentialsIsPutRightByTheLink(t *testing.T) {
	t.Parallel()
	c := adaAndBobLinked(t, false)
	c.serve()
	reader := c.adopt(t, "front-door")
	files, err := filepath.Glob(filepath.Join(reader.data(), "epoch-*", "credentials.cbor"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v: %v", files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-4] ^= 1
	if err := os.WriteFile(files[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	reader.start()
	reader.eventually("the damage is found and put right", func() bool {
		kinds := c.kinds()
		return kinds["cache.damaged"] == 1 && reader.status()["health"].(map[string]any)["cache"] == nil
	})
	reader.typePIN(adaPIN)
	reader.opens("a PIN")
}

func TestADamagedOrExposedSiteKeyIsSaidChargesNobodyAndIsPutRightByTheLink(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		spoil func(path string, key []byte) error
		said  string
	}{
		{func(path string, key []byte) error { key[9] ^= 4; return os.WriteFile(path, key, 0o600) }, "is damaged"},
		{func(path string, _ []byte) error { return os.Chmod(path, 0o640) }, "others could read the keys: start an epoch"},
	} {
		t.Run(test.said, func(t *testing.T) {
			t.Parallel()
			c := adaAndBobLinked(t, false)
			reader := c.adopt(t, "front-door")
			files, err := filepath.Glob(filepath.Join(reader.data(), "epoch-*", "key"))
			if err != nil || len(files) != 1 {
				t.Fatalf("%v: %v", files, err)
			}
			if err := test.spoil(files[0], readAll(t, files[0])); err != nil {
				t.Fatal(err)
			}
			reader.start()
			reader.eventually("the fault is said", func() bool {
				said, _ := reader.status()["health"].(map[string]any)["key"].(string)
				return strings.Contains(said, test.said)
			})
			reader.eventually("neither PIN nor card is taken for it", func() bool { // until the start is stored it is for that
				status := reader.status()
				return status["pin"] == "key" && status["card"] == "key" && !reader.offers("pin")
			})
			reader.showCard(bobUID)
			c.startBroker()
			c.serve()
			reader.linked()
			reader.eventually("the key is put right", func() bool { return reader.status()["pin"] == "on" })
			if status := reader.status(); status["health"].(map[string]any)["key"] != nil || status["wrong"].(float64) != 0 {
				t.Errorf("after the key has come: %v", status)
			}
			reader.typePIN(adaPIN)
			reader.opens("a PIN")
			c.complete(reader)
			if kinds := c.kinds(); kinds["health.changed"] != 2 || kinds["access.denied"] != 1 || kinds["attempt.unknown"] != 0 {
				t.Errorf("the controller has %v", kinds)
			}
		})
	}
}

func TestAReaderThatLostItsCredentialsFetchesThem(t *testing.T) {
	t.Parallel()
	c := adaAndBobLinked(t, false)
	c.serve()
	reader := c.adopt(t, "front-door")
	reader.start()
	reader.begun()
	reader.kill()
	epochs, err := filepath.Glob(filepath.Join(reader.data(), "epoch-*"))
	if err != nil || len(epochs) != 1 {
		t.Fatalf("%v: %v", epochs, err)
	}
	if err := os.RemoveAll(epochs[0]); err != nil {
		t.Fatal(err)
	}
	reader.start()
	reader.eventually("the credentials are back", func() bool { return reader.revision() == 2 && reader.status()["pin"] == "on" })
	reader.typePIN(adaPIN)
	reader.opens("a PIN")
	c.complete(reader)
	if kinds := c.kinds(); kinds["cache.damaged"] != 1 {
		t.Errorf("nobody is told: %v", kinds)
	}
}

func TestCredentialsThatADiskWithoutRoomDidNotTakeComeWhenThereIsSome(t *testing.T) {
	t.Parallel()
	c := adaAndBobLinked(t, false)
	c.serve()
	reader := c.adopt(t, "front-door")
	reader.start()
	reader.linked()
	reader.full(1)
	c.addPIN(t, "Grace Hopper", gracePIN)
	reader.opensByCard(bobUID, "a card, though the disk is full,")
	if at := reader.revision(); at != 2 {
		t.Fatalf("revision %v on a disk without room", at)
	}
	reader.full(unix.RLIM_INFINITY)
	reader.eventually("the new PIN has arrived", func() bool { return reader.revision() == 3 })
	reader.eventually("PIN works again", func() bool { return reader.status()["pin"] == "on" })
	reader.typePIN(gracePIN)
	reader.opens("the new PIN")
	c.complete(reader)
}
