package tests

import (
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// watch notes when the open Activity page shows a grant that it has not shown
// before, in milliseconds since 1970.
const watch = `(() => {
	const known = new Set();
	window.shown = [];
	const look = () => document.querySelectorAll("#event-list .event").forEach((e) => {
		if (known.has(e.id) || e.querySelector(".chip").textContent !== "Entered") return;
		known.add(e.id);
		window.shown.push(Date.now());
	});
	look();
	window.shown = [];
	new MutationObserver(look).observe(document.body, {childList: true, subtree: true});
	return true;
})()`

// BenchmarkActivity measures, a hundred times, how long after a card has opened
// the door, the strike that is, its record stands in the Activity page that
// somebody has open: from the real reader, over the broker and TLS, by way of
// the controller's disk, to the page in Chromium.
func BenchmarkActivity(b *testing.B) {
	const records = 100
	c := adaAndBobLinked(b, true)
	c.startBroker()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	c.console = listener.Addr().String()
	listener.Close()
	c.serve()
	reader := c.adopt(b, "front-door")
	reader.start()
	reader.linked()
	c.tell("", "policy", "front-door", "set", "--unlock", "1")
	owner := &desk{b, browser(b), "https://" + c.console}
	owner.do("the one-time link", chromedp.Navigate(c.firstSignIn()))
	owner.fill("name", "Olga Owner", "password", "correct horse battery staple", "again", "correct horse battery staple")
	owner.click("Set the password and sign in")
	owner.sees("Olga Owner")
	owner.visit("/activity")
	if _, err := chromedp.Run(owner.ctx, chromedp.Evaluate[bool](watch)); err != nil {
		b.Fatal(err)
	}

	card := func(there bool) {
		method, body := http.MethodDelete, any(nil)
		if there {
			method, body = http.MethodPut, map[string]string{"uid": bobUID}
		}
		reader.call(method, "/api/card", body, nil)
	}
	becomes := func(strike bool, bound time.Duration) (at time.Time, ok bool) {
		for began := time.Now(); time.Since(began) < bound; time.Sleep(time.Millisecond) {
			if at = time.Now(); reader.line("strike") == strike {
				return at, true
			}
		}
		return at, false
	}
	// opens holds the card to the reader until the strike is on. A reader that has
	// not seen yet that the card was gone takes it for the one before: then it is
	// taken away for longer.
	opens := func() time.Time {
		for range 10 {
			card(true)
			at, opened := becomes(true, 3*time.Second)
			card(false)
			if opened {
				return at
			}
			time.Sleep(2 * time.Second)
		}
		b.Fatalf("the card opens nothing\n%s", reader.log.String())
		return time.Time{}
	}
	var took []time.Duration
	for b.Loop() {
		for range records {
			opened := opens()
			var shown []float64
			reader.eventually("the page shows it", func() bool {
				if shown, err = chromedp.Run(owner.ctx, chromedp.Evaluate[[]float64](`window.shown`)); err != nil {
					b.Fatal(err)
				}
				return len(shown) > len(took)
			})
			took = append(took, time.UnixMilli(int64(shown[len(took)])).Sub(opened))
			if _, closed := becomes(false, 20*time.Second); !closed {
				b.Fatal("the strike stays on")
			}
			time.Sleep(300 * time.Millisecond) // until the card counts as gone
		}
	}
	slices.Sort(took)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(took[len(took)*9/10-1].Microseconds())/1000, "ms-90%")
	b.ReportMetric(float64(took[len(took)*99/100-1].Milliseconds()), "ms-99%")
	b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "ms-median")
}
