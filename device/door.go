package device

import (
	"time"

	"latchkey/sync/wire"
)

// door is the state of the door's inputs.
type door struct {
	state wire.DoorState
	since time.Duration // start of wire.DoorIsOpen with the strike off; 0: it is not
	exit  exitButton
}

func (t *turn) input(e Input) {
	switch e.Name {
	case InputExit:
		t.exitIs(e.Active)
	case InputDoor:
		if e.Active {
			t.opened()
		} else {
			t.closed()
		}
	case InputTamper:
		t.tampered(e.Active)
	case InputFire:
		t.fireIs(e.Active)
	}
}

// opened records an opening, and whether it was forced. A door that is open at
// the start does not count as forced.
func (t *turn) opened() {
	before := t.door.state
	if before != wire.DoorIsUnknown && before != wire.DoorIsClosed {
		return
	}
	t.note(wire.Record{Kind: wire.DoorOpened})
	if before == wire.DoorIsClosed && t.strike.grace == 0 {
		t.door.state = wire.DoorIsForced
		t.note(wire.Record{Kind: wire.DoorForced})
		return
	}
	t.door.state = wire.DoorIsOpen
	t.strikeOff(t.elapsed)
	if p := t.policy.policy; p != nil && p.ReleaseOnOpen && t.strike.pulse != 0 && t.strike.hold == 0 {
		t.release()
	}
}

func (t *turn) closed() {
	if t.door.state != wire.DoorIsUnknown && t.door.state != wire.DoorIsClosed {
		t.note(wire.Record{Kind: wire.DoorClosed})
	}
	t.door.state, t.door.since = wire.DoorIsClosed, 0
}

// strikeOff starts the held-open time of an open door, unless the strike is still on.
func (t *turn) strikeOff(at time.Duration) {
	if t.door.state == wire.DoorIsOpen && !t.strike.on() {
		t.door.since = at
	}
}

// doorHeldAt returns when an open door counts as held open; 0: never, or not
// while the strike is on.
func (r *Reader) doorHeldAt() time.Duration {
	p := r.policy.policy
	if r.door.since == 0 || p == nil || p.HeldAfter == 0 {
		return 0
	}
	return r.door.since + time.Duration(p.HeldAfter)*time.Second
}

func (t *turn) expireDoor() {
	if !t.over(t.doorHeldAt()) {
		return
	}
	t.note(wire.Record{Kind: wire.DoorHeld, Seconds: uint32((t.elapsed - t.door.since) / time.Second)})
	t.door.state, t.door.since = wire.DoorIsHeld, 0
}
