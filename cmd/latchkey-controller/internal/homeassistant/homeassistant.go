// Package homeassistant shows the readers to Home Assistant by MQTT discovery, as devices of
// a broker that the controller connects to as a client, Home Assistant's or the readers' own:
//
//	homeassistant/device/OBJECT/config    what a reader is; retained
//	latchkey-ha/SITE/status               the controller is connected; retained, its will
//	latchkey-ha/SITE/READER/link          the reader is connected; retained
//	latchkey-ha/SITE/READER/state         retained
//	latchkey-ha/SITE/READER/firmware      retained
//	latchkey-ha/SITE/READER/event/access  who opened, or was denied
//	latchkey-ha/SITE/READER/event/alarm
//	latchkey-ha/SITE/READER/command/+     what Home Assistant asks for, if it may
//
// Everybody whom that broker lets read sees all of it. HOME_ASSISTANT.md says how to set it up.
package homeassistant

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/sync/wire"
)

// Options are what New needs.
type Options struct {
	Desk     *desk.Desk
	Broker   wire.Broker // see ParseBroker
	Login    Login
	Own      *Own   // instead of Login, if the broker is the readers' own
	Commands bool   // Home Assistant may open doors
	Names    bool   // it is told the names of persons
	Console  string // URL of the console for its users; "": none
	Version  string // of the controller
	Log      *slog.Logger
}

// A Bridge shows the readers to Home Assistant.
type Bridge struct {
	o      Options
	actor  desk.Actor
	site   string // name
	id     string // begins the ids of devices and entities: "latchkey_6f1c0a_"
	log    *slog.Logger
	cursor int64 // after the last event that was published or left out

	changed chan struct{}                           // something in the database has
	readers atomic.Pointer[map[string]*desk.Reader] // as they were shown last

	lastUsers map[string]string // who opened last, by reader; "": nobody that is known
	commands  commands
	refusals  rate.Sometimes // of commands, that are logged
}

// New returns a bridge, or why the options are wrong.
func New(o Options) (*Bridge, error) {
	if _, err := o.credentials(); err != nil {
		return nil, err
	}
	if u, err := url.Parse(o.Console); o.Console != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
		return nil, fmt.Errorf("%.80q is no address of a console; write https://host", o.Console)
	}
	o.Console = strings.TrimSuffix(o.Console, "/")
	name, _ := o.Desk.Site()
	id := o.Desk.SiteID()
	b := &Bridge{
		o: o, actor: desk.HomeAssistant(o.Commands), site: name, id: fmt.Sprintf("latchkey_%x_", id[:3]), log: wire.PlainLog(o.Log),
		changed: make(chan struct{}, 1), lastUsers: map[string]string{},
	}
	if o.Commands && o.Own == nil && o.Login == (Login{}) {
		b.log.Warn("whoever reaches Home Assistant's broker can open doors: it lets the controller in without a password or a certificate, so it may let in everybody", "broker", o.Broker)
	}
	b.readers.Store(&map[string]*desk.Reader{})
	b.refusals.First, b.refusals.Interval = 10, time.Minute
	b.commands.taken = map[string]*taken{}
	return b, nil
}

// readAgain is how long after the database failed it is tried again.
const readAgain = 2 * time.Second

// Run runs the bridge until ctx ends.
func (b *Bridge) Run(ctx context.Context) error {
	site.Persist(ctx, b.log, "cannot read for Home Assistant what has happened", readAgain, func() error {
		feed, err := b.o.Desk.EventsAfter(ctx, b.actor, 0, 1)
		if err == nil {
			b.cursor = feed.Newest // Home Assistant is no archive
		}
		return err
	})
	var running sync.WaitGroup
	defer running.Wait()
	b.commands.run = func(act func(context.Context)) { running.Go(func() { act(ctx) }) }
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		b.o.Desk.Watch(ctx, func(desk.Change) { signal(b.changed) })
		return nil
	})
	group.Go(func() error { return b.keepConnected(ctx) })
	return group.Wait()
}

// signal sends, unless a signal waits there already.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// status is the topic that says whether the controller is connected.
func (b *Bridge) status() string { return "latchkey-ha/" + b.site + "/status" }

// topic returns a topic of a reader.
func (b *Bridge) topic(reader, what string) string {
	return "latchkey-ha/" + b.site + "/" + reader + "/" + what
}

// Topics of Home Assistant.
const (
	discovery = "homeassistant/device/"
	birth     = "homeassistant/status"
)

// configTopic is where a reader is described.
func (b *Bridge) configTopic(reader string) string { return discovery + b.id + reader + "/config" }

// describedIn returns the reader of this site that a topic describes; "": none.
func (b *Bridge) describedIn(topic string) string {
	object, isConfig := strings.CutSuffix(strings.TrimPrefix(topic, discovery), "/config")
	reader, ours := strings.CutPrefix(object, b.id)
	if !isConfig || !ours || wire.CheckName(reader) != nil || b.configTopic(reader) != topic {
		return ""
	}
	return reader
}

// Payloads of topics that say whether something is connected.
const online, offline = "online", "offline"

func onlineText(is bool) string {
	if is {
		return online
	}
	return offline
}
