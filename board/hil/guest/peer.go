package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"

	"latchkey/board/sim"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// What is wired to what: chip selects and lines of the kernel module. On the
// wire, resets and interrupts are active low.
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

// chips are the simulated board's, behind the kernel's bus.
type chips struct {
	board   *sim.Board
	bus     *bus
	outputs []*sim.Output
	levels  byte // of the outputs, as last taken
	conns   map[connKey]spi.Conn
	zeros   [maxTransfer]byte
	rx      [maxTransfer]byte

	inputs sync.Mutex // held from looking at the input lines until the kernel knows

	firstPicture atomic.Uint64 // milliseconds since boot when the display first showed anything
}

// connKey is a device's clock and mode; the simulated port fixes them when it
// connects.
type connKey struct {
	cs   byte
	hz   uint32
	mode uint32
}

// peer is the chips, until the module takes the bus away.
func peer() error {
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelWarn}))
	b, err := openBus("/dev/latchkey-bench")
	if err != nil {
		return err
	}
	c := &chips{board: sim.New(&sim.Options{Log: log, Seed: 1}), bus: b, conns: map[connKey]spi.Conn{}}
	for _, w := range outputLines {
		output, err := c.board.Output(w.name)
		if err != nil {
			return err
		}
		c.outputs = append(c.outputs, output)
	}
	if err := c.drive(1<<1|1<<2, true); err != nil { // as the module has them when it is loaded
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
	go func() { failed <- serve("bench.peer", c.handler()) }()
	go func() { failed <- c.serveBus() }()
	go c.awaitPicture()
	return <-failed
}

// moved tells the kernel where the inputs stand, and which have moved.
func (c *chips) moved(edges byte) {
	c.inputs.Lock()
	defer c.inputs.Unlock()
	if err := c.bus.inputs(c.inputLevels(), edges); err != nil {
		say("inputs: %v", err)
	}
}

// done answers a request.
func (c *chips) done(rx []byte) {
	c.inputs.Lock()
	defer c.inputs.Unlock()
	if err := c.bus.done(c.inputLevels(), rx); err != nil {
		say("a transfer was answered too late: %v", err)
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

// drive moves the outputs that have changed, or all.
func (c *chips) drive(levels byte, all bool) error {
	for i, w := range outputLines {
		if !all && (c.levels^levels)&w.bit() == 0 {
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
		if err := c.drive(r.outputs, false); err != nil {
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
			return errUnknownRequest
		}
		c.done(rx)
	}
}

// transfer clocks one transfer through the chip, and returns what came back if
// anybody asked for it.
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

// state is GET /bench/state.
type state struct {
	Violations   []string
	Counters     map[string]sim.Counters
	Lines        map[string]bool // logical
	FirstPicture float64         // seconds since boot, 0 before
}

// handler is the simulated board's own calls, and what the bench, one call at a
// time, wants to know and do besides:
//
//	GET  /bench/state            state
//	GET  /bench/pixels           what a viewer sees, 4 bytes a pixel, row by row
//	POST /bench/taps             [key…]
//	POST /bench/looks            waits until the touch film was looked at some times
//	POST /bench/fault?chip=nfc   sim.Fault
func (c *chips) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", c.board.Handler(sim.Page{Name: "bench"}))
	mux.HandleFunc("GET /bench/state", func(w http.ResponseWriter, _ *http.Request) {
		s := state{
			Violations: c.board.Violations(), Counters: map[string]sim.Counters{}, Lines: map[string]bool{},
			FirstPicture: float64(c.firstPicture.Load()) / 1000,
		}
		for _, port := range portNames {
			s.Counters[port] = c.board.Counters(port)
		}
		for _, w := range append(append([]wire(nil), outputLines...), inputLines...) {
			s.Lines[w.name] = c.board.Line(w.name)
		}
		json.NewEncoder(w).Encode(s)
	})
	view := c.board.View() // draws only what has changed: the chips wait meanwhile
	mux.HandleFunc("GET /bench/pixels", func(w http.ResponseWriter, _ *http.Request) {
		img, _ := view.Update()
		w.Write(img.Pix)
	})
	mux.HandleFunc("POST /bench/taps", c.taps)
	mux.HandleFunc("POST /bench/looks", func(w http.ResponseWriter, _ *http.Request) {
		if !c.looked(tapLooks) {
			http.Error(w, "nobody looks at the touch film", http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("POST /bench/fault", func(w http.ResponseWriter, r *http.Request) {
		var fault sim.Fault
		err := json.NewDecoder(r.Body).Decode(&fault)
		if err == nil {
			err = c.board.SetFault(r.FormValue("chip"), fault)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	return mux
}
