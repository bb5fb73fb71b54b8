package pn532

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/bits"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/nfc"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// script plays a chip: each row is what one window must send, in the chip's
// order of bits and without trailing zeros, and what comes back.
type script struct {
	t    *testing.T
	rows [][2]string
	n    int
	raw  [][]byte
	freq physic.Frequency
	mode spi.Mode
}

func (s *script) String() string               { return "script" }
func (s *script) Duplex() conn.Duplex          { return conn.Full }
func (s *script) TxPackets([]spi.Packet) error { return errors.New("not used") }

func (s *script) Connect(f physic.Frequency, m spi.Mode, bits int) (spi.Conn, error) {
	s.freq, s.mode = f, m
	return s, nil
}

func (s *script) Tx(w, r []byte) error {
	if s.n == len(s.rows) {
		s.t.Errorf("window %d: % X is one too many", s.n, w)
		return errors.New("the script has ended")
	}
	if r != nil && len(r) != len(w) {
		return fmt.Errorf("%d bytes out, %d in", len(w), len(r))
	}
	s.raw = append(s.raw, bytes.Clone(w))
	sent := make([]byte, len(w))
	for i, v := range w {
		sent[i] = bits.Reverse8(v)
	}
	row := s.rows[s.n]
	want := unhex(row[0])
	if got := bytes.TrimRight(sent, "\x00"); !bytes.Equal(got, bytes.TrimRight(want, "\x00")) {
		s.t.Errorf("window %d: % X instead of % X", s.n, got, want)
	}
	s.n++
	clear(r)
	for i, v := range unhex(row[1]) {
		if i < len(r) {
			r[i] = bits.Reverse8(v)
		}
	}
	return nil
}

// exchanged are the windows of an undisturbed exchange.
func exchanged(command, response string) [][2]string {
	return [][2]string{
		{"01" + command, ""},
		{"02", "00 01"},
		{"03", "01 00 00 FF 00 FF 00"},
		{"02", "00 01"},
		{"03", "01" + response},
	}
}

const (
	samCommand   = "00 00 FF 05 FB D4 14 01 14 00 03 00"
	samAnswer    = "00 00 FF 02 FE D5 15 16 00"
	listCommand  = "00 00 FF 04 FC D4 4A 01 00 E1 00"
	fieldOff     = "00 00 FF 04 FC D4 32 01 00 F9 00"
	rfConfigured = "00 FF 02 FE D5 33 F8 00"
)

var (
	versionRows = exchanged("00 00 FF 02 FE D4 02 2A 00", "00 FF 06 FA D5 03 32 01 06 07 E8 00")
	wakeRows    = [][2]string{
		{"", ""},                     // wake
		{"01 00 00 FF 00 FF 00", ""}, // abort
		{"02", "00 00"},              // nothing to drain
	}
)

// searchedInVain are the windows of a short search after a start.
func searchedInVain() [][2]string {
	notYet := [2]string{"02", "00 00"}
	return append(exchanged(listCommand, "")[:3], notYet, notYet, notYet)
}

func rows(parts ...[][2]string) [][2]string {
	var all [][2]string
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// started is the trace of a start.
func started() [][2]string {
	return rows(wakeRows,
		exchanged(samCommand, samAnswer),
		versionRows,
		exchanged("00 00 FF 03 FD D4 12 14 06 00", "00 00 FF 02 FE D5 13 18 00"),
		exchanged("00 00 FF 06 FA D4 32 05 FF 01 FF F6 00", rfConfigured))
}

// play opens a driver on a script and expects all of it to be used.
func play(t *testing.T, all [][2]string, f func(ctx context.Context, d *Dev)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &script{t: t, rows: all}
		d, err := NewSPI(s, nil)
		if err != nil {
			t.Fatal(err)
		}
		f(t.Context(), d)
		if s.n != len(s.rows) {
			t.Errorf("%d windows of %d", s.n, len(s.rows))
		}
		if s.mode != spi.Mode0 || s.freq != physic.MegaHertz {
			t.Errorf("mode %v at %v", s.mode, s.freq)
		}
	})
}

