package sim

import (
	"bytes"
	"context"
	"image"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"latchkey/board/sim/browsertest"
)

// browse opens the page in a browser, without the network's help.
func browse(t *testing.T, url string, width, height int64) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(browsertest.Open(t, time.Minute))
	complaints := chromedp.Console(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for m, err := range complaints {
			if err != nil {
				return
			}
			t.Errorf("the browser's console says %s", m)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, height), chromedp.Navigate(url)); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// feel delivers where each finger was that came and went again, as the touch
// controller felt it.
func (b *Board) feel(t *testing.T) <-chan image.Point {
	t.Helper()
	at := make(chan image.Point, 16)
	in, err := b.Input("touch-irq", func(active bool) {
		if !active {
			b.mu.Lock()
			size := b.panel.viewSize()
			p := image.Pt(int(b.touch.x*float64(size.X)), int(b.touch.y*float64(size.Y)))
			b.mu.Unlock()
			at <- p
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	return at
}

func TestABrowserPressesKeysByNameAndSeesTheDoor(t *testing.T) {
	type control struct {
		Name  string `json:"name"`
		Label string `json:"label"`
		X     int    `json:"x"`
		Y     int    `json:"y"`
		W     int    `json:"w"`
		H     int    `json:"h"`
	}
	w := serve(t, Page{
		Name:     func() string { return "Front door" },
		Cards:    []PageCard{{"Bob Martin", Card{UID: []byte{1, 2, 3, 4}}}},
		Controls: func() any { return []control{{"digit-2", "2", 84, 80, 72, 53}, {"digit-5", "5", 84, 139, 72, 53}} },
	})
	w.board.light(image.Rect(0, 0, 240, 320), 0x3F000)
	strike, err := w.board.Output("strike")
	if err != nil {
		t.Fatal(err)
	}
	touched := w.board.feel(t)
	ctx := browse(t, w.url, 1280, 760)
	do := func(steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, steps...); err != nil {
			t.Fatal(err)
		}
	}
	becomes := func(expression string) {
		t.Helper()
		if _, err := chromedp.Run(ctx, chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(10*time.Second))); err != nil {
			t.Fatalf("%s: %v", expression, err)
		}
	}
	at := func(want image.Point) {
		t.Helper()
		if got := <-touched; got != want {
			t.Errorf("a finger was at %v, want %v", got, want)
		}
	}

	becomes(`document.querySelectorAll('#targets button').length === 2`)
	becomes(`[...document.querySelectorAll('#targets button')].map(b => b.innerText).join() === '2,5'`)

	pixel, err := chromedp.Run(ctx, chromedp.Evaluate[string](
		`document.getElementById('screen').getContext('2d').getImageData(120, 160, 1, 1).data.join()`))
	if err != nil || pixel != "255,0,0,255" {
		t.Errorf("a pixel is %s, %v", pixel, err)
	}

	do(chromedp.Click(chromedp.CSS(`#targets [data-name="digit-5"]`)))
	at(image.Pt(120, 165))
	do(chromedp.Focus(chromedp.CSS(`#targets [data-name="digit-2"]`)), chromedp.KeyEvent("\r"))
	at(image.Pt(120, 106))
	do(chromedp.KeyEvent("5"))
	at(image.Pt(120, 165))

	do(chromedp.Click(chromedp.CSS(`#leaf`))) // locked
	becomes(`document.getElementById('status').textContent === 'The door is locked.'`)
	if w.board.Line("door-open") {
		t.Error("a locked door opened")
	}
	strike.SetValue(1)
	becomes(`document.body.classList.contains('energised')`)
	do(chromedp.Click(chromedp.CSS(`#leaf`)))
	becomes(`document.getElementById('door').classList.contains('open')`)
	if !w.board.Line("door-open") {
		t.Error("the door opened, and its contact did not")
	}

	do(chromedp.Click(chromedp.CSS(`#cards button`)))
	becomes(`document.getElementById('held').classList.contains('shown')`)
	becomes(`!document.getElementById('held').classList.contains('shown')`)

	do(chromedp.Click(chromedp.CSS(`#faults-box summary`)))
	do(chromedp.Click(chromedp.CSS(`[data-fault="nfc-noise"]`)))
	becomes(`document.getElementById('faults-state').textContent === '1 on'`)
	becomes(`document.querySelector('[data-fault="nfc-noise"]').parentElement.innerText.includes('1 in 1,000 of the bytes')`)
	if err := w.board.Inject("nfc-noise", Injection{}); err != nil {
		t.Fatal(err)
	}
	becomes(`document.querySelector('[data-fault="nfc-noise"]').getAttribute('aria-checked') === 'false'`)
	do(chromedp.Click(chromedp.CSS(`#faults-box summary`)))

	do(chromedp.Click(chromedp.CSS(`#tamper`)))
	becomes(`document.getElementById('tamper-state').textContent === 'case open'`)
	if !w.board.Line("tamper") {
		t.Error("the case was not opened")
	}

	fire := `document.querySelector('[role="switch"][aria-label="Fire alarm"]')`
	do(chromedp.Focus(chromedp.CSS(`#fire`)), chromedp.KeyEvent(" "))
	becomes(fire + `.getAttribute('aria-checked') === 'true' && document.getElementById('fire-state').textContent === 'alarm'`)
	if !w.board.Line("fire") {
		t.Error("the fire alarm was not raised")
	}
	do(chromedp.Click(chromedp.CSS(`#fire`)))
	becomes(fire + `.getAttribute('aria-checked') === 'false' && document.getElementById('fire-state').textContent === 'quiet'`)
	if w.board.Line("fire") {
		t.Error("the fire alarm did not end")
	}
}

func TestABrowserTakesCardsFromTheDrawerAndTearsThemAway(t *testing.T) {
	w := serve(t, Page{Cards: []PageCard{{"Bob Martin", Card{UID: []byte{1, 2, 3, 4}}}}})
	ctx := browse(t, w.url, 1280, 900)
	do := func(steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, steps...); err != nil {
			t.Fatal(err)
		}
	}
	becomes := func(expression string) {
		t.Helper()
		if _, err := chromedp.Run(ctx, chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(10*time.Second))); err != nil {
			t.Fatalf("%s: %v", expression, err)
		}
	}
	becomes(`document.getElementById('drawer').hidden && document.getElementById('tear').disabled`)
	do(chromedp.Click(chromedp.CSS(`[data-new="ntag424"]`)))
	becomes(`document.querySelectorAll('#drawer li').length === 1`)
	do(chromedp.Click(chromedp.CSS(`[data-new="desfire-ev3"]`)))
	becomes(`[...document.querySelectorAll('#drawer .card b')].map(b => b.innerText).join() === 'DESFire EV3,NTAG 424'`)
	becomes(`document.querySelector('#held b').innerText === 'DESFire EV3' && !document.getElementById('tear').disabled`)
	time.Sleep(2 * shortestHold) // it stays
	if w.board.cardUID() == nil {
		t.Error("the card left by itself")
	}
	do(chromedp.Click(chromedp.CSS(`#tear`)))
	becomes(`!document.getElementById('held').classList.contains('shown') && document.getElementById('tear').disabled`)

	first := w.board.drawer.cards[1].UID()
	do(chromedp.Focus(chromedp.CSS(`#drawer li:last-child .card`)), chromedp.KeyEvent("\r"))
	becomes(`document.querySelector('#held b').innerText === 'NTAG 424'`)
	becomes(`document.activeElement === document.querySelector('#drawer li:first-child .card')`) // the last one used comes first
	if c := w.board.onReader(); c == nil || !bytes.Equal(c.uid, first) || c.applet == nil {
		t.Errorf("on the reader lies %+v", c)
	}
	do(chromedp.Focus(chromedp.CSS(`#drawer li:first-child .small`)), chromedp.KeyEvent("\r"))
	becomes(`document.querySelector('#held b').textContent === 'Copy of NTAG 424'`)
	becomes(`!document.getElementById('held').classList.contains('shown')`)
	if n := len(w.board.keptCards()); n != 2 {
		t.Errorf("%d cards in the drawer", n)
	}

	slips := func() int {
		w.board.mu.Lock()
		defer w.board.mu.Unlock()
		return w.board.nfc.rf.card.tear
	}
	ev3 := chromedp.Click(chromedp.CSS(`#drawer [aria-label^="Lay DESFire EV3"]`))
	do(chromedp.SendKeys(chromedp.CSS(`#slip`), "0"), ev3)
	becomes(`document.activeElement === document.getElementById('slip')`) // nothing slips after no byte
	if c := w.board.onReader(); c != nil {
		t.Errorf("on the reader lies %+v", c)
	}
	do(chromedp.SetValue(chromedp.CSS(`#slip`), "30"), ev3)
	becomes(`document.getElementById('slip').value === '' && document.querySelector('#held b').innerText === 'DESFire EV3'`)
	if n := slips(); n != 30 {
		t.Errorf("the card slips after %d bytes", n)
	}
	torn := time.Now()
	do(chromedp.Click(chromedp.CSS(`#tear`)))
	becomes(`document.getElementById('tear').disabled`)
	do(ev3)
	becomes(`!document.getElementById('tear').disabled`)
	if time.Since(torn) < time.Second { // a reader would not see that it was away
		t.Error("a card that was torn away is back at once")
	}
	if n := slips(); n >= 0 {
		t.Errorf("the next card slips after %d bytes", n)
	}
}

// shortestHold is how long the page holds a card at least.
const shortestHold = 900 * time.Millisecond
