package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"

	"latchkey/board"
	"latchkey/device/cache"
	"latchkey/keypad/touch"
)

// releaseCommand is the stop hook: whatever became of the reader, its strike is
// released, the one that it drove. What is wrong with the config is said and does
// not keep it from that: somebody may have edited the config while the strike was
// on. Without a reader that left its strike behind it is the config's.
func releaseCommand(args []string, stderr io.Writer) error {
	flags := flag.NewFlagSet("latchkeyd release", flag.ContinueOnError)
	c, wrong := configFlag(flags, args, stderr)
	path := flags.Lookup("config").Value.String()
	if path == "" {
		return wrong
	}
	left, err := driven(path)
	if left != nil {
		err = left.located(board.Release(left.Board))
		if err == nil || c != nil && c.text == left.text {
			return errors.Join(wrong, err)
		}
	}
	wrong = errors.Join(wrong, err)
	if c == nil {
		return wrong
	}
	return errors.Join(wrong, c.located(board.Release(c.Board)))
}

// checkCommand says what is wrong with the config and with what it names.
func checkCommand(args []string, stdout, stderr io.Writer) error {
	c, err := configFlag(flag.NewFlagSet("latchkeyd check", flag.ContinueOnError), args, stderr)
	if err != nil {
		return err
	}
	var problems []error
	for _, problem := range board.Check(c.Board, newLog(stderr, slog.LevelWarn)) {
		problems = append(problems, c.located(problem))
	}
	if err := checkData(c.Reader.Data, c.Reader.ID); err != nil {
		problems = append(problems, err)
	}
	if err := c.checkLasting(); err != nil {
		problems = append(problems, c.located(err))
	}
	if c.Touch.Device != "" {
		if err := touch.CheckEvdev(c.Touch.Device); err != nil {
			problems = append(problems, c.located(&board.KeyError{Key: "touch.device", Err: err}))
		}
	}
	if c.Watchdog.Device != "" {
		if err := checkResetTimer(c.Watchdog.Device); err != nil {
			problems = append(problems, err)
		}
	}
	if c.json {
		texts := []string{}
		for _, problem := range problems {
			texts = append(texts, problem.Error())
		}
		if err := printJSON(stdout, map[string]any{"reader": c.Reader.ID, "board": c.Board.Kind, "problems": texts}); err != nil {
			return err
		}
	} else {
		for _, problem := range problems {
			fmt.Fprintln(stdout, problem)
		}
	}
	if len(problems) > 0 {
		return fmt.Errorf("%d problems", len(problems))
	}
	if !c.json {
		fmt.Fprintf(stdout, "%s: the config is right, and what it names answers to its name\n", c.Reader.ID)
	}
	return nil
}

// checkData says what is wrong with what a data directory holds, which may be
// nothing yet.
func checkData(dir, id string) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := openData(dir); err != nil {
		return err
	}
	_, identityErr := readIdentity(dir)
	held, siteErr := readSite(dir)
	var problems []error
	for _, err := range []error{identityErr, siteErr} {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, err)
		}
	}
	if siteErr != nil {
		return errors.Join(problems...)
	}
	if held.Reader != id {
		problems = append(problems, fmt.Errorf("the site adopted this reader as %s, but reader.id is %s in the config: make them equal", held.Reader, id))
	}
	options := cache.Options{Dir: dir, Site: held.ID, Controller: held.controller()}
	if _, err := cache.LoadPolicy(options, held.Reader); err != nil {
		problems = append(problems, err)
	}
	credentials := openHeld(options)
	defer credentials.cache.Close()
	return errors.Join(append(problems, credentials.fault())...)
}

func newLog(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}
