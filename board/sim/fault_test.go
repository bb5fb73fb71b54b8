package sim

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestNoiseHitsTheShareOfBytesAskedForWhateverTheTransfers(t *testing.T) {
	const total = 1 << 20
	for _, size := range []int{1, 7, 4096} {
		n := &noise{rng: rand.New(rand.NewPCG(1, 2))}
		hits, p := 0, make([]byte, size)
		for range total / size {
			for _, v := range n.over(p, 0.001) {
				if v != 0 {
					hits++
				}
				if v&(v-1) != 0 {
					t.Fatalf("%08b: more than one bit flipped", v)
				}
			}
		}
		if hits < 900 || hits > 1200 {
			t.Errorf("%d bytes at a time: %d of %d hit, want one in 1,000", size, hits, total)
		}
		if p[0] != 0 {
			t.Error("the sender's bytes were changed")
		}
	}
	every := &noise{rng: rand.New(rand.NewPCG(1, 2))}
	if out := every.over(make([]byte, 100), 1); bytes.IndexByte(out, 0) >= 0 {
		t.Errorf("a share of 1 left bytes alone: % X", out)
	}
}

func TestTheSameSeedFlipsTheSameBitsWhateverElseHappensOnTheBoard(t *testing.T) {
	heard := func(seed uint64, busy bool) []byte {
		b := New(&Options{Seed: seed})
		defer b.Close()
		c := connect(t, b, "touch", 1_000_000_000_000)
		panel := connect(t, b, "panel", 1_000_000_000_000)
		for _, chip := range []string{"touch", "panel"} {
			if err := b.SetFault(chip, Fault{Noise: 0.05}); err != nil {
				t.Fatal(err)
			}
		}
		b.mu.Lock()
		b.touch.fault.Stuck = true // it says nothing: what is heard is noise
		b.mu.Unlock()
		var out []byte
		for range 50 {
			r := make([]byte, 20)
			if err := c.Tx(make([]byte, 20), r); err != nil {
				t.Fatal(err)
			}
			out = append(out, r...)
			if busy {
				panel.Tx(make([]byte, 33), nil)
			}
		}
		return out
	}
	one := heard(5, false)
	if !bytes.Equal(one, heard(5, true)) {
		t.Error("the same seed gave other noise")
	}
	if bytes.Equal(one, heard(6, false)) {
		t.Error("another seed gave the same noise")
	}
}

func TestAFaultBeginsAndEndsWhenPlanned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(nil)
		defer b.Close()
		state := func(name string) FaultState {
			for _, f := range b.Faults() {
				if f.Name == name {
					return f
				}
			}
			t.Fatalf("no fault %s", name)
			return FaultState{}
		}
		inject := func(name string, i Injection) {
			t.Helper()
			if err := b.Inject(name, i); err != nil {
				t.Fatal(err)
			}
		}
		inject("nfc-absent", Injection{Active: true, After: time.Minute, For: time.Hour})
		time.Sleep(59 * time.Second)
		if state("nfc-absent").Active {
			t.Error("it began too soon")
		}
		time.Sleep(time.Second + 1)
		if f := state("nfc-absent"); !f.Active || f.Left <= 59*time.Minute {
			t.Errorf("after a minute %+v", f)
		}
		inject("nfc-noise", Injection{Active: true, Amount: 0.25})
		time.Sleep(time.Hour)
		if state("nfc-absent").Active {
			t.Error("it did not end")
		}
		if f := state("nfc-noise"); !f.Active || f.Amount != 0.25 || f.Left != 0 {
			t.Errorf("the end of one fault changed another: %+v", f)
		}

		// A later word voids an earlier plan.
		inject("touch-stuck", Injection{Active: true, For: time.Minute})
		inject("touch-stuck", Injection{Active: true})
		inject("panel-stuck", Injection{Active: true, After: time.Minute})
		inject("panel-stuck", Injection{})
		time.Sleep(time.Hour)
		if !state("touch-stuck").Active || state("panel-stuck").Active {
			t.Errorf("%+v, %+v", state("touch-stuck"), state("panel-stuck"))
		}
	})
}

