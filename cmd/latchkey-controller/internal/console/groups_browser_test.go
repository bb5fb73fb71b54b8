package console

import (
	"context"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// groupTour looks at the pages of groups.
func groupTour(t *testing.T, beside context.Context) {
	t.Helper()
	w := newWorld(t)
	w.stage()
	_, err := w.desk.SetPolicy(t.Context(), owner, "lab", 0, func(p *wire.Policy) {
		p.Exempt, p.InLockdown = []string{"lab", "staff"}, []string{"staff"}
		p.Opening = &wire.Opening{Schedule: wire.Schedule{Holiday: []wire.Span{{To: 60}}}, First: "staff"}
	})
	w.must(err)
	w.must(w.desk.GiveAccess(t.Context(), owner, "staff", "", []desk.Where{{Level: desk.Doors, ID: 1}, {Level: desk.Doors, ID: 5}}, &wire.Schedule{Week: []wire.Span{{Day: 1, From: 480, To: 1080}}}, desk.UseSchedule{}))
	ctx, complaints := chromium(t, beside, w, desk.Owner)
	const submit = `document.querySelector("#panel form[method=post] button[type=submit]").click()`
	tour(t, ctx, w, []stop{
		{"groups", "/groups", ""},
		{"groups-none", "/groups?q=zz", ""},
		{"groups-users", "/users?group=staff", ""},
		{"group-new", "/groups?new=1", ""},
		{"group-new-wrong", "/groups?new=1&name=Night%20Shift", ""},
		{"group-new-users", "/groups?new=1&name=crew&find=l", ""},
		{"group-members", "/groups/staff", ""},
		{"group-members-long", "/groups/cleaning-and-maintenance", ""},
		{"group-members-none", "/groups/staff?find=zz", ""},
		{"group-add", "/groups/staff?ask=add", ""},
		{"group-add-wrong", "/groups/lab?ask=add&find=van", submit},
		{"group-everyone", "/groups/everyone", ""},
		{"group-doors", "/groups/staff?tab=doors", ""},
		{"group-doors-none", "/groups/night-shift?tab=doors", ""},
		{"group-take", "/groups/staff?tab=doors&ask=take&door=1", ""},
		{"group-take-wrong", "/groups/staff?tab=doors&ask=take&door=2", `document.querySelector(".question form button[type=submit]").click()`},
		{"group-give", "/groups/staff?tab=doors&ask=add&door=2", ""},
		{"group-give-wrong", "/groups/visitors?tab=doors&ask=add", `document.querySelector("#f-times").click(); ` + submit},
		{"group-remove-wrong", "/groups/staff?tab=settings&ask=remove", `document.querySelector(".question form button[type=submit]").click()`},
		{"group-rename", "/groups/staff?tab=settings", ""},
		{"group-rename-wrong", "/groups/staff?tab=settings", `document.querySelector("#f-name").value = "lab"; ` + submit},
		{"group-remove", "/groups/staff?tab=settings&ask=remove", ""},
	})
	contented(t, complaints)
}
