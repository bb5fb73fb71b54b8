package desk

import "context"

// ServedElsewhere says which controller serves the site, if that is another process than this one: "the controller on
// garage (192.0.2.7) leads this site". "": none does, or it is not known.
func (d *Desk) ServedElsewhere(ctx context.Context) string {
	if d.live != nil {
		return ""
	}
	all, err := d.controllers(ctx)
	if err != nil || len(all) == 0 {
		return ""
	}
	if !all[0].Leads {
		return "no controller leads this site now, and " + all[0].Where() + " stands by"
	}
	return all[0].Where() + " leads this site"
}
