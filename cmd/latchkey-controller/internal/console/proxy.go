package console

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// from finds out where a request comes from and under which name it was sent,
// and refuses names that are not the console's: a page of another name that was
// led here (DNS rebinding) reads nothing, and no link takes its name.
//
// What proxies say of it counts only if they are trusted ones.
func (c *Console) from(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told := *r
		r = &told
		host := r.Host
		hop, err := netip.ParseAddrPort(r.RemoteAddr)
		if err == nil && c.isProxy(hop.Addr()) {
			r.RemoteAddr = netip.AddrPortFrom(c.origin(hop.Addr(), r.Header.Values("X-Forwarded-For")), 0).String()
			hosts := r.Header.Values("X-Forwarded-Host")
			if n := len(hosts); n > 0 {
				host = strings.TrimSpace(hosts[n-1][strings.LastIndexByte(hosts[n-1], ',')+1:])
				r.Host = host
			}
		}
		if c.known != nil && !c.known(bareHost(host)) {
			http.Error(w, "This is not a name of the console. Open it under one of its own, or start latchkey-controller serve with --name for this one.", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (c *Console) isProxy(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(c.proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// origin returns the last hop that is no trusted proxy: what stands before it
// may be made up.
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

// bareHost returns a host without its port and brackets.
func bareHost(host string) string {
	if bare, _, err := net.SplitHostPort(host); err == nil {
		return bare
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}
