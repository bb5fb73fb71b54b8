package sync

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	broker "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"latchkey/sync/wire"
)

// several is a reader with several real brokers, by the ports 1, 2 …, to which the controller
// of the model is connected. Its fields below are guarded by wired.mu.
type several struct {
	*wired
	servers []*broker.Server
	ends    [][]net.Conn // the brokers' ends
	ours    [][]*ourEnd  // the reader's
	down    []bool       // nobody reaches the broker
	cut     []bool       // the controller does not
}

func newSeveral(t *testing.T, n int) *several {
	s := &several{wired: newWired(t), ends: make([][]net.Conn, n), ours: make([][]*ourEnd, n), down: make([]bool, n), cut: make([]bool, n)}
	s.wired.broker.Close()
	for i := range n {
		server := broker.New(&broker.Options{InlineClient: true, Logger: slog.New(slog.DiscardHandler)})
		if err := server.AddHook(new(access), nil); err != nil {
			t.Fatal(err)
		}
		for id, ch := range []wire.Channel{wire.OnState, wire.OnRecords, wire.OnFetch} {
			receive := func(_ *broker.Client, _ packets.Subscription, pk packets.Packet) {
				s.mu.Lock()
				defer s.mu.Unlock()
				if !s.cut[i] {
					s.controller.receive(pk.TopicName, pk.Payload, false)
				}
			}
			if err := server.Subscribe(ch.Topic(siteName, "+"), id+1, receive); err != nil {
				t.Fatal(err)
			}
		}
		s.servers = append(s.servers, server)
	}
	s.controller.send = func(ch wire.Channel, payload []byte, retained bool) {
		for i, server := range s.servers {
			if !s.cut[i] {
				if err := server.Publish(ch.Topic(siteName, readerID), payload, retained, 1); err != nil {
					t.Error(err)
				}
			}
		}
	}
	s.wired.broker = s.servers[0]
	s.controller.publishAll()
	s.use(n)
	s.client.open = s.open
	return s
}

func (s *several) url(i int) string { return fmt.Sprintf("tcp://localhost:%d", i+1) }

// use has the bundle name the first n brokers.
func (s *several) use(n int) {
	var urls []string
	for i := range n {
		urls = append(urls, s.url(i))
	}
	s.client.route.bundle = brokersOf(urls...)
}

func (s *several) open(_ context.Context, to wire.Broker) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := int(to.Port[0] - '1')
	if s.conns = append(s.conns, nil); s.down[i] {
		return nil, errors.New("connection refused")
	}
	here, there := net.Pipe()
	s.ends[i] = append(s.ends[i], there)
	before, our := slices.Clone(s.ours[i]), &ourEnd{Conn: here, gone: make(chan struct{})}
	s.ours[i] = append(s.ours[i], our)
	go func() {
		defer close(our.gone)
		for _, one := range before {
			if one.left.Load() {
				<-one.gone
			}
		}
		s.servers[i].EstablishConnection("pipe", there)
	}()
	return our, nil
}

// An ourEnd is the reader's end of a connection. Mosquitto is done with one that the reader has left before it takes the next;
// the broker of these tests is not, and may forget the next one with it, as both have the reader's name.
type ourEnd struct {
	net.Conn
	left atomic.Bool
	gone chan struct{} // closed when the broker is done with it
}

func (e *ourEnd) Close() error {
	e.left.Store(true)
	return e.Conn.Close()
}

// kill ends a broker; revive starts it again.
func (s *several) kill(i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down[i] = true
	for _, conn := range s.ends[i] {
		conn.Close()
	}
	s.ends[i] = nil
}

func (s *several) set(list []bool, i int, is bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if list[i] = is; !is {
		s.controller.publishAll()
	}
}

func (s *several) run() {
	s.wired.run()
	stop := s.wired.stop
	s.stop = func() {
		stop()
		for _, server := range s.servers[1:] {
			server.Close()
		}
	}
}

