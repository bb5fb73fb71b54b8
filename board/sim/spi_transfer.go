package sim

import (
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
func (p *port) message(packets []spi.Packet) error {
	for p.s.fault.Hung && !p.mu.closed {
		p.mu.unhung.Wait()
	}
	if p.closed || p.mu.closed {
		return fmt.Errorf("sim-spi: %w", os.ErrClosed)
	}
	if !p.connected {
		return errors.New("sim-spi: not connected")
	}
	if err := p.check(packets); err != nil {
		return err
	}
	s := p.s
	s.counters.Messages++
	if s.held != nil && s.held != p {
		s.release(s.held)
	}
	for i := range packets {
		k := &packets[i]
		w, r := k.W, k.R
		if len(w) == 0 {
			w = zeros[:len(r)]
		}
		if len(r) == 0 {
			r = nil
		}
		s.counters.Transfers++
		s.counters.Bytes += len(w)
		if p.mode&spi.NoCS != 0 {
			p.mu.violate(s.name, "the port was connected with NoCS: the chip is never selected")
			float(r, 0xFF)
			continue
		}
		if s.held == nil {
			s.held = p
			if s.sees = !s.fault.Absent; s.sees {
				s.chip.selected(clock{mode: p.mode & spi.Mode3, hz: p.hz()})
			}
		}
		if len(w) > 0 {
			s.shift(w, r)
		}
		if p.mode&spi.HalfDuplex != 0 {
			float(r, 0xFF) // the chip answers on a wire that is not looked at
		}
		if !k.KeepCS {
			s.release(p)
		}
	}
	return nil
}

func (p *port) check(packets []spi.Packet) error {
	total := 0
	for i := range packets {
		w, r := len(packets[i].W), len(packets[i].R)
		switch {
		case w != 0 && r != 0 && p.mode&spi.HalfDuplex != 0:
			return errors.New("sim-spi: can only specify one of w or r when in half duplex")
		case w != 0 && r != 0 && w != r:
			return fmt.Errorf("sim-spi: when both w and r are used, they must be the same size; got %d and %d bytes", w, r)
		}
		total += max(w, r)
		if bits := packets[i].BitsPerWord; bits != 8 && (bits != 0 || p.bits != 8) {
			return fmt.Errorf("sim-spi: %d bits per word: %w", max(bits, p.bits), syscall.EINVAL)
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

// hz is the clock that a Raspberry Pi makes of the asked one: its core clock
// through an even divisor, never faster than asked.
func (p *port) hz() int64 {
	const core = 400_000_000
	f := p.freqConn
	if p.freqPort != 0 && p.freqPort < f {
		f = p.freqPort
	}
	asked := int64(f / physic.Hertz)
	if asked >= core/2 {
		return core / 2
	}
	div := (core + asked - 1) / asked
	div += div & 1
	return core / min(div, 65536)
}

func (s *portState) shift(w, r []byte) {
	f := s.fault
	if f.Absent || !s.sees {
		float(r, f.MISO)
		return
	}
	if f.Noise > 0 {
		w = s.mosi.over(w, f.Noise)
	}
	s.chip.shift(w, r)
	if f.Noise > 0 {
		copy(r, s.miso.over(r, f.Noise))
	}
}

// release lets chip select rise if p holds it low.
func (s *portState) release(p *port) {
	if s.held == p {
		s.held = nil
		if s.sees {
			s.chip.deselected()
		}
	}
}

// float is a MISO line that nobody drives.
func float(r []byte, level byte) {
	for i := range r {
		r[i] = level
	}
}
