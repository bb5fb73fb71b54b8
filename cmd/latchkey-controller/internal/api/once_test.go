package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

func TestAnUnlockWithAKeyOpensOnce(t *testing.T) {
	w := newWorld(t)
	_, door := w.reader()
	p := w.program(desk.ScopeOperate)
	id := w.api.ids.of(kindDoor, door)
	opened := func() int {
		w.live.mu.Lock()
		defer w.live.mu.Unlock()
		return len(w.live.orders)
	}
	for i, ask := range []func(key string) *answer{
		func(key string) *answer {
			return p.askWith(map[string]string{"Idempotency-Key": key}, "PUT", unifiBase+"/doors/"+id+"/unlock", nil)
		},
		func(key string) *answer {
			return p.askWith(map[string]string{"Idempotency-Key": key}, "POST", ownBase+"/doors/"+id+"/unlock", `{"remark": "a parcel"}`)
		},
	} {
		before := opened()
		first, again := ask(fmt.Sprint("one", i)), ask(fmt.Sprint("one", i))
		if first.status != http.StatusOK || again.status != http.StatusOK || again.body != first.body || opened() != before+1 {
			t.Errorf("opened %d times: %s, %s", opened()-before, first.body, again.body)
		}
		w.live.say("reader-1", sound)
		if a := ask(fmt.Sprint("two", i)); a.status != http.StatusOK || opened() != before+2 {
			t.Errorf("with another key: %s", a.body)
		}
		w.live.refuse = "the link is down"
		failed := ask(fmt.Sprint("three", i))
		if failed.status != http.StatusPaymentRequired {
			t.Errorf("%d %s", failed.status, failed.body)
		}
		w.live.refuse = ""
		before = opened()
		if a := ask(fmt.Sprint("three", i)); a.body != failed.body || opened() != before { // it may have opened
			t.Errorf("after %s: %s, and it was opened %d times", failed.body, a.body, opened()-before)
		}
		if a := ask(""); a.status != http.StatusBadRequest {
			t.Errorf("an empty key: %s", a.body)
		}
	}
}

func TestWhoGoesAwayAndComesBackWithTheKeyFindsTheDoorOpenedOnce(t *testing.T) {
	w := newWorld(t)
	_, door := w.reader()
	p := w.program(desk.ScopeOperate)
	w.live.gate = make(chan struct{})
	ctx, leave := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "POST", w.server.URL+ownBase+"/doors/"+w.api.ids.of(kindDoor, door)+"/unlock", nil)
	w.must(err)
	r.Header.Set("Authorization", "Bearer "+p.token)
	r.Header.Set("Idempotency-Key", "k")
	went := make(chan struct{})
	go func() {
		defer close(went)
		if response, err := w.server.Client().Do(r); err == nil {
			response.Body.Close()
		}
	}()
	asked := func() bool {
		w.live.mu.Lock()
		defer w.live.mu.Unlock()
		return len(w.live.orders) > 0
	}
	for !asked() {
		time.Sleep(time.Millisecond)
	}
	again := func() *answer {
		return p.askWith(map[string]string{"Idempotency-Key": "k"}, "POST", ownBase+"/doors/"+w.api.ids.of(kindDoor, door)+"/unlock", nil)
	}
	if a := again(); a.code() != "409 CODE_DEVICE_DEVICE_BUSY" || a.header.Get("Retry-After") != "1" {
		t.Errorf("meanwhile: %d %s", a.status, a.body)
	}
	leave()
	<-went
	close(w.live.gate)
	for {
		a := again()
		if a.status == http.StatusConflict {
			time.Sleep(time.Millisecond)
			continue
		}
		if a.status != http.StatusOK || len(w.live.orders) != 1 {
			t.Errorf("%d orders; %d %s", len(w.live.orders), a.status, a.body)
		}
		return
	}
}

func TestARequestWithAKeyIsCarriedOutEvenIfNobodyWaits(t *testing.T) {
	w := newWorld(t)
	ctx, leave := context.WithCancel(t.Context())
	leave()
	r, err := http.NewRequestWithContext(ctx, "POST", "/", strings.NewReader("{}"))
	w.must(err)
	r.Header.Set("Idempotency-Key", "k")
	_, err = w.api.onceFor(time.Hour, func(c *call) (any, error) { return nil, c.r.Context().Err() })(&call{r: r})
	w.must(err)
}

func TestAKeyIsUsedUpByWhatMayBeDone(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		err   error
		calls int
	}{"unsure": {&desk.UnsureError{Database: "site"}, 1}, "unavailable": {&desk.UnavailableError{Reason: language.Data("away")}, 2}} {
		calls := 0
		do := w.api.onceFor(time.Hour, func(*call) (any, error) { calls++; return nil, c.err })
		for range 2 {
			r, err := http.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader(name))
			w.must(err)
			r.Header.Set("Idempotency-Key", name)
			if _, err := do(&call{r: r, w: httptest.NewRecorder()}); !errors.Is(err, c.err) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if calls != c.calls {
			t.Errorf("%s: it was carried out %d times", name, calls)
		}
	}
}

func TestAKeyIsForOneTokenOneRequestAndATime(t *testing.T) {
	o := newOnce()
	at := time.Unix(1000, 0)
	key, body, other := o.sum([]byte("k")), o.sum([]byte("b")), o.sum([]byte("c"))
	_, own, err := o.begin(-1, key, body, at)
	if own == nil || err != nil {
		t.Fatal(err)
	}
	code := func(token int64, body [32]byte, at time.Time) string {
		before, own, err := o.begin(token, key, body, at)
		if r, ok := err.(*refusal); ok {
			return fmt.Sprint(r.status)
		}
		if own != nil {
			o.end(token, own, nil, time.Time{}, fmt.Errorf("it failed"))
			return "first"
		}
		return fmt.Sprint(before.data)
	}
	for i, want := range []struct {
		got, want string
	}{{code(-1, body, at), "409"}, {code(-1, other, at), "422"}, {code(-2, body, at), "first"}, {code(-2, other, at), "first"}} {
		if want.got != want.want {
			t.Errorf("%d: %s, not %s", i, want.got, want.want)
		}
	}
	o.end(-1, own, "done", at.Add(time.Minute), nil)
	if got := code(-1, body, at.Add(59*time.Second)); got != "done" {
		t.Error(got)
	}
	if got := code(-1, body, at.Add(time.Minute)); got != "first" {
		t.Error(got)
	}
	for i := range maxOnce {
		if _, _, err := o.begin(-3, o.sum(fmt.Append(nil, i)), body, at); err != nil {
			t.Fatal(err)
		}
	}
	if got := code(-3, body, at); got != "429" {
		t.Error(got)
	}
	if key == newOnce().sum([]byte("k")) {
		t.Error("what is remembered has no key of its own")
	}
}
