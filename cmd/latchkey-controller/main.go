// Command latchkey-controller keeps a site: its users with their PINs and
// cards, its readers, and the signed log of credentials that readers follow.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // time zones are known on machines without any

	"golang.org/x/sys/unix"
)

// version is set by the linker: -X main.version=…
var version = "devel"

func main() { os.Exit(run()) }

// run returns the exit code.
func run() int {
	if err := harden(); err != nil {
		fmt.Fprintln(os.Stderr, "latchkey-controller:", err)
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := execute(ctx, stdio{os.Stdin, os.Stdout, os.Stderr}, os.Args[1:])
	var wrong usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &wrong):
		fmt.Fprintln(os.Stderr, wrong)
		return 2
	default:
		fmt.Fprintln(os.Stderr, "latchkey-controller:", err)
		return 1
	}
}

// harden keeps PINs in memory out of core dumps and away from other processes'
// debuggers, and makes new files readable by their owner only.
func harden() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	unix.Umask(0o077)
	return nil
}
