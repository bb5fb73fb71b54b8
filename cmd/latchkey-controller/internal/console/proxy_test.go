package console

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
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

func TestABrowserThatKeepsNoCookieIsTold(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	b.post("/sign-in", "name", names[desk.Owner], "password", password, "next", "/users").shows(t, http.StatusOK, "Ada Lovelace")
	jar := w.server.Client().Jar
	if jar != nil {
		t.Fatal("the client keeps cookies")
	}
	response, err := w.server.Client().PostForm(w.server.URL+"/sign-in", url.Values{"name": {names[desk.Owner]}, "password": {password}, "next": {"/users"}})
	w.must(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	w.must(err)
	if !strings.Contains(string(body), "did not send the sign-in cookie back") || !strings.Contains(string(body), `name="next" value="/users"`) {
		t.Errorf("%s: %s", response.Status, text(string(body)))
	}
	if got := w.visitor("").get("/sign-in"); strings.Contains(got.body, "cookie") {
		t.Error("it is said to somebody who only came")
	}
}
