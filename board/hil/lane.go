package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"latchkey/sync/wire"
)

// lane is an emulated board with a site of its own, and the scenarios that run
// on it one after another. It has one machine at a time; the data disk goes from
// one to the next.
type lane struct {
	name        string
	driverTests bool // the driver packages' tests are at /tools, not libnfc's programs
	hasTPM      bool // its board has a TPM
	scenarios   []scenario

	*shared
	board board
	site  *site
	m     *machine // the one that runs
	// reader is the process ID of latchkeyd in it.
	reader int
	// tpmProxy is that of what connects its kernel to the TPM.
	tpmProxy int
	tpmKeys  *wire.TPMKeys // of the reader, wrapped to the TPM
	boots    int
	report
}

// scenario is something to prove.
type scenario struct {
	what  string // a sentence about the reader
	prove func(l *lane) (how string)
	// required: later scenarios need it, and are not run after it has failed.
	required bool
	// boots: it starts a machine. The others need one that runs.
	boots bool
}

// run runs the lane's scenarios whose name matches, and the required ones.
func (l *lane) run(only *regexp.Regexp, tests <-chan error) {
	l.setUp(tests)
	for _, s := range l.scenarios {
		if !s.required && !only.MatchString(s.what) {
			continue
		}
		if !s.boots && (l.m == nil || l.m.ended()) {
			l.add(s.what, "", errors.New("no machine is running"), 0)
			continue
		}
		began := time.Now()
		var how string
		err := try(func() { how = s.prove(l) })
		l.add(s.what, how, err, time.Since(began))
		check(l.ctx.Err())
		if err != nil {
			l.keepEvidence()
			l.tidyDoor()
			if s.required {
				return
			}
		}
	}
}

// setUp makes the lane's site and disks.
func (l *lane) setUp(tests <-chan error) {
	l.site = newSite(l.shared, l.name)
	l.board = board{
		kernel: l.debian.kernel(), initramfs: l.initramfs(), broker: freeAddress(),
		data: l.site.path("data.ext4"), tools: l.site.path("tools.ext4"),
	}
	makeDisk(l.ctx, l.board.data, 48<<20)
	if l.hasTPM {
		l.board.tpm = newTPMChip(l.ctx, l.site.path("tpm"))
	}
	if l.driverTests {
		check(<-tests)
		makeDisk(l.ctx, l.board.tools, 256<<20, "-d", testsDir(l.shared))
	} else {
		makeToolsDisk(l.shared, l.board.tools)
	}
}

// boot starts the next machine, on the disk that the last one left.
func (l *lane) boot(options ...string) {
	if l.m != nil {
		l.m.powerCut()
	}
	if l.board.tpm != nil {
		l.board.tpm.powerOn()
	}
	l.boots++
	log, err := os.Create(filepath.Join(l.out, fmt.Sprintf("console-%s-%d.log", l.name, l.boots)))
	check(err)
	l.m, err = boot(l.ctx, l.board, log, options...)
	check(err)
}

// keepEvidence keeps what a scenario that failed leaves to look at.
func (l *lane) keepEvidence() {
	if l.m == nil {
		return
	}
	if l.m.ended() {
		fmt.Printf("     the end of the console:\n%s\n", l.m.console.tail(20))
		return
	}
	err := try(func() {
		name := filepath.Join(l.out, fmt.Sprintf("failed-%s-%d", l.name, len(l.rows)))
		log := l.readerLog()
		fmt.Printf("     the panel and the reader's log are in %s.png and .log; the log ends:\n%s\n", name, log[max(0, len(log)-2000):])
		check(os.WriteFile(name+".log", log, 0o644))
		check(os.WriteFile(name+".png", l.m.chips.picture(), 0o644))
	})
	if err != nil {
		fmt.Printf("     not all of it was kept: %v\n", err)
	}
}

// tidyDoor undoes what a scenario that failed may have left at the door.
func (l *lane) tidyDoor() {
	if l.m == nil || l.m.ended() {
		return
	}
	for _, undo := range []func(){
		func() { l.m.chips.touch(0, 0, false) },
		func() { l.reference.page.touch(0, 0, false) },
		l.removeCard,
		func() { l.m.lines.set(lineExit, false) },
		func() { l.m.lines.set(lineDoor, false) },
		func() { l.m.lines.set(lineTamper, false) },
		func() { l.m.lines.set(lineFire, false) },
	} {
		if err := try(undo); err != nil {
			fmt.Printf("     not tidied up: %v\n", err)
		}
	}
}

// close ends all that runs for the lane.
func (l *lane) close() {
	if l.m != nil {
		if l.ctx.Err() != nil {
			fmt.Println(l.m.console.tail(20))
		}
		l.m.powerCut()
	}
	if l.board.tpm != nil {
		l.board.tpm.powerCut()
	}
	if l.site != nil {
		l.site.close()
	}
}
