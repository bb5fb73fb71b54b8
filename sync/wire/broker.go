package wire

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A Broker is the MQTT broker between readers and their controller.
type Broker struct {
	Host  string // a name, in lower case and without a dot at the end, or an address without brackets, as short as it can be
	Port  string
	Plain bool // without TLS, which only a broker on this machine may be
}

// ParseBroker parses a broker's URL: ssl://host:port, or tcp://host:port of this
// machine. The default port is 8883 or 1883.
func ParseBroker(s string) (Broker, error) {
	if len(s) > 256 {
		return Broker{}, wrong("broker: %d bytes, at most 256", len(s))
	}
	if bare := bareAddress(s); bare != "" {
		return Broker{}, wrong("broker %s: an IPv6 address stands in brackets; write ssl://[%s]:8883", quoted(s, 80), bare)
	}
	u, err := url.Parse(s)
	if err != nil {
		return Broker{}, wrong("broker %s: not a URL; write ssl://host:port", quoted(s, 80))
	}
	b := Broker{Host: strings.ToLower(u.Hostname())}
	switch u.Scheme {
	case "ssl", "tls", "mqtts":
		b.Port = cmp.Or(u.Port(), "8883")
	case "tcp", "mqtt":
		b.Port, b.Plain = cmp.Or(u.Port(), "1883"), true
	default:
		return Broker{}, wrong("broker %s: write ssl://host:port", quoted(s, 80))
	}
	if b.Host == "" || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return Broker{}, wrong("broker %s: write ssl://host:port", quoted(s, 80))
	}
	ip, err := netip.ParseAddr(b.Host)
	if err != nil && !isHostName(b.Host) || ip.Zone() != "" {
		return Broker{}, wrong("broker %s: %s is neither an address nor a DNS name; write ssl://host:port", quoted(s, 80), quoted(b.Host, 80))
	}
	if b.Plain && b.Host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return Broker{}, wrong("broker %s: a broker on another machine needs TLS; write ssl://host:port", quoted(s, 80))
	}
	b.Host = strings.TrimSuffix(b.Host, ".")
	if err == nil {
		b.Host = ip.Unmap().String()
	}
	return b, nil
}

// SameBroker says whether two URLs are of one broker, whichever way each is written.
func SameBroker(a, b string) bool {
	one, err := ParseBroker(a)
	two, failed := ParseBroker(b)
	return a == b || err == nil && failed == nil && one == two
}

// isHostName says whether a name is a host name of RFC 1123 §2.1. It also allows
// underscores, which people use.
func isHostName(name string) bool {
	for i, label := range strings.Split(strings.TrimSuffix(name, "."), ".") {
		if len(label) == 0 || len(label) > 63 || label[0] == '-' || i == 0 && label[0] == '_' {
			return false
		}
		for _, c := range []byte(label) {
			if letter := 'a' <= c|0x20 && c|0x20 <= 'z'; !letter && (c < '0' || c > '9') && c != '_' && c != '-' {
				return false
			}
		}
	}
	return true
}

// bareAddress returns the IPv6 address that a URL ends with if it lacks brackets,
// else "".
func bareAddress(s string) string {
	_, host, found := strings.Cut(s, "://")
	if !found {
		host = s
	}
	ip, err := netip.ParseAddr(strings.TrimSuffix(host, "/"))
	if err != nil || !ip.Is6() {
		return ""
	}
	return ip.String()
}

// CheckBroker refuses the URL of a broker that a reader could not reach once it is
// adopted.
func CheckBroker(s string) error {
	b, err := ParseBroker(s)
	if err != nil {
		return err
	}
	if strings.HasSuffix(b.Host, ".local") {
		return wrong("broker %s: readers do not look up names that end in .local (mDNS); write the address, or a name that your DNS server knows", quoted(s, 80))
	}
	return nil
}

// MaxBrokers is the most brokers that a reader knows from its bundle, or from its policy.
const MaxBrokers = 4

// CheckBrokers refuses a list of brokers, in the order in which a reader tries them, that no
// policy can hold: each as Broker.String returns it, none twice.
func CheckBrokers(urls []string) error {
	if len(urls) > MaxBrokers {
		return wrong("%d brokers, at most %d", len(urls), MaxBrokers)
	}
	for i, url := range urls {
		if err := CheckBroker(url); err != nil {
			return err
		}
		if b, _ := ParseBroker(url); b.String() != url {
			return wrong("broker %s: write %s", quoted(url, 80), b.String())
		}
		if slices.Contains(urls[:i], url) {
			return wrong("broker %s stands there twice", quoted(url, 80))
		}
	}
	return nil
}

// dialAnew is after how long a connection that nobody has taken is asked for anew. A broker that a crowd comes to drops
// those for whom its queue has no room, and the kernel asks for the same connection less and less often.
const dialAnew = 3 * time.Second

// Dial opens a TCP connection to the broker, for as long as ctx allows.
func (b Broker) Dial(ctx context.Context) (conn net.Conn, err error) {
	hosts, err := b.hosts(ctx)
	for err == nil {
		for _, host := range hosts {
			once, cancel := context.WithTimeout(ctx, dialAnew)
			conn, err = new(net.Dialer).DialContext(once, "tcp", net.JoinHostPort(host, b.Port))
			cancel()
			if err == nil {
				return conn, nil
			}
		}
		if timeout := net.Error(nil); ctx.Err() == nil && errors.As(err, &timeout) && timeout.Timeout() {
			err = nil
		}
	}
	return nil, err
}

// hosts returns the addresses to dial, in turn. localhost is not resolved: it is this
// machine (RFC 6761 §6.3), to which plain text may go.
func (b Broker) hosts(ctx context.Context) ([]string, error) {
	if b.Host == "localhost" {
		return []string{"127.0.0.1", "::1"}, nil
	}
	return net.DefaultResolver.LookupHost(ctx, b.Host)
}

// String returns the URL, with its port.
func (b Broker) String() string {
	at := net.JoinHostPort(b.Host, b.Port)
	if b.Plain {
		return "tcp://" + at
	}
	return "ssl://" + at
}
