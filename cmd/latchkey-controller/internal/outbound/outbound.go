// Package outbound connects the controller to hosts that others have named, and keeps it from
// being used to reach what only the controller can reach: services of its own machine and of
// the network behind it.
package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// ErrRefused refuses an address that is inside the machine or the network.
var ErrRefused = errors.New("is inside the network or the machine")

// special are the blocks of addresses that are not on the public internet, or lead elsewhere
// (the IANA special-purpose address registries, RFC 6890).
var special = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
	"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
	"::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/9", "ff00::/8",
)

// never are where no webhook is, whatever an Owner allows: multicast, and where clouds hand
// out credentials of the machine.
var never = prefixes(
	"0.0.0.0/8", "224.0.0.0/3", "::/128", "ff00::/8",
	"169.254.169.254/32", "169.254.170.2/32", "100.100.100.200/32", "168.63.129.16/32", "fd00:ec2::254/128",
)

// nat64 is the prefix under which a network translates to IPv4 (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// plain returns an address as the one that is reached: IPv4 if it holds one.
func plain(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if nat64.Contains(a) {
		b := a.As16()
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return a
}

func in(blocks []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(blocks, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Public says whether an address is one of the public internet, and not of this machine.
func Public(a netip.Addr) bool {
	a = plain(a)
	if !a.IsValid() || in(special, a) || in(never, a) {
		return false
	}
	own, err := net.InterfaceAddrs()
	return err == nil && !slices.ContainsFunc(own, func(addr net.Addr) bool {
		ip, ok := addr.(*net.IPNet)
		if !ok {
			return false
		}
		here, _ := netip.AddrFromSlice(ip.IP)
		return here.Unmap() == a
	})
}

// Never says whether nothing is ever sent to an address, whatever an Owner allows.
func Never(a netip.Addr) bool { return in(never, plain(a)) }

// A Dialer connects to public addresses, or with Inside to others, too. It looks at the
// address to which it connects, so that a name cannot lead elsewhere than it did when it was
// looked at.
type Dialer struct {
	Inside   bool
	Resolver *net.Resolver // nil: the machine's
	Timeout  time.Duration
}

// DialContext connects to an address. The error is ErrRefused if that is not allowed.
func (d Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: d.Timeout, Resolver: d.Resolver, Control: func(_, address string, _ syscall.RawConn) error { return d.check(address) }}
	return dialer.DialContext(ctx, network, address)
}

// check refuses an address, ip:port.
func (d Dialer) check(address string) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	switch a := plain(to.Addr()); {
	case Never(a):
		return fmt.Errorf("%s %w, and nothing is ever sent there", a, ErrRefused)
	case !d.Inside && !Public(a):
		return fmt.Errorf("%s %w: an Owner has not allowed this host", a, ErrRefused)
	}
	return nil
}
