package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// genuine says whether a request is signed in both ways.
func (rc *receiver) genuine(got *request) error {
	standard, err := standardwebhooks.NewWebhook(rc.secret)
	if err != nil {
		return err
	}
	if err := standard.Verify([]byte(got.body), got.header); err != nil {
		return err
	}
	var at, signature string
	for part := range strings.SplitSeq(got.header.Get("Signature"), ",") {
		switch name, value, _ := strings.Cut(part, "="); name {
		case "t":
			at = value
		case "v1":
			signature = value
		}
	}
	mac := hmac.New(sha256.New, []byte(rc.secret))
	mac.Write([]byte(at + "." + got.body))
	if hex.EncodeToString(mac.Sum(nil)) != signature {
		return fmt.Errorf("the UniFi signature is %s", got.header.Get("Signature"))
	}
	return nil
}

func TestReceiversTakeTheSecretBeforeWhereThereMayBeTwo(t *testing.T) {
	w := newWorld(t)
	reader := w.reader()
	rc := w.receiver(desk.StyleStandard, fine)
	former := rc.secret
	secret, err := w.desk.NewWebhookSecret(t.Context(), root, rc.hook)
	w.must(err)
	w.run()
	w.happens(reader, &wire.Record{Kind: wire.DoorOpened})
	got := rc.await(1)[0]
	rc.secret = secret
	if err := rc.genuine(got); err != nil {
		t.Error(err)
	}
	rc.secret = former
	if err := rc.genuine(got); err == nil || !strings.Contains(err.Error(), "the UniFi signature") {
		t.Errorf("of the two signatures only that of the UniFi Access API is another: %v", err)
	}
}

func TestEventsArriveSignedInBothWays(t *testing.T) {
	w := newWorld(t)
	reader := w.reader()
	user, _, err := w.desk.AddUser(t.Context(), root, desk.UserForm{First: "Ada", Last: "Lovelace"}, desk.PIN{}, nil)
	w.must(err)
	unifi, standard := w.receiver(desk.StyleUniFi, fine), w.receiver(desk.StyleStandard, fine)
	w.must(w.desk.EditWebhook(t.Context(), root, standard.hook, "", func(f *desk.WebhookForm) { f.Persons = false }))
	w.run()
	w.happens(reader, &wire.Record{Kind: wire.AccessGranted, User: user, By: wire.ByCard})
	for _, rc := range []*receiver{unifi, standard} {
		got := rc.await(1)[0]
		if err := rc.genuine(got); err != nil {
			t.Error(err)
		}
		if got.header.Get("Content-Type") != "application/json" || got.header.Get("X-Api-Key") != "hunter2" || !strings.HasPrefix(got.header.Get("Webhook-Id"), "msg_") || strings.Contains(got.header.Get("Webhook-Id"), ".") {
			t.Errorf("%v", got.header)
		}
	}
	type content struct {
		Event, Type, Timestamp string
		Object                 string `json:"event_object_id"`
		Data                   struct {
			Location struct{ ID, Name string }
			Actor    struct{ ID, Name, Type string }
			Object   struct {
				Result, ReaderID string
				By               string `json:"authentication_type"`
			}
		}
	}
	var u, s content
	w.must(json.Unmarshal([]byte(unifi.await(1)[0].body), &u))
	w.must(json.Unmarshal([]byte(standard.await(1)[0].body), &s))
	if u.Event != "access.door.unlock" || u.Object != reader || u.Data.Location.Name != "Door of "+reader || u.Data.Location.ID == "" || u.Data.Actor.Name != "Ada Lovelace" || u.Data.Object.Result != "Access Granted" || u.Data.Object.By != "NFC" {
		t.Errorf("%+v", u)
	}
	if s.Type != "access.door.unlock" || s.Event != "" || s.Data.Actor.ID != u.Data.Actor.ID || s.Data.Actor.ID == "" || s.Data.Actor.Name != "" || strings.Contains(standard.await(1)[0].body, "Ada") {
		t.Errorf("%+v", s)
	}
	if _, err := time.Parse(time.RFC3339, s.Timestamp); err != nil {
		t.Error(err)
	}
	unifi.settled(all(1, desk.DeliveryDelivered))
}

func TestAFailingDoorHoldsUpItselfAndStaysInOrder(t *testing.T) {
	w := newWorld(t)
	a, b := w.reader(), w.reader()
	var broken atomic.Bool
	broken.Store(true)
	rc := w.receiver(desk.StyleUniFi, func(_ int, got *request, to http.ResponseWriter, _ *http.Request) {
		if got.reader == a && broken.Load() {
			to.WriteHeader(http.StatusInternalServerError)
		}
	})
	w.run()
	const each = 20
	for range each / 2 {
		w.happens(a, opened(), closed())
		w.happens(b, opened(), closed())
	}
	rc.settled(func(all []*desk.Delivery) bool {
		done := 0
		for _, d := range all {
			if d.State == desk.DeliveryDelivered {
				done++
			}
		}
		return done == each
	})
	first := 0
	for _, got := range rc.await(each + 1) {
		if got.reader == a {
			first++
		}
	}
	if first != 1 {
		t.Errorf("%d attempts at the door that fails", first)
	}
	broken.Store(false)
	w.pass(10 * time.Second)
	rc.settled(all(2*each, desk.DeliveryDelivered))
	statuses := map[string][]string{}
	for _, got := range rc.await(2 * each)[:] {
		statuses[got.reader] = append(statuses[got.reader], got.status)
	}
	if len(statuses[a]) != each+1 {
		t.Fatalf("%v", statuses[a])
	}
	for reader, got := range map[string][]string{a: statuses[a][1:], b: statuses[b]} {
		for i, status := range got {
			if status != []string{"open", "close"}[i%2] {
				t.Fatalf("the order of %s: %v", reader, got)
			}
		}
	}
}

