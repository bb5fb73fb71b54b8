package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// shared is what all lanes use. It does not change once it is prepared.
type shared struct {
	ctx       context.Context
	work      string // directory that is removed at the end
	out       string // directory that stays
	debian    *debian
	reference *reference
}

// program and boardProgram are where a program for this machine, or for the
// emulated board, is built.
func (s *shared) program(name string) string      { return filepath.Join(s.work, "bin", name) }
func (s *shared) boardProgram(name string) string { return filepath.Join(s.work, "arm64", name) }

// initramfs is the archive that the machines boot from.
func (s *shared) initramfs() string { return filepath.Join(s.work, "initramfs") }

// lanesAtOnce is how many machines run side by side. With more of them on a host with two
// processors a reader's screen for a PIN is over before all of the PIN is typed.
const lanesAtOnce = 3

// run prepares what all lanes need, runs those with a scenario whose name
// matches side by side, and writes the report.
func run(ctx context.Context, out string, only *regexp.Regexp) error {
	began := time.Now()
	work, err := os.MkdirTemp("", "latchkey-hil-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	s := &shared{ctx: ctx, work: work, out: out}
	defer func() { s.reference.close() }()
	tests := make(chan error, 1)
	go func() { tests <- buildTests(s) }()
	if err := s.prepare(); err != nil {
		return err
	}
	all := report{prepared: time.Since(began)}
	fmt.Printf("prepared in %.0f s\n", all.prepared.Seconds())
	wanted := slices.DeleteFunc(lanes(), func(l *lane) bool {
		return !slices.ContainsFunc(l.scenarios, func(s scenario) bool { return only.MatchString(s.what) })
	})
	var group errgroup.Group
	group.SetLimit(lanesAtOnce)
	for _, l := range wanted {
		l.shared = s
		group.Go(func() error {
			defer l.close()
			return try(func() { l.run(only, tests) })
		})
	}
	if err := errors.Join(group.Wait(), ctx.Err()); err != nil {
		return err
	}
	for _, l := range wanted {
		all.rows = append(all.rows, l.rows...)
		all.figures = append(all.figures, l.figures...)
	}
	all.total = time.Since(began)
	return all.write(s)
}

// prepare makes what machines boot from, and the reference reader.
func (s *shared) prepare() (err error) {
	if s.debian, err = fetch(s.ctx); err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	fmt.Printf("kernel %s-arm64\n", s.debian.abi)
	var group errgroup.Group
	group.Go(func() error {
		if err := build(s.ctx, "arm64", s.boardProgram(""), "-tags", "firmware,nethttpomithttp2", "latchkey/cmd/latchkeyd", "latchkey/board/hil/guest"); err != nil {
			return err
		}
		return buildInitramfs(s)
	})
	group.Go(func() error {
		if err := build(s.ctx, "", s.program(""), "latchkey/cmd/latchkeyd", "latchkey/cmd/latchkey-controller"); err != nil {
			return err
		}
		if err := try(func() { newReference(s) }); err != nil {
			return fmt.Errorf("the reference reader: %w", err)
		}
		return nil
	})
	return group.Wait()
}
