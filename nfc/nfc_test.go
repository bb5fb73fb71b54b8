package nfc_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/nfc"
)

// chip answers polls from a list of words: a UID in hex, "-" for an empty field,
// "!text" for an error, "~100ms card" for an answer that takes a while. After the
// list it cancels. "word*5" is the word five times.
type chip struct {
	words []string
	done  context.CancelFunc
	begin []time.Duration // of each poll, since the first
	first time.Time

	patient  bool // it takes its time to find no card
	released int
}

func (c *chip) Poll(ctx context.Context, within time.Duration, t *nfc.Target) (bool, error) {
	if c.first.IsZero() {
		c.first = time.Now()
	}
	if len(c.words) == 0 {
		c.done()
		return false, ctx.Err()
	}
	c.begin = append(c.begin, time.Since(c.first))
	w := c.words[0]
	c.words = c.words[1:]
	if rest, slow := strings.CutPrefix(w, "~"); slow {
		span, word, _ := strings.Cut(rest, " ")
		d, err := time.ParseDuration(span)
		if err != nil {
			return false, err
		}
		time.Sleep(d)
		w = word
	}
	if text, bad := strings.CutPrefix(w, "!"); bad {
		return false, errors.New(text)
	}
	if w == "-" {
		if c.patient {
			time.Sleep(within)
		}
		return false, nil
	}
	b, err := hex.DecodeString(w)
	if err != nil {
		return false, err
	}
	t.N = copy(t.UID[:], b)
	return true, nil
}

func (c *chip) Transceive(context.Context, []byte) ([]byte, error) { return nil, nfc.ErrRadio }

func (c *chip) Release() { c.released++ }

func say(e nfc.Event) string {
	switch e := e.(type) {
	case nfc.Presented:
		return hex.EncodeToString(e.Card.UID)
	case nfc.Removed:
		return "gone"
	case nfc.Health:
		if e.Err != nil {
			return "!" + e.Err.Error()
		}
		return "sound"
	}
	return fmt.Sprintf("%T", e)
}

// events runs a reader on the words and returns what it tells.
func events(t *testing.T, words string) (reported []string, c *chip) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		c = &chip{done: cancel}
		for _, w := range strings.Split(words, ", ") {
			word, times, _ := strings.Cut(w, "*")
			n, err := strconv.Atoi(times)
			if err != nil {
				n = 1
			}
			c.words = append(c.words, slices.Repeat([]string{word}, n)...)
		}
		r := nfc.New(c)
		if err := r.Run(ctx, func(e nfc.Event) { reported = append(reported, say(e)) }); err != context.Canceled {
			t.Errorf("ended with %v", err)
		}
	})
	return reported, c
}

