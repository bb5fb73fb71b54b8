package errand

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// errands is what the names of channels begin with.
const errands = "latchkey_errand"

// toLeader returns the channel on which the leader of a cell listens. Each stand-by has a channel of its own.
func toLeader(cell int64) string { return fmt.Sprintf("%s_%d", errands, cell) }

func toStandBy(i id) string { return errands + "_" + hex.EncodeToString(i[:]) }

// A header is what is in clear before a part of a message: conversation ‖ challenge ‖ number. All are part of
// what the seal of the part is bound to. The challenge is zero in an ask.
type header struct {
	conversation, challenge id
	number                  uint32 // of the parts of its direction, from 0
}

const headerSize = 16 + 16 + 4

// partSize is the most that a part has of a message: the vault adds 40 bytes, and one says whether it is the last.
const partSize = store.MaxPosted - headerSize - 1 - 40

func parse(posted []byte) (h header, sealed []byte, ok bool) {
	if len(posted) <= headerSize || len(posted) > store.MaxPosted {
		return h, nil, false
	}
	copy(h.conversation[:], posted)
	copy(h.challenge[:], posted[16:])
	h.number = binary.BigEndian.Uint32(posted[32:])
	return h, posted[headerSize:], true
}

func (h header) bytes() []byte {
	b := append(append([]byte{}, h.conversation[:]...), h.challenge[:]...)
	return binary.BigEndian.AppendUint32(b, h.number)
}

// purpose is what a part is sealed for. Whoever hears it cannot send it back, in another conversation or
// at another place of it, nor on to the leader of another cell, whose term may be what was asked of.
func (h header) purpose(to string, cell int64) string {
	return fmt.Sprintf("errand to the %s, of the cell %d, %x, %x", to, cell, h.conversation, h.challenge)
}

// The two ends.
const leader, standBy = "leader", "stand-by"

// An end is one end of a conversation. What it hears comes from one goroutine, what it says from another
// one.
type end struct {
	site     *site.Site
	cell     int64  // of the leader
	me, them string // leader or standBy
	channel  string // on which they listen
	limit    int    // of a message that it hears, in bytes

	mu                      sync.Mutex
	conversation, challenge id
	said, heard             uint32 // parts
	message                 []byte // the parts so far of one that is being heard
	whole                   bool   // none of these is missing
}

func (e *end) forget() {
	clear(e.message)
	e.message = nil
}

// say posts a message. Whatever the error, they may have heard it.
func (e *end) say(ctx context.Context, m *message) error {
	return e.site.Post(ctx, e.channel, e.seal(m)...)
}

// What a part is of its message.
const first, last = 1, 2

// seal returns the parts of a message.
func (e *end) seal(m *message) (parts [][]byte) {
	content := wire.Marshal(m)
	defer clear(content)
	body := slices.Concat([]byte{messages}, m.ReplyTo[:], content)
	defer clear(body)
	e.mu.Lock()
	h := header{e.conversation, e.challenge, e.said}
	e.said += uint32(max(1, (len(body)+partSize-1)/partSize))
	e.mu.Unlock()
	for rest := body; ; h.number++ {
		n := min(len(rest), partSize)
		part := append([]byte{0}, rest[:n]...)
		if len(parts) == 0 {
			part[0] |= first
		}
		if rest = rest[n:]; len(rest) == 0 {
			part[0] |= last
		}
		parts = append(parts, append(h.bytes(), e.site.Seal(h.purpose(e.them, e.cell), int64(h.number), part)...))
		clear(part)
		if len(rest) == 0 {
			return parts
		}
	}
}

// take takes a part that was heard, and returns the message that it completes; nil: it does not. What was
// said before what was heard already, or elsewhere, changes nothing. Messages may be missing in between.
func (e *end) take(h header, sealed []byte) *message {
	e.mu.Lock()
	defer e.mu.Unlock()
	if h.conversation != e.conversation || h.number < e.heard || h.challenge != e.challenge && !(e.me == standBy && e.heard == 0) {
		return nil
	}
	part, err := e.site.Unseal(h.purpose(e.me, e.cell), int64(h.number), sealed)
	if err != nil || len(part) == 0 {
		return nil
	}
	defer clear(part)
	if part[0]&first != 0 {
		e.whole = true
		e.forget()
	}
	e.whole = e.whole && (part[0]&first != 0 || h.number == e.heard) && len(e.message)+len(part)-1 <= e.limit
	e.challenge = h.challenge // a stand-by takes that of whoever answers first
	e.heard = h.number + 1
	if !e.whole {
		e.forget()
		return nil
	}
	e.message = append(e.message, part[1:]...)
	if part[0]&last == 0 {
		return nil
	}
	body := e.message
	e.message = nil
	defer clear(body)
	m, err := decode(body, e.limit)
	if err != nil {
		return nil
	}
	return m
}

// started says whether something was heard.
func (e *end) started() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.heard > 0
}

// decode reads version ‖ reply to ‖ content.
func decode(body []byte, limit int) (*message, error) {
	m := new(message)
	if len(body) < 1+len(m.ReplyTo) {
		return nil, io.ErrUnexpectedEOF
	}
	m.Version = body[0]
	content := body[1+copy(m.ReplyTo[:], body[1:]):]
	if m.Version != messages {
		m.Kind = foreign
		return m, nil
	}
	if err := wire.Unmarshal(content, limit, m); err != nil {
		return nil, err
	}
	has := map[kind]bool{giveOrder: m.Order != nil, answerCard: m.Answer != nil, card: m.Card != nil, result: m.Result != nil}
	if there, needed := has[m.Kind]; needed && !there {
		return nil, errors.New("it lacks what it is about")
	}
	return m, nil
}

func newID() (i id) {
	rand.Read(i[:])
	return i
}

// wipe erases what a message has of a card.
func (m *message) wipe() {
	if m.Card != nil {
		clear(m.Card.UID)
	}
	if m.Answer != nil && m.Answer.Keys != nil {
		m.Answer.Keys.Wipe()
	}
}

// cloned returns a card that does not change when c is wiped.
func cloned(c *wire.CardToKey) *wire.CardToKey {
	return &wire.CardToKey{UID: bytes.Clone(c.UID), Version: bytes.Clone(c.Version), Generations: bytes.Clone(c.Generations)}
}
