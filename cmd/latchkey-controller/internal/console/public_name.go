package console

import (
	"net/netip"
	"slices"
	"strings"
)

// insideNames are the last parts of names that mean nothing on the internet, so that no public
// authority certifies them: those set aside (RFC 6761, 6762, 7686, 8375, 9476; ICANN's .internal),
// and those that routers and companies use (RFC 6762, appendix G).
var insideNames = []string{
	"alt", "arpa", "example", "internal", "invalid", "local", "localhost", "onion", "test",
	"corp", "home", "intranet", "lan", "private", "localdomain",
}

// publicName says whether a host is a domain name that a public authority may certify: no
// address, and no name of an inside network, like doors.lan.
func publicName(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	_, err := netip.ParseAddr(host)
	dot := strings.LastIndexByte(host, '.')
	return err != nil && dot > 0 && !slices.Contains(insideNames, host[dot+1:])
}
