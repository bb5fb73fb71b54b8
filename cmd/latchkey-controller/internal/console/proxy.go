package console

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// from determines a request's origin and host, and refuses hosts that are not the
// console's: that stops DNS rebinding, and foreign names in one-time links.
//
// It uses forwarding headers from trusted proxies only.
func (c *Console) from(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		copied := *r
		r = &copied
		host := r.Host
		hop, err := netip.ParseAddrPort(r.RemoteAddr)
		if err == nil && c.isProxy(hop.Addr()) {
			r = r.WithContext(context.WithValue(r.Context(), proxied{}, true))
			r.RemoteAddr = netip.AddrPortFrom(c.origin(hop.Addr(), r.Header.Values("X-Forwarded-For")), 0).String()
			hosts := r.Header.Values("X-Forwarded-Host")
			if n := len(hosts); n > 0 {
				host = strings.TrimSpace(hosts[n-1][strings.LastIndexByte(hosts[n-1], ',')+1:])
				r.Host = host
			}
		}
		if c.known != nil && !c.known(bareHost(host)) {
			http.Error(w, "The console does not have this name. Use one of its names, or add this one: start latchkey-controller serve with --name.", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// proxied is the key, in a request's context, of whether a trusted proxy has passed it on.
type proxied struct{}

func (c *Console) isProxy(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(c.proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// origin returns the last hop that is not a trusted proxy: anything before it may be
// forged.
func (c *Console) origin(hop netip.Addr, forwarded []string) netip.Addr {
	hops := strings.Split(strings.Join(forwarded, ","), ",")
	for _, text := range slices.Backward(hops) {
		if !c.isProxy(hop) {
			break
		}
		before, err := netip.ParseAddr(strings.TrimSpace(text))
		if err != nil {
			break
		}
		hop = before.Unmap()
	}
	return hop
}

// bareHost returns a host without port and brackets.
func bareHost(host string) string {
	if bare, _, err := net.SplitHostPort(host); err == nil {
		return bare
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}
