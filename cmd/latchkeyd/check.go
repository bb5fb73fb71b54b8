package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"latchkey/board"
	"latchkey/cmd/latchkeyd/internal/adoption"
	"latchkey/cmd/latchkeyd/internal/datadir"
	"latchkey/cmd/latchkeyd/internal/supervision"
	"latchkey/device/cache"
	"latchkey/keypad/touch"
)

// checkCommand reports what is wrong with the config and with what it names.
func checkCommand(_ context.Context, command *call) error {
	c, err := command.config()
	if err != nil {
		return err
	}
	problems := append(board.Check(c.Board, newLog(command.stderr, slog.LevelWarn)), checkData(c.Reader.Data, c.Reader.ID), c.checkPersistent())
	if c.Touch.Device != "" {
		if err := touch.CheckEvdev(c.Touch.Device); err != nil {
			problems = append(problems, &board.KeyError{Key: "touch.device", Err: err})
		}
	}
	if c.Watchdog.Device != "" {
		problems = append(problems, supervision.CheckTimer(c.Watchdog.Device))
	}
	texts := []string{}
	for _, problem := range problems {
		if problem != nil {
			texts = append(texts, c.located(problem).Error())
		}
	}
	switch {
	case c.json:
		err = printJSON(command.stdout, map[string]any{"reader": c.Reader.ID, "board": c.Board.Kind, "problems": texts})
	case len(texts) > 0:
		_, err = fmt.Fprintln(command.stdout, strings.Join(texts, "\n"))
	default:
		_, err = fmt.Fprintf(command.stdout, "%s: no problems found in the config and what it names\n", c.Reader.ID)
	}
	if err == nil && len(texts) > 0 {
		err = fmt.Errorf("%d problems", len(texts))
	}
	return err
}

// checkData reports what is wrong in a data directory, which may not exist yet.
func checkData(dir, id string) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := datadir.Open(dir); err != nil {
		return err
	}
	_, err := adoption.ReadIdentity(dir)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	site, siteErr := adoption.ReadSite(dir)
	switch {
	case errors.Is(siteErr, fs.ErrNotExist):
		return err
	case siteErr != nil:
		return errors.Join(err, siteErr)
	}
	options := cache.Options{Dir: dir, Site: site.ID, Controller: site.ControllerKey()}
	_, policyErr := cache.LoadPolicy(options, site.Reader)
	credentials := openHeld(options)
	defer credentials.cache.Close()
	_, keyErr := credentials.current()
	return errors.Join(err, site.CheckReader(id), policyErr, keyErr)
}
