package main

import (
	"context"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"latchkey/cmd/latchkey-controller/internal/broker"
	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/site"
)

// An ownBroker is the broker in the controller's own process, with the certificates that it
// takes.
type ownBroker struct {
	*broker.Broker
	readers, brokerClients serials
}

// startBroker starts the controller's own broker, and completes the options of the
// link with it.
func startBroker(ctx context.Context, s *site.Site, listen string, names []string, o *link.Options) (*ownBroker, error) {
	own := new(ownBroker)
	covering := s.HostCertificates(names, o.Cell)
	if err := covering.Refresh(ctx); err != nil {
		return nil, err
	}
	brokerClients, err := s.BrokerClients(ctx)
	if err != nil {
		return nil, err
	}
	own.brokerClients.Store(&brokerClients)
	own.Broker, err = broker.Start(ctx, listen, broker.Options{
		Site: s.Name, Certificate: covering.Certificate, Authority: s.Authority(), Controller: o.Name, Bridge: site.HomeAssistantName, Log: o.Log,
		InForce: func(name, serial string) bool {
			return own.readers.have(name, serial) || own.brokerClients.have(name, serial)
		},
	})
	if err != nil {
		return nil, err
	}
	o.Brokers = []string{"ssl://" + loopback(own.Addr())}
	told := false
	// A reader of another cell that has lost its policy comes, too: the link decides whom it serves.
	o.Readers = func(ctx context.Context, peers map[string]*site.Peer) error {
		all, err := s.Serials(ctx)
		if err != nil {
			return err
		}
		own.readers.Store(&all)
		if over := len(peers) > desk.EmbeddedFor; over != told {
			if told = over; over {
				o.Log.Warn(desk.EmbeddedTooSmall(len(peers)).String())
			}
		}
		if err := covering.Refresh(ctx); err != nil {
			o.Log.Error("the broker's certificate may lack a name that a reader was given", "err", err)
		}
		own.Expel()
		return nil
	}
	return own, nil
}

// followBrokerClients lets in the broker clients that there are, and closes the connections of
// those that are removed, until ctx ends.
func (b *ownBroker) followBrokerClients(ctx context.Context, d *desk.Desk, s *site.Site, log *slog.Logger) {
	d.Watch(ctx, func(c desk.Change) {
		if !c.Acts {
			return
		}
		site.Persist(ctx, log, "cannot read which broker clients there are", time.Second, func() error {
			all, err := s.BrokerClients(ctx)
			if err != nil {
				return err
			}
			b.brokerClients.Store(&all)
			b.Expel()
			return nil
		})
	})
}

// serials are serial numbers of the certificates in force, by the names in them.
type serials struct {
	atomic.Pointer[map[string]string]
}

func (s *serials) have(name, serial string) bool {
	all := s.Load()
	return all != nil && serial != "" && (*all)[name] == serial
}

// loopback returns the address at which this machine reaches a listener of its own.
func loopback(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if ok && tcp.IP.IsUnspecified() {
		return (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: tcp.Port}).String()
	}
	return addr.String()
}
