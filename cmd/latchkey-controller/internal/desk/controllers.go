package desk

import (
	"context"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// A ControllerStatus is a process that leads a cell of the site, or stands by.
type ControllerStatus struct {
	Machine  string    // its name
	Address  string    // as the database sees it; "": the database is on this machine, or it is not known
	Cell     int64     // that it leads, or stands by for
	CellName string    // of that
	Since    time.Time // since when it leads, or stands by; zero: not known
	Leads    bool
	Term     uint64 // of its lead; 0: it stands by
	This     bool   // it is this process
	Schema   int    // version of the tables that its program brings; 0: not known
}

// Where names the controller for people: "the controller on garage (192.0.2.7)".
func (c ControllerStatus) Where() string { return "the controller on " + c.On() }

// On names the machine that the controller is on: "garage (192.0.2.7)".
func (c ControllerStatus) On() string {
	if c.Address == "" {
		return c.Machine
	}
	return c.Machine + " (" + c.Address + ")"
}

// Controllers returns the controllers of the site: who leads the home cell first, then those that lead other cells, then
// those that stand by, by their age; none if none runs, or, with SQLite, none in this process.
func (d *Desk) Controllers(ctx context.Context, a Actor) ([]ControllerStatus, error) {
	if err := d.check(ctx, a, SetBrokers, new(auditTarget)); err != nil {
		return nil, err
	}
	all, _, err := d.controllers(ctx)
	return all, err
}

func (d *Desk) controllers(ctx context.Context) (all []ControllerStatus, cells []store.Cell, err error) {
	err = d.site.View(ctx, func(tx *store.Tx) error { cells, err = tx.Cells(); return err })
	if err != nil {
		return nil, nil, err
	}
	rows, err := d.site.Controllers(ctx)
	for _, c := range rows {
		if c.This && d.live == nil { // with SQLite each process is taken for one
			continue
		}
		s := ControllerStatus{Machine: Clean(c.Name), Address: c.From, Cell: c.Cell, Since: c.Since, Leads: c.Leads, Term: c.Term, This: c.This, Schema: c.Schema}
		for _, cell := range cells {
			if cell.ID == s.Cell {
				s.CellName = cell.Name
			}
		}
		all = append(all, s)
	}
	return all, cells, err
}

// A Standing is how this process stands to the lead of its cell, and whether each cell is led.
type Standing struct {
	Leads    bool
	Term     uint64            // of its lead; 0: it does not lead
	Leader   *ControllerStatus // who leads the cell, if that is another one
	StandBys int               // how many stand by for the cell, with this one if it does
	Nobody   bool              // controllers run for the cell, or it has readers, and none leads it
	Cell     string            // name
	Several  bool              // the site has others
	Cells    []LedCell         // those that have readers or controllers, the home cell first; there is one if the site has no others
}

// A LedCell says whether anybody leads a cell.
type LedCell struct {
	ID      int64
	Name    string
	Led     bool
	Working bool // controllers are of it, whether one leads or not
}

// Unled names what nobody leads: "this site", "the cell north" or "the cells north and south"; "": all is led.
func (s *Standing) Unled() string {
	names := s.UnledCells()
	if len(names) > 0 && !s.Several {
		return "this site"
	}
	return namesOfCells(names)
}

// UnledCells returns the names of the cells that nobody leads.
func (s *Standing) UnledCells() (names []string) {
	for _, c := range s.Cells {
		if !c.Led {
			names = append(names, c.Name)
		}
	}
	return names
}

// Remedy says what to do about that on a site with several cells, for people; nil: all is led.
func (s *Standing) Remedy() *language.Sentence {
	var without, waiting []string
	for _, c := range s.Cells {
		switch {
		case c.Led:
		case c.Working:
			waiting = append(waiting, c.Name)
		default:
			without = append(without, c.Name)
		}
	}
	var says language.Join
	if n := len(without); n > 0 {
		says = append(says, language.Count(n, "no controller runs for the cell %[2]s: start one with latchkey-controller serve --dir DIR --cell %[3]s",
			"no controller runs for the cells %[2]s: start one with latchkey-controller serve --dir DIR --cell %[3]s", language.List(without), without[0]))
	}
	if n := len(waiting); n > 0 {
		says = append(says, language.Count(n, "one that stands by for the cell %[2]s takes over within seconds: if this stays, look at its log, and at the database",
			"one that stands by for the cells %[2]s takes over within seconds: if this stays, look at its log, and at the database", language.List(waiting)))
	}
	if says == nil {
		return nil
	}
	return language.Say("%s", says)
}

// Standing returns how this controller stands to the lead.
func (d *Desk) Standing(ctx context.Context) (*Standing, error) {
	all, cells, err := d.controllers(ctx)
	if err != nil {
		return nil, err
	}
	s := &Standing{Leads: d.Leads(), Several: len(cells) > 1}
	led, working, used := map[int64]bool{}, map[int64]bool{}, map[int64]bool{}
	for i := range all {
		c := &all[i]
		used[c.Cell], working[c.Cell] = true, true
		led[c.Cell] = led[c.Cell] || c.Leads
		switch {
		case c.Cell != d.cell:
		case c.Leads && c.This:
			s.Term = c.Term
		case !c.Leads:
			s.StandBys++
		case !s.Leads: // otherwise this one is about to notice that it does not
			s.Leader = c
		}
	}
	led[d.cell] = s.Leads || s.Leader != nil
	if len(cells) > 1 {
		err = d.site.View(ctx, func(tx *store.Tx) error {
			with, err := tx.CellsWithReaders()
			for _, id := range with {
				used[id] = true
			}
			return err
		})
	}
	for _, c := range cells {
		if c.ID == d.cell {
			s.Cell, s.Nobody = c.Name, used[c.ID] && !led[c.ID]
		}
		if used[c.ID] {
			s.Cells = append(s.Cells, LedCell{c.ID, c.Name, led[c.ID], working[c.ID]})
		}
	}
	return s, err
}

// Leads says whether this process is a controller that leads its cell.
func (d *Desk) Leads() bool { return d.live != nil && d.site.Leads() }

// leadsSite says whether it leads the home cell, and so does what is the site's.
func (d *Desk) leadsSite() bool { return d.Leads() && d.cell == store.HomeCell }

// watchLeadEvery is how often WatchLead looks.
const watchLeadEvery = time.Second

// WatchLead calls changed when this controller, or another one, begins or ends to lead a cell, until ctx ends.
func (d *Desk) WatchLead(ctx context.Context, changed func()) {
	tick := time.NewTicker(watchLeadEvery)
	defer tick.Stop()
	for last, _ := d.leaders(ctx); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if now, err := d.leaders(ctx); err == nil && now != last {
			last = now
			changed()
		}
	}
}

