package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-tpm/tpm2"

	"latchkey/device/cache"
	"latchkey/device/pin/tpm/swtpm"
	"latchkey/sync/wire"
)

// resourceManager is the kernel's device of a TPM that several programs may open: it saves
// and loads what a program has in the TPM around each of its commands.
const resourceManager = "/dev/tpmrm0"

// maxTPMCommands is how many commands may reach the TPM for a PIN: the reader's three, and
// those by which the resource manager loads and saves the session around each.
const maxTPMCommands = 9

func boardWithTPMBoots(l *lane) string {
	l.boot()
	l.startTPM()
	return l.checkedTPM()
}

// startTPM connects the machine's kernel to the board's TPM, and waits until it is there.
func (l *lane) startTPM() {
	l.tpmProxy = l.m.agent.startRoot("/init", "tpm")
	eventually(l.m.ctx, resourceManager, func() bool {
		return l.m.agent.run("/bin/busybox", "test", "-w", resourceManager).Code == 0
	})
}

// stopTPM takes the TPM away.
func (l *lane) stopTPM() {
	l.m.agent.signal(l.tpmProxy, syscall.SIGKILL)
	l.m.agent.wait(l.tpmProxy)
	eventually(l.m.ctx, "the TPM's device goes away", func() bool {
		return l.m.agent.run("/bin/busybox", "test", "-e", resourceManager).Code != 0
	})
}

// checkedTPM is what latchkeyd check says of the TPM.
func (l *lane) checkedTPM() string {
	out := l.m.agent.must(latchkeyd, "check", "--config", tpmConfigPath)
	for line := range strings.Lines(out) {
		if strings.Contains(line, "TPM") {
			return strings.TrimSpace(line)
		}
	}
	fail("latchkeyd check does not speak of the TPM: %s", out)
	return ""
}

func readerWithTPMIsAdopted(l *lane) string {
	l.site.controller("", "tpm-authority", "add", swtpm.Authority(l.board.tpm.maker()))
	l.startReader(tpmConfigPath)
	l.adopt(tpmConfigPath)
	l.awaitPINs()
	l.readTPMKeys()
	budget := l.board.tpm.budget(l.tpmKeys)
	if budget.Spent != 0 || budget.Limit == 0 {
		fail("the TPM has counted %d PINs of %d", budget.Spent, budget.Limit)
	}
	if l.tpmKeys.Activation == nil {
		fail("the keys are not for a certified TPM alone")
	}
	return fmt.Sprintf("a request with the running reader's nonce, a bundle for the TPM that its maker has certified, both files: the TPM will check %d PINs", budget.Limit)
}

// readTPMKeys reads what the reader has in its key file.
func (l *lane) readTPMKeys() {
	name := strings.TrimSpace(l.m.agent.must("/bin/sh", "-c", "ls /data/reader/epoch-*/key"))
	path := l.site.path("key")
	check(os.WriteFile(path, l.m.agent.read(name), 0o600))
	keys, err := cache.ReadKey(path)
	check(err)
	if keys.TPM == nil || len(keys.PIN) != 0 {
		fail("%s has a PIN key that is not wrapped to the TPM", name)
	}
	l.tpmKeys = keys.TPM
}

// awaitPINs waits until the TPM checks PINs.
func (l *lane) awaitPINs() {
	l.awaitStatus("the TPM checks PINs", func(s status) bool {
		return s.PIN == "on" && len(s.Health) == 0 && s.TPM != nil && s.TPM.Limit > 0
	})
}

