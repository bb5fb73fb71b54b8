package tests

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"latchkey/device/cache"
	"latchkey/device/pin/tpm"
	"latchkey/device/pin/tpm/swtpm"
	"latchkey/sync/wire"
)

// withTPM makes a reader that is not adopted yet, with a TPM.
func withTPM(t testing.TB, id string, chip *swtpm.Chip) *testReader {
	t.Helper()
	r := newReader(t, id)
	b, err := os.ReadFile(r.config())
	if err != nil {
		t.Fatal(err)
	}
	r.configure(string(b) + "\n[key]\ntpm = " + strconv.Quote(chip.Path) + "\n")
	return r
}

// adoptRunning has a site adopt a reader that runs, by two files.
func (s *testSite) adoptRunning(t testing.TB, r *testReader, id string) {
	t.Helper()
	do(t, "", "latchkeyd", "identity", "--config", r.config(), "--out", r.path("request"))
	s.bundle(t, r, id)
	do(t, "", "latchkeyd", "adopt", "--data", r.data(), r.path("bundle"))
}

// budget is what a reader says of its TPM: how many PINs it has checked, and may.
func (r *testReader) budget() (spent, limit float64) {
	r.t.Helper()
	budget, _ := r.status()["tpm"].(map[string]any)
	spent, _ = budget["spent"].(float64)
	limit, _ = budget["limit"].(float64)
	return spent, limit
}

func (r *testReader) pinOpens(pin, how string) {
	r.t.Helper()
	r.typePIN(pin)
	r.opens(how)
	r.closed()
}

// One site, a reader with a TPM and one without; one delta serves both.
func TestAReaderWithATPMAndOneWithoutAtOneSite(t *testing.T) {
	t.Parallel()
	c := adaAndBobLinked(t, true) // only with Mosquitto, which is told of new readers while it runs: the controller's own broker need not be
	c.startBroker()
	c.serve()
	// The site trusts a maker of TPMs: a chip that nobody has certified is not adopted.
	maker := swtpm.NewMaker(t)
	chip := maker.New()
	c.tell("", "tpm-authority", "add", maker.Authority())
	nobodys := withTPM(t, "side-door", swtpm.New(t))
	do(t, "", "latchkeyd", "identity", "--config", nobodys.config(), "--out", nobodys.path("request"))
	if _, sorry, err := try(t, "", "latchkey-controller", "reader", "add", "--dir", c.dir, "--reader", "side-door", "--group", "everyone", "--request", nobodys.path("request"), "--out", nobodys.path("bundle")); err == nil || !strings.Contains(sorry, "TPM has no certificate of its maker") {
		t.Errorf("%v: %s", err, sorry)
	}
	front := withTPM(t, "front-door", chip)
	front.start()
	c.adoptRunning(t, front, "front-door")
	c.knowReaders()
	back := c.adopt(t, "back-door")
	back.start()
	front.linked()
	back.linked()
	front.pinOpens(adaPIN, "Ada's PIN, checked by the TPM,")
	front.opensByCard(bobUID, "Bob's card")
	front.closed()
	back.pinOpens(adaPIN, "Ada's PIN, with the key in a file,")

	c.addPIN(t, "Grace Hopper", gracePIN)
	for _, r := range []*testReader{front, back} {
		r.eventually("the delta has come", func() bool { return r.revision() == back.revision() && r.offers("pin") })
		r.pinOpens(gracePIN, "a PIN that came by a delta")
	}
	if spent, limit := front.budget(); spent != 2 || limit != 500 {
		t.Errorf("the TPM has checked %v of %v PINs", spent, limit)
	}
	front.wrong(wrongPIN)
	front.eventually("the TPM has counted that", func() bool { spent, _ := front.budget(); return spent == 3 })

	// A power cut of both, and the TPM comes late.
	front.kill()
	chip.Cut()
	front.start()
	front.eventually("there is no TPM: no PIN", func() bool { return !front.offers("pin") })
	chip.Power("startup-clear")
	front.eventually("the TPM has come", func() bool { return front.offers("pin") })
	front.pinOpens(adaPIN, "Ada's PIN, after a power cut,")

	// No key of the site is on the disk.
	key, err := cache.ReadKey(front.keyFile())
	if err != nil || key.TPM == nil || key.PIN != nil || key.Card != nil || key.TPM.Activation == nil {
		t.Error("keys in the clear, or for a TPM that nobody has certified", err)
	}

	// The back door's thief would have all PINs.
	c.tell("", "settings", "set", "--pins", "tpm-only")
	back.eventually("the reader without a TPM offers no PIN any more", func() bool { return !back.offers("pin") })
	back.opensByCard(bobUID, "Bob's card")
	front.eventually("the reader with a TPM has the new epoch's keys", func() bool { return front.status()["epoch"] == back.status()["epoch"] && front.offers("pin") })
	front.pinOpens(adaPIN, "Ada's PIN, in the new epoch,")
	for _, r := range []*testReader{front, back} {
		if key, err := cache.ReadKey(r.keyFile()); err != nil || key.PIN != nil {
			t.Error("a PIN key in a file", err)
		}
	}
}

// keyFile is the key file of the newest epoch.
func (r *testReader) keyFile() string {
	r.t.Helper()
	names, err := filepath.Glob(filepath.Join(r.data(), "epoch-*", "key"))
	if err != nil || len(names) != 1 {
		r.t.Fatal(names, err)
	}
	return names[0]
}

// The thief has root, the disk, and the chip: all that the reader has. What the TPM counts
// bounds what he gets out of it.
func TestAThiefOfAReaderGetsNoMoreAnswersThanItsBudget(t *testing.T) {
	t.Parallel()
	c := adaAndBobLinked(t, false)
	c.tell("", "settings", "set", "--guess-budget", "20")
	c.serve()
	chip := swtpm.New(t)
	reader := withTPM(t, "front-door", chip)
	reader.start()
	c.adoptRunning(t, reader, "front-door")
	reader.linked()
	for range 3 {
		reader.pinOpens(adaPIN, "Ada's PIN")
	}
	spent, limit := reader.budget()
	reader.kill()
	keys, err := cache.ReadKey(reader.keyFile())
	if err != nil {
		t.Fatal(err)
	}
	thief := tpm.Open(chip.Path)
	defer thief.Close()
	ctx := context.Background()
	if err := thief.Use(ctx, keys.TPM); err != nil {
		t.Fatal(err)
	}
	answers := 0.0
	var material [32]byte
	for ; ; answers++ {
		rand.Read(material[:])
		if _, err := thief.Tag(ctx, wire.PIN, material[:]); errors.Is(err, tpm.ErrSpent) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if answers > limit {
			t.Fatal("the budget does not end")
		}
	}
	if answers != limit-spent {
		t.Errorf("the thief got %v answers, %v of %v were left", answers, limit-spent, limit)
	}

	// He brings it back. It tells.
	reader.start()
	reader.linked()
	reader.eventually("the journal tells", func() bool { return c.kinds()["budget.overspent"] == 1 })
	// Nobody gives him more for what he has spent.
	reader.eventually("PIN is out of service", func() bool { return !reader.offers("pin") })
	reader.opensByCard(bobUID, "Bob's card")
}
