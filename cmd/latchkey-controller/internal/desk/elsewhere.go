package desk

import "context"

// ServedElsewhere names the controller that serves the site, if it is another process than this one; "": none
// does, or it is not known.
func (d *Desk) ServedElsewhere(ctx context.Context) string {
	if d.live != nil {
		return ""
	}
	return Clean(d.site.Leader(ctx))
}
