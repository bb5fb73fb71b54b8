package sync

import (
	"errors"
	"fmt"

	"latchkey/sync/wire"
)

// receive accepts a message, or refuses it without any effect.
func (l *Link) receive(m Message) {
	site, reader, channel, ok := wire.ParseTopic(m.Topic)
	if !ok || site != l.o.SiteName || reader != "" && reader != l.o.Reader {
		l.refuse("topic", errors.New("not a topic of this reader"))
		return
	}
	if err := l.take(channel, m); err != nil {
		l.refuse(string(channel), err)
	}
}

func (l *Link) take(channel wire.Channel, m Message) error {
	switch {
	case len(m.Payload) > channel.Limit():
		return fmt.Errorf("%d bytes, at most %d", len(m.Payload), channel.Limit())
	case m.Retained && !channel.Retained():
		return errors.New("retained by the broker")
	}
	switch channel {
	case wire.OnReply:
		return l.takeReply(m.Payload)
	case wire.OnCredentials:
		return l.takeDelta(m.Payload)
	case wire.OnHead:
		if err := l.takeHead(m.Payload); err != nil {
			return err
		}
		l.controllerIs(m.Retained)
		return nil
	case wire.OnPolicy:
		return l.takePolicy(m.Payload)
	case wire.OnKey:
		return l.takeKey(m.Payload)
	case wire.OnCommand:
		return l.takeCommand(m.Payload)
	case wire.OnCard:
		return l.takeCardKeys(m.Payload)
	case wire.OnNow:
		return l.takeNow(m.Payload)
	case wire.OnAck:
		return l.takeAck(m.Payload)
	}
	return errors.New("not for readers")
}

var errOtherReader = errors.New("for another reader")
