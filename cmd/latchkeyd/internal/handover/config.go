// Package handover hands a board that no site has adopted over to the controllers that it
// finds, until an administrator of one has adopted it.
//
// The board cannot know a controller's certificate yet, and does not verify it; so whoever is
// on the network can answer. What protects is what people compare: at the controller the
// fingerprint of the board's request, which stands on its screen and which the bundle is
// sealed for; and afterwards, on the screen, the site and the key of the controller that has
// signed the bundle. A stranger's controller that a board falls to has given it its own site,
// and gets nothing of anybody else's.
package handover

import (
	"encoding/hex"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Config is how a reader that no site has adopted looks for one.
type Config struct {
	// Controller is where: the address of a controller as HOST:PORT, DNSSD or Off.
	Controller string `toml:"controller"`
	// Key is the fingerprint (wire.Fingerprint) of the only controller whose bundles are
	// taken; "": of any.
	Key string `toml:"key"`
}

// The values of Config.Controller that are no address.
const (
	DNSSD = "dns-sd" // the controllers that announce themselves on the network
	Off   = "off"    // none: bundles come as files
)

// Searches says whether a reader with this config looks for a controller.
func (c *Config) Searches() bool { return c.Controller != Off && c.Controller != "" }

// CheckController returns what is wrong with c.Controller.
func (c *Config) CheckController() error {
	if !c.Searches() || c.Controller == DNSSD {
		return nil
	}
	host, port, err := net.SplitHostPort(c.Controller)
	if n, number := strconv.ParseUint(port, 10, 16); err != nil || number != nil || host == "" || n == 0 {
		return fmt.Errorf("is %q: it must be a controller's address, as %q, or %q or %q", c.Controller, "doors.example.com:8447", DNSSD, Off)
	}
	return nil
}

// CheckKey returns what is wrong with c.Key.
func (c *Config) CheckKey() error {
	if b, err := hex.DecodeString(digits(c.Key)); c.Key != "" && (err != nil || len(b) != 16) {
		return fmt.Errorf("is %q: it must be the fingerprint of the controller's key, eight groups of four digits 0-9 and A-F, as the console shows it", c.Key)
	}
	return nil
}

// takes says whether bundles of the controller with this fingerprint are taken.
func (c *Config) takes(fingerprint string) bool {
	return c.Key == "" || digits(c.Key) == digits(fingerprint)
}

// digits returns a fingerprint without what people write it with.
func digits(fingerprint string) string {
	return strings.ToUpper(strings.NewReplacer(" ", "", ":", "").Replace(fingerprint))
}
