package console

import (
	"testing"

	"github.com/chromedp/chromedp"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func TestPagesAboutManyUsersHaveNoBarrier(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stage()
	ctx, complaints := chromium(t, t.Context(), w, desk.Owner)
	choose := func(file string) string {
		return `const chosen = new DataTransfer(); chosen.items.add(new File([` + "`" + file + "`" + `], "users.csv")); document.querySelector("#f-file").files = chosen.files; document.querySelector("#main form button[type=submit]").click(); true`
	}
	tour(t, ctx, w, []stop{
		{"users-many", "/users", ""},
		{"users-unseen", "/users?state=not-seen", ""},
		{"import", "/users/import", ""},
		{"users-edit", "/users/edit?user=1&user=2&user=3", ""},
		{"users-edit-none", "/users/edit", ""},
	})
	for _, s := range []struct{ name, path, script, shows string }{
		{"import-not", "/users/import", choose("name\nEve\n"), "#w-file"},
		{"import-wrong", "/users/import", choose("first_name,groups,valid_until\nEve,nowhere,\nBob,,tomorrow\nJoe,staff,2031-01-01\n"), "table"},
		{"import-changes", "/users/import", choose("id,email\n1,ada@example.com\n2,\n"), "table"},
		{"users-edit-wrong", "/users/edit?found=1", `document.querySelector("#main form button[type=submit]").click(); true`, ".banner"},
		{"import-adds", "/users/import", choose("first_name,last_name,email,groups,pin\nEve,Dunn,eve@example.com,staff,auto\nBob,Martin,,,auto\n"), "#f-deliver-slips"},
		{"import-slips", "", `document.querySelector("#f-deliver-slips").click(); document.querySelector("#main form button[type=submit]").click(); true`, ".slip"},
	} {
		if s.path != "" {
			do(t, ctx, wide, arrive(w.server.URL+s.path))
		}
		eval[bool](t, ctx, s.script)
		do(t, ctx, chromedp.WaitVisible(chromedp.CSS(s.shows)))
		lookAt(t, ctx, s.name)
	}
	contented(t, complaints)
}
