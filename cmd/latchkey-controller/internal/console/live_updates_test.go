package console

import (
	"slices"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func TestAPageHearsOfWhatChangedWhileItWasOnItsWay(t *testing.T) {
	h := newBroadcaster()
	moved := func(change desk.Change) {
		t.Helper()
		h.publish(change)
	}
	moved(desk.Change{Acts: true})
	since := h.current() // a page is made
	moved(desk.Change{States: true})
	late := h.join(1, since)
	select {
	case <-late.wake:
	default:
		t.Fatal("it is not told that something has changed")
	}
	if news, _ := h.take(late); !slices.Equal(news, []string{topicReaders}) {
		t.Errorf("it is told of %v", news)
	}
	if prompt := h.join(1, h.current()); len(prompt.wake) != 0 {
		t.Error("a page that shows everything is told that something has changed")
	}
}

func TestOneAdministratorsPagesLeaveRoomForOthers(t *testing.T) {
	h := newBroadcaster()
	var last *listener
	for range maxListenersPerAdmin {
		if last = h.join(1, 0); last == nil {
			t.Fatal("a page is refused too early")
		}
	}
	if h.join(1, 0) != nil {
		t.Error("one administrator may take all streams")
	}
	if h.join(2, 0) == nil {
		t.Error("another one finds no room")
	}
	h.leave(last)
	if h.join(1, 0) == nil {
		t.Error("a page that was closed still counts")
	}
}
