package main

import (
	"log/slog"

	"latchkey/cmd/latchkey-controller/internal/homeassistant"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/sync/wire"
)

// homeAssistantFlags are the flags of serve that are about Home Assistant.
type homeAssistantFlags struct {
	broker string
	plain  bool
	homeassistant.Options
}

func (f *homeAssistantFlags) add(c *invocation) {
	c.StringVar(&f.broker, "homeassistant", "", "`URL` of Home Assistant's MQTT broker, like ssl://broker.example:8883, or own for the one of the readers: shows it the readers")
	c.StringVar(&f.Login.File, "homeassistant-login", "", "a `file` with the name of the controller's user at that broker in the first line and the password in the second")
	c.StringVar(&f.Login.Authority, "homeassistant-ca", "", "a PEM `file` with the authority of that broker's certificate; the system's authorities unless given")
	c.StringVar(&f.Login.Certificate, "homeassistant-cert", "", "the controller's certificate for that broker, a PEM `file`")
	c.StringVar(&f.Login.Key, "homeassistant-key", "", "the key of that, a PEM `file`")
	c.BoolVar(&f.plain, "homeassistant-plain", false, "go to that broker without TLS though it is on another machine: whoever is on the network can read the password, and open doors if commands are taken")
	c.BoolVar(&f.Commands, "homeassistant-commands", false, "let Home Assistant, and whoever else that broker lets write there, unlock doors")
	c.BoolVar(&f.Names, "homeassistant-names", false, "tell Home Assistant the names of persons; that broker keeps the newest of each reader")
	c.StringVar(&f.Console, "homeassistant-link", "", "the console's `URL` as users of Home Assistant reach it, for a link at each reader")
}

// ownBrokerText stands for the readers' broker.
const ownBrokerText = "own"

// check refuses wrong use. external are the URLs of the readers' brokers if they are other programs.
func (f *homeAssistantFlags) check(c *invocation, external []string) (err error) {
	if (f.Login.Certificate == "") != (f.Login.Key == "") {
		return c.wrongUse("--homeassistant-cert and --homeassistant-key belong together")
	}
	if f.broker == "" {
		if *f != (homeAssistantFlags{}) {
			return c.wrongUse("the flags about Home Assistant need its broker: --homeassistant URL")
		}
		return nil
	}
	if f.broker == ownBrokerText {
		if f.Login != (homeassistant.Login{}) || f.plain {
			return c.wrongUse("--homeassistant own needs no login and no certificates: the controller has its own for that broker")
		}
		if len(external) == 0 {
			return nil
		}
		if b, err := wire.ParseBroker(external[0]); err == nil && b.Plain {
			return c.wrongUse("--homeassistant own needs a broker that looks at certificates: --broker ssl://host:port")
		}
		return nil
	}
	if f.Broker, err = homeassistant.ParseBroker(f.broker, f.plain); err != nil {
		if _, wrong := homeassistant.ParseBroker(f.broker, true); wrong == nil {
			return c.wrongUse("--homeassistant: a broker on another machine needs TLS: write ssl://host:port, or add --homeassistant-plain, and whoever is on the network can read the password")
		}
		return c.wrongUse("--homeassistant: %v", err)
	}
	return nil
}

// open returns what shows the readers to Home Assistant; nil: nothing does. broker is the URL
// of the readers' first broker.
func (f *homeAssistantFlags) open(c *invocation, broker string, log *slog.Logger) (_ *homeassistant.Bridge, err error) {
	if f.broker == "" {
		return nil, nil
	}
	options := f.Options
	options.Desk, options.Version, options.Log = c.desk, version, log
	if f.broker == ownBrokerText {
		if options.Broker, err = wire.ParseBroker(broker); err != nil {
			return nil, err
		}
		options.Own = &homeassistant.Own{Name: site.HomeAssistantName, Authority: c.site.Authority()}
		if options.Own.Certificate, err = c.site.HomeAssistantCertificate(); err != nil {
			return nil, err
		}
	}
	return homeassistant.New(options)
}
