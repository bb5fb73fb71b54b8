package main

import (
	"context"

	"latchkey/cmd/latchkeyd/internal/adoption"
	"latchkey/cmd/latchkeyd/internal/handover"
	"latchkey/device"
	"latchkey/sync/wire"
)

// isNew says whether the reader, whose data directory holds no site, is one that no site has
// ever adopted, as far as the disk and the journal can tell.
func (r *reader) isNew(durable device.Durable, start device.Start) bool {
	return durable.Site == (wire.SiteID{}) && start.JournalFault == "" && adoption.NeverBegun(r.config.Reader.Data)
}

// mayLook says whether the reader, whose data directory holds no site, may look for a
// controller. It must be new: nothing that is lost or damaged is a reason to let somebody on
// the network adopt it.
func (r *reader) mayLook(isNew bool) bool {
	if !r.config.Adoption.Searches() {
		return false
	}
	if !isNew {
		r.log.Error("no controller is looked for, as this may be a reader of a site that has lost a part of its data: have the controller write a bundle and give it to latchkeyd adopt; or, if no site has it, empty the data directory")
		return false
	}
	return true
}

// look hands the reader over to controllers until ctx ends, or a bundle has come or the
// screen needs another fingerprint: it then calls restart.
func (r *reader) look(ctx context.Context, start device.Start, send func(device.Event), restart func()) error {
	search := &handover.Search{
		Config: r.config.Adoption, Dir: r.config.Reader.Data, Reader: r.config.Reader.ID, Chip: r.tpm,
		Shown: start.Fingerprint, Log: r.log,
		Tell: func(sites []string) { send(waiting(sites)) },
	}
	outcome := search.Run(ctx)
	if outcome.Fingerprint != "" {
		r.received = outcome.Bundle
		restart()
	}
	return nil
}

// waiting is what a reader waits for that looks for controllers, and waits at these sites.
func waiting(sites []string) device.Waiting {
	w := device.Waiting{Looks: true}
	if len(sites) > 0 {
		w.Site, w.More = sites[0], uint8(min(len(sites)-1, 255))
	}
	return w
}

// adopter returns who has adopted the reader, if that was over the network and is news.
func (r *reader) adopter(site *adoption.Site) device.Adopter {
	if r.received == nil || site.Bundle == 0 {
		return device.Adopter{} // not yet, if it is being taken over
	}
	received := r.received
	r.received = nil
	if received.Site != site.ID || received.Number != site.Bundle {
		return device.Adopter{}
	}
	return device.Adopter{Site: site.Name, Controller: controllerOf(site)}
}

// controllerOf returns the fingerprint of the key of a site's controller; "": there is no site.
func controllerOf(site *adoption.Site) string {
	if site.Bundle == 0 {
		return ""
	}
	return wire.Fingerprint(site.Controller[:])
}
