package tests

import (
	"strings"
	"testing"
)

func TestAModeThatWasEndedIsToldOfAReaderThatHasNotHeardOfIt(t *testing.T) {
	t.Parallel()
	c := adaAndBobLinked(t, false)
	c.serve()
	reader := c.adopt(t, "front-door")
	reader.start()
	reader.linked()
	if told := c.tell("", "mode", "set", "lockdown", "--site"); !strings.Contains(told, "1 of 1 door") {
		t.Errorf("%s", told)
	}
	if told := c.tell("", "mode", "end", "1"); told != "mode 1 has ended\n" {
		t.Errorf("a reader that is online: %s", told)
	}
	c.tell("", "mode", "set", "lockdown", "--site")
	reader.kill()
	still := "  Front door (front-door): still lockdown, offline since 20"
	reader.eventually("the controller knows that the reader is offline", func() bool {
		return strings.Contains(c.tell("", "reader", "list"), "offline")
	})
	if told := c.tell("", "mode", "end", "2"); !strings.HasPrefix(told, "mode 2 has ended\n"+still) || !strings.HasSuffix(told, ", will follow\n") {
		t.Errorf("a reader that is offline: %s", told)
	}
	if told := c.tell("", "mode", "list"); !strings.Contains(told, still) {
		t.Errorf("the list: %s", told)
	}
	reader.start()
	reader.eventually("the reader has heard of it", func() bool { return !strings.Contains(c.tell("", "mode", "list"), "still") })
	if mode := reader.mode(); mode != "normal" {
		t.Errorf("the reader is in mode %s", mode)
	}
}
