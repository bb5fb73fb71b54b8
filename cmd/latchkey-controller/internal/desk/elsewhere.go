package desk

import "context"

// An Elsewhere is a controller that serves the site in another process than this one.
type Elsewhere struct {
	Where string // "the controller on garage (192.0.2.7)"; "": there is none, or it is not known
	Leads bool
}

// ServedElsewhere says which controller serves the site, if that is another process than this one: who leads, or else one
// that stands by.
func (d *Desk) ServedElsewhere(ctx context.Context) Elsewhere {
	if d.live != nil {
		return Elsewhere{}
	}
	all, err := d.controllers(ctx)
	if err != nil || len(all) == 0 {
		return Elsewhere{}
	}
	return Elsewhere{all[0].Where(), all[0].Leads}
}

// Runs says what runs where, and Readers how readers get what is stored here.
func (e Elsewhere) Runs() string {
	switch {
	case e.Where == "":
		return "no controller runs"
	case !e.Leads:
		return "no controller leads this site now, and " + e.Where + " stands by"
	}
	return e.Where + " leads this site"
}

func (e Elsewhere) Readers() string {
	if !e.Leads {
		return e.Runs() + ": readers get it when one does"
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