// leaders identifies who leads which cell; "": nobody leads any. Whoever leads the only one need not ask who does.
func (d *Desk) leaders(ctx context.Context) (string, error) {
	if d.Leads() {
		if several, err := d.several(ctx); err != nil || !several {
			return "this", err
		}
	}
	all, _, err := d.controllers(ctx)
	id := ""
	for _, c := range all {
		if c.Leads && !c.This || c.This && d.Leads() { // otherwise this one is about to notice
			id += fmt.Sprintf("%d in term %d,", c.Cell, c.Term)
		}
	}
	return id, err
}

// several says whether the site has more than one cell.
func (d *Desk) several(ctx context.Context) (several bool, err error) {
	if !d.site.Shared() {
		return false, nil
	}
	err = d.site.View(ctx, func(tx *store.Tx) error {
		cells, err := tx.Cells()
		several = len(cells) > 1
		return err
	})
	return several, err
}

// timekeeper returns whose clock counts, if that is another process; nil: nobody's does, or it is not known. It leads the first
// cell, by its id, that is led.
func (d *Desk) timekeeper(ctx context.Context) (*ControllerStatus, error) {
	all, _, err := d.controllers(ctx)
	var first *ControllerStatus
	for i := range all {
		if c := &all[i]; c.Leads && (first == nil || c.Cell < first.Cell || c.Cell == first.Cell && first.This) {
			first = c
		}
	}
	if err != nil || first == nil || first.This {
		return nil, err
	}
	return first, nil
}