func TestPresenceIsToldOnceAndRemovalOnce(t *testing.T) {
	for _, c := range []struct{ name, polls, want string }{
		{"comes and goes", "-, 01020304, 01020304, 01020304, -, -, -, -, -", "sound, 01020304, gone"},
		{"there from the first", "00000001, 00000001", "sound, 00000001"},
		{"seven bytes", "04a1b2c3d4e580, -, -, -", "sound, 04a1b2c3d4e580, gone"},
		{"ten bytes", "00010203040506070800, -, -, -", "sound, 00010203040506070800, gone"},
		{"missed twice", "01020304, -, -, 01020304, -, 01020304, -, -, 01020304", "sound, 01020304"},
		{"comes again", "01020304, -, -, -, 01020304", "sound, 01020304, gone, 01020304"},
		{"another", "01020304, 05060708, 05060708", "sound, 01020304, 05060708"},
		{"another after a miss", "01020304, -, 05060708", "sound, 01020304, 05060708"},
		{"a longer one with the same beginning", "01020304, 01020304000000", "sound, 01020304, 01020304000000"},
		{"a telephone", "08112233, 08445566, 08778899, -, -, -, 08112233", "sound, 08112233, gone, 08112233"},
		{"a card after a telephone", "08112233, 01020304", "sound, 08112233, 01020304"},
		{"two that hide each other", "01020304, 05060708, 05060708*9, 01020304, -, 05060708, 01020304, -*3", "sound, 01020304, 05060708, gone"},
		{"one that comes again while another lies there", "05060708*2, 01020304, 05060708*30, 01020304", "sound, 05060708, 01020304, 01020304"},
		{"a telephone beside a card", "08112233, 01020304, 08445566, 01020304, 08778899", "sound, 08112233, 01020304"},
		{"more than can lie there", "01010101, 02020202, 03030303, 04040404, 05050505, 01010101, 05050505", "sound, 01010101, 02020202, 03030303, 04040404, 05050505, 01010101"},
		{"seven bytes that begin with 08", "08112233445566", "sound, 08112233445566"},
		{"no chip at first", "!absent, !absent, !absent, -*6, 01020304", "!absent, sound, 01020304"},
		{"a card of a chip that was away", "!absent, 01020304*5", "!absent, 01020304, sound"},
		{"a chip that goes", "-, !absent*6, !confused*6, -*6", "sound, !absent, !confused, sound"},
		{"a hiccup under a card", "01020304, !absent, 01020304", "sound, 01020304"},
		{"many hiccups", "-, !absent*4, -, !absent*4, -, !absent*2, !confused*4, -, !absent", "sound"},
		{"a chip that hardly ever answers", "!absent, -*3, !absent, -*4, !absent, -*5, !absent", "!absent"},
		{"a chip that goes with a card", "01020304, !x*4, 01020304", "sound, 01020304, gone, 01020304"},
		{"no UID", "0102030405, -*6", "!nfc: the chip gave no UID of 4, 7 or 10 bytes, sound"},
	} {
		reported, _ := events(t, c.polls)
		if got := strings.Join(reported, ", "); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

func TestPollsKeepTheirRhythm(t *testing.T) {
	ms := func(n ...int) (d []time.Duration) {
		for _, n := range n {
			d = append(d, time.Duration(n)*time.Millisecond)
		}
		return d
	}
	for polls, want := range map[string][]time.Duration{
		"-, -, -, -, -":                           ms(0, 225, 450, 675, 900),
		"~60ms -, ~60ms -, -":                     ms(0, 225, 450),
		"01020304, 01020304, -, -, -, -":          ms(0, 400, 800, 960, 1120, 1280),
		"-, ~2s !stuck, -":                        ms(0, 225, 225+2000+56),
		"01020304, -, 01020304, 01020304, 010203": ms(0, 400, 560, 960, 1360),
	} {
		_, c := events(t, polls)
		for i := range c.begin {
			c.begin[i] = c.begin[i].Truncate(time.Millisecond)
		}
		if !slices.Equal(c.begin, want) {
			t.Errorf("%s: polls at %v", polls, c.begin)
		}
	}
}

func TestWithoutACardTheChipSearchesAllTheTimeAndEachCardIsReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		c := &chip{words: strings.Split("-, -, -, 01020304, 01020304, -, -, -, -, -", ", "), done: cancel, patient: true}
		var removed time.Duration
		_ = nfc.New(c).Run(ctx, func(e nfc.Event) {
			if _, ok := e.(nfc.Removed); ok {
				removed = time.Since(c.first)
			}
		})
		var gaps []string
		for i := range c.begin[1:] {
			gaps = append(gaps, (c.begin[i+1] - c.begin[i]).String())
		}
		// The first one is short, because health is told after it.
		if got := strings.Join(gaps, " "); got != "225ms 2s 2s 400ms 400ms 160ms 160ms 160ms 2s" {
			t.Error(got)
		}
		if c.released != 2 {
			t.Errorf("%d of 2 cards were released", c.released)
		}
		if d := removed - c.begin[4]; d > 900*time.Millisecond {
			t.Errorf("removed %v after it was seen last", d)
		}
	})
}

// A sticker on a phone lies beside each card that the phone's owner shows.
func TestACardThatLiesBesideALongTapIsNotPresentedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		c := &chip{words: strings.Split("01010101, 02020202, 02020202, 01010101, 02020202, 01010101", ", "), done: cancel}
		var reported []string
		_ = nfc.New(c).Run(ctx, func(e nfc.Event) {
			reported = append(reported, say(e))
			if say(e) == "02020202" {
				time.Sleep(time.Minute)
			}
		})
		if got := strings.Join(reported, ", "); got != "sound, 01010101, 02020202" {
			t.Error(got)
		}
	})
}

func TestTheReceiverMayWipeTheUID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		c := &chip{words: strings.Split("01020304, 01020304, 01020304", ", "), done: cancel}
		n := 0
		_ = nfc.New(c).Run(ctx, func(e nfc.Event) {
			if p, ok := e.(nfc.Presented); ok {
				n++
				clear(p.Card.UID)
			}
		})
		if n != 1 {
			t.Errorf("presented %d times", n)
		}
	})
}
