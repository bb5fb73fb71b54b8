package desk

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// An Elsewhere is a controller that serves the site in another process than this one.
type Elsewhere struct {
	Where  string // "the controller on garage (192.0.2.7)"; "": there is none, or it is not known
	Leads  bool   // with several cells: any of them
	Others int    // controllers that lead other cells
	Unled  string // "the cell north": what nobody leads though controllers stand by for it, if the site has several cells
}

// ServedElsewhere says which controllers serve the site, if they are other processes than this one: those that lead, or else
// one that stands by.
func (d *Desk) ServedElsewhere(ctx context.Context) Elsewhere {
	if d.live != nil {
		return Elsewhere{}
	}
	all, cells, err := d.controllers(ctx)
	if err != nil || len(all) == 0 {
		return Elsewhere{}
	}
	e := Elsewhere{Where: all[0].Where(), Leads: all[0].Leads}
	if len(cells) == 1 {
		return e
	}
	led, unled := map[int64]bool{}, []string{}
	for _, c := range all { // those that lead come first
		switch {
		case c.Leads:
			led[c.Cell] = true
		case !led[c.Cell] && !slices.Contains(unled, c.CellName):
			unled = append(unled, c.CellName)
		}
	}
	e.Others, e.Unled = max(0, len(led)-1), namesOfCells(unled)
	return e
}

// Runs says what runs where, and Readers how readers get what is stored here.
func (e Elsewhere) Runs() string {
	switch {
	case e.Where == "":
		return "no controller runs"
	case !e.Leads:
		return "no controller leads this site now, and " + e.Where + " stands by"
	}
	text := e.Where + " leads this site"
	switch {
	case e.Others > 0:
		text = fmt.Sprintf("%s and %s lead this site", e.Where, count(e.Others, "other one"))
	case e.Unled != "":
		text = e.Where + " leads a cell of this site"
	}
	if e.Unled != "" {
		text += ", and nobody leads " + e.Unled
	}
	return text
}

// namesOfCells returns "the cell north", or "the cells north and south"; "": there are none.
func namesOfCells(names []string) string {
	switch len(names) {
	case 0:
		return ""
	case 1:
		return "the cell " + names[0]
	}
	return "the cells " + strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

func (e Elsewhere) Readers() string {
	if !e.Leads {
		return e.Runs() + ": readers get it when one does"
	}
	if e.Unled != "" {
		return e.Runs() + ": readers there get it when one does"
	}
	return e.Runs() + ": readers get it from there"
}

// There says where to do what only a controller does, which another process is.
func (e Elsewhere) There() string {
	if !e.Leads {
		return "run this there once one leads"
	}
	return "run this there"
}
