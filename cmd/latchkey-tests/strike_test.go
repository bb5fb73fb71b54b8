package tests

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// unlocksFor adopts a reader whose policy opens the door for so long.
func (s *testSite) unlocksFor(t *testing.T, seconds string) *testReader {
	t.Helper()
	reader := s.adopt(t, "front-door")
	do(t, "", "latchkey-controller", "policy", "--dir", s.dir, "front-door", "set", "--unlock", seconds, "--extended", seconds)
	s.bundle(t, reader, "front-door")
	do(t, "", "latchkeyd", "adopt", "--data", reader.data(), reader.path("bundle"))
	reader.start()
	return reader
}

// fail has setting the strike's line fail, or work again.
func (r *testReader) fail(fails bool) {
	r.t.Helper()
	r.call("PUT", "/api/faults/strike-fails", map[string]bool{"active": fails}, nil)
}

func TestADoorThatCannotBeOpenedIsSaidAndOpensWhenItCan(t *testing.T) {
	t.Parallel()
	reader := adaAndBob(t).unlocksFor(t, "60")
	reader.fail(true)
	reader.showCard(bobUID)
	relay := func() string {
		text, _ := reader.status()["health"].(map[string]any)["relay"].(string)
		return text
	}
	reader.eventually("the status names the strike", func() bool { return strings.Contains(relay(), "strike does not work") })
	if reader.line("strike") {
		t.Error("a line that cannot be set is set")
	}
	reader.fail(false)
	reader.opens("the card that was shown meanwhile")
	reader.eventually("the status says nothing of the strike any more", func() bool { return relay() == "" })
}

func TestAStrikeThatCannotBeReleasedEndsTheReaderSoThatTheStopHookReleasesIt(t *testing.T) {
	t.Parallel()
	reader := adaAndBob(t).unlocksFor(t, "1")
	reader.fail(true) // whether a call that failed had its effect cannot be known
	reader.call("PUT", "/api/card", map[string]string{"uid": bobUID}, nil)
	select {
	case err := <-reader.exited:
		reader.exited <- err
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(reader.log.String(), "the strike cannot be released") {
			t.Errorf("ended with %v\n%s", err, reader.log.String())
		}
	case <-time.After(time.Minute):
		t.Errorf("the reader goes on\n%s", reader.log.String())
	}
}
