package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestPathsOfAConfigAreRelativeToIt(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "latchkeyd.toml")
	text := "[reader]\nid = \"front-door\"\ndata = \"data\"\n[board]\nkind = \"sim\"\n[board.sim]\ndrawer = \"cards.json\"\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := readConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	if c.Reader.Data != filepath.Join(dir, "data") || c.Board.Sim.Drawer != filepath.Join(dir, "cards.json") {
		t.Errorf("data %s, drawer %s", c.Reader.Data, c.Board.Sim.Drawer)
	}
}
