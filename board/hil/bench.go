package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

// bench is one run of the bench.
type bench struct {
	ctx     context.Context
	dir     string // for what ends with the run
	out     string
	stock   *stock
	built   *programs
	board   board
	broker  string // where a Mosquitto will listen on this machine
	site    *site
	m       *machine // that runs now
	reader  int      // pid of the reader in it
	boots   int
	layout  map[string]key // by the names of their controls
	home    *image.RGBA    // the home screen
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
const runLimit = 12 * time.Minute

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
	b := &bench{ctx: ctx, dir: dir, out: out}
	defer func() {
		if ctx.Err() != nil && b.m != nil {
			fmt.Println(b.m.console.tail(20))
		}
		if b.m != nil {
			b.m.powerCut()
		}
		if b.site != nil {
			b.site.close()
		}
	}()
	if err := b.prepare(); err != nil {
		return err
	}
	b.report.prepared = time.Since(began)
	for _, s := range scenarios {
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
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && s.must {
			break
		}
	}
	if b.m != nil && !b.m.ended() {
		err := b.shutDown()
		b.report.add("the last machine ends in order", "its console's end line", err, 0)
	}
	b.report.total = time.Since(began)
	return b.report.write(b)
}

// prepare makes everything that the machine boots from, and the site.
func (b *bench) prepare() error {
	cache, err := cacheDir()
	if err != nil {
		return err
	}
	if b.stock, err = fetch(b.ctx, cache); err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	fmt.Printf("kernel %s-arm64\n", b.stock.abi)
	if b.built, err = buildPrograms(b.ctx, b.dir); err != nil {
		return err
	}
	b.board = board{kernel: b.stock.kernel(), initramfs: filepath.Join(b.dir, "initramfs"), disk: filepath.Join(b.dir, "data.ext4"), tools: filepath.Join(b.dir, "tools.ext4")}
	if b.broker, err = freeAddress(); err != nil {
		return err
	}
	b.board.broker = b.broker
	if err := buildInitramfs(b.ctx, b.stock, b.built, b.board.initramfs); err != nil {
		return err
	}
	if err := makeDisk(b, b.board.disk, 48<<20); err != nil {
		return err
	}
	if err := b.buildTools(b.board.tools); err != nil {
		return err
	}
	b.site, err = newSite(b.ctx, b.built, filepath.Join(b.dir, "site"))
	return err
}

// boot starts the next machine, on the disk that the last one left.
func (b *bench) boot(options ...string) error {
	if b.m != nil {
		b.m.powerCut()
	}
	b.boots++
	console, err := os.Create(filepath.Join(b.out, fmt.Sprintf("console-%d.log", b.boots)))
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
