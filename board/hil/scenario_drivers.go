package main

import (
	"fmt"
	"path"
	"strings"
)

// elsewhere are tests that have nothing of the kernel in them: those that go
// through hours of a simulated board's time, for which the emulated processor
// is slow, and one that builds a program.
const elsewhere = "DeadForLong|Noise|KeepsResetting|FirmwareHasNoSimulatedBoard"

// driverTestsPass runs the driver packages' tests in the machine.
func driverTestsPass(l *lane) string {
	passed := 0
	var took []string
	for _, pkg := range driverPackages {
		for _, arch := range driverArchitectures {
			r := l.m.agent.execute(command{
				Root: true, // for /dev/uinput
				Args: []string{path.Join("/tools", arch, path.Base(pkg)+".test"), "-test.v", "-test.short", "-test.timeout=2m", "-test.skip=" + elsewhere},
				Dir:  path.Join("/tools", pkg),
			})
			if r.Code != 0 {
				fail("%s for %s: exit code %d:\n%s%s", pkg, arch, r.Code, failures(r.Stdout), r.Stderr)
			}
			passed += strings.Count(r.Stdout, "--- PASS")
			took = append(took, fmt.Sprintf("%s %s %.1f s", pkg, arch, r.Seconds))
		}
	}
	return fmt.Sprintf("%d tests: %s", passed, strings.Join(took, ", "))
}

// failures are the lines of go test -v from the first failure on.
func failures(output string) string {
	lines := strings.Split(output, "\n")
	for i, line := range lines {
		if strings.Contains(line, "--- FAIL") || strings.HasPrefix(line, "panic:") {
			lines = lines[max(0, i-10):]
			break
		}
	}
	return strings.Join(lines[:min(len(lines), 40)], "\n")
}
