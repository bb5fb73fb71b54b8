package link_test

import (
	"fmt"
	"os"
	"testing"
)

// childRole is set where the test binary is started to be another process.
const childRole = "LATCHKEY_TEST_CHILD"

func TestMain(m *testing.M) {
	role := os.Getenv(childRole)
	if role == "" {
		os.Exit(m.Run())
	}
	var err error
	switch role {
	case "syncs":
		err = tellSyncs(os.NewFile(3, "seccomp"), os.Stdout)
	default:
		err = fmt.Errorf("no such role: %s", role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
