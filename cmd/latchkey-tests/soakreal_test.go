package tests

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	soakReal = flag.Duration("soak-real", 0, "how long the soak of the real program lasts; 0 leaves it out")
	soakSeed = flag.Uint64("soak-seed", 1, "of what people and faults do in the soak")
)

// processFigure reads a figure in kB, as VmRSS, of the reader's process.
func (r *testReader) processFigure(name string) int {
	r.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.cmd.Process.Pid))
	if err != nil {
		r.t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, found := strings.CutPrefix(line, name+":"); found {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				r.t.Fatal(err)
			}
			return n
		}
	}
	r.t.Fatalf("no %s", name)
	return 0
}

func (r *testReader) processFiles() int {
	r.t.Helper()
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", r.cmd.Process.Pid))
	if err != nil {
		r.t.Fatal(err)
	}
	return len(all)
}

// opensByPIN types the PIN until it opens. On a machine that is busy with other
// things a finger may be too short to be felt.
func (r *testReader) opensByPIN() {
	r.t.Helper()
	for range 5 {
		r.eventually("PIN is offered", func() bool { return r.tryTap("pin") })
		for _, digit := range adaPIN {
			r.tryTap("digit-" + string(digit))
		}
		for range 50 {
			if r.line("strike") {
				r.closed()
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		r.tryTap("cancel")
	}
	r.t.Errorf("a PIN does not open: %s", r.log.String())
}

// settle is how long the process is left alone before it is measured.
const settle = 10 * time.Second

func TestTheRealProgramGoesOnForHoursWhateverHappensToItsChips(t *testing.T) {
	if *soakReal == 0 {
		t.Skip("takes the time that -soak-real says")
	}
	reader := adaAndBob(t).adopt(t, "front-door")
	reader.start()
	reader.opensByPIN()
	time.Sleep(settle)
	files, resident := reader.processFiles(), reader.processFigure("VmRSS")

	var faults []struct{ Name string }
	reader.call("GET", "/api/faults", nil, &faults)
	faults = slices.DeleteFunc(faults, func(f struct{ Name string }) bool { // what ends the process
		return f.Name == "strike-fails" || strings.HasSuffix(f.Name, "-hung")
	})
	rng := rand.New(rand.NewPCG(*soakSeed, 2))
	cards, pins, exits, ills := 0, 0, 0, 0
	for began := time.Now(); time.Since(began) < *soakReal; {
		switch n := rng.IntN(10); {
		case n < 4:
			ills++
			fault := faults[rng.IntN(len(faults))].Name
			reader.call("PUT", "/api/faults/"+fault, map[string]any{"active": true, "seconds": 1 + rng.IntN(20)}, nil)
		case n < 7:
			cards++
			reader.showCard(bobUID)
		case n < 9:
			pins++
			reader.tryTap("pin")
			for _, digit := range adaPIN {
				reader.tryTap("digit-" + string(digit))
			}
		default:
			exits++
			reader.call("PUT", "/api/lines/exit-button", map[string]any{"active": true}, nil)
			reader.call("PUT", "/api/lines/exit-button", map[string]any{"active": false}, nil)
		}
		time.Sleep(time.Duration(rng.IntN(4000)) * time.Millisecond)
	}
	for _, f := range faults {
		reader.call("PUT", "/api/faults/"+f.Name, map[string]any{"active": false}, nil)
	}
	time.Sleep(settle + 30*time.Second) // an entry that was left half typed is given up
	t.Logf("%v of the real program, seed %d: %d cards, %d PINs, %d exit buttons, %d faults; before and after: files %d, %d; VmRSS %d kB, %d kB",
		*soakReal, *soakSeed, cards, pins, exits, ills, files, reader.processFiles(), resident, reader.processFigure("VmRSS"))
	if now := reader.processFiles(); now > files {
		t.Errorf("%d files are open, %d were before", now, files)
	}
	if now := reader.processFigure("VmRSS"); now > resident+resident/4+4<<10 {
		t.Errorf("the process grew from %d kB to %d kB", resident, now)
	}
	reader.opensByCard(bobUID, "a card") // and ends a lockout that mistyped PINs led to
	reader.opensByPIN()
	if err := reader.stop(); err != nil {
		t.Error(err)
	}
}