func TestASlowReceiverHoldsUpNobodyElse(t *testing.T) {
	w := newWorld(t)
	a, b := w.reader(), w.reader()
	release := make(chan struct{})
	defer close(release)
	slow := w.receiver(desk.StyleUniFi, func(_ int, got *request, _ http.ResponseWriter, r *http.Request) {
		if got.reader == a {
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}
	})
	other := w.receiver(desk.StyleUniFi, fine)
	w.run()
	w.happens(a, opened(), closed())
	slow.await(1)
	for range 10 {
		w.happens(b, opened(), closed())
	}
	other.settled(all(22, desk.DeliveryDelivered))
	slow.settled(func(all []*desk.Delivery) bool {
		n := 0
		for _, d := range all {
			if d.State == desk.DeliveryDelivered {
				n++
			}
		}
		return n == 20 // all but those of the door at which it hangs
	})
	if d := slow.settled(func(all []*desk.Delivery) bool { return all[len(all)-1].Attempts == 1 }); !strings.Contains(d[len(d)-1].Problem.String(), "no answer came within 15 s") {
		t.Errorf("%+v", d[len(d)-1])
	}
}

func TestWhatAReceiverAnswersIsUnderstood(t *testing.T) {
	elsewhere := newStranger(t)
	for name, c := range map[string]struct {
		answer   func(http.ResponseWriter, *http.Request)
		state    desk.DeliveryState
		problem  string
		attempts int
	}{
		"204": {func(to http.ResponseWriter, _ *http.Request) { to.WriteHeader(http.StatusNoContent) }, desk.DeliveryDelivered, "", 1},
		"500": {func(to http.ResponseWriter, _ *http.Request) { to.WriteHeader(http.StatusInternalServerError) }, desk.DeliveryWaiting, "it answered 500 Internal Server Error", 1},
		"a redirect": {func(to http.ResponseWriter, r *http.Request) {
			http.Redirect(to, r, elsewhere.URL, http.StatusTemporaryRedirect)
		},
			desk.DeliveryWaiting, "it answered 307: redirects are not followed, so enter the URL to which it leads", 1},
		"a loop": {func(to http.ResponseWriter, r *http.Request) {
			http.Redirect(to, r, r.URL.String(), http.StatusMovedPermanently)
		},
			desk.DeliveryWaiting, "it answered 301: redirects are not followed, so enter the URL to which it leads", 1},
		"a body without end": {func(to http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := to.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}, desk.DeliveryDelivered, "", 1},
		"a body that never comes": {func(to http.ResponseWriter, r *http.Request) {
			to.WriteHeader(http.StatusOK)
			to.(http.Flusher).Flush()
			<-r.Context().Done()
		}, desk.DeliveryDelivered, "", 1},
		"a header without end": {func(to http.ResponseWriter, _ *http.Request) { to.Header().Set("X", strings.Repeat("x", 64<<10)) }, desk.DeliveryWaiting, "header", 1},
		"a cut":                {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, desk.DeliveryWaiting, "", 1},
		"410":                  {func(to http.ResponseWriter, _ *http.Request) { to.WriteHeader(http.StatusGone) }, desk.DeliveryFailed, "its receiver answered that it is gone (410)", 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			reader := w.reader()
			rc := w.receiver(desk.StyleUniFi, func(_ int, _ *request, to http.ResponseWriter, r *http.Request) { c.answer(to, r) })
			w.run()
			w.happens(reader, opened())
			d := rc.settled(func(all []*desk.Delivery) bool {
				return len(all) == 1 && all[0].Attempts == c.attempts && all[0].State == c.state
			})[0]
			if !strings.Contains(d.Problem.String(), c.problem) || c.state == desk.DeliveryDelivered && d.Problem != nil {
				t.Errorf("%+v", d)
			}
		})
	}
	t.Cleanup(func() {
		if n := elsewhere.came.Load(); n > 0 {
			t.Errorf("%d requests were redirected", n)
		}
	})
}

