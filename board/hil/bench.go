package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// shared is what all lanes have in common. It does not change once it is prepared.
type shared struct {
	ctx       context.Context
	dir       string // for what ends with the run
	out       string // for what stays
	stock     *stock
	built     *programs
	initramfs string
	twin      *twin
}

// bench is a lane: scenarios that follow one another, with one machine at a
// time, a data disk that goes from one to the next, and a site.
type bench struct {
	*shared
	name    string
	board   board
	site    *site
	m       *machine // that runs now
	reader  int      // pid of the reader in it
	boots   int
	report  report
	figures []figure
}

// scenario is something to be proved.
type scenario struct {
	what  string // a sentence about the reader
	prove func(b *bench) (how string, err error)
	// must: what follows needs it, and is not tried after a failure.
	must bool
	// boots: it starts a machine; others need one that runs.
	boots bool
}

// runLimit is how long all of it may take on a busy machine, downloads included.
const runLimit = 15 * time.Minute

// run prepares what all lanes need, runs them side by side, and writes the report.
func run(ctx context.Context, out string, only *regexp.Regexp, limit time.Duration) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	dir, err := os.MkdirTemp("", "latchkey-hil-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	s := &shared{ctx: ctx, dir: dir, out: out}
	defer func() { s.twin.close() }()
	tests := make(chan error, 1)
	go func() { tests <- buildTests(ctx, dir) }()
	if err := s.prepare(); err != nil {
		return err
	}
	prepared := time.Since(began)
	fmt.Printf("prepared in %.0f s\n", prepared.Seconds())
	var group errgroup.Group
	var benches []*bench
	for _, l := range lanes {
		if !l.wanted(only) {
			continue
		}
		b := &bench{shared: s, name: l.name}
		benches = append(benches, b)
		group.Go(func() error {
			defer b.close()
			return b.run(l, only, tests)
		})
	}
	if err := errors.Join(group.Wait(), ctx.Err()); err != nil {
		return err
	}
	all := report{prepared: prepared, total: time.Since(began)}
	for _, b := range benches {
		all.rows = append(all.rows, b.report.rows...)
		all.figures = append(all.figures, b.figures...)
	}
	return all.write(s)
}

// prepare makes everything that machines boot from, and the twin.
func (s *shared) prepare() error {
	cache, err := cacheDir()
	if err != nil {
		return err
	}
	if s.stock, err = fetch(s.ctx, cache); err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	fmt.Printf("kernel %s-arm64\n", s.stock.abi)
	s.built, s.initramfs = newPrograms(s.dir), filepath.Join(s.dir, "initramfs")
	var group errgroup.Group
	group.Go(func() error {
		if err := s.built.board(s.ctx); err != nil {
			return err
		}
		return buildInitramfs(s.ctx, s.stock, s.built, s.initramfs)
	})
	group.Go(func() error {
		if err := s.built.own(s.ctx); err != nil {
			return err
		}
		var err error
		if s.twin, err = newTwin(s); err != nil {
			return fmt.Errorf("the simulated twin: %w", err)
		}
		return (&bench{shared: s}).learn()
	})
	return group.Wait()
}

// run runs a lane's scenarios.
func (b *bench) run(l lane, only *regexp.Regexp, tests <-chan error) error {
	var err error
	if b.site, err = newSite(b.ctx, b.built, filepath.Join(b.dir, b.name)); err != nil {
		return err
	}
	broker, err := freeAddress()
	if err != nil {
		return err
	}
	b.board = board{
		kernel: b.stock.kernel(), initramfs: b.initramfs, broker: broker,
		disk: filepath.Join(b.site.dir, "data.ext4"), tools: filepath.Join(b.site.dir, "tools.ext4"),
	}
	if err := makeDisk(b.ctx, b.board.disk, 48<<20); err != nil {
		return err
	}
	if l.tests {
		if err := <-tests; err != nil {
			return err
		}
		err = makeDisk(b.ctx, b.board.tools, 256<<20, "-d", testsDir(b.dir))
	} else {
		err = buildTools(b.ctx, b.stock, b.board.tools)
	}
	if err != nil {
		return err
	}
	for _, s := range l.scenarios {
		if !s.must && !only.MatchString(s.what) {
			continue
		}
		began := time.Now()
		how, err := "", errors.New("there is no machine any more")
		if s.boots || b.m != nil && !b.m.ended() {
			how, err = s.prove(b)
		}
		b.report.add(s.what, how, err, time.Since(began))
		if err != nil {
			b.keepPicture()
			b.leave()
		}
		if b.ctx.Err() != nil {
			return b.ctx.Err()
		}
		if err != nil && s.must {
			break
		}
	}
	return nil
}

// close ends all that runs for the lane.
func (b *bench) close() {
	if b.m != nil {
		if b.ctx.Err() != nil {
			fmt.Println(b.m.console.tail(20))
		}
		b.m.powerCut()
	}
	if b.site != nil {
		b.site.close()
	}
}

// boot starts the next machine, on the disk that the last one left.
func (b *bench) boot(options ...string) error {
	if b.m != nil {
		b.m.powerCut()
	}
	b.boots++
	console, err := os.Create(filepath.Join(b.out, fmt.Sprintf("console-%s-%d.log", b.name, b.boots)))
	if err != nil {
		return err
	}
	board := b.board
	board.options = append(board.options, options...)
	m, err := boot(b.ctx, board, io.Writer(console))
	if err != nil {
		return err
	}
	b.m = m
	return nil
}

// startReader starts latchkeyd as the board's service does.
func (b *bench) startReader() (err error) {
	b.reader, err = b.m.agent.start("/bin/latchkeyd", "run", "--config", "/etc/latchkeyd.toml")
	return err
}

// stopReader ends latchkeyd as the board's service does.
func (b *bench) stopReader() error {
	if err := b.m.agent.signal(b.reader, int(syscall.SIGTERM)); err != nil {
		return err
	}
	end, err := b.m.agent.wait(b.reader)
	if err == nil && end.Code != 0 {
		err = fmt.Errorf("latchkeyd: exit code %d\n%s", end.Code, b.readerLog())
	}
	return err
}

// readerLog is what the running reader has logged.
func (b *bench) readerLog() string {
	log, err := b.m.agent.read(fmt.Sprintf("/run/%d.log", b.reader))
	if err != nil {
		return err.Error()
	}
	return string(log)
}

// shutDown ends the machine in order.
func (b *bench) shutDown() error {
	m := b.m
	b.m = nil
	return m.powerOff()
}
