package tests

import (
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A disk takes what is written and never says that it is there. What asks the reader how
// it is gets its answer, the controller reaches it, and nobody takes a PIN.
func TestADiskThatDoesNotAnswerHoldsUpNeitherQuestionsNorTheLink(t *testing.T) {
	t.Parallel()
	c := adaAndBobLinked(t, false)
	c.serve()
	reader := c.adopt(t, "front-door")
	config, err := os.ReadFile(reader.config())
	if err != nil {
		t.Fatal(err)
	}
	reader.configure(string(config) + "\n[metrics]\nlisten = \"127.0.0.1:0\"\n")
	d, err := load(reader.data(), rand.New(rand.NewPCG(1, 1)))
	if err != nil {
		t.Fatal(err)
	}
	mounted, err := mount(d, reader.data())
	if errors.Is(err, errNoMount) {
		t.Skip(err)
	}
	t.Cleanup(func() {
		reader.kill()
		mounted.unmount(t)
	})
	if err != nil {
		t.Fatal(err)
	}
	reader.start()
	reader.begun()
	reader.linked()
	var metrics string
	reader.eventually("where the metrics are", func() bool {
		_, rest, _ := strings.Cut(reader.log.String(), "at=http://")
		address, _, found := strings.Cut(rest, "/metrics")
		metrics = "http://" + address + "/metrics"
		return found
	})
	figure := func(line string) bool {
		response, err := http.Get(metrics)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		return err == nil && strings.Contains(string(text), "\n"+line+"\n")
	}

	d.breakWith(fault{stall: true, kinds: syncing})
	reader.opensByCard(bobUID, "a card while the disk does not answer")
	reader.eventually("PIN is off", func() bool { return reader.status()["pin"] == "not stored" })
	reader.eventually("the metrics say so", func() bool { return figure("latchkey_pin_ready 0") })
	programs, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	unlock := exec.Command(filepath.Join(programs, "latchkey-controller"), "unlock", "front-door", "--by", "Olga Owner", "--dir", c.dir)
	if err := unlock.Start(); err != nil {
		t.Fatal(err)
	}
	reader.opens("a remote unlock while the disk does not answer")
	reader.closed()
	unlock.Process.Kill() // the record that answers it cannot come
	unlock.Wait()
	if status := reader.status(); status["link"] != "up" || status["pin"] != "not stored" {
		t.Errorf("%v", status)
	}
	c.addPIN(t, "Grace Hopper", gracePIN)
	if !figure("latchkey_link_up 1") {
		t.Error("the metrics do not say that the link is up")
	}

	d.breakWith(fault{})
	reader.eventually("PIN is on", func() bool { return reader.status()["pin"] == "on" })
	reader.eventually("the new PIN has arrived", func() bool { return reader.revision() == 3 })
	reader.eventually("all records have arrived", func() bool { return figure("latchkey_records_waiting 0") })
	grants := 0
	for _, records := range c.records() {
		for _, r := range records {
			if r.Kind == "access.granted" {
				grants++
			}
		}
	}
	if grants < 2 {
		t.Errorf("%d grants are on record, of two", grants)
	}
}
