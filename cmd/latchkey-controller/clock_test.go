package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/site"
)

// In a time namespace (time_namespaces(7)) CLOCK_BOOTTIME is further on than the
// wall clock knows of: as if that had been put back.
func TestTheProgramDoubtsAClockThatWasPut(t *testing.T) {
	ahead := func(args ...string) *exec.Cmd {
		return exec.Command("unshare", append([]string{"--time", "--boottime", "7200", "--"}, args...)...)
	}
	if out, err := ahead("true").CombinedOutput(); err != nil {
		t.Skipf("a time namespace needs rights: %v %s", err, out)
	}
	dir := filepath.Join(t.TempDir(), "site")
	s, err := site.Create(t.Context(), dir, "", "home", "UTC", clock.Read())
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	run := func(cmd *exec.Cmd) string {
		cmd.Env = append(os.Environ(), runAsProgram+"=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			return "failed: " + string(out)
		}
		return string(out)
	}
	here := func(args ...string) string { return run(exec.Command(os.Args[0], append(args, "--dir", dir)...)) }
	there := func(args ...string) string {
		return run(ahead(append([]string{os.Args[0]}, append(args, "--dir", dir)...)...))
	}
	for _, step := range []struct{ out, want string }{
		{here("check"), "all is well"},
		{there("check"), "failed: latchkey-controller: this machine's clock was put back by 2 hours"},
		{here("check"), "all is well"},
		{there("clock", "show"), "put back by 2 hours"},
		{there("clock", "confirm"), "in no doubt"},
		{there("check"), "all is well"},
	} {
		if !strings.Contains(step.out, step.want) {
			t.Errorf("%q, want %q", step.out, step.want)
		}
	}
}
