package homeassistant

import (
	"context"
	"strings"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// Payloads of commands: press on command/unlock, the others on command/mode.
const press, lock, unlock = "PRESS", "LOCK", "UNLOCK"

// unlockFor is how long a door is kept unlocked: what the console offers first.
const unlockFor = 15 * time.Minute

// commandsEach is the least time between two commands of one reader.
const commandsEach = time.Second

// commands are those that are carried out, and when the last ones came.
type commands struct {
	run func(func(context.Context)) // in a goroutine of the bridge

	mu    sync.Mutex
	taken map[string]*taken // by reader
}

type taken struct {
	at   time.Time
	busy bool
}

// begin says whether a reader may be given a command now, and notes that it is. end has to
// follow.
func (c *commands) begin(reader string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.taken[reader]
	if last == nil {
		last = new(taken)
		c.taken[reader] = last
	}
	if last.busy || now.Sub(last.at) < commandsEach {
		return false
	}
	last.at, last.busy = now, true
	return true
}

func (c *commands) end(reader string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken[reader].busy = false
}

// asked takes a message on the topic of a command. One that the broker retained, or that came
// before it had sent the retained ones, opens nothing: nobody asks for it now.
func (s *session) asked(topic string, m mqtt.Message) {
	rest, ours := strings.CutPrefix(topic, "latchkey-ha/"+s.site+"/")
	reader, what, isCommand := strings.Cut(rest, "/command/")
	if !ours || !isCommand {
		return
	}
	refuse := func(why string) {
		s.refusals.Do(func() {
			s.log.Warn("a command for Home Assistant's button or lock was refused", "reader", reader, "command", what, "why", why)
		})
	}
	r, payload := (*s.readers.Load())[reader], string(m.Payload())
	known := what == "unlock" && payload == press || what == "mode" && (payload == lock || payload == unlock)
	switch {
	case m.Retained(), m.Duplicate(), !s.listening.Load():
		refuse("it was not sent just now, but kept by the broker")
		offer(s.clear, topic)
		return
	case r == nil || !known:
		refuse("there is no such reader or command")
		return
	}
	if !s.commands.begin(reader, time.Now()) {
		refuse("a reader takes one a second, and only when the one before is done")
		return
	}
	offer(s.clear, topic) // it may have been retained as well, which a live subscriber cannot see
	s.commands.run(func(ctx context.Context) {
		defer s.commands.end(reader)
		if err := s.obey(ctx, r, payload); err != nil {
			s.log.Warn("a command of Home Assistant was not carried out", "reader", reader, "command", what, "err", err)
		}
	})
}

// obey carries out a command.
func (b *Bridge) obey(ctx context.Context, r *desk.Reader, payload string) error {
	if payload == press {
		_, err := b.o.Desk.UnlockDoor(ctx, b.actor, r.DoorID, r.ID, desk.UnlockNote{}) // what became of it is in the activity
		return err
	}
	wanted, err := b.o.Desk.WantedModes(ctx, b.actor)
	if err != nil {
		return err
	}
	where, kept := desk.Where{Level: desk.Doors, ID: r.DoorID}, int64(0)
	if payload == unlock {
		if kept, err = b.o.Desk.SetMode(ctx, b.actor, where, wire.ModeUnlocked, b.o.Desk.Now().Add(unlockFor).Unix()); err != nil {
			return err
		}
	}
	// To lock ends what keeps the door unlocked, whoever wants it. To unlock ends only what Home
	// Assistant wanted before.
	for _, w := range wanted {
		if w.Where != where || w.Mode != wire.ModeUnlocked || w.ID == kept || payload == unlock && w.By != b.actor.Name {
			continue
		}
		if err := b.o.Desk.EndMode(ctx, b.actor, w.ID); err != nil {
			return err
		}
	}
	return nil
}
