package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/user"

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
	details string // what its --help says beyond the summary
	dir     string // --dir
	json    bool   // --json

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

func printJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// printLine prints JSON on one line: for lists that may go on for ever.
func printLine(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// warnMissingLetters says which letters of a text readers' screens cannot show. blank
// is what they show if nothing of it is left.
func warnMissingLetters(c *invocation, text, blank string) {
	if note := desk.OnScreens(text, blank); note != "" {
		fmt.Fprintln(c.err, note)
	}
}

// warnMissingPlaceLetters does that for the name of a place of a kind. No screen
// shows a hub's.
func warnMissingPlaceLetters(c *invocation, kind, name string) {
	switch kind {
	case "door":
		warnMissingLetters(c, name, desk.NoDoorName)
	case "location":
		warnMissingLetters(c, name, desk.NoText)
	}
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
