package main

import (
	"crypto/tls"
	"errors"
	"testing"
)

func TestTheConsolesNamesAreThoseThatItWasTold(t *testing.T) {
	none := func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, errors.New("none") }
	for host, own := range map[string]bool{
		"door.example": true, "DOOR.example": true, "127.0.0.1": true, "::1": true, "localhost": true,
		"": false, "evil.example": false, "door.example.evil.example": false, "192.0.2.77": false,
	} {
		if isOwnName(host, []string{"door.example"}, none) != own {
			t.Errorf("%q", host)
		}
	}
	var f consoleFlags
	for text, right := range map[string]bool{"192.0.2.1": true, "10.0.0.0/8": true, "::1": true, "fe80::1%eth0": false, "proxy.example": false, "": false} {
		if err := f.addProxy(text); (err == nil) != right {
			t.Errorf("%q: %v", text, err)
		}
	}
}
