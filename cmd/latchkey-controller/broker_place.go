package main

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/broker"
	"latchkey/device/durable"
)

// elsewhereAt is where the configuration lies on another machine.
const elsewhereAt = "/etc/mosquitto/latchkey"

// placeFile is the file in a broker's directory that says where the broker is.
const placeFile = "place.json"

// A brokerPlace says where a broker is. It is kept in the broker's directory: whoever writes that
// again must not give the broker a certificate for another machine.
type brokerPlace struct {
	Listen    string   `json:"listen"` // address
	Names     []string `json:"names"`  // of the broker, besides those of this machine if it runs here
	Elsewhere bool     `json:"elsewhere"`
	At        string   `json:"at"`             // directory there
	Cell      int64    `json:"cell,omitempty"` // whose broker it is; 0: the home cell
}

// withKept returns the place with what is kept in a broker's directory for those flags that were not
// said. It refuses to guess what an older version has not kept.
func (p *brokerPlace) withKept(dir string, said map[string]bool) (*brokerPlace, error) {
	all := *p
	b, err := os.ReadFile(filepath.Join(dir, placeFile))
	if errors.Is(err, fs.ErrNotExist) {
		if names := namesElsewhere(dir); len(names) > 0 && !said["elsewhere"] {
			return nil, fmt.Errorf("%s is for a broker on another machine, and was written before such directories said so: add --elsewhere --name %s", dir, strings.Join(names, " --name "))
		}
		return &all, nil
	}
	var kept brokerPlace
	if err == nil {
		err = json.Unmarshal(b, &kept)
	}
	if err != nil {
		return nil, fmt.Errorf("where the broker of %s is: %w; remove that file, and say it anew", dir, err)
	}
	if !said["listen"] {
		all.Listen = kept.Listen
	}
	if !said["name"] {
		all.Names = kept.Names
	}
	if !said["elsewhere"] {
		all.Elsewhere = kept.Elsewhere
	}
	if !said["at"] {
		all.At = kept.At
	}
	if !said["cell"] {
		all.Cell = kept.Cell
	}
	return &all, nil
}

func (p *brokerPlace) keep(dir string) error {
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, placeFile), append(b, '\n'), 0o600)
}

// namesElsewhere returns the names in the broker's certificate in a directory, if they are not those
// of this machine; none: they are, or there is no certificate.
func namesElsewhere(dir string) (names []string) {
	b, _ := os.ReadFile(filepath.Join(dir, broker.BrokerFile))
	block, _ := pem.Decode(b)
	if block == nil {
		return nil
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil || slices.Contains(c.DNSNames, "localhost") {
		return nil
	}
	names = c.DNSNames
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}
