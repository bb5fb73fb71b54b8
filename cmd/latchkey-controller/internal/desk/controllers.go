package desk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// A ControllerStatus is a process that leads the site, or stands by.
type ControllerStatus struct {
	Machine string    // its name
	Address string    // as the database sees it; "": the database is on this machine, or it is not known
	Since   time.Time // since when it leads, or stands by; zero: not known
	Leads   bool
	Term    uint64 // of its lead; 0: it stands by
	This    bool   // it is this process
}

// Where names the controller for people: "the controller on garage (192.0.2.7)".
func (c ControllerStatus) Where() string {
	if c.Address == "" {
		return "the controller on " + c.Machine
	}
	return "the controller on " + c.Machine + " (" + c.Address + ")"
}

// Controllers returns the controllers of the site, who leads first, then those that stand by, by their age; none if none
// runs, or, with SQLite, none in this process.
func (d *Desk) Controllers(ctx context.Context, a Actor) ([]ControllerStatus, error) {
	if err := d.check(ctx, a, SetBrokers, new(auditTarget)); err != nil {
		return nil, err
	}
	return d.controllers(ctx)
}

func (d *Desk) controllers(ctx context.Context) (all []ControllerStatus, err error) {
	rows, err := d.site.Controllers(ctx)
	for _, c := range rows {
		if c.This && d.live == nil { // with SQLite each process is taken for one
			continue
		}
		all = append(all, ControllerStatus{Machine: Clean(c.Name), Address: c.From, Since: c.Since, Leads: c.Leads, Term: c.Term, This: c.This})
	}
	return all, err
}

// A Standing is how this process stands to the lead.
type Standing struct {
	Leads    bool
	Term     uint64            // of its lead; 0: it does not lead
	Leader   *ControllerStatus // who leads, if that is another one
	Nobody   bool              // controllers run, and none leads
	StandBys int               // how many stand by, with this one if it does
}

// Standing returns how this controller stands to the lead.
func (d *Desk) Standing(ctx context.Context) (*Standing, error) {
	all, err := d.controllers(ctx)
	if err != nil {
		return nil, err
	}
	s := &Standing{Leads: d.Leads()}
	for i := range all {
		switch c := &all[i]; {
		case c.Leads && c.This:
			s.Term = c.Term
		case !c.Leads:
			s.StandBys++
		case !s.Leads: // otherwise this one is about to notice that it does not
			s.Leader = c
		}
	}
	s.Nobody = !s.Leads && s.Leader == nil && len(all) > 0
	return s, nil
}

// Leads says whether this process is a controller that leads the site.
func (d *Desk) Leads() bool { return d.live != nil && d.site.Leads() }

// watchLeadEvery is how often WatchLead looks.
const watchLeadEvery = time.Second

// WatchLead calls changed when this controller, or another one, begins or ends to lead, until ctx ends.
func (d *Desk) WatchLead(ctx context.Context, changed func()) {
	tick := time.NewTicker(watchLeadEvery)
	defer tick.Stop()
	for last, _ := d.leader(ctx); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if now, err := d.leader(ctx); err == nil && now != last {
			last = now
			changed()
		}
	}
}

// leader identifies who leads; "": nobody. Whoever leads need not ask the database.
func (d *Desk) leader(ctx context.Context) (string, error) {
	if d.Leads() {
		return "this", nil
	}
	s, err := d.Standing(ctx)
	if err != nil || s.Leader == nil {
		return "", err
	}
	return fmt.Sprint("term ", s.Leader.Term), nil
}

// unheard says whether an error means that what readers and brokers do is not known now, since the controller that leads
// does not answer, or there is none. What is stored is as good as ever.
func (d *Desk) unheard(err error) bool {
	var away *store.UnavailableError
	return errors.As(err, &away) && !d.site.Leads()
}
