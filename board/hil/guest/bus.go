package main

import (
	"encoding/binary"
	"fmt"
	"os"
)

// The records of /dev/latchkey-bench (module/latchkey_bench.c), in the
// machine's byte order.
const (
	requestSize = 16
	maxTransfer = 1 << 16

	kindTransfer = 1
	kindOutput   = 2

	kindDone   = 1
	kindInputs = 2

	flagSends    = 0x01
	flagReceives = 0x02
	flagKeepCS   = 0x04
)

// request is an SPI transfer, or a change of an output line.
type request struct {
	kind     byte
	cs       byte
	sends    bool
	receives bool
	keepCS   bool
	outputs  byte // levels on the wire of all output lines, bit n is line n
	len      int
	hz       uint32
	mode     uint32
	tx       []byte // if it sends; valid until the next request
}

// bus is the far side of the kernel's SPI bus and GPIO chip. Requests are taken
// by one goroutine; done and inputs are called one at a time.
type bus struct {
	f   *os.File
	buf [requestSize + maxTransfer]byte
	out []byte
}

func openBus(path string) (*bus, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return &bus{f: f}, nil
}

// next waits for a request.
func (b *bus) next() (request, error) {
	n, err := b.f.Read(b.buf[:])
	if err != nil {
		return request{}, err
	}
	if n < requestSize {
		return request{}, fmt.Errorf("a request of %d bytes", n)
	}
	h := b.buf[:requestSize]
	r := request{
		kind: h[0], cs: h[1],
		sends: h[2]&flagSends != 0, receives: h[2]&flagReceives != 0, keepCS: h[2]&flagKeepCS != 0,
		outputs: h[3],
		len:     int(binary.NativeEndian.Uint32(h[4:])),
		hz:      binary.NativeEndian.Uint32(h[8:]),
		mode:    binary.NativeEndian.Uint32(h[12:]),
	}
	if r.sends {
		r.tx = b.buf[requestSize:n]
	}
	return r, nil
}

// done answers the request with the levels of the input lines and, for a
// transfer that receives, its bytes.
func (b *bus) done(inputs byte, rx []byte) error {
	b.out = append(b.out[:0], kindDone, inputs, 0, 0)
	b.out = append(b.out, rx...)
	_, err := b.f.Write(b.out)
	return err
}

// inputs tells the levels of the input lines, and which lines changed.
func (b *bus) inputs(levels, edges byte) error {
	_, err := b.f.Write([]byte{kindInputs, levels, edges, 0})
	return err
}
