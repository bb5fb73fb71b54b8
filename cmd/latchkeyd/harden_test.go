package main

import (
	"strings"
	"syscall"
	"testing"
)

func TestAReaderThatIsToldToQuitOrAbortShowsNoStack(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGABRT} {
		reader := newReader(t, "front-door")
		reader.start()
		if err := reader.end(signal); err != nil || strings.Contains(reader.log.String(), "goroutine ") {
			t.Errorf("%v: %v\n%s", signal, err, reader.log.String())
		}
	}
}