func TestWhatNoFaultCanBeIsRefused(t *testing.T) {
	b := New(nil)
	for name, i := range map[string]Injection{
		"nfc-noise":    {Active: true, Amount: 1.5},
		"nfc-absent":   {Active: true, Amount: 1},
		"touch-ghosts": {Active: true, Amount: -1},
		"panel-reset":  {Active: true, Amount: maxResets + 1},
		"strike-fails": {Active: true, For: -1},
	} {
		if err := b.Inject(name, i); !errors.Is(err, ErrAmount) {
			t.Errorf("%s %+v: %v", name, i, err)
		}
	}
	if err := b.Inject("moon-absent", Injection{Active: true}); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("a fault of no chip: %v", err)
	}
	if err := b.SetFault("nfc", Fault{ShortFrames: -0.1}); err == nil {
		t.Error("a negative share was taken")
	}
	for _, f := range b.Faults() {
		if f.Active {
			t.Errorf("a refused fault is there: %+v", f)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Inject("nfc-noise", Injection{Active: true}); err == nil {
		t.Error("a closed board took a fault")
	}
}

func TestAChipResetsByItselfAsOftenAsAsked(t *testing.T) {
	onNFC(t, NFCOptions{}, func(n *nfcRig) {
		if err := n.b.Inject("nfc-reset", Injection{Active: true, Amount: 6}); err != nil {
			t.Fatal(err)
		}
		resets := 0
		for range 60 * 60 * 10 {
			n.b.mu.Lock()
			if n.b.nfc.lowVbat {
				resets++
				n.b.nfc.lowVbat = false
			}
			n.b.mu.Unlock()
			time.Sleep(100 * time.Millisecond)
		}
		if resets < 280 || resets > 440 {
			t.Errorf("%d resets in an hour, want about 360", resets)
		}
		n.b.Inject("nfc-reset", Injection{})
		n.up()
		time.Sleep(time.Hour)
		n.wants([]byte{0x03, 0x32, 0x01, 0x06, 0x07}, 0x02)
		n.b.Inject("nfc-reset", Injection{Active: true}) // once
		n.write(frameOf(0x02)...)
		if n.wait(100 * time.Millisecond) {
			t.Error("a chip that was reset answered without being woken")
		}
		for _, f := range n.b.Faults() {
			if f.Active {
				t.Errorf("a single reset lasts: %+v", f)
			}
		}
		n.clean()
	})
}

func TestAStrikeWhoseLineFailsSaysSoAndKeepsItsLevel(t *testing.T) {
	b := New(nil)
	defer b.Close()
	strike, err := b.Output("strike")
	if err != nil {
		t.Fatal(err)
	}
	strike.SetValue(1)
	if err := b.Inject("strike-fails", Injection{Active: true}); err != nil {
		t.Fatal(err)
	}
	if err := strike.SetValue(0); !errors.Is(err, syscall.EIO) {
		t.Errorf("the line took it: %v", err)
	}
	if !b.Line("strike") {
		t.Error("the level changed")
	}
	buzzer, err := b.Output("buzzer")
	if err != nil {
		t.Fatal(err)
	}
	if err := buzzer.SetValue(1); err != nil {
		t.Errorf("another line fails too: %v", err)
	}
	b.Inject("strike-fails", Injection{})
	if err := strike.SetValue(0); err != nil || b.Line("strike") {
		t.Errorf("after the fault: %v", err)
	}
}

func TestWhatADriverDoesBecauseOfAFaultIsNotHeldAgainstItForFiveSeconds(t *testing.T) {
	onNFC(t, NFCOptions{}, func(n *nfcRig) {
		n.up()
		n.b.ResetChip("nfc")
		n.write(frameOf(0x02)...) // to a chip that sleeps
		n.clean()
		time.Sleep(recovery)
		n.write(frameOf(0x02)...)
		if v := strings.Join(n.b.Violations(), ""); !strings.Contains(v, "while the chip sleeps") {
			t.Errorf("after five seconds: %q", v)
		}
	})
}

func TestATransferOnABusThatHangsEndsWithTheFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(nil)
		defer b.Close()
		c := connect(t, b, "touch", 1_000_000_000_000)
		if err := b.Inject("touch-hung", Injection{Active: true, For: time.Hour}); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if err := c.Tx(make([]byte, 3), make([]byte, 3)); err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took != time.Hour {
			t.Errorf("it came back after %s", took)
		}
	})
}
