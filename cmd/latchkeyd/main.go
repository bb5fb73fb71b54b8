// Command latchkeyd is the firmware of a door reader: a touchscreen keypad, a
// card reader and a door relay, which decides by itself from a signed local
// copy of the credentials whether the door opens.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the linker: -X main.version=…
var version = "devel"

func main() {
	// SIGQUIT and SIGABRT, too, or Go would write all stacks with what is in them.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGABRT)
	defer stop()
	err := dispatch(ctx, os.Args[1:], os.Stdout, os.Stderr)
	var wrong usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.As(err, &wrong):
		fmt.Fprintln(os.Stderr, wrong)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "latchkeyd:", err)
		os.Exit(1)
	}
}
