package main

import (
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"

	"latchkey/board/sim"
)

// The wiring: chip selects and lines of the kernel module. On the wire, resets
// and interrupts are active low.
var (
	portNames = []string{"panel", "touch", "nfc"}

	outputLines = []wire{{0, "panel-dc", false}, {1, "panel-reset", true}, {2, "nfc-reset", true}, {3, "backlight", false}}
	inputLines  = []wire{{4, "touch-irq", true}, {5, "nfc-irq", true}}
)

type wire struct {
	line      int
	name      string
	activeLow bool
}

func (w wire) bit() byte { return 1 << w.line }

// drawer keeps the cards with a chip, their keys among them, which the bench hands to
// the judge.
const drawer = "/run/cards.json"

// chips are the simulated board's, behind the kernel's bus.
type chips struct {
	board   *sim.Board
	bus     *bus
	outputs []*sim.Output
	levels  byte // of the outputs
	conns   map[connKey]spi.Conn
	zeros   [maxTransfer]byte
	rx      [maxTransfer]byte

	inputs sync.Mutex // held from reading the input lines until the kernel has them

	firstPicture atomic.Uint64 // when the display first showed anything: milliseconds since boot
}

// connKey is a device's clock and mode; the simulated port fixes them when it
// connects.
type connKey struct {
	cs   byte
	hz   uint32
	mode uint32
}

// runChips runs the chips until they fail.
func runChips() error {
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelWarn}))
	bus, err := openBus("/dev/latchkey-bench")
	if err != nil {
		return err
	}
	c := &chips{board: sim.New(&sim.Options{Log: log, Seed: 1, NFC: sim.NFCOptions{TakesWaking: true}}), bus: bus, conns: map[connKey]spi.Conn{}}
	if err := c.board.KeepCards(drawer); err != nil {
		return err
	}
	for _, w := range outputLines {
		output, err := c.board.Output(w.name)
		if err != nil {
			return err
		}
		c.outputs = append(c.outputs, output)
	}
	const loaded = 1<<1 | 1<<2 // the outputs' levels after the module is loaded
	c.levels = ^byte(loaded)   // so that all are set
	if err := c.drive(loaded); err != nil {
		return err
	}
	for _, w := range inputLines {
		if _, err := c.board.Input(w.name, func(bool) { c.moved(w.bit()) }); err != nil {
			return err
		}
	}
	c.moved(0)
	if err := os.WriteFile(chipsReady, nil, 0o644); err != nil {
		return err
	}
	failed := make(chan error, 2)
	go func() { failed <- serve("bench.chips", c.handler()) }()
	go func() { failed <- c.serveBus() }()
	go c.awaitPicture()
	return <-failed
}

// moved tells the kernel the levels of the inputs, and which have changed.
func (c *chips) moved(edges byte) {
	c.inputs.Lock()
	defer c.inputs.Unlock()
	if err := c.bus.inputs(c.inputLevels(), edges); err != nil {
		printLine("inputs: %v", err)
	}
}

// done answers a request.
func (c *chips) done(rx []byte) {
	c.inputs.Lock()
	defer c.inputs.Unlock()
	if err := c.bus.done(c.inputLevels(), rx); err != nil {
		printLine("a transfer was answered too late: %v", err)
	}
}

// inputLevels are the levels on the wire.
func (c *chips) inputLevels() byte {
	var levels byte
	for _, w := range inputLines {
		if c.board.Line(w.name) != w.activeLow {
			levels |= w.bit()
		}
	}
	return levels
}

// drive sets the outputs that have changed.
func (c *chips) drive(levels byte) error {
	for i, w := range outputLines {
		if (c.levels^levels)&w.bit() == 0 {
			continue
		}
		value := 0
		if (levels&w.bit() != 0) != w.activeLow {
			value = 1
		}
		if err := c.outputs[i].SetValue(value); err != nil {
			return err
		}
	}
	c.levels = levels
	return nil
}

func (c *chips) serveBus() error {
	for {
		r, err := c.bus.next()
		if err != nil {
			return fmt.Errorf("bus: %w", err)
		}
		if err := c.drive(r.outputs); err != nil {
			return err
		}
		var rx []byte
		switch r.kind {
		case kindOutput:
		case kindTransfer:
			if rx, err = c.transfer(r); err != nil {
				return err
			}
		default:
			return fmt.Errorf("a request of kind %d", r.kind)
		}
		c.done(rx)
	}
}

// transfer clocks one transfer through the chip, and returns what came back if
// the request receives.
func (c *chips) transfer(r request) ([]byte, error) {
	key := connKey{r.cs, r.hz, r.mode & 3}
	conn := c.conns[key]
	if conn == nil {
		if int(r.cs) >= len(portNames) {
			return nil, fmt.Errorf("chip select %d", r.cs)
		}
		port, err := c.board.SPI(portNames[r.cs])
		if err != nil {
			return nil, err
		}
		if conn, err = port.Connect(physic.Frequency(r.hz)*physic.Hertz, spi.Mode(key.mode), 8); err != nil {
			return nil, err
		}
		c.conns[key] = conn
	}
	tx, rx := r.tx, c.rx[:r.len]
	if !r.sends {
		tx = c.zeros[:r.len]
	}
	if len(tx) != r.len {
		return nil, fmt.Errorf("a transfer of %d bytes with %d to send", r.len, len(tx))
	}
	if r.len == 0 {
		return nil, nil
	}
	if err := conn.TxPackets([]spi.Packet{{W: tx, R: rx, KeepCS: r.keepCS}}); err != nil {
		return nil, err
	}
	if !r.receives {
		return nil, nil
	}
	return rx, nil
}

// awaitPicture notes when the display first shows anything.
func (c *chips) awaitPicture() {
	view := c.board.View()
	defer view.Close()
	changes, stop := c.board.Watch()
	defer stop()
	for range changes {
		img, _ := view.Update()
		lit := 0
		for i := 0; i < len(img.Pix); i += 4 {
			if int(img.Pix[i])+int(img.Pix[i+1])+int(img.Pix[i+2]) > 3*0x60 {
				lit++
			}
		}
		if lit > 500 { // some letters
			c.firstPicture.Store(uint64(sinceBoot() * 1000))
			return
		}
	}
}
