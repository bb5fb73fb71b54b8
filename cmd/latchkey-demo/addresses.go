package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
)

// free returns an error for each address at which nothing can listen, before anything is set up or started.
func (d *demo) free() error {
	known, err := d.known()
	if err != nil {
		return err
	}
	var all []error
	for _, a := range []struct{ flag, address, of string }{
		{"listen", d.listen, "the reader's page"}, {"second", d.second, "the second reader's page"},
		{"console", d.console, "the console"}, {"api", d.api, "the API for programs"}, {"adoption", d.adoption, "new readers"},
		{"broker", cmp.Or(known.Broker, d.broker), "the broker"},
	} {
		ln, err := net.Listen("tcp", a.address)
		switch {
		case err == nil:
			ln.Close()
		case a.flag == "broker" && known.Broker != "":
			all = append(all, fmt.Errorf("-broker: nothing can listen at %s, the address of %s: %w. This demonstration was set up with it: end what listens there, or set up another one with make run ARGS=\"-dir var/other -broker %s\"", a.address, a.of, err, another(a.address)))
		default:
			all = append(all, fmt.Errorf("-%s: nothing can listen at %s, the address of %s: %w. Choose another: make run ARGS=\"-%[1]s %[5]s\"", a.flag, a.address, a.of, err, another(a.address)))
		}
	}
	return errors.Join(all...)
}

// another returns an address with a port that is free now, for people to choose.
func another(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = "127.0.0.1"
	}
	ln, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return net.JoinHostPort(host, "PORT")
	}
	defer ln.Close()
	return ln.Addr().String()
}
