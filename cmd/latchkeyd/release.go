package main

import (
	"context"
	"errors"

	"latchkey/board"
)

// releaseCommand is the stop hook. It releases the strike that a dead reader was
// driving, or else the one that the config names. It reports mistakes in the config
// but releases all the same: somebody may have edited it while the strike was on.
func releaseCommand(_ context.Context, command *call) error {
	c, wrong := command.config()
	path := command.flags.Lookup("config").Value.String()
	if path == "" {
		return wrong
	}
	running, err := readRunning(path)
	if running != nil {
		err = running.located(board.Release(running.Board))
		if err == nil || c != nil && c.text == running.text {
			return errors.Join(wrong, err)
		}
	}
	wrong = errors.Join(wrong, err)
	if c == nil {
		return wrong
	}
	return errors.Join(wrong, c.located(board.Release(c.Board)))
}
