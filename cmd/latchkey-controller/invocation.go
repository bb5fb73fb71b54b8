package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site"
)

// stdio is where a command reads and writes.
type stdio struct {
	in       *os.File
	out, err io.Writer
}

// An invocation is a command as somebody runs it.
type invocation struct {
	*flag.FlagSet
	stdio
	details string                    // what its --help says beyond the summary
	check   func(args []string) error // refuses what is wrong use whatever the site holds; may be nil
	dir     string                    // --dir
	json    bool                      // --json

	// Of a command that needs a site: the one in dir, and who acts at its desk.
	// Whoever can read the directory owns the site.
	site  *site.Site
	desk  *desk.Desk
	actor desk.Actor
}

// sessionUser is the name of the user of this session.
func sessionUser() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "somebody"
}

// report prints v if JSON is wanted, and the text if not.
func (c *invocation) report(v any, format string, args ...any) error {
	if c.json {
		return printJSON(c.out, v)
	}
	_, err := fmt.Fprintf(c.out, format, args...)
	return err
}

func printJSON(w io.Writer, v any) error { return encode(w, v, "  ") }

// printLine prints JSON on one line: for lists that may go on for ever.
func printLine(w io.Writer, v any) error { return encode(w, v, "") }

func encode(w io.Writer, v any, indent string) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", indent)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// printTable prints rows as JSON, or else lines of cells, separated by tabs, below a
// heading. If there are none, it prints the text none.
func (c *invocation) printTable(rows any, none, heading string, lines []string) error {
	if c.json {
		return printJSON(c.out, rows)
	}
	if len(lines) == 0 {
		_, err := fmt.Fprintln(c.out, none)
		return err
	}
	out := bufio.NewWriter(c.out) // a table is written cell by cell
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, heading)
	for _, line := range lines {
		fmt.Fprintln(w, line)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return out.Flush()
}

// oneOf adds a flag that takes one of some values; "" unless given.
func (c *invocation) oneOf(name, usage string, values ...string) *string {
	var given string
	c.Func(name, usage, func(text string) error {
		if !slices.Contains(values, text) {
			return errors.New("write " + strings.Join(values[:len(values)-1], ", ") + " or " + values[len(values)-1])
		}
		given = text
		return nil
	})
	return &given
}

// newest adds the flag --last.
func (c *invocation) newest(into *int, usage string) {
	c.Func("last", usage, func(text string) (err error) {
		if *into, err = strconv.Atoi(text); err != nil || *into < 1 {
			return errors.New("write a number from 1 on")
		}
		return nil
	})
}

// counted returns a number of things: "1 user", "2 users".
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// parseOnOff reads on or off.
func parseOnOff(text string) (on bool, err error) {
	if text != "on" && text != "off" {
		return false, errors.New("write on or off")
	}
	return text == "on", nil
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// warnMissingLetters says which letters of a text readers' screens cannot show. blank
// is what they show if nothing of it is left.
func warnMissingLetters(c *invocation, text string, blank desk.Blank) {
	if note := desk.OnScreens(text, blank); note != nil {
		fmt.Fprintln(c.err, note)
	}
}

// absence adds to an error about what there is not which command shows what there is:
// "group list shows all groups". Other errors stay.
func absence(err error, command string) error {
	if !errors.Is(err, desk.ErrNotFound) {
		return err
	}
	return errors.New(strings.TrimSuffix(err.Error(), ": "+desk.ErrNotFound.Error()) + "; latchkey-controller " + command)
}

// readFile reads a file of at most limit bytes.
func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s has %d bytes, at most %d", path, info.Size(), limit)
	}
	return os.ReadFile(path)
}
