// Package board knows which pins and buses the reader's chips and door are
// wired to, and opens them: GPIO lines through the kernel's character device,
// SPI ports through spidev, or the same lines and ports of a simulated board.
//
// Lines have names, the same in config, code and logs:
//
//	outputs  strike buzzer backlight panel-dc panel-reset nfc-reset
//	inputs   exit-button door-open tamper touch-irq nfc-irq
//
// and so have ports: panel, touch, nfc. Values of lines are logical: 1 is
// active (the strike lets the door open, the door is open, the chip is held in
// reset). Which level that is on the wire says the config.
package board

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/spi"
)

// ErrNotWired is the error for a line or port that the config does not name.
var ErrNotWired = errors.New("not wired on this board")

// Output is a line that the program drives. Close gives it back; which level
// the wire has afterwards is up to the kernel.
type Output interface {
	SetValue(value int) error
	Close() error
}

// Input is a line that the program reads. Close waits for a handler that is
// being called, and must not be called from it.
type Input interface {
	Value() (int, error)
	Close() error
}

// Page is what the program tells a simulated board's page about itself. The
// functions may be nil. They are called often, from any goroutine, and must
// return at once.
type Page struct {
	Name     string          // of the door
	Controls func() any      // what can be touched now, as GET /api/controls answers it
	Records  func() []string // the newest records, one a line, oldest first
}

// Board opens lines and ports. Its methods may be called from any goroutine.
type Board struct{ wiring }

// wiring is where lines and ports come from: linux, or a simulated board.
type wiring interface {
	// SPI returns the port of the one chip on it. A device that is missing is no
	// error: transfers fail until it is there. The caller closes the port.
	SPI(port string) (spi.PortCloser, error)

	// Output requests a line and drives it inactive. But for the strike's, a line
	// that cannot be had is no error: setting it fails until it can. The caller
	// closes it.
	Output(line string) (Output, error)

	// Input requests a line. on, if not nil, is called after each edge with
	// the level that followed, in order and never concurrently for one line;
	// if edges were lost, with the level as it is. It is a hand-off only: it
	// returns at once. A line that cannot be had is no error: its Value fails
	// until it can. The caller closes the line.
	Input(line string, on func(active bool)) (Input, error)

	// Serve serves the simulated board's page until ctx is done. A real board
	// has none, and waits for ctx.
	Serve(ctx context.Context, p Page) error

	// Close ends the board. Lines and ports are closed before.
	Close() error
}

// Open returns the board that the config describes. A board of kind "linux"
// opens nothing until it is asked for a line or port; one of kind "sim" is
// powered up and listens. The error lists everything that is wrong in cfg.
func Open(cfg Config, log *slog.Logger) (*Board, error) {
	if err := errors.Join(cfg.problems()...); err != nil {
		return nil, err
	}
	var w wiring = linux{cfg}
	if cfg.Kind == kindSim {
		var err error
		if w, err = openSim(cfg.Sim, log); err != nil {
			return nil, err
		}
	}
	return &Board{w}, nil
}

// Check opens all that the config names, one after the other, and returns what
// is wrong. Outputs are requested as they are: none is driven. A line or port
// that the running reader holds is a problem too, and says so.
func Check(cfg Config, log *slog.Logger) []error {
	problems := cfg.problems()
	if len(problems) > 0 {
		return problems
	}
	if cfg.Kind == kindSim {
		b, err := openSim(cfg.Sim, log)
		if err != nil {
			return []error{err}
		}
		return closed(problems, "board", b)
	}
	l := linux{cfg}
	for _, name := range portNames {
		p, err := l.port(name)
		if errors.Is(err, ErrNotWired) {
			continue
		}
		if err == nil {
			err = p.find()
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		problems = closed(problems, portKey(name), p)
	}
	for _, name := range lineNames {
		line, err := l.asIs(name)
		switch {
		case errors.Is(err, ErrNotWired):
		case err != nil:
			problems = append(problems, err)
		default:
			problems = closed(problems, lineKey(name), line)
		}
	}
	return problems
}

func closed(problems []error, key string, c interface{ Close() error }) []error {
	if err := c.Close(); err != nil {
		problems = append(problems, &KeyError{key, fmt.Errorf("close: %w", err)})
	}
	return problems
}

// Release makes the strike inactive and gives it back, for the hook that runs
// after the reader has stopped, however it stopped. It looks at nothing in the
// config but the strike. A simulated strike ended with its process.
//
// A process that was killed holds its lines until the kernel lets it die, which
// takes as long as a disk or bus that it waits for: a line in use is tried
// again for dyingFor.
func Release(cfg Config) error {
	if cfg.Kind == kindSim {
		return nil
	}
	for deadline := time.Now().Add(dyingFor); ; time.Sleep(dyingFor / 100) {
		strike, err := linux{cfg}.Output(strikeLine)
		if err == nil {
			return strike.Close()
		}
		if !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
			return err
		}
	}
}

// dyingFor is within what a service manager gives a stop hook.
const dyingFor = 10 * time.Second
