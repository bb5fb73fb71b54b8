package sync

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"latchkey/sync/wire"
)

// Who has a broker could keep moving readers to where the controller does not hear them.
func TestAnOldNowMovesNoReader(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newSeveral(t, 2)
		var old []byte
		send := s.controller.send
		s.controller.send = func(ch wire.Channel, payload []byte, retained bool) {
			if ch == wire.OnNow && old == nil {
				old = payload
			}
			send(ch, payload, retained)
		}
		s.begin(time.Second, 0)
		s.set(s.cut, 0, true)
		s.wait(silence + stateEvery + 10*time.Second)
		s.isAt(1)
		for range 12 * 60 {
			s.wait(30 * time.Second)
			if err := s.servers[0].Publish(wire.OnNow.Topic(siteName, readerID), old, false, 1); err != nil {
				t.Fatal(err)
			}
		}
		s.isAt(1)
		if _, moves := s.downs(); moves != 0 {
			t.Errorf("it moves %d times", moves)
		}
	})
}

// One that leads no more may still reach the reader's first broker, where the one that leads
// is not: the reader would lose its link there.
func TestAControllerThatLeadsNoMoreMovesNoReader(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newSeveral(t, 2)
		late := uint64(6)
		send := s.controller.send
		s.controller.send = func(ch wire.Channel, payload []byte, retained bool) {
			send(ch, payload, retained)
			if ch != wire.OnNow || !s.cut[0] {
				return
			}
			now := must(wire.OpenNow(site, payload, publicKey(controllerKey)))
			now.Term = late
			if err := s.servers[0].Publish(ch.Topic(siteName, readerID), sign(wire.KindNow, now), false, 1); err != nil {
				t.Error(err)
			}
		}
		s.controller.lead(7)
		s.begin(time.Second, 0)
		s.set(s.cut, 0, true)
		s.kill(0)
		s.wait(time.Minute)
		s.set(s.down, 0, false)
		s.set(s.cut, 0, true)
		for range 12 * 60 {
			s.wait(time.Minute)
		}
		s.isAt(1)
		if _, moves := s.downs(); moves != 0 {
			t.Errorf("it moves %d times", moves)
		}
		s.mu.Lock()
		late = 7
		s.mu.Unlock()
		s.wait(returnMost + hearWithin)
		if _, moves := s.downs(); moves == 0 {
			t.Error("nor does one of the same term")
		}
	})
}

// The broker ends a client's connection when another one with its id comes. Each look there would.
func TestSeveralNamesOfOneBrokerCostAReaderItsLinkOnce(t *testing.T) {
	for _, lists := range [][]int{{0, 0}, {0, 0, 1}, {0, 1, 0}, {1, 0, 0}} {
		inBubble(t, func(t *testing.T) {
			s := newSeveral(t, 2)
			s.use(len(lists))
			refuses := true // all but the last
			s.client.open = func(_ context.Context, to wire.Broker) (net.Conn, error) {
				s.mu.Lock()
				defer s.mu.Unlock()
				i := int(to.Port[0] - '1')
				if refuses && i < len(lists)-1 {
					return nil, errors.New("connection refused")
				}
				here, there := net.Pipe()
				go s.servers[lists[i]].EstablishConnection("pipe", there)
				return here, nil
			}
			s.begin(5*time.Second, len(lists)-1)
			s.mu.Lock()
			refuses = false
			s.mu.Unlock()
			s.wait(24 * time.Hour)
			s.isAt(0)
			if downs, _ := s.downs(); downs > 1 {
				t.Errorf("%v: its link was lost %d times", lists, downs)
			}
		})
	}
}
