package desk

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// connected returns the connections of the controllers that lead. With an UnheardError, those of some cells are missing.
func (d *Desk) connected(ctx context.Context) ([]BrokerStatus, error) {
	if d.live == nil {
		return nil, nil
	}
	all, err := d.live.Brokers(ctx)
	if err != nil && !errors.As(err, new(*UnheardError)) {
		return nil, err
	}
	all = slices.Clone(all)
	for i := range all {
		all[i].Trouble, all[i].Cell = brokerTrouble(all[i].Why), cmp.Or(all[i].Cell, d.cell)
		all[i].Why = all[i].Trouble.String()
	}
	return all, err
}

// connectedNow is connected, without those that are not known now.
func (d *Desk) connectedNow(ctx context.Context) ([]BrokerStatus, error) {
	all, err := d.connected(ctx)
	_, err = d.unheard(err)
	return all, err
}

// ofLeaders notes whether the home cell is connected to the own broker of the controller that leads it, and by which names readers
// may know a broker on the machine of each one that leads.
func (d *Desk) ofLeaders(ctx context.Context, b *Brokers) error {
	b.Embedded, b.Here = d.embedded, d.here
	if d.live == nil || !d.site.Shared() {
		return nil
	}
	all, _, err := d.controllers(ctx)
	b.HereOf = map[int64][]string{}
	for _, c := range all {
		here := []string{c.Machine, c.Address}
		switch {
		case !c.Leads:
			continue
		case c.This:
			here = d.here
		}
		if c.Cell == store.HomeCell {
			b.Embedded, b.Here = d.embedded && c.This, here
		} else {
			b.HereOf[c.Cell] = here
		}
	}
	return err
}

// BrokersDown returns the brokers that the controller which leads does not reach, though it has reached
// another, or has tried for a while; all says whether it reaches none.
func (d *Desk) BrokersDown(ctx context.Context) (down []BrokerStatus, all bool, err error) {
	connected, err := d.connectedNow(ctx)
	for _, b := range connected {
		if !b.Up && b.Why != "" {
			down = append(down, b)
		}
	}
	return down, len(down) > 0 && len(down) == len(connected), err
}

// brokerTroubles are what an error of a connection to a broker may contain, and what it means and
// what to do; nil: it says so itself. The errors come from the system, TLS, MQTT or package link; some of them only as text.
var brokerTroubles = []struct {
	contains string
	says     *language.Sentence
}{
	{"by its certificate it is a broker of the cell", nil}, // which says what to do
	{"certificate names no cell of this site", language.Say("its certificate is not one that broker-config has written for a cell of this site: write it anew")},
	{"connection refused", language.Say("nothing listens there: see whether it runs, and on this port")},
	{"no such host", language.Say("the DNS server does not know its name")},
	{"server misbehaving", language.Say("the DNS server does not answer")},
	{"no route to host", language.Say("its machine is not reached: check its power and the network")},
	{"network is unreachable", language.Say("its network is not reached: check that of the controller's machine")},
	{"i/o timeout", language.Say("its machine does not answer: check its power, the network and firewalls")},
	{"deadline exceeded", language.Say("it does not answer: check its power, the network and firewalls")},
	{"no answer from the broker", language.Say("it takes the connection and does not answer: restart it")},
	{"pingresp not received", language.Say("it has stopped answering: restart it if that does not end by itself")},
	{"certificate is valid for", language.Say("its certificate is for another name: write it with broker-config --name and the name in this address")},
	{"certificate is not valid for any names", language.Say("its certificate is for another name: write it with broker-config --name and the name in this address")},
	{"doesn't contain any IP SANs", language.Say("its certificate is not for this address: write it with broker-config --name and this address")},
	{"unknown authority", language.Say("its certificate is not of this site: it is another site's broker, or was never set up with broker-config")},
	{"first record does not look like a TLS handshake", language.Say("it does not speak TLS on this port: set it up with broker-config")},
	{"the broker refuses the controller", language.Say("its access list does not let this controller in: write it with broker-config, and have it reload")},
	{"not authorized", language.Say("it does not let this controller in: write its access list with broker-config, and have it reload")},
	{"bad user name or password", language.Say("it does not let this controller in: set it up with broker-config, which uses certificates")},
	{"remote error: tls", language.Say("it refuses this controller's certificate: it is another site's broker, or needs broker-config again")},
	{"reset by peer", language.Say("it has closed the connection: its log says why")},
	{"EOF", language.Say("it has closed the connection: its log says why")},
}

