package main

import (
	"context"
	"errors"

	"latchkey/board"
)

// releaseCommand is the stop hook: whatever became of the reader, its strike is
// released, the one that it drove. What is wrong with the config is said and does
// not keep it from that: somebody may have edited the config while the strike was
// on. Without a reader that left its strike behind it is the config's.
func releaseCommand(_ context.Context, command *call) error {
	c, wrong := command.config()
	path := command.flags.Lookup("config").Value.String()
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
