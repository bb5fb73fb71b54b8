package board

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
	"periph.io/x/host/v3/sysfs"
)

// port is a spidev port and, once connected, its connection. It opens its device with
// the first transfer, and again with the next one after a failure. So it recovers by
// itself when a driver is loaded late, a udev rule runs late, or the device was gone for
// a while. Until then each transfer fails with an error that says what is missing and
// what to do.
type port struct {
	key   string // in the config
	bus   int
	cs    int
	maxHz physic.Frequency // from the config; 0: no limit

	mu    sync.Mutex
	limit physic.Frequency // from LimitSpeed; 0: no limit
	hz    physic.Frequency // from Connect, as mode and bits
	mode  spi.Mode
	bits  int
	open  *sysfs.SPI // nil: not open
	conn  spi.Conn   // of open
}

func (p *port) String() string { return fmt.Sprintf("SPI%d.%d", p.bus, p.cs) }

// LimitSpeed limits the clock. The limit of the config still applies.
func (p *port) LimitSpeed(f physic.Frequency) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limit = f
	if p.open == nil {
		return nil
	}
	return p.open.LimitSpeed(p.clock())
}

// clock returns the highest allowed clock.
func (p *port) clock() physic.Frequency {
	allowed := physic.GigaHertz // sysfs allows no more
	for _, f := range []physic.Frequency{p.maxHz, p.limit} {
		if f != 0 {
			allowed = min(allowed, f)
		}
	}
	return allowed
}

// Connect sets clock, mode and word size. It does not need the device.
func (p *port) Connect(f physic.Frequency, mode spi.Mode, bits int) (spi.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bits != 0 {
		return nil, &KeyError{p.key, errors.New("is already connected")}
	}
	p.hz, p.mode, p.bits = f, mode, bits
	return p, nil
}

func (p *port) Duplex() conn.Duplex { return conn.Full }

func (p *port) Tx(w, r []byte) error {
	return p.transfer(func(c spi.Conn) error { return c.Tx(w, r) })
}

func (p *port) TxPackets(packets []spi.Packet) error {
	return p.transfer(func(c spi.Conn) error { return c.TxPackets(packets) })
}

// transfer opens the device if necessary, and calls use.
func (p *port) transfer(use func(spi.Conn) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil {
		if err := p.openDevice(); err != nil {
			return err
		}
	}
	if p.conn == nil {
		c, err := p.open.Connect(p.hz, p.mode, p.bits)
		if err != nil {
			return errors.Join(&KeyError{p.key, err}, p.close())
		}
		p.conn = c
	}
	if err := use(p.conn); err != nil {
		return errors.Join(&KeyError{p.key, err}, p.close())
	}
	return nil
}

// openDevice opens the device.
func (p *port) openDevice() error {
	path := devicePath(p.bus, p.cs)
	if err := unix.Access(path, unix.R_OK|unix.W_OK); err != nil {
		return &KeyError{p.key, explainDevice(path, err)}
	}
	open, err := sysfs.NewSPI(p.bus, p.cs)
	if err != nil {
		return &KeyError{p.key, err}
	}
	if err := open.LimitSpeed(p.clock()); err != nil {
		return errors.Join(&KeyError{p.key, err}, open.Close())
	}
	p.open = open
	return nil
}

// Close closes the device.
func (p *port) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.close()
}

func (p *port) close() error {
	if p.open == nil {
		return nil
	}
	err := p.open.Close()
	p.open, p.conn = nil, nil
	return err
}
