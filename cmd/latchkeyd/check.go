package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"latchkey/board"
	"latchkey/cmd/latchkeyd/internal/adoption"
	"latchkey/cmd/latchkeyd/internal/datadir"
	"latchkey/cmd/latchkeyd/internal/supervision"
	"latchkey/device/cache"
	"latchkey/keypad/touch"
)

// checkCommand says what is wrong with the config and with what it names.
func checkCommand(_ context.Context, command *call) error {
	c, err := command.config()
	if err != nil {
		return err
	}
	var problems []error
	for _, problem := range board.Check(c.Board, newLog(command.stderr, slog.LevelWarn)) {
		problems = append(problems, c.located(problem))
	}
	if err := checkData(c.Reader.Data, c.Reader.ID); err != nil {
		problems = append(problems, err)
	}
	if err := c.checkPersistent(); err != nil {
		problems = append(problems, c.located(err))
	}
	if c.Touch.Device != "" {
		if err := touch.CheckEvdev(c.Touch.Device); err != nil {
			problems = append(problems, c.located(&board.KeyError{Key: "touch.device", Err: err}))
		}
	}
	if c.Watchdog.Device != "" {
		if err := supervision.CheckTimer(c.Watchdog.Device); err != nil {
			problems = append(problems, err)
		}
	}
	if c.json {
		texts := []string{}
		for _, problem := range problems {
			texts = append(texts, problem.Error())
		}
		if err := printJSON(command.stdout, map[string]any{"reader": c.Reader.ID, "board": c.Board.Kind, "problems": texts}); err != nil {
			return err
		}
	} else {
		for _, problem := range problems {
			fmt.Fprintln(command.stdout, problem)
		}
	}
	if len(problems) > 0 {
		return fmt.Errorf("%d problems", len(problems))
	}
	if !c.json {
		fmt.Fprintf(command.stdout, "%s: the config is right, and what it names answers to its name\n", c.Reader.ID)
	}
	return nil
}

// checkData says what is wrong with what a data directory holds, which may be
// nothing yet.
func checkData(dir, id string) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := datadir.Open(dir); err != nil {
		return err
	}
	_, identityErr := adoption.ReadIdentity(dir)
	held, siteErr := adoption.ReadSite(dir)
	var problems []error
	for _, err := range []error{identityErr, siteErr} {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, err)
		}
	}
	if siteErr != nil {
		return errors.Join(problems...)
	}
	if err := held.CheckReader(id); err != nil {
		problems = append(problems, err)
	}
	options := cache.Options{Dir: dir, Site: held.ID, Controller: held.ControllerKey()}
	if _, err := cache.LoadPolicy(options, held.Reader); err != nil {
		problems = append(problems, err)
	}
	credentials := openHeld(options)
	defer credentials.cache.Close()
	return errors.Join(append(problems, credentials.fault())...)
}
