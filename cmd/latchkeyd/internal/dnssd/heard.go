package dnssd

import (
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// heard is what the answers on one interface say. Of each kind it takes what comes first, up
// to the bounds.
type heard struct {
	zone      string
	near      []netip.Prefix // what is on the interface's link
	instances []string       // names of instances, as name returns them
	places    map[string]place
	addresses map[string][]netip.Addr // by host
}

// A place is what an SRV record says of an instance.
type place struct {
	host string
	port uint16
}

func newHeard(zone string, near []netip.Prefix) heard {
	return heard{zone: zone, near: near, places: map[string]place{}, addresses: map[string][]netip.Addr{}}
}

// query returns what to ask in a round: in the first one, and while nobody has answered, who
// offers the service; and then what the answers have left out.
func (h *heard) query(id uint16, service string, round int) ([]byte, error) {
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: id})
	if err := b.StartQuestions(); err != nil {
		return nil, err
	}
	ask := func(name string, kinds ...dnsmessage.Type) error {
		n, err := dnsmessage.NewName(name)
		if err != nil {
			return err
		}
		for _, kind := range kinds {
			if err := b.Question(dnsmessage.Question{Name: n, Type: kind, Class: dnsmessage.ClassINET}); err != nil {
				return err
			}
		}
		return nil
	}
	if err := ask(service, dnsmessage.TypePTR); err != nil {
		return nil, err
	}
	if round > 0 {
		for _, instance := range h.instances {
			place, known := h.places[instance]
			var err error
			switch {
			case !known:
				err = ask(instance, dnsmessage.TypeSRV)
			case len(h.addresses[place.host]) == 0:
				err = ask(place.host, dnsmessage.TypeA, dnsmessage.TypeAAAA)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return b.Finish()
}

// take takes the records of an answer. What is not one to this query, or no DNS message, has
// no effect; of one that is damaged further on, what stands before counts.
func (h *heard) take(packet []byte, id uint16, service string) {
	records := parse(packet, id)
	// An answer may have its records in any order.
	for _, r := range records {
		if body, ok := r.Body.(*dnsmessage.PTRResource); ok && name(r.Header.Name) == service {
			instance := name(body.PTR)
			if strings.HasSuffix(instance, "."+service) && !slices.Contains(h.instances, instance) && len(h.instances) < MaxServices {
				h.instances = append(h.instances, instance)
			}
		}
	}
	for _, r := range records {
		if body, ok := r.Body.(*dnsmessage.SRVResource); ok && body.Port != 0 && slices.Contains(h.instances, name(r.Header.Name)) {
			if _, known := h.places[name(r.Header.Name)]; !known {
				h.places[name(r.Header.Name)] = place{host: name(body.Target), port: body.Port}
			}
		}
	}
	for _, r := range records {
		switch body := r.Body.(type) {
		case *dnsmessage.AResource:
			h.address(name(r.Header.Name), netip.AddrFrom4(body.A))
		case *dnsmessage.AAAAResource:
			h.address(name(r.Header.Name), netip.AddrFrom16(body.AAAA))
		}
	}
}

// isNear says whether an address is on the interface's link. Answers from elsewhere are
// ignored (RFC 6762 §11).
func (h *heard) isNear(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(h.near, func(p netip.Prefix) bool { return p.Contains(a) })
}

// address notes an address of a host at which an instance is. One that is not on this link is
// left out: the containers of a machine have such, and a stranger must not be able to send the
// reader anywhere else.
func (h *heard) address(host string, a netip.Addr) {
	if !h.isNear(a) {
		return
	}
	if a.IsLinkLocalUnicast() && a.Is6() {
		a = a.WithZone(h.zone)
	}
	known := h.addresses[host]
	for _, place := range h.places {
		if place.host == host && len(known) < maxAddresses && !slices.Contains(known, a) {
			h.addresses[host] = append(known, a)
			return
		}
	}
}

// services returns the instances of which a place and an address are known.
func (h *heard) services() []Service {
	var all []Service
	for _, instance := range h.instances {
		place := h.places[instance]
		s := Service{Host: place.host, Port: place.port}
		for _, a := range h.addresses[place.host] {
			s.Addresses = append(s.Addresses, netip.AddrPortFrom(a, place.port))
		}
		if len(s.Addresses) > 0 {
			all = append(all, s)
		}
	}
	return all
}

// parse returns the records of an answer, at most maxRecords, that are of a kind that
// matters.
func parse(packet []byte, id uint16) []dnsmessage.Resource {
	var p dnsmessage.Parser
	header, err := p.Start(packet)
	if err != nil || !header.Response || header.ID != id || p.SkipAllQuestions() != nil {
		return nil
	}
	var records []dnsmessage.Resource
	seen := 0
	section := func(next func() (dnsmessage.ResourceHeader, error), skip func() error) bool {
		for ; seen < maxRecords; seen++ {
			h, err := next()
			if err == dnsmessage.ErrSectionDone {
				return true
			}
			if err != nil {
				return false
			}
			body, err := parseBody(&p, h.Type)
			if body == nil && err == nil {
				err = skip()
			}
			if err != nil {
				return false
			}
			// The top bit says that a cache is to forget others: RFC 6762 §10.2.
			if body != nil && h.Class&^(1<<15) == dnsmessage.ClassINET {
				records = append(records, dnsmessage.Resource{Header: h, Body: body})
			}
		}
		return false
	}
	if section(p.AnswerHeader, p.SkipAnswer) && p.SkipAllAuthorities() == nil {
		section(p.AdditionalHeader, p.SkipAdditional)
	}
	return records
}

// parseBody parses the record that the parser is at; nil: it is of no kind that matters.
func parseBody(p *dnsmessage.Parser, kind dnsmessage.Type) (dnsmessage.ResourceBody, error) {
	switch kind {
	case dnsmessage.TypePTR:
		r, err := p.PTRResource()
		return &r, err
	case dnsmessage.TypeSRV:
		r, err := p.SRVResource()
		return &r, err
	case dnsmessage.TypeA:
		r, err := p.AResource()
		return &r, err
	case dnsmessage.TypeAAAA:
		r, err := p.AAAAResource()
		return &r, err
	}
	return nil, nil
}

// name returns a name for comparison, in which A to Z are small: RFC 6762 §16. Its other bytes
// need be no text, and stay as they are, so that it can be asked for.
func name(n dnsmessage.Name) string {
	b := []byte(n.String())
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c - 'A' + 'a'
		}
	}
	return string(b)
}