func TestARetryAfterIsHonoured(t *testing.T) {
	w := newWorld(t)
	reader, other := w.reader(), w.reader()
	rc := w.receiver(desk.StyleUniFi, func(n int, _ *request, to http.ResponseWriter, _ *http.Request) {
		if n == 1 {
			to.Header().Set("Retry-After", "2")
			to.WriteHeader(http.StatusTooManyRequests)
		}
	})
	w.run()
	w.happens(reader, opened())
	rc.settled(func(all []*desk.Delivery) bool { return len(all) == 1 && all[0].Attempts == 1 })
	began := time.Now()
	w.happens(other, opened())
	rc.await(2)
	if waited := time.Since(began); waited < 1500*time.Millisecond {
		t.Errorf("another door's came after %v", waited)
	}
	w.pass(7 * time.Second)
	rc.settled(all(2, desk.DeliveryDelivered))
}

func TestRetryAfterIsReadAndBounded(t *testing.T) {
	now := time.Date(2026, 11, 29, 22, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-7": 0, "soon": 0, "99999999999999999999": 0, "4000000": 24 * time.Hour, "Sun, 29 Nov 2026 22:01:00 GMT": time.Minute, "Sun, 29 Nov 2020 22:01:00 GMT": 0,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q is %v, not %v", text, got, want)
		}
	}
}

func TestAHostInsideTheNetworkIsSentToOnlyWhileItIsAllowed(t *testing.T) {
	w := newWorld(t)
	reader := w.reader()
	rc := w.receiver(desk.StyleUniFi, fine)
	hosts, err := w.desk.WebhookHosts(t.Context(), root)
	w.must(err)
	w.run()
	w.happens(reader, opened())
	rc.settled(all(1, desk.DeliveryDelivered))
	w.must(w.desk.ForbidWebhookHost(t.Context(), root, hosts[0].Host))
	w.happens(reader, closed())
	d := rc.settled(func(all []*desk.Delivery) bool { return len(all) == 2 && all[0].Attempts == 1 })
	if d[0].State != desk.DeliveryWaiting || d[0].Problem.String() != "dial tcp "+strings.TrimPrefix(rc.server.URL, "https://")+": 127.0.0.1 is inside the network or the machine: an Owner has not allowed this host" {
		t.Errorf("%+v", d[0])
	}
	if n := len(rc.await(1)); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestAControllerThatIsKilledLosesNothing(t *testing.T) {
	w := newWorld(t)
	reader := w.reader()
	hang := make(chan struct{})
	rc := w.receiver(desk.StyleUniFi, func(n int, _ *request, _ http.ResponseWriter, r *http.Request) {
		if n == 1 {
			select {
			case <-hang:
			case <-r.Context().Done():
			}
		}
	})
	defer close(hang)
	w.run()
	w.happens(reader, opened())
	rc.await(1)
	w.stop() // while the receiver has it, and the controller does not know
	w.happens(reader, closed(), opened())
	w.run()
	rc.settled(all(3, desk.DeliveryDelivered))
	var ids, statuses []string
	for _, got := range rc.await(4) {
		ids, statuses = append(ids, got.header.Get("Webhook-Id")), append(statuses, got.status)
		if err := rc.genuine(got); err != nil {
			t.Error(err)
		}
	}
	if !slices.Equal(statuses, []string{"open", "open", "close", "open"}) || ids[0] != ids[1] || ids[1] == ids[2] {
		t.Errorf("%v, %v", statuses, ids)
	}
}

func TestATestIsSentAndFailsAtOnce(t *testing.T) {
	w := newWorld(t)
	rc := w.receiver(desk.StyleStandard, func(n int, _ *request, to http.ResponseWriter, _ *http.Request) {
		if n == 2 {
			to.WriteHeader(http.StatusTeapot)
		}
	})
	w.run()
	w.must(w.desk.TestWebhook(t.Context(), root, rc.hook))
	rc.settled(all(1, desk.DeliveryDelivered))
	if got := rc.await(1)[0]; rc.genuine(got) != nil || !strings.Contains(got.body, `"type":"latchkey.test"`) {
		t.Error(got.body)
	}
	w.must(w.desk.TestWebhook(t.Context(), root, rc.hook))
	if d := rc.settled(func(all []*desk.Delivery) bool { return len(all) == 2 && all[0].State == desk.DeliveryFailed }); d[0].Problem.String() != "it answered 418 I'm a teapot" {
		t.Errorf("%+v", d[0])
	}
}

func TestNothingIsSentWithoutTLSToAHostThatIsNoMoreAllowed(t *testing.T) {
	w := newWorld(t)
	w.run()
	_, err := w.desk.AllowWebhookHost(t.Context(), root, "http://receiver.invalid:8080")
	w.must(err)
	rc := &receiver{w: w}
	rc.hook, _, err = w.desk.AddWebhook(t.Context(), root, desk.WebhookForm{Name: "Plain", URL: "http://receiver.invalid:8080/", Events: []string{"access.device.dps_status"}, Style: desk.StyleUniFi})
	w.must(err)
	w.must(w.desk.ForbidWebhookHost(t.Context(), root, "receiver.invalid:8080"))
	w.happens(w.reader(), opened())
	d := rc.settled(func(all []*desk.Delivery) bool { return len(all) == 1 && all[0].Attempts == 1 })
	if want := "an Owner no longer allows this host, and others are sent to over https:// only"; d[0].Problem.String() != want {
		t.Errorf("%q, not %q", d[0].Problem, want)
	}
}
