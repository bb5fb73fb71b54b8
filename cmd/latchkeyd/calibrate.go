package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"golang.org/x/sync/errgroup"

	"latchkey/board"
	"latchkey/cmd/latchkeyd/internal/datadir"
	"latchkey/cmd/latchkeyd/internal/status"
	"latchkey/device/durable"
	"latchkey/keypad"
	"latchkey/keypad/touch"
	"latchkey/sync/wire"
)

// calibrateCommand has somebody touch crosses on the screen and writes the mapping from
// touch film to display into the config. The reader must not run meanwhile. It leaves the
// strike alone.
func calibrateCommand(ctx context.Context, command *call) (err error) {
	c, err := command.config()
	if err != nil {
		return err
	}
	if err := datadir.Open(c.Reader.Data); err != nil {
		return err
	}
	unlock, err := datadir.Lock(c.Reader.Data)
	if errors.Is(err, datadir.ErrLocked) {
		return fmt.Errorf("%w: stop it first", err)
	}
	if err != nil {
		return err
	}
	defer unlock()
	log := newLog(command.stderr, slog.LevelInfo)
	b, err := board.Open(c.Board, log)
	if err != nil {
		return err
	}
	defer closing(&err, b.Close)
	in := newInstruments(c, new(status.Stopwatch), log)
	defer closing(&err, in.close)
	if err := in.openKeypad(b, c); err != nil {
		return err
	}
	if in.keypad == nil {
		return errors.New("the config names no panel to be touched: see board.spi")
	}
	if fault := in.parts.Fault(wire.SubjectTouch); fault != "" {
		return fmt.Errorf("touch: %s", fault)
	}
	ctx, cancel := context.WithCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	defer closing(&err, group.Wait)
	defer cancel()
	if in.film != nil {
		group.Go(during(ctx, func(ctx context.Context) error { return in.film.Run(ctx, nil) }))
	}
	group.Go(during(ctx, func(ctx context.Context) error {
		return b.Serve(ctx, board.Page{Name: func() string { return c.Reader.ID }, Controls: func() any { return []struct{}{} }, Records: func() []string { return nil }})
	}))
	in.keypad.Show(keypad.View{ReaderID: c.Reader.ID})
	found, err := in.keypad.Calibrate(ctx)
	if err != nil {
		return err
	}
	line := calibrationLine(found)
	if err := writeCalibration(c.path, line); err != nil {
		return fmt.Errorf("%w; write it into the config by hand, below [touch]:\n%s", err, line)
	}
	if c.json {
		return printJSON(command.stdout, map[string]any{"calibration": numbers(found)})
	}
	_, err = fmt.Fprintf(command.stdout, "%s: [touch] now has\n%s\n", c.path, line)
	return err
}

// numbers returns a mapping in the order of touch.calibration.
func numbers(a touch.Affine) []float64 { return []float64{a.XX, a.XY, a.X0, a.YX, a.YY, a.Y0} }

func calibrationLine(a touch.Affine) string {
	return "calibration = " + strings.ReplaceAll(fmt.Sprintf("%.6f", numbers(a)), " ", ", ")
}

// writeCalibration replaces touch.calibration in a config file, or adds it, and leaves the
// rest of the file as it is.
func writeCalibration(path, line string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("config: %w", err)
	}
	text, err := withCalibration(string(b), line)
	if err != nil {
		return fmt.Errorf("config: %s: %w", path, err)
	}
	var written config
	var want touchConfig
	_, err = toml.Decode(text, &written)
	_, lineErr := toml.Decode(line, &want)
	if err != nil || lineErr != nil || !slices.Equal(written.Touch.Calibration, want.Calibration) {
		return fmt.Errorf("config: %s: its [touch] is written in a way that this program cannot edit", path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("config: %w", err)
	}
	// In one rename: a power cut must leave a file that the service can read.
	return durable.WriteFile(path, []byte(text), info.Mode().Perm())
}

// withCalibration returns a config's text with the line in place of the one
// that defines touch.calibration, below [touch], or in a [touch] of its own.
func withCalibration(text, line string) (string, error) {
	var anything map[string]any
	meta, err := toml.Decode(text, &anything)
	if err != nil {
		return "", err
	}
	lines := strings.SplitAfter(strings.TrimRight(text, "\n")+"\n", "\n")
	lines = lines[:len(lines)-1]
	key := toml.Key{"touch", "calibration"}
	switch {
	case meta.IsDefined(key...):
		lines[lineOf(text, key)-1] = line + "\n"
	case meta.IsDefined("touch"):
		lines = slices.Insert(lines, lineOf(text, toml.Key{"touch"}), line+"\n")
	default:
		lines = append(lines, "\n[touch]\n", line+"\n")
	}
	return strings.Join(lines, ""), nil
}