func TestTheFirstPollStartsTheChipByteForByte(t *testing.T) {
	play(t, rows(started(), searchedInVain()), func(ctx context.Context, d *Dev) {
		if s := d.String(); s != "pn532{script}" {
			t.Error(s)
		}
		if found, err := d.Poll(ctx, time.Millisecond, new(nfc.Target)); found || err != nil {
			t.Errorf("%v, %v", found, err)
		}
		if s := d.String(); s != "pn532{script, PN532 firmware 1.6}" {
			t.Error(s)
		}
		s := d.conn.(*script)
		if n := len(s.raw[0]); n < 250 { // 2 ms at 1 MHz
			t.Errorf("the chip select is low for %d bytes", n)
		}
		if !bytes.HasPrefix(s.raw[3], []byte{0x80, 0, 0, 0xFF, 0xA0, 0xDF, 0x2B, 0x28}) {
			t.Errorf("on the wire % X", s.raw[3])
		}
	})
}

func TestACardIsReadAndTheFieldSwitchedOff(t *testing.T) {
	play(t, rows(started(),
		exchanged(listCommand, "00 FF 0C F4 D5 4B 01 01 00 04 08 04 00 02 03 04 C5 00"),
		exchanged(fieldOff, rfConfigured),
	), func(ctx context.Context, d *Dev) {
		var target nfc.Target
		found, err := d.Poll(ctx, time.Millisecond, &target)
		if want := (nfc.Target{N: 4, UID: [10]byte{0, 2, 3, 4}, ATQA: [2]byte{0, 4}, SAK: 8}); !found || err != nil || target != want {
			t.Errorf("%v, %+v, %v", found, target, err)
		}
		d.Release()
		if bytes.Contains(d.rxBuf[:], []byte{2, 3, 4}) {
			t.Error("the driver keeps the UID")
		}
	})
}

func TestACommandWithoutAnACKIsSentAgain(t *testing.T) {
	silent := [][2]string{{"01" + samCommand, ""}}
	for range 8 { // 15 ms
		silent = append(silent, [2]string{"02", "00 00"})
	}
	play(t, rows(silent, exchanged(samCommand, samAnswer)), func(ctx context.Context, d *Dev) {
		if err := d.SAMConfiguration(ctx, false); err != nil {
			t.Error(err)
		}
		if c := &d.Counters; c.Retries.Load() != 1 {
			t.Errorf("%+v", c)
		}
	})
}

func TestAnOldAnswerInThePlaceOfTheACKIsReadAway(t *testing.T) {
	play(t, rows([][2]string{
		{"01" + samCommand, ""},
		{"02", "00 01"},
		{"03", "01 00 00 FF 02 FE D5"},
		{"02", "00 01"},
		{"03", "15 16 00"},
		{"02", "00 00"},
	}, exchanged(samCommand, samAnswer)), func(ctx context.Context, d *Dev) {
		if err := d.SAMConfiguration(ctx, false); err != nil {
			t.Error(err)
		}
	})
}

func TestAGarbledResponseIsAskedForAgainByNACK(t *testing.T) {
	for _, bad := range []string{
		"01 00 00 FF 06 FA D5 03 32 01 07 07 E8 00", // a flipped bit
		"01 00 00 FF 06 FB D5 03 32 01 06 07 E8 00", // in the length
		"01 00 00 FF 00 FF 00",                      // an ACK
		"01 00 00 FF 02 FE D5 15 16 00",             // another command's
		"FF FF FF FF FF FF FF",
	} {
		all := versionRows
		all = rows(all[:4], [][2]string{
			{"03", bad},
			{"01 00 00 FF FF 00 00", ""},
			{"02", "00 00"},
		}, all[3:])
		play(t, all, func(ctx context.Context, d *Dev) {
			v, err := d.GetFirmwareVersion(ctx)
			if err != nil || v != (Version{IC: 0x32, Ver: 1, Rev: 6}) {
				t.Errorf("%s: %+v, %v", bad, v, err)
			}
			if c := &d.Counters; c.Garbled.Load() != 1 || c.Retries.Load() != 1 {
				t.Errorf("%+v", c)
			}
		})
	}
}

func TestARefusedCommandIsNotSentAgain(t *testing.T) {
	play(t, exchanged(samCommand, "00 00 FF 01 FF 7F 81 00"), func(ctx context.Context, d *Dev) {
		if err := d.SAMConfiguration(ctx, false); err != ErrSyntax {
			t.Error(err)
		}
	})
}

// pulses is a reset line that notes its levels.
type pulses []int

func (p *pulses) SetValue(v int) error {
	*p = append(*p, v)
	return nil
}

