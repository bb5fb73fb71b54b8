package sim

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"syscall"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// zeros are what MOSI carries when a packet only reads.
var zeros [bufSize]byte

// message runs packets as one spidev message. The board's lock is held.
func (d *spidev) message(packets []spi.Packet) error {
	p := d.port
	for p.fault.Hung && !p.board.closed {
		p.board.unhung.Wait()
	}
	if d.closed || p.board.closed {
		return fmt.Errorf("sim-spi: %w", os.ErrClosed)
	}
	if !d.connected {
		return errors.New("sim-spi: not connected")
	}
	if err := d.check(packets); err != nil {
		return err
	}
	p.counters.Messages++
	if p.held != nil && p.held != d {
		p.release(p.held)
	}
	for _, packet := range packets {
		w, r := packet.W, packet.R
		if len(w) == 0 {
			w = zeros[:len(r)]
		}
		if len(r) == 0 {
			r = nil
		}
		p.counters.Transfers++
		p.counters.Bytes += len(w)
		if d.mode&spi.NoCS != 0 {
			p.board.violate(p.name, "the port was connected with NoCS: the chip is never selected")
			float(r, 0xFF)
			continue
		}
		if p.held == nil {
			p.held = d
			if p.sees = !p.fault.Absent; p.sees {
				p.chip.selected(clock{mode: d.mode & spi.Mode3, freq: d.clock()})
			}
		}
		if len(w) > 0 {
			p.shift(w, r)
		}
		if !packet.KeepCS {
			p.release(d)
		}
	}
	return nil
}

// check returns what spidev or periph would not take.
func (d *spidev) check(packets []spi.Packet) error {
	total := 0
	for _, packet := range packets {
		w, r := len(packet.W), len(packet.R)
		if w != 0 && r != 0 && w != r {
			return fmt.Errorf("sim-spi: when both w and r are used, they must be the same size; got %d and %d bytes", w, r)
		}
		total += max(w, r)
		if bits := cmp.Or(packet.BitsPerWord, d.bits); bits != 8 {
			return fmt.Errorf("sim-spi: %d bits per word: %w", bits, syscall.EINVAL)
		}
	}
	if total == 0 {
		return errors.New("sim-spi: empty packets")
	}
	if total > bufSize {
		return fmt.Errorf("sim-spi: maximum length is %d, got %d bytes: %w", bufSize, total, syscall.EMSGSIZE)
	}
	return nil
}

// clock is the clock that a Raspberry Pi makes of the asked one: its core clock
// through an even divisor, never faster than asked.
func (d *spidev) clock() physic.Frequency {
	const core = 400_000_000
	f := d.freq
	if d.limit != 0 {
		f = min(f, d.limit)
	}
	asked := int64(f / physic.Hertz)
	divisor := max((core+asked-1)/asked, 2)
	divisor += divisor & 1
	return physic.Hertz * physic.Frequency(core/min(divisor, 65536))
}

func (p *port) shift(w, r []byte) {
	f := p.fault
	if f.Absent || !p.sees {
		float(r, f.MISO)
		return
	}
	if f.Noise > 0 {
		w = p.mosi.over(w, f.Noise)
	}
	p.chip.shift(w, r)
	if f.Noise > 0 {
		copy(r, p.miso.over(r, f.Noise))
	}
}

// release lets chip select rise if d holds it low.
func (p *port) release(d *spidev) {
	if p.held != d {
		return
	}
	p.held = nil
	if p.sees {
		p.chip.deselected()
	}
}

// float is a MISO line that nobody drives.
func float(r []byte, level byte) {
	for i := range r {
		r[i] = level
	}
}
