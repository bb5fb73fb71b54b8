package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"latchkey/cmd/latchkeyd/internal/status"
)

// A command is a row of the table that usage, --help and dispatch use.
type command struct {
	name, args, summary string
	run                 func(context.Context, *call) error
}

func commands() []command {
	return []command{
		{"run", "--config FILE", "runs the reader", runCommand},
		{"check", "--config FILE", "reads the config, opens what it names, says what is wrong", checkCommand},
		{"calibrate", "--config FILE", "fits the touchscreen to the display, by crosses that you touch", calibrateCommand},
		{"identity", "--config FILE --out FILE", "makes the reader's keys, once, and writes a request for adoption", identityCommand},
		{"adopt", "--data DIR BUNDLE", "takes over the bundle that answers the request", adoptCommand},
		{"grant", "--data DIR FILE", "brings a reader without a link newer keys, or a grant for its TPM", grantCommand},
		{"status", "--config FILE", "shows how the running reader is", statusCommand},
		{"release", "--config FILE", "releases the strike", releaseCommand},
		{"version", "", "shows the version", versionCommand},
	}
}

// A call is one use of a command.
type call struct {
	flags          *flag.FlagSet
	args           []string
	stdout, stderr io.Writer
}

// dispatch runs the command that the first argument names.
func dispatch(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return usageError(usage())
	}
	if err := harden(); err != nil {
		return err
	}
	name, args := args[0], args[1:]
	if name == "help" && len(args) > 0 { // help run
		name, args = args[0], []string{"--help"}
	}
	switch name {
	case "help", "-h", "--help":
		_, err := fmt.Fprint(stdout, usage())
		return err
	case "--version":
		name = "version"
	}
	for _, c := range commands() {
		if c.name != name {
			continue
		}
		flags := flag.NewFlagSet("latchkeyd "+name, flag.ContinueOnError)
		flags.SetOutput(stderr)
		flags.Usage = func() {
			fmt.Fprintf(stderr, "%s\n  %s\n\n", strings.TrimSpace("latchkeyd "+c.name+" "+c.args), c.summary)
			flags.PrintDefaults()
		}
		return c.run(ctx, &call{flags: flags, args: args, stdout: stdout, stderr: stderr})
	}
	return usagef("latchkeyd: unknown command %q\n\n%s", name, usage())
}

func usage() string {
	var b strings.Builder
	b.WriteString("latchkeyd is the firmware of a door reader.\n\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "  latchkeyd %-9s %-22s %s\n", c.name, c.args, c.summary)
	}
	b.WriteString("\nEach command takes --help.\n\nExit codes: 0 done, 1 failed, 2 wrong use.\n")
	return b.String()
}

// usageError is a wrong use, exit code 2.
type usageError string

func (e usageError) Error() string { return string(e) }

func usagef(format string, args ...any) error { return usageError(fmt.Sprintf(format, args...)) }

// parse parses the flags, which may be before and after the n positional arguments.
func (c *call) parse(n int) error {
	var positional []string
	for args := c.args; ; {
		if err := c.flags.Parse(args); errors.Is(err, flag.ErrHelp) {
			return err
		} else if err != nil {
			return usageError("") // flag has said it
		}
		if args = c.flags.Args(); len(args) == 0 {
			break
		}
		positional, args = append(positional, args[0]), args[1:]
	}
	if len(positional) != n {
		return usagef("%s: %d arguments, not %d; see %s --help", c.flags.Name(), len(positional), n, c.flags.Name())
	}
	return c.flags.Parse(append([]string{"--"}, positional...))
}

func printJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

func statusCommand(ctx context.Context, c *call) error {
	config, err := c.config()
	if err != nil {
		return err
	}
	now, err := status.Ask(ctx, config.Reader.Data)
	if err != nil {
		return err
	}
	if config.json {
		return printJSON(c.stdout, now)
	}
	return now.Print(c.stdout)
}

func versionCommand(_ context.Context, c *call) error {
	if err := c.parse(0); err != nil {
		return err
	}
	_, err := fmt.Fprintln(c.stdout, "latchkeyd", version)
	return err
}
