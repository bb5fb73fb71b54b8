package console

import (
	"context"
	"errors"
	"slices"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"

	"github.com/chromedp/chromedp"
)

// limitTour looks at the choice of an administrator's locations, and at what those see who are
// limited to some.
func limitTour(t *testing.T, beside context.Context) {
	t.Helper()
	w := newWorld(t)
	w.stage()
	for _, of := range []struct {
		name      string
		locations []int64
	}{{"Barbara Liskov", []int64{2}}, {"Tony Hoare", []int64{1, 2}}, {"Niklaus Wirth", nil}} {
		_, _, err := w.desk.AddAdmin(t.Context(), owner, of.name, desk.Editor, of.locations)
		w.must(err)
	}
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) error {
		admin, err := tx.AdminNamed("Niklaus Wirth")
		return errors.Join(err, tx.LimitAdmin(admin.ID, true, nil))
	}))
	ctx, complaints := chromium(t, beside, w, desk.Owner)
	const page, some = "/settings/administrators", `document.querySelector("#f-at-some").click(); `
	tour(t, ctx, w, []stop{
		{"limits-administrators", page, ""},
		{"limits-add", page + "?ask=add", some + `window.settled = true`},
		{"limits-locations", page + "?ask=locations&about=1", ""},
	})
	eval[bool](t, ctx, `document.querySelectorAll("[name=location]").forEach(b => b.checked = false); true`)
	do(t, ctx, chromedp.Click(chromedp.CSS(".about form button[type=submit]")), chromedp.WaitVisible(chromedp.CSS("#w-locations")))
	lookAt(t, ctx, "limits-locations-wrong")
	contented(t, complaints)

	w.limited(desk.Super, 2)
	ctx, complaints = chromium(t, beside, w, desk.Super)
	tour(t, ctx, w, []stop{
		{"limited-doors", "/", ""},
		{"limited-mode", "/?ask=mode", ""},
		{"limited-places", "/places", ""},
		{"limited-location", "/locations/2", ""},
		{"limited-devices", "/devices", ""},
		{"limited-users", "/users", ""},
		{"limited-user", "/users/1", ""},
		{"limited-user-about", "/users/1?tab=about", ""},
		{"limited-group", "/groups/staff", ""},
		{"limited-token", "/tokens?ask=make", ""},
		{"limited-refused", "/places/new/location", ""},
	})
	readers, err := w.desk.Readers(t.Context(), owner)
	w.must(err)
	for _, r := range readers {
		if r.Removed == "" && r.Place != "Warehouse" { // otherwise no user is theirs to change
			_, err := w.desk.SetPolicy(t.Context(), owner, r.ID, 0, func(p *wire.Policy) {
				p.Access = slices.DeleteFunc(p.Access, func(a wire.Access) bool { return a.Group == wire.Everyone })
			})
			w.must(err)
		}
	}
	tour(t, ctx, w, []stop{{"limited-users-some", "/users", ""}})
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) error {
		admin, err := tx.AdminNamed(names[desk.Super])
		return errors.Join(err, tx.LimitAdmin(admin.ID, true, nil))
	}))
	tour(t, ctx, w, []stop{{"limited-nowhere", "/", ""}, {"limited-nowhere-places", "/places", ""}})
	contented(t, complaints)
}
