// Command latchkeyd is the firmware of a door reader: a touchscreen keypad, a
// card reader and a door relay, which decides by itself from a signed local
// copy of the credentials whether the door opens.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const usage = `latchkeyd is the firmware of a door reader.

  latchkeyd run      --config FILE            runs the reader
  latchkeyd check    --config FILE            reads the config, opens what it names, says what is wrong
  latchkeyd calibrate --config FILE           finds how the touch film lies, by crosses that you touch
  latchkeyd identity --data DIR --out FILE    makes the reader's keys, once, and writes a request for adoption
  latchkeyd adopt    --data DIR BUNDLE        takes over the bundle that answers the request
  latchkeyd status   --config FILE            shows what the running reader says of itself
  latchkeyd release  --config FILE            releases the strike
  latchkeyd version                           shows what this is

Exit codes: 0 done, 1 failed, 2 wrong use.
`

// version is set by the linker: -X main.version=…
var version = "devel"

func main() {
	// SIGQUIT and SIGABRT, too, or Go would write all stacks with what is in them.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGABRT)
	defer stop()
	err := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
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

func command(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return usageError(usage)
	}
	if err := harden(); err != nil {
		return err
	}
	switch name, args := args[0], args[1:]; name {
	case "run":
		return runCommand(ctx, args, stderr)
	case "check":
		return checkCommand(args, stdout, stderr)
	case "calibrate":
		return calibrateCommand(ctx, args, stdout, stderr)
	case "identity":
		return identityCommand(args, stdout, stderr)
	case "adopt":
		return adoptCommand(args, stdout, stderr)
	case "status":
		return statusCommand(ctx, args, stdout, stderr)
	case "release":
		return releaseCommand(args, stderr)
	case "version", "--version":
		_, err := fmt.Fprintln(stdout, "latchkeyd", version)
		return err
	case "help", "-h", "--help":
		_, err := fmt.Fprint(stdout, usage)
		return err
	default:
		return usagef("latchkeyd: unknown command %q\n\n%s", name, usage)
	}
}

// usageError is a wrong use, exit code 2.
type usageError string

func (e usageError) Error() string { return string(e) }

func usagef(format string, args ...any) error { return usageError(fmt.Sprintf(format, args...)) }

// parse reads flags that may stand before and after n positional arguments.
func parse(flags *flag.FlagSet, args []string, stderr io.Writer, n int) error {
	flags.SetOutput(stderr)
	var positional []string
	for {
		if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
			return err
		} else if err != nil {
			return usageError("") // flag has said it
		}
		if args = flags.Args(); len(args) == 0 {
			break
		}
		positional, args = append(positional, args[0]), args[1:]
	}
	if len(positional) != n {
		return usagef("%s: %d arguments, not %d; see %s --help", flags.Name(), len(positional), n, flags.Name())
	}
	return flags.Parse(append([]string{"--"}, positional...))
}

func printJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
