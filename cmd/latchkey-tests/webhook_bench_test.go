package tests

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkWebhook measures, a hundred times, how long after a card has opened the door,
// the strike that is, a receiver on loopback has the webhook that tells of it: from the real
// reader, over the broker and TLS, by way of the controller's disk.
func BenchmarkWebhook(b *testing.B) {
	const times = 100
	c := adaAndBobLinked(b, true)
	c.startBroker()
	c.serveAPI()
	reader := c.adopt(b, "front-door")
	reader.start()
	reader.linked()
	c.tell("", "policy", "front-door", "set", "--unlock", "1")
	told := make(chan time.Time, times)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := time.Now()
		body, err := io.ReadAll(r.Body)
		if err != nil || !bytes.Contains(body, []byte("Access Granted")) {
			b.Errorf("%v: %.200s", err, body)
		}
		told <- at
	}))
	b.Cleanup(receiver.Close)
	host := strings.TrimPrefix(receiver.URL, "http://")
	c.tell("", "webhook", "allow", host)
	c.tell("", "webhook", "add", "receiver", receiver.URL, "--style", "unifi", "--event", "access.door.unlock")

	becomes := func(strike bool, bound time.Duration) (at time.Time, ok bool) {
		for began := time.Now(); time.Since(began) < bound; time.Sleep(time.Millisecond) {
			if at = time.Now(); reader.line("strike") == strike {
				return at, true
			}
		}
		return at, false
	}
	// opens holds the card to the reader until the strike is on; again, if the reader takes
	// it for the one before.
	opens := func() time.Time {
		for range 10 {
			reader.call(http.MethodPut, "/api/card", map[string]string{"uid": bobUID}, nil)
			at, opened := becomes(true, 3*time.Second)
			reader.call(http.MethodDelete, "/api/card", nil, nil)
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
		for range times {
			opened := opens()
			select {
			case at := <-told:
				took = append(took, at.Sub(opened))
			case <-time.After(time.Minute):
				b.Fatal("the webhook does not come")
			}
			if _, closed := becomes(false, 20*time.Second); !closed {
				b.Fatal("the strike stays on")
			}
			time.Sleep(300 * time.Millisecond) // until the card counts as gone
		}
	}
	slices.Sort(took)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(took[len(took)*99/100-1].Microseconds())/1000, "ms-99%")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-median")
}
