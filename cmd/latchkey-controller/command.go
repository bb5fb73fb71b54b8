package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/mail"
	"latchkey/cmd/latchkey-controller/internal/site"
)

// A command is a row of the table that the usage, each --help and the dispatch
// come from.
type command struct {
	name     string   // one word or two: "init", "user add"
	args     string   // what it cannot do without, besides --dir DIR, as takes reads it: "USER set|generate|remove"
	summary  string   // one line
	required []string // flags that it cannot do without
	needs    need
	// prepare adds to an invocation the command's flags and how they are checked, and
	// what its --help says beyond the summary. It returns what runs then.
	prepare func(c *invocation) action
}

// An action carries a command out, with its arguments besides flags.
type action func(ctx context.Context, args []string) error

// A need is what has to be there before a command runs.
type need int

const (
	aSite       need = iota // --dir, and in it a site, which is opened
	aDirectory              // --dir only
	nothingElse             // not even that
)

// A usageError says how a command was used wrongly; exit code 2.
type usageError string

func (e usageError) Error() string { return string(e) }

func usagef(format string, args ...any) error { return usageError(fmt.Sprintf(format, args...)) }

// wrongUse says what is wrong with a command's flags or arguments.
func (c *invocation) wrongUse(format string, args ...any) error {
	return usagef("%s: %s; see %[1]s --help", c.Name(), fmt.Sprintf(format, args...))
}

// execute runs the command that the arguments name.
func execute(ctx context.Context, io stdio, args []string) error {
	if len(args) == 0 {
		return usageError(usage())
	}
	switch args[0] {
	case "--version":
		args[0] = "version"
	case "-h", "--help":
		args[0] = "help"
	}
	if args[0] == "help" && len(args) > 1 { // help user add
		args = append(args[1:], "--help")
	}
	row, args, err := find(args)
	if errors.Is(err, flag.ErrHelp) { // user --help
		_, err = fmt.Fprint(io.err, family(args[0]))
		return errors.Join(err, flag.ErrHelp)
	}
	if err != nil {
		return err
	}
	c := &invocation{FlagSet: flag.NewFlagSet("latchkey-controller "+row.name, flag.ContinueOnError), stdio: io}
	run := row.prepare(c)
	if args, err = c.parse(row, args); err != nil {
		return err
	}
	if c.check != nil {
		if err := c.check(args); err != nil {
			return err
		}
	}
	if row.needs == aSite {
		if c.site, err = site.Open(ctx, c.dir); err != nil {
			return row.ended(ctx, err)
		}
		defer c.site.Close()
		if err := c.site.FollowTime(ctx, clock.Read()); err != nil {
			return err
		}
		c.desk, c.actor = desk.New(desk.Options{Site: c.site, Mail: mail.Send}), desk.AtCommandLine(sessionUser())
	}
	return row.ended(ctx, run(ctx, args))
}

// ended returns the error that a command ends with: serve is meant to be stopped, and may be while it begins.
func (row *command) ended(ctx context.Context, err error) error {
	if row.name == "serve" && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// find returns the command that begins the arguments, and the rest of them;
// flag.ErrHelp, with the arguments, if they ask about all commands of one word.
func find(args []string) (row *command, rest []string, err error) {
	for _, g := range groups() {
		for _, row := range g.commands {
			first, second, two := strings.Cut(row.name, " ")
			switch {
			case first != args[0]:
			case !two:
				return &row, args[1:], nil
			case len(args) > 1 && second == args[1]:
				return &row, args[2:], nil
			}
		}
	}
	lines := family(args[0])
	switch {
	case lines == "":
		return nil, nil, usagef("latchkey-controller: unknown command %q; latchkey-controller help shows all of them", args[0])
	case len(args) > 1 && (args[1] == "-h" || args[1] == "--help"):
		return nil, args, flag.ErrHelp
	}
	return nil, nil, usagef("latchkey-controller: unknown command %q; there are:\n\n%s", strings.Join(args[:min(len(args), 2)], " "), lines)
}

// family returns the lines of the commands of two words that begin with one, as
// "user add" and "user edit" with "user".
func family(first string) string {
	var lines strings.Builder
	for _, g := range groups() {
		for _, row := range g.commands {
			if strings.HasPrefix(row.name, first+" ") {
				row.line(&lines)
			}
		}
	}
	return lines.String()
}

// parse reads the flags of a command, which may stand before, between and after
// its arguments, and returns those.
func (c *invocation) parse(row *command, args []string) (arguments []string, err error) {
	c.SetOutput(io.Discard) // what is wrong is said below, without all the help
	c.Usage = func() {}
	required := row.required
	if row.needs != nothingElse {
		c.StringVar(&c.dir, "dir", "", "the site's `directory`")
		c.BoolVar(&c.json, "json", false, "print JSON")
		required = append([]string{"dir"}, required...)
	}
	for {
		if err := c.Parse(args); errors.Is(err, flag.ErrHelp) {
			c.printHelp(row)
			return nil, err
		} else if err != nil {
			return nil, c.wrongUse("%v", err)
		}
		if args = c.Args(); len(args) == 0 {
			break
		}
		arguments, args = append(arguments, args[0]), args[1:]
	}
	for _, name := range required {
		if c.Lookup(name).Value.String() == "" {
			return nil, usagef("%s needs --%s; see %s --help", c.Name(), name, c.Name())
		}
	}
	if !row.takes(arguments) { // they are not repeated: one may be a PIN
		return nil, usagef("%s: wrong arguments\nusage: latchkey-controller %s\nsee %[1]s --help", c.Name(), row.form("--dir DIR"))
	}
	return arguments, nil
}

// repeated ends an argument that may be given several times.
const repeated = "…"

// takes says whether arguments besides flags are as the usage shows them. There, words in
// lower case stand for themselves, NUMBER, HUB and DOOR for a number, and others in upper
// case for anything, also repeatedly if it is the only one and has … at its end.
func (row *command) takes(args []string) bool {
	for form := range strings.SplitSeq(row.args, " | ") {
		words := strings.Fields(form)
		if flags := slices.IndexFunc(words, func(word string) bool { return strings.ContainsAny(word[:1], "-[") }); flags >= 0 {
			words = words[:flags]
		}
		if len(words) > 0 && strings.HasSuffix(words[0], repeated) && len(args) > 0 {
			words = slices.Repeat(words[:1], len(args))
		}
		if slices.EqualFunc(words, args, func(word, arg string) bool {
			switch word {
			case "NUMBER", "HUB", "DOOR":
				_, err := strconv.ParseInt(arg, 10, 64)
				return err == nil
			}
			return word == strings.ToUpper(word) || slices.Contains(strings.Split(word, "|"), arg)
		}) {
			return true
		}
	}
	return false
}
