// Package board knows which pins and buses the reader's chips and door are
// wired to, and opens them: GPIO lines through the kernel's character device,
// SPI ports through spidev, or the same lines and ports of a simulated board.
//
// Lines have the same names in config, code and logs:
//
//	outputs  strike buzzer backlight panel-dc panel-reset nfc-reset
//	inputs   exit-button door-open tamper fire touch-irq nfc-irq
//
// So have ports: panel, touch, nfc. Values of lines are logical: 1 is active (the
// strike lets the door open, the door is open, the fire alarm is on, the chip is held in
// reset). The config says which level that is on the wire.
package board

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/warthog618/go-gpiocdev"
	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/spi"
)

// ErrNotWired is the error for a line or port that the config does not name.
var ErrNotWired = errors.New("not wired on this board")

// Output is a line that the program drives. Close releases it; the kernel decides which
// level the wire has then.
type Output interface {
	SetValue(value int) error
	Close() error
}

// Input is a line that the program reads. Close waits until the line's handler has
// returned, and must not be called from it.
type Input interface {
	Value() (int, error)
	Close() error
}

// Page is what a simulated board's page shows of the program. The functions may be
// nil. They are called often, from any goroutine, and must return at once.
type Page struct {
	Name     func() string   // of the door
	Controls func() any      // what can be touched now, in the form of GET /api/controls
	Records  func() []string // the newest records, one a line, oldest first
}

// Board opens lines and ports. Its methods may be called from any goroutine.
type Board struct{ wiring }

// wiring is where lines and ports come from: linux, or a simulated board.
type wiring interface {
	// SPI returns a port, which has one chip. A device that is missing is no error:
	// transfers fail until it is there. The caller closes the port.
	SPI(port string) (spi.PortCloser, error)

	// Output requests a line and drives it inactive. A line that cannot be requested
	// is an error only if it is the strike's: setting any other fails until it can.
	// The caller closes it.
	Output(line string) (Output, error)

	// Input requests a line. on, if not nil, is called after each edge with the level
	// that followed, in order and never concurrently for one line; if edges were lost,
	// with the present level. It must return at once. A line that cannot be requested
	// is no error: its Value fails until it can. The caller closes the line.
	Input(line string, on func(active bool)) (Input, error)

	// Serve serves the simulated board's page until ctx is done. A real board
	// has none, and waits for ctx.
	Serve(ctx context.Context, p Page) error

	// Close closes the board. Lines and ports must be closed before.
	Close() error
}

// Open returns the board that the config describes. One of kind "linux" opens nothing
// yet; one of kind "sim" is powered up and listens. The error lists everything that is
// wrong in cfg.
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

// Check opens all that the config names, one after the other, and returns what is
// wrong. It drives no output. A line that the running reader holds is a problem, too,
// which says so.
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
		return closeChecked(problems, "board", b)
	}
	l := linux{cfg}
	for _, name := range portNames {
		p, err := l.port(name)
		if errors.Is(err, ErrNotWired) {
			continue
		}
		if err == nil {
			err = p.openDevice()
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		problems = closeChecked(problems, portKey(name), p)
	}
	for _, name := range lineNames {
		line, err := l.request(name, lineNames, gpiocdev.AsIs) // with its direction and level as they are
		switch {
		case errors.Is(err, ErrNotWired):
		case err != nil:
			problems = append(problems, err)
		default:
			problems = closeChecked(problems, lineKey(name), line)
		}
	}
	return problems
}

func closeChecked(problems []error, key string, c interface{ Close() error }) []error {
	if err := c.Close(); err != nil {
		problems = append(problems, &KeyError{key, fmt.Errorf("close: %w", err)})
	}
	return problems
}

// Release makes the strike inactive and closes its line, for the hook that runs after
// the reader has stopped for whatever reason. It uses nothing of the config but the
// strike. A simulated strike ended with its process.
//
// A process that was killed holds its lines until it has exited, which takes as long as
// the disk or bus that it waits for. So Release tries a line that is in use again for
// releaseWait.
func Release(cfg Config) error {
	if cfg.Kind == kindSim {
		return nil
	}
	for deadline := time.Now().Add(releaseWait); ; time.Sleep(releaseWait / 100) {
		strike, err := linux{cfg}.Output(strikeLine)
		if err == nil {
			return strike.Close()
		}
		if !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
			return err
		}
	}
}

// releaseWait is less than a service manager gives a stop hook.
const releaseWait = 10 * time.Second
