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

// port is a spidev port, and once it is connected its connection. It opens its
// device with the first transfer, and anew behind one that failed: a bus whose
// driver is loaded late, a udev rule that is carried out late, or a device that
// was gone for a while ends by itself. Until then each transfer fails, and says
// what is missing and what to do.
type port struct {
	key   string // in the config
	bus   int
	cs    int
	maxHz physic.Frequency // of the config, 0: no limit

	mu    sync.Mutex
	limit physic.Frequency // of LimitSpeed, 0: none
	hz    physic.Frequency // of Connect, as are mode and bits
	mode  spi.Mode
	bits  int
	open  *sysfs.SPI // nil: not open
	conn  spi.Conn   // of open
}

func (p *port) String() string { return fmt.Sprintf("SPI%d.%d", p.bus, p.cs) }

// LimitSpeed bounds the clock, which never exceeds what the config allows.
func (p *port) LimitSpeed(f physic.Frequency) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limit = f
	if p.open == nil {
		return nil
	}
	return p.open.LimitSpeed(p.clock())
}

// clock is the highest clock that is allowed.
func (p *port) clock() physic.Frequency {
	allowed := physic.GigaHertz // sysfs allows no more
	for _, f := range []physic.Frequency{p.maxHz, p.limit} {
		if f != 0 {
			allowed = min(allowed, f)
		}
	}
	return allowed
}

// Connect notes how the chip is spoken to. It does not need the device.
func (p *port) Connect(f physic.Frequency, mode spi.Mode, bits int) (spi.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bits != 0 {
		return nil, &KeyError{p.key, errors.New("is connected already")}
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

// transfer opens the device if it is not open, and uses it.
func (p *port) transfer(use func(spi.Conn) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil {
		if err := p.find(); err != nil {
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

// find opens the device.
func (p *port) find() error {
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

// Close gives the device back.
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