// at returns the broker of the link; -1: there is no link.
func (s *several) at() int {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	if r := s.client.route; r.up {
		return int(r.at.Port[0] - '1')
	}
	return -1
}

func (s *several) isAt(want int) {
	s.t.Helper()
	if at := s.at(); at != want {
		s.t.Fatalf("the link is over broker %d, not %d", at, want)
	}
	s.inStep()
}

// downs returns how often the link went down, and told so, other than for a move.
func (s *several) downs() (n, moves int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, news := range s.news {
		if l, ok := news.(LinkChanged); ok && !l.Up {
			if l.Why == "connected anew" {
				moves++
			} else {
				n++
			}
		}
	}
	return n, moves
}

// begin runs the reader until the test ends, and finds it at a broker after a while.
func (s *several) begin(after time.Duration, at int) {
	s.t.Helper()
	s.run()
	s.t.Cleanup(s.stop)
	s.wait(after)
	s.isAt(at)
}

// work has something to send and to fetch.
func (s *several) work() {
	s.journal.append(wire.Record{Kind: wire.DoorOpened})
	s.client.Recorded()
	s.mu.Lock()
	s.controller.add(int(s.controller.position.Revision), 1)
	s.mu.Unlock()
}

func TestAReaderGoesOverToAnotherBrokerAndReturnsInCalm(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newSeveral(t, 3)
		s.begin(time.Second, 0)
		s.kill(0)
		s.work()
		s.wait(3 * time.Second)
		s.isAt(1)
		s.set(s.down, 0, false)
		s.wait(returnFirst/2 - 10*time.Second)
		s.isAt(1)
		for range 20 {
			s.work()
			s.wait(20 * time.Second)
		}
		s.isAt(0)
		downs, moves := s.downs()
		if downs != 1 || moves != 1 || s.controller.offlines != 1 || s.controller.connection != 3 {
			t.Errorf("the link was lost %d times and moved %d times; %d wills, connection %d", downs, moves, s.controller.offlines, s.controller.connection)
		}
		s.mu.Lock()
		refused := 0
		for _, n := range s.news {
			if _, is := n.(Refused); is {
				refused++
			}
		}
		tries := len(s.conns)
		s.mu.Unlock()
		if refused > 0 {
			t.Errorf("%d messages are refused", refused)
		}
		s.wait(time.Hour)
		s.isAt(0)
		if s.tries() != tries {
			t.Errorf("at its first broker it makes %d connections", s.tries()-tries)
		}
	})
}

// Who connects to it cannot tell that it does not reach the controller.
func TestABrokerThatDoesNotReachTheControllerIsLeftAndNotReturnedTo(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newSeveral(t, 2)
		s.begin(time.Second, 0)
		s.set(s.cut, 0, true)
		s.wait(silence + stateEvery + 10*time.Second)
		s.isAt(1)
		tries := s.tries()
		before, _ := s.downs()
		for range 6 * 60 {
			s.wait(time.Minute)
		}
		s.isAt(1)
		if downs, moves := s.downs(); downs != before || moves != 0 {
			t.Errorf("in six hours the link was lost %d times, and moved %d times", downs-before, moves)
		}
		if looks := s.tries() - tries; looks < 4 || looks > 10 {
			t.Errorf("it looks %d times", looks)
		}
		s.set(s.cut, 0, false)
		s.wait(returnMost + hearWithin)
		s.isAt(0)
	})
}

func TestAReaderGoesRoundSlowlyWhileTheControllerIsAway(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newSeveral(t, 4)
		s.begin(time.Second, 0)
		s.mu.Lock()
		s.controller.silent = true
		s.mu.Unlock()
		s.wait(time.Hour)
		tries := s.tries()
		s.wait(time.Hour)
		if n := s.tries() - tries; n < 8 || n > 38 {
			t.Errorf("%d connections in an hour", n)
		}
		s.mu.Lock()
		s.controller.silent = false
		s.mu.Unlock()
		s.work()
		s.wait(reconnectMost + silence)
		s.inStep()
		s.wait(returnFirst + hearWithin)
		s.isAt(0)
	})
}

