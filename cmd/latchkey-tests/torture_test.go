package tests

import (
	"flag"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

var (
	torture       = flag.Bool("torture", false, "torture for minutes: hundreds of kills, faults and power cuts")
	tortureRounds = flag.Int("torture.rounds", 0, "so many rounds on each reader; 0: as many as are meant")
	tortureSeed   = flag.Uint64("torture.seed", 1, "what torture is random by")
)

// rounds returns how many readers are tortured how many times.
func rounds(short, long int) (victims, rounds int) {
	victims, rounds = 1, short
	if *torture {
		victims, rounds = 4, long
	}
	if *tortureRounds != 0 {
		rounds = *tortureRounds
	}
	return victims, rounds
}

// killRound lets the reader live for a while and kills it.
func (v *victim) killRound() {
	v.t.Helper()
	v.o.round = nil
	v.o.count("kills")
	if v.random.IntN(8) == 0 {
		dir, err := programs()
		if err != nil {
			v.t.Fatal(err)
		}
		cmd := exec.Command(filepath.Join(dir, "latchkeyd"), "run", "--config", v.config())
		if err := cmd.Start(); err != nil {
			v.t.Fatal(err)
		}
		time.Sleep(time.Duration(v.random.IntN(500)) * time.Millisecond)
		cmd.Process.Kill()
		cmd.Wait()
		v.o.count("kills during a start")
		v.inspect(false)
		return
	}
	v.ready()
	d := visits[v.random.IntN(len(visits))]
	v.live(d, v.killed(v.while()))
	v.kill()
	if d.passes {
		v.o.forgiven()
	}
	v.inspect(false)
	if v.known.Pending != 0 {
		v.o.count("kills while a PIN was charged and not decided")
	}
}

// works says that the reader is as good as new.
func (v *victim) works() {
	v.t.Helper()
	v.ready()
	v.opensByCard(bobUID, "a card, in the end")
	v.until("a PIN opens the door, in the end", adaPIN, func() bool { return v.line("strike") })
	v.kill()
}

func TestNoMomentToKillAReaderIsAGoodOne(t *testing.T) {
	t.Parallel()
	victims, rounds := rounds(5, 55)
	site := adaAndBob(t)
	for i := range victims {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			v := newVictim(t, site, uint64(i))
			for range rounds {
				v.killRound()
			}
			v.works()
			t.Log(v.o.report(fmt.Sprintf("SIGKILL, reader %d, seed %d", i, *tortureSeed), invariants...))
		})
	}
}
