//go:build !firmware

package board

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"latchkey/board/sim"
)

func TestTheFaultsPageHasEveryFaultAndItsConfigIsWhole(t *testing.T) {
	b, err := os.ReadFile("FAULTS.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	board := sim.New(&sim.Options{Log: quiet})
	defer board.Close()
	var names []string
	for _, f := range board.Faults() {
		names = append(names, f.Name)
		if !strings.Contains(page, "`"+f.Name+"`") {
			t.Errorf("%s is not on the page", f.Name)
		}
	}
	for _, found := range regexp.MustCompile("`((?:panel|touch|nfc|strike)-[a-z-]+)`").FindAllStringSubmatch(page, -1) {
		if !slices.Contains(names, found[1]) {
			t.Errorf("there is no fault %s", found[1])
		}
	}
	for _, found := range regexp.MustCompile(`/api/faults/(\S+)\s+(\{.*\})`).FindAllStringSubmatch(page, -1) {
		if !slices.Contains(names, found[1]) {
			t.Errorf("a call for the fault %s, which there is not", found[1])
		}
	}
	_, text, _ := strings.Cut(page, "```toml\n")
	text, _, ok := strings.Cut(text, "```")
	if !ok {
		t.Fatal("no config on the page")
	}
	c := config(t, "kind = \"sim\"\n"+text)
	if c.Sim.Seed == 0 || len(c.Sim.Faults) == 0 {
		t.Errorf("the page's config is %+v", c.Sim)
	}
	c.Sim.Listen = "127.0.0.1:0"
	opened, err := Open(c, quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	if faults := opened.Simulated().Faults(); !slices.ContainsFunc(faults, func(f sim.FaultState) bool { return f.Active && f.Name == c.Sim.Faults[0].Name }) {
		t.Errorf("%s is not there from the start", c.Sim.Faults[0].Name)
	}
}
