// Package dnssd finds services on the local network by DNS-Based Service Discovery (RFC 6763)
// over multicast DNS. It is a one-shot querier (RFC 6762 §5.1): it asks from ephemeral ports,
// listens on no fixed one, answers nobody and keeps nothing.
//
// Anybody on the network can answer. What is found is a place to ask, and nothing more.
package dnssd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A Service is where an instance of a service is offered.
type Service struct {
	Host      string           // its DNS name, A to Z small, with the dot at its end
	Port      uint16           //
	Addresses []netip.AddrPort // of the host with the port, at most maxAddresses; with a zone if they are link-local
}

// The bounds of one Browse.
const (
	MaxServices  = 8    // that are found
	maxAddresses = 4    // of a service
	maxSockets   = 16   // an interface has one for IPv4 and one for IPv6
	maxPackets   = 1024 // that a socket takes
	maxPacket    = 9000 // bytes, RFC 6762 §17
	maxRecords   = 64   // of a packet that are looked at
)

// The times of one Browse.
const (
	browseFor  = 3 * time.Second
	roundAfter = time.Second // RFC 6762 §5.2: the least between two queries
)

// groups are where multicast DNS is spoken: RFC 6762 §3.
var (
	group4 = netip.AddrPortFrom(netip.AddrFrom4([4]byte{224, 0, 0, 251}), 5353)
	group6 = netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 15: 0xfb})
)

// Browse asks on each interface that is up, but for the loopback, who offers a service, as
// "_latchkey._tcp.local.", and listens for three seconds. It returns at most MaxServices. It
// fails if there is no interface to ask on.
func Browse(ctx context.Context, service string) ([]Service, error) {
	sockets, err := open()
	if err != nil {
		return nil, err
	}
	var all sync.WaitGroup
	for _, s := range sockets {
		all.Go(func() { s.browse(ctx, service) })
	}
	all.Wait()
	var found []Service
	for _, s := range sockets {
		for _, one := range s.heard.services() {
			i := slices.IndexFunc(found, func(before Service) bool { return before.Host == one.Host && before.Port == one.Port })
			switch {
			case i >= 0: // heard by another socket, too
				for _, a := range one.Addresses {
					if known := found[i].Addresses; len(known) < maxAddresses && !slices.Contains(known, a) {
						found[i].Addresses = append(known, a)
					}
				}
			case len(found) < MaxServices:
				found = append(found, one)
			}
		}
	}
	return found, ctx.Err()
}

// A socket asks on one interface, by IPv4 or IPv6.
type socket struct {
	conn  *net.UDPConn
	group netip.AddrPort
	heard heard
}

// open opens the sockets. It fails only if there is none.
func open() ([]*socket, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("find the network interfaces: %w", err)
	}
	var sockets []*socket
	failed := []error{errors.New("no network interface is up on which to look for a controller")}
	for _, i := range interfaces {
		const needed = net.FlagUp | net.FlagRunning | net.FlagMulticast
		if i.Flags&needed != needed || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		near := onLink(&i)
		for _, source := range sources(near) {
			s, err := openSocket(&i, source, near)
			switch {
			case err != nil:
				failed = append(failed, fmt.Errorf("%s: %w", i.Name, err))
			case len(sockets) == maxSockets:
				s.conn.Close()
			default:
				sockets = append(sockets, s)
			}
		}
	}
	if len(sockets) == 0 {
		return nil, errors.Join(failed...)
	}
	return sockets, nil
}

// onLink returns an interface's addresses, each with what is on the same link.
func onLink(i *net.Interface) []netip.Prefix {
	addresses, err := i.Addrs()
	if err != nil {
		return nil // as if it had none
	}
	var all []netip.Prefix
	for _, a := range addresses {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			all = append(all, prefix)
		}
	}
	return all
}

// sources returns from which of an interface's addresses to ask: its first of IPv4, and its
// link-local one of IPv6.
func sources(near []netip.Prefix) []netip.Addr {
	var all []netip.Addr
	for _, fits := range []func(netip.Addr) bool{
		netip.Addr.Is4,
		func(a netip.Addr) bool { return a.Is6() && a.IsLinkLocalUnicast() },
	} {
		if i := slices.IndexFunc(near, func(p netip.Prefix) bool { return fits(p.Addr()) }); i >= 0 {
			all = append(all, near[i].Addr())
		}
	}
	return all
}

// openSocket opens one that asks from one of an interface's addresses, and hears only what is
// sent to that.
func openSocket(i *net.Interface, source netip.Addr, near []netip.Prefix) (*socket, error) {
	s := &socket{group: group4, heard: newHeard(i.Name, near)}
	if source.Is6() {
		s.group = netip.AddrPortFrom(group6.WithZone(i.Name), group4.Port())
		source = source.WithZone(i.Name)
	}
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(source, 0)))
	if err != nil {
		return nil, err
	}
	s.conn = conn
	raw, err := conn.SyscallConn()
	if err == nil {
		control := raw.Control(func(fd uintptr) { err = multicast(int(fd), i.Index, source) })
		err = cmp.Or(control, err)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return s, nil
}

// multicast has a socket multicast on one interface, with the hop limit that RFC 6762 §11
// wants.
func multicast(fd, index int, source netip.Addr) error {
	if source.Is4() {
		return cmp.Or(
			unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Ifindex: int32(index)}),
			unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, 255),
		)
	}
	return cmp.Or(
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, index),
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, 255),
	)
}

// browse asks once a second for what is not known yet, and takes the answers, until
// browseFor has passed, ctx ends or too much has come. It closes the socket.
func (s *socket) browse(ctx context.Context, service string) {
	defer s.conn.Close()
	defer context.AfterFunc(ctx, func() { s.conn.Close() })()
	id := uint16(rand.Uint32())
	packet := make([]byte, maxPacket)
	packets := 0
	for round := range int(browseFor / roundAfter) {
		query, err := s.heard.query(id, service, round)
		if err != nil {
			return
		}
		s.conn.WriteToUDPAddrPort(query, s.group) // tried again in the next round
		s.conn.SetReadDeadline(time.Now().Add(roundAfter))
		for ; packets < maxPackets; packets++ {
			n, from, err := s.conn.ReadFromUDPAddrPort(packet)
			if err != nil {
				break // the round is over, or the socket is closed
			}
			if s.heard.isNear(from.Addr()) {
				s.heard.take(packet[:n], id, service)
			}
		}
	}
}
