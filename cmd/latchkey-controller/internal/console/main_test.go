package console

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain has garbage collected less often: hundreds of small worlds, each with a heap of a few MiB, spend a tenth
// of their time on it.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}
