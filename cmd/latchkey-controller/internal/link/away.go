package link

import (
	"errors"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// Bounds of what a broker has been given and has not acknowledged: paho keeps each message
// until then.
const (
	mostAway  = 8 << 20 // bytes
	awayEach  = 512     // of them for each message, besides its payload: so they are bounded in number, too
	mostPaced = 64      // keys and policies: ten thousand would wait in the broker's socket for seconds, before what readers wait for
	awayFor   = 30 * time.Second
)

var errUnacknowledged = errors.New("the broker acknowledges nothing of what it is sent")

// An away is the messages that a broker has not acknowledged, in order.
type away struct {
	mu       sync.Mutex
	messages []awayMessage
	size     int
	paced    int
	since    time.Time     // since when the first of them has been the first
	added    chan struct{} // full when one was added
}

type awayMessage struct {
	token mqtt.Token
	size  int
	paced bool
}

func newAway() *away { return &away{added: make(chan struct{}, 1)} }

// add adds a message of so many bytes that paho was given.
func (a *away) add(token mqtt.Token, size int, paced bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.messages) == 0 {
		a.since = time.Now()
	}
	a.messages = append(a.messages, awayMessage{token, size + awayEach, paced})
	a.size += size + awayEach
	if paced {
		a.paced++
	}
	signal(a.added)
}

// An awayState is how much is away.
type awayState struct {
	room  bool            // for another message
	pace  bool            // for another key or policy
	first <-chan struct{} // closed once the first is acknowledged; nil: nothing is away
	until time.Time       // when the broker has to have acknowledged that
}

// look drops what is acknowledged. Brokers acknowledge in order (MQTT 3.1.1 §4.6); what one
// acknowledges before its turn counts until that comes.
func (a *away) look() awayState {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.messages) > 0 {
		first := a.messages[0]
		select {
		case <-first.token.Done():
			a.messages, a.since = a.messages[1:], time.Now()
			a.size -= first.size
			if first.paced {
				a.paced--
			}
			continue
		default:
		}
		return awayState{a.size < mostAway, a.paced < mostPaced, first.token.Done(), a.since.Add(awayFor)}
	}
	return awayState{room: true, pace: true}
}
