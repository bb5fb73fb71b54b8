package board

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/warthog618/go-gpiocdev"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// linux is a real board: spidev ports and GPIO lines.
type linux struct{ cfg Config }

var biases = map[string]gpiocdev.LineReqOption{
	"":          nil,
	"pull-up":   gpiocdev.WithPullUp,
	"pull-down": gpiocdev.WithPullDown,
	"disabled":  gpiocdev.WithBiasDisabled,
}

func (l linux) SPI(name string) (spi.PortCloser, error) {
	p, err := l.port(name)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// port returns the port called name. Its device is not opened yet.
func (l linux) port(name string) (*port, error) {
	key := portKey(name)
	c, ok := l.cfg.SPI[name]
	if !ok {
		return nil, &KeyError{key, ErrNotWired}
	}
	bus, cs, err := c.address()
	if err != nil {
		return nil, &KeyError{key + ".device", err}
	}
	return &port{key: key, bus: bus, cs: cs, maxHz: physic.Frequency(c.MaxHz) * physic.Hertz}, nil
}

// Output requests the strike's line at once, because Release must know whether that
// worked, and any other as soon as possible.
func (l linux) Output(name string) (Output, error) {
	request := func() (line, error) { return l.request(name, outputNames, gpiocdev.AsOutput(0)) }
	if name == strikeLine {
		return request()
	}
	return l.lazy(request)
}

func (l linux) Input(name string, on func(active bool)) (Input, error) {
	return l.lazy(func() (line, error) { return l.input(name, on) })
}

// lazy tries a request. Only a line that the config does not name is an error.
func (linux) lazy(request func() (line, error)) (line, error) {
	l := &lazyLine{request: request}
	if _, err := l.get(); errors.Is(err, ErrNotWired) {
		return nil, err
	}
	return l, nil
}

// input requests an input.
func (l linux) input(name string, on func(active bool)) (line, error) {
	c := l.cfg.Lines[name]
	options := []gpiocdev.LineReqOption{gpiocdev.AsInput}
	if bias := biases[c.Bias]; bias != nil {
		options = append(options, bias)
	}
	if c.Debounce != 0 {
		options = append(options, gpiocdev.WithDebounce(c.Debounce))
	}
	if on == nil {
		return l.request(name, inputNames, options...)
	}
	e := &edges{on: on}
	options = append(options, gpiocdev.WithBothEdges, gpiocdev.WithEventHandler(e.event))
	e.mu.Lock() // an edge may come before the request returns
	defer e.mu.Unlock()
	line, err := l.request(name, inputNames, options...)
	if err != nil {
		return nil, err
	}
	e.line = line
	return e, nil
}

// request requests the line called name, which must be one of the names in of.
func (l linux) request(name string, of []string, options ...gpiocdev.LineReqOption) (line, error) {
	key := lineKey(name)
	c, ok := l.cfg.Lines[name]
	if !ok || !slices.Contains(of, name) {
		return nil, &KeyError{key, ErrNotWired}
	}
	chip, offset, err := locate(c)
	if err != nil {
		return nil, &KeyError{key, err}
	}
	defer chip.Close()
	options = append(options, gpiocdev.WithConsumer("latchkeyd "+name))
	if c.activeLow(name) {
		options = append(options, gpiocdev.AsActiveLow)
	}
	line, err := chip.RequestLine(offset, options...)
	if err != nil {
		info, _ := chip.LineInfo(offset) // to say who has it
		return nil, &KeyError{key, explainLine(chip.Name, chip.Lines(), offset, info.Consumer, err)}
	}
	return line, nil
}

// locate opens the chip that a line is on. The caller closes it.
func locate(c LineConfig) (*gpiocdev.Chip, int, error) {
	if c.Name == "" {
		if c.Chip == "" || c.Offset == nil {
			return nil, 0, errors.New("has neither chip and offset nor name")
		}
		chip, err := gpiocdev.NewChip(chipPath(c.Chip))
		if err != nil {
			return nil, 0, explainDevice(chipPath(c.Chip), err)
		}
		return chip, *c.Offset, nil
	}
	var closed error // why a chip could not be searched
	for _, name := range gpiocdev.Chips() {
		chip, err := gpiocdev.NewChip(name)
		if err != nil {
			closed = explainDevice(chipPath(name), err)
			continue
		}
		if offset, err := chip.FindLine(c.Name); err == nil {
			return chip, offset, nil
		}
		chip.Close()
	}
	if closed != nil {
		return nil, 0, fmt.Errorf("look for a line named %q: %w", c.Name, closed)
	}
	return nil, 0, fmt.Errorf("no GPIO line is named %q: gpioinfo lists the names, or give chip and offset: %w", c.Name, os.ErrNotExist)
}

func (linux) Serve(ctx context.Context, _ Page) error {
	<-ctx.Done()
	return nil
}

func (linux) Close() error { return nil }
