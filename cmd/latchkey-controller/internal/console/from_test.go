package console

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestWhereARequestComesFromIsWhatTrustedProxiesSay(t *testing.T) {
	c := &Console{proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::1/128")}, known: func(host string) bool { return host == "door.example" || host == "::1" }}
	for _, test := range []struct {
		remote    string
		forwarded []string
		host, own string // X-Forwarded-Host, Host
		address   string // "": refused
		name      string
	}{
		{"192.0.2.7:5000", nil, "", "door.example:8443", "192.0.2.7", "door.example:8443"},
		{"192.0.2.7:5000", []string{"198.51.100.1"}, "evil.example", "door.example", "192.0.2.7", "door.example"},
		{"192.0.2.7:5000", nil, "door.example", "evil.example", "", ""},
		{"192.0.2.7:5000", nil, "", "", "", ""},
		{"[::1]:5000", nil, "", "[::1]:8443", "::1", "[::1]:8443"},
		{"10.1.2.3:5000", []string{"198.51.100.1"}, "door.example", "10.1.2.4:8443", "198.51.100.1", "door.example"},
		{"10.1.2.3:5000", []string{"made.up, 203.0.113.9, 198.51.100.1", "10.9.9.9"}, "", "door.example", "198.51.100.1", "door.example"},
		{"[::ffff:10.1.2.3]:5000", []string{"2001:db8::7, 2001:db8::1"}, "", "door.example", "2001:db8::7", "door.example"},
		{"10.1.2.3:5000", []string{"nonsense"}, "", "door.example", "10.1.2.3", "door.example"},
		{"10.1.2.3:5000", nil, "", "door.example", "10.1.2.3", "door.example"},
		{"10.1.2.3:5000", nil, "evil.example, door.example", "10.1.2.4", "10.1.2.3", "door.example"},
		{"10.1.2.3:5000", nil, "door.example, evil.example", "door.example", "", ""},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr, r.Host = test.remote, test.own
		for _, hop := range test.forwarded {
			r.Header.Add("X-Forwarded-For", hop)
		}
		if test.host != "" {
			r.Header.Set("X-Forwarded-Host", test.host)
		}
		var address, name string
		answer := httptest.NewRecorder()
		c.from(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { address, name = client(r).Address, r.Host })).ServeHTTP(answer, r)
		if address != test.address || name != test.name || (test.address == "") != (answer.Code == http.StatusMisdirectedRequest) {
			t.Errorf("%+v: %q under %q, status %d", test, address, name, answer.Code)
		}
	}
}