func TestAStartPulsesTheResetLine(t *testing.T) {
	play(t, rows(started(), searchedInVain()), func(ctx context.Context, d *Dev) {
		var line pulses
		d.reset = &line
		if _, err := d.Poll(ctx, time.Millisecond, new(nfc.Target)); err != nil {
			t.Error(err)
		}
		if fmt.Sprint(line) != "[1 0]" {
			t.Errorf("levels %v", line)
		}
	})
	play(t, nil, func(ctx context.Context, d *Dev) { // not held for ever
		var line pulses
		d.reset = &line
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := d.Poll(ctx, time.Millisecond, new(nfc.Target)); err != context.Canceled {
			t.Error(err)
		}
		if fmt.Sprint(line) != "[1 0]" {
			t.Errorf("levels %v", line)
		}
	})
}

func TestAnInterruptedCommandIsAborted(t *testing.T) {
	play(t, rows(exchanged(listCommand, "")[:3], [][2]string{{"01 00 00 FF 00 FF 00", ""}}), func(ctx context.Context, d *Dev) {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
		defer cancel()
		d.state = ready
		if _, err := d.Poll(ctx, time.Second, new(nfc.Target)); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestAnotherChipIsNoPN532(t *testing.T) {
	play(t, rows(wakeRows, exchanged(samCommand, samAnswer),
		exchanged("00 00 FF 02 FE D4 02 2A 00", "00 00 FF 06 FA D5 03 33 01 06 07 E7 00"),
	), func(ctx context.Context, d *Dev) {
		for range 2 { // the second asks nobody
			if _, err := d.Poll(ctx, time.Millisecond, new(nfc.Target)); err != ErrNotPN532 {
				t.Error(err)
			}
		}
	})
}

func TestMalformedTargetDataIsNoCardAndNoFault(t *testing.T) {
	play(t, rows(started(),
		exchanged(listCommand, "00 FF 0C F4 D5 4B 01 01 00 04 08 05 00 02 03 04 C4 00"),
		exchanged(fieldOff, rfConfigured),
	), func(ctx context.Context, d *Dev) {
		if found, err := d.Poll(ctx, time.Millisecond, new(nfc.Target)); found || err != nil {
			t.Errorf("%v, %v", found, err)
		}
		if c := &d.Counters; c.Garbled.Load() != 1 || c.Losses.Load() != 0 {
			t.Errorf("%+v", c)
		}
	})
}

// A card makes up its ATS: it may be longer than any card's, or than what it says.
func TestACardWithATooLongATSIsNoCardAndNoFault(t *testing.T) {
	for _, size := range []int{64, 65, 73, 90, 244, 245, 253} {
		target := append(unhex("4B 01 01 03 44 20 04 01 02 03 04"), make([]byte, size)...)
		target[len(target)-size] = byte(size)
		play(t, rows(started(), exchanged(listCommand, fromChip(target)), exchanged(fieldOff, rfConfigured)), func(ctx context.Context, d *Dev) {
			var target nfc.Target
			found, err := d.Poll(ctx, time.Millisecond, &target)
			fits := size == len(target.ATS)
			if found != fits || err != nil || fits && target.ATSLen != size {
				t.Errorf("%d bytes: %v, %v, %d bytes of ATS", size, found, err, target.ATSLen)
			}
			if c := &d.Counters; c.Retries.Load() != 0 || c.Losses.Load() != 0 {
				t.Errorf("%d bytes: %+v", size, c)
			}
			if fits {
				d.Release()
			}
		})
	}
}

func TestHaltSwitchesTheFieldOffOnce(t *testing.T) {
	play(t, rows(started(), searchedInVain(), [][2]string{{"01 00 00 FF 00 FF 00", ""}}, exchanged(fieldOff, rfConfigured)), func(ctx context.Context, d *Dev) {
		if _, err := d.Poll(ctx, time.Millisecond, new(nfc.Target)); err != nil {
			t.Error(err)
		}
		for range 2 {
			if err := d.Halt(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestAPortThatFailsIsSaidAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, err := NewSPI(brokenPort{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := d.Poll(t.Context(), time.Millisecond, new(nfc.Target)); !errors.Is(err, errPort) {
				t.Error(err)
			}
		}
		if c := &d.Counters; c.Starts.Load() != 1 || c.Errors.Load() == 0 {
			t.Errorf("%+v", c)
		}
	})
}

var errPort = errors.New("input/output error")

type brokenPort struct{}

func (brokenPort) Connect(physic.Frequency, spi.Mode, int) (spi.Conn, error) {
	return brokenPort{}, nil
}
func (brokenPort) Tx(w, r []byte) error         { return errPort }
func (brokenPort) String() string               { return "broken" }
func (brokenPort) Duplex() conn.Duplex          { return conn.Full }
func (brokenPort) TxPackets([]spi.Packet) error { return errPort }
