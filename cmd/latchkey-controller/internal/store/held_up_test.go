package store

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

func TestControllersAreNotHeldUpByTablesThatAreInUse(t *testing.T) {
	r := newReleases(t, expands)
	older := r.open(0)
	lead, err := older.Lead(t.Context(), HomeCell, alreadyLed)
	must(t, err)
	defer lead.Close()
	w := works(t, older, 0)
	reads, release, ended := make(chan bool, 1), make(chan bool, 2), make(chan error, 1)
	t.Cleanup(func() { release <- true })
	go func() {
		ended <- older.View(t.Context(), func(tx *Tx) error {
			_, err := tx.texts(`SELECT id FROM readers`)
			reads <- true
			<-release
			return err
		})
	}()
	come(t, reads, "that it reads")
	r.refused(1, "its tables are to be changed, but are in use for longer than the controllers that run can wait, by \"latchkey-controller on ", "; try again when that is done")
	r.is("in use", 0, 0)
	w.more()
	kept(t, "waiting for tables", lead)
	release <- true
	must(t, come(t, ended, "the end of who reads"))
	r.open(1)
	r.is("afterwards", 1, 0)
	w.stop()
}

func TestWhatTakesLongIsNotDoneBesideControllersThatRun(t *testing.T) {
	r := newReleases(t, expands+`SELECT pg_sleep(4);`)
	older := r.open(0)
	lead, err := older.Lead(t.Context(), HomeCell, alreadyLed)
	must(t, err)
	w := works(t, older, 0)
	r.refused(1, "takes longer than the controllers that run can wait; stop all of them, start this one, and then the others")
	r.is("in vain", 0, 0)
	w.more()
	w.stop()
	kept(t, "what took too long", lead)
	lead.Close()
	r.open(1)
	r.is("alone", 1, 0)
}

// migrates is the environment variable with the address of the database that TestChildMigrates opens.
const migrates = "LATCHKEY_TEST_MIGRATES"

// TestChildMigrates is another process, which a test ends.
func TestChildMigrates(t *testing.T) {
	address := os.Getenv(migrates)
	if address == "" {
		t.Skip("another test runs it")
	}
	steps, err := postgresMigrations()
	must(t, err)
	r := &releases{t: t, address: address, steps: steps, now: steps[len(steps)-1].version}
	for _, sql := range slowly {
		r.add(sql)
	}
	r.open(2)
}

var slowly = []string{expands + `SELECT pg_sleep(0.501);`, "-- Works with " + fmt.Sprint(sideBySide) + "\n" + `CREATE TABLE more (id BIGINT PRIMARY KEY); SELECT pg_sleep(0.502);`}

func TestAMigrationThatIsKilledIsWholeOrNotThereAndHoldsNobodyUp(t *testing.T) {
	r := newReleases(t, slowly...)
	older := r.open(0)
	lead, err := older.Lead(t.Context(), HomeCell, alreadyLed)
	must(t, err)
	defer lead.Close()
	w := works(t, older, 0)
	for _, c := range []struct {
		sleeps string
		signal syscall.Signal
	}{{"0.501", syscall.SIGKILL}, {"0.502", syscall.SIGKILL}, {"0.502", syscall.SIGSTOP}} {
		child := exec.Command(os.Args[0], "-test.run=^TestChildMigrates$")
		child.Env = append(os.Environ(), migrates+"="+r.address)
		must(t, child.Start())
		for end := time.Now().Add(time.Minute); r.server.Ask("site", `SELECT count(*)::text FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%`+c.sleeps+`%'`) == "0"; {
			if time.Now().After(end) {
				t.Fatal("it does not migrate")
			}
			time.Sleep(10 * time.Millisecond)
		}
		must(t, child.Process.Signal(c.signal))
		w.more()
		r.is(c.signal.String(), 0, 0)
		if n := r.server.Ask("site", `SELECT count(*)::text FROM pg_class WHERE relname IN ('notes', 'more')`); n != "0" {
			t.Errorf("%v: %s tables", c.signal, n)
		}
		kept(t, "what was killed", lead)
		child.Process.Kill()
		child.Wait()
	}
	r.open(2)
	r.is("whole", 2, 0)
	w.more()
	w.stop()
	kept(t, "all of it", lead)
}