func pinAndCardUnlockByTPM(l *lane) string {
	before := l.board.tpm.budget(l.tpmKeys)
	var pin string
	var commands []tpmCommand
	entries := uint32(0)
	eventually(l.m.ctx, "a PIN during which the reader does not look at its budget", func() bool {
		l.awaitHome()
		mark := l.board.tpm.mark()
		pin = l.m.unlocks(func() { l.tapPIN(adaPIN) })
		commands = l.board.tpm.since(mark)
		entries++
		return !slices.ContainsFunc(commands, func(c tpmCommand) bool {
			return c.code == tpm2.TPMCCNVRead || c.code == tpm2.TPMCCPolicyGetDigest // the budget, and the sessions that wait
		})
	})
	if spent := l.board.tpm.budget(l.tpmKeys).Spent - before.Spent; spent != entries {
		fail("the TPM has counted %d PINs, not %d", spent, entries)
	}
	mark := l.board.tpm.mark()
	card := l.unlocksByCard(bobUID)
	forCard := l.board.tpm.since(mark)
	if len(commands) == 0 || len(forCard) == 0 {
		fail("%d commands for a PIN and %d for a card have reached the TPM", len(commands), len(forCard))
	}
	var names []string
	var chip time.Duration
	for _, c := range commands {
		names = append(names, fmt.Sprintf("%#x", uint32(c.code)))
		chip += c.answered.Sub(c.sent)
	}
	l.figure("TPM commands that reach the chip through the kernel's resource manager", "%d for a PIN (at most %d), %d for a card", len(commands), maxTPMCommands, len(forCard))
	l.figure("the TPM's part of a PIN, which says nothing of a real chip: swtpm on this machine behind the emulated kernel", "%d ms, of which %.1f ms are swtpm's",
		commands[len(commands)-1].answered.Sub(commands[0].sent).Milliseconds(), float64(chip.Microseconds())/1000)
	if len(commands) > maxTPMCommands {
		fail("a PIN takes %d commands: %s", len(commands), strings.Join(names, " "))
	}
	return fmt.Sprintf("PIN: %s; card: %s", pin, card)
}

// tpmTally is what is known of the PINs that were entered.
type tpmTally struct {
	counted          uint32 // by the TPM
	granted, refused int    // answers in the journal
	charged          int    // in the journal
}

// tallyTPM takes the tally from the TPM and the reader's journal.
func (l *lane) tallyTPM() (t tpmTally) {
	t.counted = l.board.tpm.budget(l.tpmKeys).Spent
	for _, content := range l.journal() {
		count := func(kind wire.RecordKind) int { return strings.Count(string(content), string(kind)) }
		t.granted += count(wire.AccessGranted)
		t.refused += count(wire.AttemptUnknown) - strings.Count(string(content), string(wire.ReasonNoAnswer))
		t.charged += count(wire.AttemptStarted)
		if count(wire.BudgetOverspent) > 0 {
			fail("the journal has %s", wire.BudgetOverspent)
		}
	}
	return t
}

// cutAt is when the power goes for the nth time: as the answer to a PIN is given, once the
// TPM has counted it, or somewhere before.
func cutAt(n int) plannedCut {
	switch n % 3 {
	case 0:
		return plannedCut{code: tpm2.TPMCCHMAC, reaches: true, answer: 1 + rand.N(300*time.Millisecond)}
	case 1:
		codes := []tpm2.TPMCC{tpm2.TPMCCPolicyCommandCode, tpm2.TPMCCHMAC}
		return plannedCut{code: codes[rand.IntN(len(codes))], reaches: rand.IntN(2) > 0}
	default:
		codes := []tpm2.TPMCC{tpm2.TPMCCContextLoad, tpm2.TPMCCContextSave, tpm2.TPMCCPolicySecret}
		return plannedCut{code: codes[rand.IntN(len(codes))], reaches: rand.IntN(2) > 0}
	}
}

