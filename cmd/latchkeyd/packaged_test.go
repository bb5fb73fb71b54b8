package main

import (
	"log/slog"
	"testing"

	"latchkey/board"
)

func TestTheConfigInThePackageIsRight(t *testing.T) {
	c, err := readConfig("../latchkey-package/latchkeyd/latchkeyd.toml")
	if err != nil {
		t.Fatal(err)
	}
	b, err := board.Open(c.Board, slog.New(slog.DiscardHandler)) // of this kind it opens nothing yet
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if c.Reader.Data != "/var/lib/latchkey" || c.Watchdog.Device != "" {
		t.Errorf("data is %s, watchdog %q", c.Reader.Data, c.Watchdog.Device)
	}
}