func (s *several) policy(brokers ...int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := *s.controller.policy
	changed.Revision, changed.Brokers = changed.Revision+1, nil
	for _, i := range brokers {
		changed.Brokers = append(changed.Brokers, s.url(i))
	}
	s.controller.policy = &changed
	s.controller.send(wire.OnPolicy, sign(wire.KindPolicy, &changed), true)
}

func TestAPolicyMovesAReaderWithoutLosingItsLink(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newSeveral(t, 4)
		s.use(2)
		s.begin(time.Second, 0)
		for _, change := range []struct {
			policy []int
			at     int
		}{{[]int{1, 0}, 1}, {[]int{3, 2}, 3}, {[]int{3, 1}, 3}, {nil, 0}} {
			s.policy(change.policy...)
			s.wait(returnMoved + hearWithin)
			s.isAt(change.at)
		}
		if downs, moves := s.downs(); downs != 0 || moves != 3 || s.controller.offlines != 0 {
			t.Errorf("the link was lost %d times and moved %d times; %d wills", downs, moves, s.controller.offlines)
		}
	})
}

// An address that nobody answers at must not cost the link for good, nor must one where
// somebody else does.
func TestAPolicyWithWrongBrokersStrandsNoReader(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newSeveral(t, 4)
		s.use(1)
		s.set(s.down, 2, true)
		s.set(s.cut, 3, true)
		s.begin(time.Second, 0)
		s.policy(2, 3)
		s.wait(time.Hour)
		s.isAt(0) // the new ones do not serve it: it has not left
		s.kill(0)
		s.wait(time.Hour)
		s.set(s.down, 0, false)
		s.wait(2*reconnectMost + silence)
		s.isAt(0)
		s.set(s.down, 2, false)
		s.wait(2*returnMost + hearWithin)
		s.isAt(2)
	})
}

func TestAReaderReturnsToTheBestThatServesIt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newSeveral(t, 3)
		s.set(s.down, 0, true)
		s.set(s.down, 1, true)
		s.begin(5*time.Second, 2)
		s.set(s.down, 1, false)
		s.wait(2*returnFirst + hearWithin)
		s.isAt(1)
		s.set(s.down, 0, false)
		s.wait(4*returnFirst + hearWithin)
		s.isAt(0)
		if downs, moves := s.downs(); downs != 0 || moves != 2 {
			t.Errorf("the link was lost %d times and moved %d times", downs, moves)
		}
	})
}

// The broker tells everybody that the reader is gone when its connection is lost: of a look,
// nobody may hear that.
func TestALookThatIsCutTellsNobodyThatTheReaderIsOffline(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newSeveral(t, 2)
		s.begin(time.Second, 0)
		s.kill(0)
		s.wait(3 * time.Second)
		s.isAt(1)
		s.set(s.cut, 0, true) // a look goes on until it is cut
		s.set(s.down, 0, false)
		tries := s.tries()
		for s.tries() == tries {
			s.wait(time.Second)
		}
		s.mu.Lock()
		s.cut[0] = false // the controller would hear of it
		s.mu.Unlock()
		s.kill(0)
		s.wait(time.Minute)
		s.isAt(1)
		if downs, _ := s.downs(); downs != 1 || s.controller.offlines != 1 || s.controller.offline {
			t.Errorf("the link was lost %d times, %d wills, offline %v", downs, s.controller.offlines, s.controller.offline)
		}
	})
}

func TestAReaderDoesNotMoveWhileACardWaitsForItsKeys(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newSeveral(t, 2)
		s.begin(time.Second, 0)
		s.client.await(wire.CommandID{1}, make(chan CardAnswered, 1))
		s.policy(1, 0)
		s.wait(2 * returnMoved)
		s.isAt(0)
		s.client.await(wire.CommandID{}, nil)
		s.wait(returnBusy + stateEvery + 10*time.Second)
		s.isAt(1)
	})
}
