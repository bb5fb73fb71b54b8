package broker

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// limited returns the limits of broker clients, and a broker client that is connected.
func limited() (*brokerClients, *mqtt.Client) {
	i := newBrokerClients(&access{o: Options{Site: "home", Log: slog.New(slog.DiscardHandler)}})
	i.asks["home.client"] = newAsks()
	return i, &mqtt.Client{ID: "home.client", State: mqtt.ClientState{Subscriptions: mqtt.NewSubscriptions()}}
}

func subscribe(filters ...string) (p packets.Packet) {
	p.FixedHeader.Type = packets.Subscribe
	for _, filter := range filters {
		p.Filters = append(p.Filters, packets.Subscription{Filter: filter})
	}
	return p
}

func TestABrokerClientsSubscriptionsAreBounded(t *testing.T) {
	i, client := limited()
	taken := func(filters ...string) (n int) {
		for _, sub := range i.OnSubscribe(client, subscribe(filters...)).Filters {
			if mqtt.IsValidFilter(sub.Filter, false) {
				client.State.Subscriptions.Add(sub.Filter, sub)
				n++
			}
		}
		return n
	}
	if taken("latchkey-ha/home/"+strings.Repeat("x", 300)) != 0 || taken("latchkey-ha/home"+strings.Repeat("/x", 7)) != 0 || taken("latchkey-ha/home"+strings.Repeat("/x", 6)) != 1 {
		t.Error("a filter that is too long or too deep is taken, or one that is not is refused")
	}
	var all []string
	for n := range 10_000 {
		all = append(all, fmt.Sprint("latchkey-ha/home/", n))
	}
	if n := taken(all...); n != maxSubscriptions-1 {
		t.Errorf("%d are taken", n)
	}
	if taken("latchkey-ha/home/more") != 0 || taken(all[0]) != 1 { // a subscription again is none more
		t.Error("there are too many already, or one that is there is refused")
	}
	client.ID = "front-door"
	if taken("latchkey/v1/home/head") != 1 {
		t.Error("a reader is refused")
	}
}

func TestWhatABrokerClientMayNotDoIsLoggedOnceEachKindOfTopic(t *testing.T) {
	var log strings.Builder
	a := &access{o: Options{Site: "home", Log: slog.New(slog.NewTextHandler(&log, nil))}}
	lines := func() int { return strings.Count(log.String(), "a broker client was refused") }
	for range 3 {
		for n, ask := range []struct {
			topic string
			write bool
		}{{"latchkey-ha/#", false}, {"latchkey-ha/other/#", false}, {"latchkey/#", false}, {"latchkey-ha/home/x", true}, {"homeassistant/x", true}, {"x", true}} {
			a.told.log(a.o, "home.client", ask.topic, ask.write)
			a.told.log(a.o, "home.client", fmt.Sprint(ask.topic, n), ask.write)
		}
	}
	if got := lines(); got != 5 {
		t.Errorf("%d lines: %s", got, log.String())
	}
	for n := range 1000 {
		a.told.log(a.o, fmt.Sprint(n, ".client"), "x", true)
	}
	if got := lines(); got != maxRefusals {
		t.Errorf("%d lines", got)
	}
}

func TestABrokerClientThatSendsTooFastIsReadMoreSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, client := limited()
		read := func(p packets.Packet) error {
			_, err := i.OnPacketRead(client, p)
			return err
		}
		began := time.Now()
		for range 600 {
			if err := read(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Publish}}); err != nil {
				t.Fatal(err)
			}
		}
		for range 10_000 { // what it acknowledges costs nothing
			read(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Puback}})
		}
		if passed := time.Since(began); passed != 0 {
			t.Errorf("it waits for %v at once", passed)
		}
		if err := read(subscribe(make([]string, 1000)...)); err != nil {
			t.Fatal(err)
		}
		if passed := time.Since(began); passed != 3*time.Second {
			t.Errorf("it has waited for %v", passed)
		}
		if read(subscribe(make([]string, 1001)...)) == nil || read(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Publish, Remaining: maxAskedPacket + 1}}) == nil {
			t.Error("too much at once is taken")
		}
	})
}
