package store

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestThePageAboutPostgreSQLSaysWhatTheProgramDoes(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../POSTGRESQL.md")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(page)), " ")
	for _, claim := range []string{
		fmt.Sprintf("Up to %d connections for each controller (`max_connections`): %d that work", postgresConnections+2, postgresConnections),
		fmt.Sprintf("not reached the database for %d seconds", int(keepLead.Seconds())),
		fmt.Sprintf("for %.2f seconds", takeLead.Seconds()),
		fmt.Sprintf("at most every %.0f minutes", leaveAgain.Minutes()),
		fmt.Sprintf("no other one does within %.1f seconds", leaveLead.Seconds()),
		fmt.Sprintf("waits %.1f seconds at most", besideWithin.Seconds()),
		fmt.Sprintf("older than version %d", sideBySide),
	} {
		if !strings.Contains(text, claim) {
			t.Errorf("it does not say: %s", claim)
		}
	}
}