// brokerTrouble says what is wrong with a connection to a broker and what to do, from the text of
// its error; nil: it has none.
func brokerTrouble(why string) *language.Sentence {
	if why == "" {
		return nil
	}
	lower := strings.ToLower(why)
	for _, t := range brokerTroubles {
		if strings.Contains(lower, strings.ToLower(t.contains)) {
			return cmp.Or(t.says, language.Data(why))
		}
	}
	return language.Data(why)
}

// Of returns what is of a cell: its readers, and the connections of who leads it.
func (b *Brokers) Of(cell int64) *Brokers {
	of := *b
	of.Readers = slices.DeleteFunc(slices.Clone(b.Readers), func(r ReaderBrokers) bool { return r.Cell != cell })
	of.Connected = slices.DeleteFunc(slices.Clone(b.Connected), func(s BrokerStatus) bool { return s.Cell != cell })
	return &of
}

// CellName returns the name of a cell; "": the site has one only, or it was removed.
func (b *Brokers) CellName(cell int64) string {
	i := slices.IndexFunc(b.Cells, func(c CellName) bool { return c.ID == cell })
	if i < 0 || len(b.Cells) == 1 {
		return ""
	}
	return b.Cells[i].Name
}

// NotHeard returns the brokers to which readers are told to go, and to which the controller that leads their cell is not
// connected, sorted; none if no controller runs. Cells of which that is not known are left out.
func (b *Brokers) NotHeard() (unheard []string) {
	for _, cell := range b.cellsOf("") {
		unheard = append(unheard, b.notHeard(cell, b.wanted(cell))...)
	}
	slices.Sort(unheard)
	return slices.Compact(unheard)
}

// NotHeardTexts says what NotHeard means, for people, of each cell.
func (b *Brokers) NotHeardTexts() (texts []*language.Sentence) {
	for _, cell := range b.cellsOf("") {
		if unheard := b.notHeard(cell, b.wanted(cell)); len(unheard) > 0 {
			texts = append(texts, b.notHeardText(cell, unheard))
		}
	}
	return texts
}

// wanted returns the brokers to which readers of a cell go, sorted.
func (b *Brokers) wanted(cell int64) (all []string) {
	for _, r := range b.Of(cell).Readers {
		all = append(all, r.Wanted()...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// notHeard returns those of some brokers to which the controller that leads a cell is not connected; none if that is not
// known.
func (b *Brokers) notHeard(cell int64, urls []string) (unheard []string) {
	if len(b.Connected) == 0 || b.Unheard.Has(cell) {
		return nil
	}
	for _, url := range urls {
		if !slices.ContainsFunc(b.Connected, func(s BrokerStatus) bool {
			return s.Cell == cell && (s.URL == url || b.isHere(s, url))
		}) {
			unheard = append(unheard, url)
		}
	}
	return unheard
}

// isHere says whether a connection to this machine itself, as that to the embedded broker is, goes
// to the broker that readers know by a URL. They may know it by a name that only their bundle tells.
func (b *Brokers) isHere(s BrokerStatus, url string) bool {
	home := s.Cell == store.HomeCell
	c, err := wire.ParseBroker(s.URL)
	if err != nil || !(b.Embedded && home) && !isLoopback(c.Host) {
		return false
	}
	to, err := wire.ParseBroker(url)
	if err != nil || to.Port != c.Port || to.Plain != c.Plain {
		return false
	}
	here := b.Here
	if !home {
		here = b.HereOf[s.Cell]
	}
	inBundle := func(r ReaderBrokers) bool { return r.Cell == s.Cell && slices.Contains(r.Bundle, url) }
	return slices.ContainsFunc(here, func(name string) bool { return strings.EqualFold(name, to.Host) }) || slices.ContainsFunc(b.Readers, inBundle)
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// HeardOver returns how many readers are online, and were heard last over a connection of the
// controller.
func (b *Brokers) HeardOver(url string) (n int) {
	for i := range b.Readers {
		if b.Readers[i].At == url {
			n++
		}
	}
	return n
}

// notHeardText says what it means that the controller which leads a cell is not connected to brokers of its readers.
func (b *Brokers) notHeardText(cell int64, urls []string) *language.Sentence {
	if name := b.CellName(cell); name != "" {
		return language.Say("the controller that leads the cell %s is not connected to %s: readers that go there do not hear it. Start each controller of that cell with --broker for each first", name, strings.Join(urls, ", "))
	}
	return language.Say("the controller is not connected to %s: readers that go there do not hear it. Start each controller with --broker for each first", strings.Join(urls, ", "))
}
