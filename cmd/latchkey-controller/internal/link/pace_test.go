package link

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/sync/wire"
)

// A slowBroker is a client whose broker acknowledges only what the test says.
type slowBroker struct {
	mqtt.Client
	topics []string
	tokens []*slowToken

	acknowledged int // of them
}

type slowToken struct {
	mqtt.Token
	done chan struct{}
}

func (t *slowToken) Done() <-chan struct{} { return t.done }
func (t *slowToken) Error() error          { return nil }

func (b *slowBroker) Publish(topic string, _ byte, _ bool, _ any) mqtt.Token {
	t := &slowToken{done: make(chan struct{})}
	b.topics, b.tokens = append(b.topics, topic), append(b.tokens, t)
	return t
}

// acknowledge acknowledges the first message that is not; false: there is none.
func (b *slowBroker) acknowledge() bool {
	if b.acknowledged == len(b.tokens) {
		return false
	}
	close(b.tokens[b.acknowledged].done)
	b.acknowledged++
	return true
}

// pacedSession runs a session with such a broker until the test ends.
func pacedSession(t *testing.T) (*session, *slowBroker) {
	broker, s := &slowBroker{}, newSession()
	s.client = broker
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go s.run(ctx, "home")
	return s, broker
}

func TestABrokerGetsKeysAsItAcknowledgesThemAndAllElseAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, broker := pacedSession(t)
		got := func(want int, what string) {
			t.Helper()
			if synctest.Wait(); len(broker.topics) != want {
				t.Fatalf("%s, %d messages are out, not %d", what, len(broker.topics), want)
			}
		}
		for i := range 3 * mostPaced {
			s.out.put(outgoing{wire.OnKey, fmt.Sprint("reader-", i), []byte("key")})
		}
		s.out.put(outgoing{wire.OnHead, "", []byte("head")})
		got(mostPaced, "at first")
		s.out.put(outgoing{wire.OnAck, "reader-1", []byte("ack")})
		got(mostPaced+1, "with what a reader waits for")
		if last, want := broker.topics[mostPaced], wire.OnAck.Topic("home", "reader-1"); last != want {
			t.Errorf("%s came, not %s", last, want)
		}
		for range 10 {
			broker.acknowledge()
		}
		got(mostPaced+11, "after ten acknowledgements")
		for i := range 9 {
			time.Sleep(awayFor / 10)
			s.out.put(outgoing{wire.OnNow, "reader-1", []byte("now")})
			got(mostPaced+12+i, "while others go out")
		}
		for broker.acknowledge() {
			synctest.Wait()
		}
		got(3*mostPaced+11, "in the end")
	})
}

func TestWhatABrokerDoesNotAcknowledgeIsBounded(t *testing.T) {
	for _, size := range []int{1, 60 << 10} {
		synctest.Test(t, func(t *testing.T) {
			s, broker := pacedSession(t)
			payload, n := make([]byte, size), 0
			for s.out.put(outgoing{wire.OnNow, "reader-1", payload}) {
				if n++; n > 1<<20 {
					t.Fatal("it takes more and more")
				} else if n%64 == 0 {
					synctest.Wait()
				}
			}
			synctest.Wait()
			held := len(broker.tokens) * (size + awayEach)
			if held < mostAway || held > mostAway+size+awayEach {
				t.Errorf("paho holds %d messages", len(broker.tokens))
			}
			for range 4 { // it is slow, but acknowledges
				time.Sleep(awayFor - time.Second)
				broker.acknowledge()
				synctest.Wait()
			}
			select {
			case err := <-s.lost:
				t.Error(err)
			default:
			}
			time.Sleep(awayFor)
			synctest.Wait()
			select {
			case <-s.lost:
			default:
				t.Error("it keeps its connection")
			}
		})
	}
}

func TestRepliesCountAmongWhatIsNotAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &connection{o: &Options{Site: &site.Site{Name: "home"}}}
		s, _ := pacedSession(t)
		c.session.Store(s)
		if _, err := c.publish(wire.OnReply, "reader-1", make([]byte, mostAway)); err != nil {
			t.Fatal(err)
		}
		s.out.put(outgoing{wire.OnNow, "reader-1", []byte("now")})
		synctest.Wait()
		if s.away.look().room {
			t.Error("there is room for more")
		}
		time.Sleep(awayFor)
		synctest.Wait()
		select {
		case <-s.lost:
		default:
			t.Error("it keeps its connection")
		}
	})
}
