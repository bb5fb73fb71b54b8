package errand

import (
	"crypto/sha256"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// shape describes a type as it is encoded.
func shape(t reflect.Type, seen map[reflect.Type]bool) string {
	if seen[t] {
		return t.Name()
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return t.Kind().String() + " " + fmt.Sprint(t.Size()) + shape(t.Elem(), seen)
	case reflect.Map:
		return "map " + shape(t.Key(), seen) + shape(t.Elem(), seen)
	case reflect.Struct:
		var b strings.Builder
		for i := range t.NumField() {
			f := t.Field(i)
			fmt.Fprintln(&b, f.Name, f.Tag.Get("cbor"), shape(f.Type, seen))
		}
		return b.String()
	}
	return t.Kind().String()
}

func TestMessagesKeepTheirFormUntilTheirVersionRises(t *testing.T) {
	t.Parallel()
	form := fmt.Sprintln(status, other)
	for _, one := range []any{message{}, live{}, wire.Record{}} {
		form += shape(reflect.TypeOf(one), map[reflect.Type]bool{})
	}
	const of, want = 1, "be4bfd5be8ee7dd1"
	if sum := fmt.Sprintf("%x", sha256.Sum256([]byte(form)))[:16]; messages != of || sum != want {
		t.Errorf("messages have changed: if a release has sent version %d, raise messages; then note %d and %q here", of, messages, sum)
	}
}

// ofVersion returns a message of another version: nobody knows what it has after its head.
func (h *byHand) ofVersion(version uint8, e *end, replyTo id) []byte {
	head := header{conversation: e.conversation, challenge: e.challenge}
	part := slices.Concat([]byte{first | last, version}, replyTo[:], []byte("what is to come"))
	return append(head.bytes(), h.site.Seal(head.purpose(e.them, e.cell), 0, part)...)
}

func TestAStandByOfAnotherVersionThanTheLeaderIsToldWhichIsOlder(t *testing.T) {
	w := newWorld(t)
	c, h := w.standBy(), w.listens(toLeader(store.HomeCell))
	for version, says := range map[uint8]string{
		messages + 1: "this controller is of an older version than the one that leads this site, and they do not understand each other, so readers cannot be reached from here; nothing was done. Do this at the one that leads, or upgrade this one",
		messages - 1: "the controller that leads this site is of an older version than this one, and they do not understand each other, so readers cannot be reached from here; nothing was done. Do this at the one that leads, or upgrade that one",
	} {
		ended := make(chan error, 2)
		go func() {
			_, err := c.Order(t.Context(), unlock, nil)
			ended <- err
			c.forget()
			_, err = c.Readers(t.Context())
			ended <- err
		}()
		for range 2 {
			head, sealed, _ := parse(h.next())
			e := &end{site: h.site, cell: store.HomeCell, me: leader, them: standBy, limit: maxMessage, conversation: head.conversation}
			asked := e.take(head, sealed)
			e.challenge = newID()
			h.post(toStandBy(asked.ReplyTo), h.ofVersion(version, e, id{}))
			if err := come(t, ended, "an answer"); err == nil || err.Error() != says {
				t.Errorf("version %d: %v", version, err)
			}
		}
	}
}

func TestALeaderAnswersAnAskOfAnotherVersionOnceAndDoesNothing(t *testing.T) {
	w := newWorld(t)
	f := &fake{}
	w.leads(f)
	own := newID()
	h := w.listens(toStandBy(own))
	e := &end{site: h.site, cell: store.HomeCell, me: standBy, them: leader, limit: maxMessage, conversation: newID()}
	asked := h.ofVersion(messages+1, e, own)
	h.post(toLeader(store.HomeCell), asked, asked)
	head, sealed, _ := parse(h.next())
	if m := e.take(head, sealed); head.conversation != e.conversation || m == nil || m.Version != messages || m.Kind == challenge {
		t.Errorf("%+v", m)
	}
	for silent := false; !silent; {
		select {
		case m := <-h.heard:
			t.Errorf("it is answered again: %x", m)
		case <-time.After(200 * time.Millisecond):
			silent = true
		}
	}
	next := h.asks(own)
	h.post(toLeader(store.HomeCell), next.seal(given("front-door"))...)
	if o := h.outcome(next); !o.Done || f.orders.Load() != 1 {
		t.Errorf("%+v, %d orders", o, f.orders.Load())
	}
}
