package main

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/brutella/dnssd"
	dnssdlog "github.com/brutella/dnssd/log"
)

// adoptionService is the type of service under which boards look for a controller (RFC 6763).
const adoptionService = "_latchkey._tcp"

// announceAgain is how long after it failed announcing is tried again; lookAtNetworks how often it is looked whether there are
// other interfaces and addresses: a machine may start before its network.
const announceAgain, lookAtNetworks = time.Minute, 10 * time.Second

// announce tells the networks by multicast DNS where boards find the controller of a site, until ctx ends: all of them, or
// that of the address at which it listens; none, if only this machine reaches it. Without it a reader's config names the
// controller.
func announce(ctx context.Context, site string, at *net.TCPAddr, log *slog.Logger) {
	dnssdlog.Info.Disable() // it would print to standard output
	said := ""
	for !at.IP.IsLoopback() && ctx.Err() == nil {
		there := networks(at.IP)
		round, end := context.WithCancel(ctx)
		go func() {
			defer end()
			for slices.Equal(networks(at.IP), there) && !ended(round, lookAtNetworks) {
			}
		}()
		if len(there) == 0 {
			<-round.Done()
			continue
		}
		err := announceIn(round, site, at)
		switch {
		case round.Err() != nil:
			continue
		case err != nil && err.Error() != said:
			said = err.Error()
			log.Warn("cannot announce where readers can be adopted; will retry. Readers whose config names this controller find it all the same", "err", err)
		}
		ended(round, announceAgain)
		end()
	}
	<-ctx.Done()
}

// announceIn announces in the networks that there are now.
func announceIn(ctx context.Context, site string, at *net.TCPAddr) error {
	config := dnssd.Config{Name: site, Type: adoptionService, Port: at.Port}
	if !at.IP.IsUnspecified() {
		config.IPs = []net.IP{at.IP}
		for _, n := range networks(at.IP) {
			config.Ifaces = append(config.Ifaces, n.name)
		}
	}
	service, err := dnssd.NewService(config)
	if err != nil {
		return err
	}
	responder, err := dnssd.NewResponder()
	if err != nil {
		return err
	}
	if _, err := responder.Add(service); err != nil {
		return err
	}
	return responder.Respond(ctx)
}

// A networkOf is an address of an interface.
type networkOf struct{ name, address string }

// networks returns the addresses of interfaces by which multicast can be sent; of one address only, unless it is unspecified.
func networks(only net.IP) (all []networkOf) {
	interfaces, _ := net.Interfaces()
	for _, one := range interfaces {
		const needs = net.FlagUp | net.FlagMulticast
		if one.Flags&needs != needs {
			continue
		}
		addresses, _ := one.Addrs()
		for _, address := range addresses {
			if its, ok := address.(*net.IPNet); ok && (only.IsUnspecified() || its.IP.Equal(only)) {
				all = append(all, networkOf{one.Name, its.String()})
			}
		}
	}
	return all
}

// ended waits, and says whether ctx has ended meanwhile.
func ended(ctx context.Context, wait time.Duration) bool {
	select {
	case <-ctx.Done():
		return true
	case <-time.After(wait):
		return false
	}
}
