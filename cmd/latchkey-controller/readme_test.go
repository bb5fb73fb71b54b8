package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// TestTheSizesOfSitesInTheReadmeAreThoseOfTheProgram compares README's table of what a site takes with constants, and
// with what was measured.
func TestTheSizesOfSitesInTheReadmeAreThoseOfTheProgram(t *testing.T) {
	t.Parallel()
	read := func(name string) string {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	_, table, _ := strings.Cut(read("../../README.md"), "## From which size on what is wanted")
	table, _, _ = strings.Cut(table, "\n## ")
	measured := regexp.MustCompile(`(?m)^([0-9,]+) readers on the same two cores`).FindStringSubmatch(read("../latchkey-bench/FLEET.md"))
	if measured == nil {
		t.Fatal("FLEET.md does not say how many readers were measured")
	}
	number := [...]string{4: "four"}[wire.MaxBrokers]
	for _, claim := range []string{
		fmt.Sprintf("up to about %d readers | one controller, with SQLite and its own broker", desk.EmbeddedFor),
		"on different machines, up to " + number + ":",
		fmt.Sprintf("up to about %[1]s readers | a pair of brokers, each with room for all of them: %[1]s were measured at one", measured[1]),
		fmt.Sprintf("cells: for each about %s readers a pair of brokers", measured[1]),
	} {
		if !strings.Contains(table, claim) {
			t.Errorf("README does not say: %s", claim)
		}
	}
}
