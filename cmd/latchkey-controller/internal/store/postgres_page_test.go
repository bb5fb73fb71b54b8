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
	keep, given := int(keepLead.Seconds()), int((keepIdle + keepCount*keepInterval).Seconds())
	for _, claim := range []string{
		fmt.Sprintf("Up to %d connections for the controller (`max_connections`): %d that work", postgresConnections+2, postgresConnections),
		fmt.Sprintf("longer than %d seconds", keep),
		fmt.Sprintf("gives the right to another one %d seconds after it has heard from the first", given),
		fmt.Sprintf("at work for up to %d seconds", keep),
		fmt.Sprintf("without the database … for %d seconds", keep),
	} {
		if !strings.Contains(text, claim) {
			t.Errorf("it does not say: %s", claim)
		}
	}
}