// powerCutsDuringPINs cuts the power of the board and its TPM again and again, each time
// with one of the TPM commands of a PIN or shortly after it.
func powerCutsDuringPINs(l *lane) string {
	const lasts = 35 * time.Second
	first := l.tallyTPM()
	strikes, cuts, lost := 0, 0, 0
	for began := time.Now(); time.Since(began) < lasts; cuts++ {
		l.awaitHome()
		plan := cutAt(cuts)
		done, m := make(chan struct{}), l.m
		plan.cut = func() {
			m.powerCut()
			close(done)
		}
		mark := m.lines.mark()
		l.board.tpm.planCut(&plan)
		typed := try(func() { l.tapPIN([]string{adaPIN, wrongPIN}[rand.IntN(2)]) })
		select {
		case <-done:
		case <-time.After(waitLimit):
			fail("the TPM was not asked: %v", typed)
		}
		for _, change := range m.lines.since(mark) {
			if change.on {
				strikes++
			}
		}

		l.boot()
		counted := l.board.tpm.budget(l.tpmKeys).Spent // nobody else has talked to it
		l.startTPM()
		l.startReader(tpmConfigPath)
		l.awaitPINs()
		now := l.tallyTPM()
		answers := max(strikes, now.granted-first.granted) + now.refused - first.refused
		spent := int(counted - first.counted)
		if spent < answers {
			fail("after %d power cuts the TPM has counted %d PINs, and %d were answered", cuts+1, spent, answers)
		}
		if charged := now.charged - first.charged; spent > charged {
			fail("after %d power cuts the TPM has counted %d PINs, and %d were charged", cuts+1, spent, charged)
		}
		lost = spent - answers
		if l.status().Wrong > 7 { // ten are a lockout
			l.unlocksByCard(bobUID)
		}
	}
	l.awaitHome()
	how := l.m.unlocks(func() { l.tapPIN(adaPIN) })
	return fmt.Sprintf("QEMU and swtpm killed %d times: each time the TPM had counted every PIN that was answered, and %d in all that were not; PIN: %s", cuts, lost, how)
}

// worksWithoutTPM starts the reader on a board whose TPM comes late, and takes it away
// again later.
func worksWithoutTPM(l *lane) string {
	l.m.agent.root("ip link set eth0 up && ip addr add 10.0.2.15/24 dev eth0")
	l.adopt(tpmConfigPath, "--broker", "ssl://"+brokerInside+":8883")
	l.site.startBroker(l.board.broker)
	l.awaitLink("up")
	l.stopReader()
	l.stopTPM()
	l.startReader(tpmConfigPath)
	absent := l.awaitNoPINs()
	l.startTPM()
	l.awaitPINs()
	l.pinOpens()

	l.stopTPM()
	mark := l.m.lines.mark()
	l.tapPIN(adaPIN)
	l.awaitNoPINs()
	for _, change := range l.m.lines.since(mark) {
		if change.on {
			fail("a PIN has opened the door without a TPM")
		}
	}
	l.awaitLink("down") // it needs the reader's own keys, which are in the TPM
	exit := l.m.unlocks(func() {
		l.m.lines.set(lineExit, true)
		l.m.agent.sleep(100 * time.Millisecond)
		l.m.lines.set(lineExit, false)
	})
	l.startTPM()
	l.awaitPINs()
	l.awaitLink("up")
	remote := remoteUnlocks(l)
	l.pinOpens()
	l.readTPMKeys()
	l.tallyTPM()
	return fmt.Sprintf("absent at the start and gone later: %q; without it the exit button: %s; with it, a PIN opened the door both times, and an unlock from the controller: %s", absent, exit, remote)
}

// pinOpens has a PIN open the door, and does not wait until it is locked again.
func (l *lane) pinOpens() {
	mark := l.m.lines.mark()
	l.tapPIN(adaPIN)
	l.m.awaitStrike(mark, true)
}

// awaitNoPINs waits until the reader says that its TPM is absent, and returns its words.
func (l *lane) awaitNoPINs() string {
	s := l.awaitStatus("the reader says that there is no TPM", func(s status) bool { return s.PIN != "on" && s.Health["key"] != "" })
	requireWords("the status", s.Health["key"], "no working TPM")
	return s.Health["key"]
}
