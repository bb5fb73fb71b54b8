package sync

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"time"

	"latchkey/sync/wire"
)

// Options configure a Link.
type Options struct {
	Site     wire.SiteID
	SiteName string
	Reader   string // its id
	Version  string // of its program

	Controller ed25519.PublicKey
	Signing    crypto.Signer    // the reader's: Ed25519, or P-256 in a TPM, which may fail and take seconds
	Sealing    *ecdh.PrivateKey // the reader's, X25519

	NotBefore      time.Time // the program's build: earlier times are wrong
	PolicyRevision uint64    // in force; 0: none
	PolicyFloor    uint64    // the highest ever in force: lower ones are refused, even if its file is lost
	Random         io.Reader // nil: crypto/rand
}

// A Link is the reader's side of the link.
//
//	offline --Connected--> silent --now--> up --two nonces unanswered--> silent
//	   ^                      |             |                              |
//	   +----- Disconnected, or Drop after 95 s without a now -------------+
//
// It is offline, too, once the reader's key does not sign.
//
// While the link is up it publishes records and fetches what is missing:
//
//	in step --a head above what is held, a gap--> deltas asked --> applied --> in step
//	        --nothing held, new epoch, fork, too many deltas--> manifest asked
//	                --> chunks asked, a few at a time --> switched --> in step
//
// Whether up or not, it publishes states, and accepts deltas, policy, key, commands and
// the keys of a card that it has sent.
type Link struct {
	o       Options
	now     time.Duration
	wake    time.Duration // when Step is due next; 0: time alone changes nothing
	actions []Action

	states    states
	condition *wire.Condition
	card      *wire.CardRead // not yet received by the controller
	keyed     wire.CommandID // the newest whose card was answered
	waiting   waitingCard
	asked     time.Duration // when the state whose answer set the clock was sent
	carried   []carried     // commands of the last minute
	refusals  map[refusedKind]*refusals
	keyless   error // why the reader's key has not signed; nil: it has

	log     log
	fetches fetches
	policy  policy
	key     pendingKey
	records records
}

// New returns a link that is offline, and its first actions.
func New(o Options) (*Link, []Action) {
	l := &Link{o: o, refusals: map[refusedKind]*refusals{}}
	l.policy.revision = o.PolicyRevision
	l.records.more = true
	l.log.doing = doingResume
	l.records.reading = true
	return l, []Action{Resume{}, ReadRecords{}}
}

// Topics returns the topics to subscribe to.
func (o *Options) Topics() []string {
	channels := []wire.Channel{wire.OnPolicy, wire.OnKey, wire.OnHead, wire.OnCommand, wire.OnCard, wire.OnNow, wire.OnAck, wire.OnReply, wire.OnCredentials}
	topics := make([]string, len(channels))
	for i, c := range channels {
		topics[i] = o.topic(c)
	}
	return topics
}

func (o *Options) topic(c wire.Channel) string { return c.Topic(o.SiteName, o.Reader) }

// Step applies an event and returns the actions to carry out. The time is that
// of any clock that does not stop.
func (l *Link) Step(now time.Duration, event Event) []Action {
	l.now = max(l.now, now)
	switch e := event.(type) {
	case Connected:
		l.connected(e.Number)
	case Disconnected:
		l.disconnected(e.Why)
	case Message:
		l.receive(e)
	case Report:
		l.report(e)
	case Recorded:
		l.records.more = true
	case Damaged:
		l.log.survey = true
	case Card:
		l.sendCard(e)
	case Cached:
		l.cached(e)
	case PolicyStored:
		l.policyStored(e)
	case RecordsRead:
		l.recordsRead(e)
	case RecordsTrimmed:
		l.recordsTrimmed(e)
	case Tick:
	}
	l.settle()
	actions := l.actions
	l.actions = nil
	return actions
}

// settle does what is due. Times that over is asked for and that have not come
// yet become the next deadline.
func (l *Link) settle() {
	l.wake = 0
	l.settleRefusals()
	l.settleStates()
	l.settlePolicy()
	l.settleKey()
	l.settleLog()
	l.settleFetches()
	l.settleRecords()
	if l.keyless != nil { // no connection can be made without the TPM either
		l.do(Drop{l.keyless.Error()})
		l.disconnected(l.keyless.Error())
		l.keyless = nil
	}
}

// sign signs what the reader says. When its key fails, the connection ends.
func (l *Link) sign(message interface {
	Sign(wire.SiteID, crypto.Signer) ([]byte, error)
}) ([]byte, error) {
	if l.keyless != nil {
		return nil, l.keyless
	}
	signed, err := message.Sign(l.o.Site, l.o.Signing)
	var key *wire.KeyError
	if errors.As(err, &key) {
		l.keyless = key
	}
	return signed, err
}

// Deadline returns when Step needs its next event, a Tick if there is no other;
// false if time alone changes nothing.
func (l *Link) Deadline() (at time.Duration, ok bool) { return l.wake, l.wake != 0 }

// over returns whether a time has come; 0: never.
func (l *Link) over(at time.Duration) bool {
	if at == 0 || l.now >= at {
		return at != 0
	}
	if l.wake == 0 || at < l.wake {
		l.wake = at
	}
	return false
}

func (l *Link) do(a Action) { l.actions = append(l.actions, a) }

// jitter returns a random time below limit.
func (o *Options) jitter(limit time.Duration) time.Duration {
	var b [8]byte
	o.random(b[:])
	return time.Duration(binary.BigEndian.Uint64(b[:]) % uint64(limit))
}

func (o *Options) random(b []byte) {
	if o.Random == nil {
		rand.Read(b)
	} else if _, err := io.ReadFull(o.Random, b); err != nil {
		panic("sync: no random numbers: " + err.Error())
	}
}

// backoff returns the wait before try n: it doubles from first up to most, and
// half of it is random.
func (o *Options) backoff(n int, first, most time.Duration) time.Duration {
	wait := min(first<<min(n, 16), most)
	return wait/2 + o.jitter(wait/2+1)
}
