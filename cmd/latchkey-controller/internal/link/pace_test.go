package link

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"latchkey/sync/wire"
)

// A slowBroker is a client whose broker acknowledges only what the test says.
type slowBroker struct {
	mqtt.Client
	topics []string
	tokens []*slowToken
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

func TestABrokerGetsKeysAsItAcknowledgesThemAndAllElseAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broker := &slowBroker{}
		s := &session{client: broker, out: newOutbox(), lost: make(chan error, 1)}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go s.run(ctx, "home")
		got := func(want int, what string) {
			t.Helper()
			if synctest.Wait(); len(broker.topics) != want {
				t.Fatalf("%s, %d messages are out, not %d", what, len(broker.topics), want)
			}
		}
		for i := range 3 * mostAway {
			s.out.put(outgoing{wire.OnKey, fmt.Sprint("reader-", i), []byte("key")})
		}
		s.out.put(outgoing{wire.OnHead, "", []byte("head")})
		got(mostAway, "at first")
		s.out.put(outgoing{wire.OnAck, "reader-1", []byte("ack")})
		got(mostAway+1, "with what a reader waits for")
		if last, want := broker.topics[mostAway], wire.OnAck.Topic("home", "reader-1"); last != want {
			t.Errorf("%s came, not %s", last, want)
		}
		for i := range 10 {
			close(broker.tokens[i].done)
		}
		got(mostAway+11, "after ten acknowledgements")
		for i := range 10 {
			time.Sleep(awayFor / 10)
			s.out.put(outgoing{wire.OnNow, "reader-1", []byte("now")})
			synctest.Wait()
			if i < 9 {
				got(mostAway+12+i, "while others go out")
			}
		}
		got(mostAway+22, "without any for long")
		for range 3 * mostAway {
			time.Sleep(awayFor)
		}
		got(3*mostAway+12, "in the end")
	})
}
