//go:build !firmware

package board

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"latchkey/board/sim"
)

func TestALineThatIsMissingSaysWithEachUseWhatToDoAndOnlyTheStrikesIsAnErrorAtOnce(t *testing.T) {
	at := 1
	line := LineConfig{Chip: "gpiochip77", Offset: &at}
	b, err := Open(Config{Kind: "linux", Lines: map[string]LineConfig{"strike": {Name: "nowhere"}, "buzzer": line, "exit-button": {Name: "elsewhere"}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	output, err := b.Output("buzzer")
	if err != nil {
		t.Fatal(err)
	}
	input, err := b.Input("exit-button", func(bool) {})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err := input.Value()
		for key, err := range map[string]error{"board.lines.buzzer": output.SetValue(1), "board.lines.exit-button": err} {
			var about *KeyError
			if !errors.As(err, &about) || about.Key != key || !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "gpio") {
				t.Errorf("%s: %v", key, err)
			}
		}
	}
	if err := errors.Join(output.Close(), input.Close()); err != nil {
		t.Error(err)
	}
	if err := output.SetValue(1); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if _, err := b.Output("strike"); err == nil {
		t.Error("a strike that is missing is no error")
	}
	if _, err := b.Output("backlight"); !errors.Is(err, ErrNotWired) {
		t.Errorf("a line that the config does not name: %v", err)
	}
}

// inputLine is an input that cannot be set.
type inputLine struct{ *sim.Input }

func (inputLine) SetValue(int) error { return syscall.EPERM }

func TestALineIsTakenIntoUseAsSoonAsItCanBeHad(t *testing.T) {
	chips := sim.New(&sim.Options{Log: quiet})
	defer chips.Close()
	if err := chips.SetLine("door-open", true); err != nil {
		t.Fatal(err)
	}
	var requests int
	i := &lazyLine{request: func() (line, error) {
		if requests++; requests < 3 {
			return nil, syscall.EBUSY
		}
		in, err := chips.Input("door-open", nil)
		return inputLine{in}, err
	}}
	for range 2 {
		if _, err := i.Value(); !errors.Is(err, syscall.EBUSY) {
			t.Errorf("a line in use: %v", err)
		}
	}
	for range 2 {
		if v, err := i.Value(); v != 1 || err != nil {
			t.Errorf("a line that is free: %d, %v", v, err)
		}
	}
	if requests != 3 {
		t.Errorf("requested %d times", requests)
	}
	if err := i.Close(); err != nil {
		t.Error(err)
	}
	if again, err := chips.Input("door-open", nil); err != nil {
		t.Errorf("not given back: %v", err)
	} else if err := again.Close(); err != nil {
		t.Error(err)
	}
}
