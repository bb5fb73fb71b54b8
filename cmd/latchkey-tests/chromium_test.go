package tests

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"latchkey/board/sim/browsertest"
)

// browser opens a window of a headless Chromium, of a person who wants no motion: each step of it is painted by the
// processor. Tests of the console and of the board's page have it.
func browser(t testing.TB) context.Context {
	t.Helper()
	ctx := browsertest.Open(t, 6*time.Minute)
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 800)); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// between is how long a browser has its rest between two questions for what is not there yet: chromedp asks it every
// 5 ms, or has it paint one frame after the other.
const between = 100 * time.Millisecond

func seldom() chromedp.QueryOption { return chromedp.RetryInterval(between) }

// opensByTaps taps a PIN on the reader's page, which a browser shows, until the door
// opens: on a busy machine a tap may be missed, or come after the page of the PIN has gone.
func (r *testReader) opensByTaps(ctx context.Context, pin string) {
	r.t.Helper()
	for range 5 {
		r.tapPIN(ctx, pin)
		opened := false
		r.eventually("the door opens, or the PIN can be tapped again", func() bool {
			opened = r.line("strike")
			return opened || r.offers("pin")
		})
		if opened {
			return
		}
		if wrong := r.status()["wrong"].(float64); wrong > 0 {
			r.t.Fatalf("eight taps gave another PIN\n%s", r.log.String())
		}
	}
	r.t.Fatalf("five times a PIN was tapped in vain\n%s", r.log.String())
}

// tapPIN taps a PIN, and gives up where the screen does not follow.
func (r *testReader) tapPIN(ctx context.Context, pin string) {
	r.t.Helper()
	tap := func(name string) bool {
		r.t.Helper()
		before := r.pixels()
		ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		if err := chromedp.Do(ctx, chromedp.Click(chromedp.CSS(`button[data-name="`+name+`"]`), chromedp.NodeVisible, seldom())); err != nil {
			r.t.Logf("tap %s: %v", name, err)
			return false
		}
		for range 200 {
			if !bytes.Equal(before, r.pixels()) {
				return true
			}
			time.Sleep(50 * time.Millisecond)
		}
		return false
	}
	if !tap("pin") {
		return
	}
	for _, digit := range pin {
		r.eventually("the finger is off", func() bool {
			before := r.pixels()
			time.Sleep(150 * time.Millisecond)
			return bytes.Equal(before, r.pixels())
		})
		if !tap("digit-" + string(digit)) {
			return
		}
	}
}

func TestInTheBrowserAPersonTapsAPINAndTheDoorOpens(t *testing.T) {
	t.Parallel()
	reader := adaAndBob(t).adopt(t, "front-door")
	reader.start()
	ctx := browser(t)
	if err := chromedp.Do(ctx, chromedp.Navigate(reader.url)); err != nil {
		t.Fatal(err)
	}
	reader.opensByTaps(ctx, adaPIN)
	open := `document.querySelector("#strike").textContent.startsWith("energised")`
	reader.eventually("the page says so", func() bool {
		says, err := chromedp.Run(ctx, chromedp.Evaluate[bool](open))
		return err == nil && says
	})
	before := reader.line("door-open")
	if err := chromedp.Do(ctx, chromedp.Click(chromedp.CSS("#leaf"), chromedp.NodeVisible, seldom())); err != nil {
		t.Fatal(err)
	}
	reader.eventually("the door that is pushed swings open", func() bool { return !before && reader.line("door-open") })
}
