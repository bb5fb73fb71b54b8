package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func TestWhileEveryoneOpensADoorElsewhereUsersAreReadOnlyAndThePageSaysWhy(t *testing.T) {
	w := twoLocations(t)
	b := w.limited(desk.Super, 1)
	for _, path := range []string{"/users", "/visitors"} {
		if body := b.get(path).body; strings.Contains(body, "as everyone may") || !strings.Contains(body, path+"/new") {
			t.Errorf("%s: nobody can be added", path)
		}
	}
	w.everyoneElsewhere()
	for _, path := range []string{"/users", "/visitors"} {
		got := b.get(path)
		got.shows(t, http.StatusOK, "Whoever is added may open doors that are not at your locations, as everyone may: ask an administrator of the whole site to add them, or to put groups on the lists of those doors instead of everyone.")
		if strings.Contains(got.body, path+"/new") || strings.Contains(got.body, `id="tick-`) || strings.Contains(got.body, "Change those ticked") {
			t.Errorf("%s offers to add or change", path)
		}
		b.get(path+"/new").shows(t, http.StatusForbidden, "as everyone may")
	}
	got := b.get("/users/1")
	got.shows(t, http.StatusOK, "Ada Lovelace may open doors that are not at your locations, as everyone may: ask an administrator of the whole site to change them, or to put groups on the lists of those doors instead of everyone.")
	for _, f := range formsOf(t, got.body) {
		if strings.HasPrefix(f.path, "/users/") && f.path != "/users/export" {
			t.Errorf("it offers %s", f.path)
		}
	}
	if strings.Contains(got.body, "for changes.") {
		t.Error("it says twice whom to ask")
	}
	b.get("/groups/staff?tab=members&ask=add").shows(t, http.StatusOK, "Add to the group")
	if body := w.visitor(desk.Viewer).get("/users").body; strings.Contains(body, "as everyone may") {
		t.Error("somebody who adds nobody is told why")
	}
}

func TestALimitIsSaidWhereItCounts(t *testing.T) {
	w := twoLocations(t)
	b := w.limited(desk.Super, 1)
	b.get("/").shows(t, http.StatusOK, `id="my-locations">only Home<`, "You act at these locations only: Home.", "of the site</span>")
	if strings.Contains(b.get("/").body, "can be copied") {
		t.Error("the cards of the whole site are counted beside those locations")
	}
	b.get("/groups").shows(t, http.StatusOK, "elsewhere only")
	got := b.get("/groups/annexers")
	if got.shows(t, http.StatusOK, "1 user · doors elsewhere only"); strings.Contains(got.body, "0 doors") {
		t.Error("the group is said to open nothing")
	}
	b.get("/groups/staff").shows(t, http.StatusOK, "1 user · 1 door<")
	b.get("/users").shows(t, http.StatusOK, `<span class="no-tick"></span>`)
	form := b.get("/tokens?ask=make")
	if form.shows(t, http.StatusOK, "As you, it acts at these locations only: Home.", `value="operate"`); strings.Contains(form.body, `value="webhooks"`) {
		t.Error("a scope is offered that such a token never can use")
	}
	whole := w.visitor(desk.Owner)
	whole.get("/tokens?ask=make").shows(t, http.StatusOK, `value="webhooks"`)
	b.post("/tokens", "name", "Local", "scope", "read", "days", "30", "password", password).shows(t, http.StatusOK, "The token of Local")
	b.get("/tokens").shows(t, http.StatusOK, "only at the locations of "+names[desk.Super])
	whole.get("/tokens").shows(t, http.StatusOK, "only at the locations of "+names[desk.Super])
	_, link, err := w.desk.AddAdmin(t.Context(), owner, "Eve", desk.Editor, []int64{1})
	w.must(err)
	b.get("/link/"+url.PathEscape(link)).shows(t, http.StatusOK, "You are Limited Admin (Can Edit), at these locations only: Home.")
	_, link, err = w.desk.AddAdmin(t.Context(), owner, "Grace", desk.Editor, nil)
	w.must(err)
	b.get("/link/"+url.PathEscape(link)).shows(t, http.StatusOK, "You are Limited Admin (Can Edit).")
}
