package main

import (
	"flag"
	"fmt"
	"io"

	"log/slog"

	"latchkey/board"
)

// releaseCommand is the stop hook: whatever became of the reader, its strike is
// released.
func releaseCommand(args []string, stderr io.Writer) error {
	c, err := configFlag(flag.NewFlagSet("latchkeyd release", flag.ContinueOnError), args, stderr)
	if err != nil {
		return err
	}
	return board.Release(c.Board)
}

// checkCommand says what is wrong with the config and with what it names.
func checkCommand(args []string, stdout, stderr io.Writer) error {
	c, err := configFlag(flag.NewFlagSet("latchkeyd check", flag.ContinueOnError), args, stderr)
	if err != nil {
		return err
	}
	problems := board.Check(c.Board, newLog(stderr, slog.LevelWarn))
	if err := openData(c.Reader.Data); err != nil {
		problems = append(problems, err)
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

func newLog(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}
