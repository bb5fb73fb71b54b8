package api

import (
	"net/url"
	"slices"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func TestUsersAreListedByStateAndOrderPageAfterPage(t *testing.T) {
	w := newWorld(t)
	p := w.program(desk.ScopeManage)
	for _, form := range []desk.UserForm{{First: "Ada", Groups: []string{"staff"}}, {First: "Bob", Until: "2001-01-01", Zone: time.UTC}, {First: "Cy", Until: "2099-01-01", Zone: time.UTC}} {
		_, _, err := w.desk.AddUser(t.Context(), root, form, desk.PIN{}, nil)
		w.must(err)
	}
	for query, want := range map[string][]string{
		"": {"Ada", "Bob", "Cy"}, "sort=-name": {"Cy", "Bob", "Ada"}, "sort=until": {"Bob", "Cy", "Ada"}, "sort=-added": {"Cy", "Bob", "Ada"}, "sort=-seen": {"Ada", "Bob", "Cy"},
		"state=expired": {"Bob"}, "state=valid&sort=-until": {"Ada", "Cy"}, "group=staff": {"Ada"}, "search=c": {"Cy"}, "state=no-credentials&sort=added": {"Ada", "Bob", "Cy"},
	} {
		var got []string
		for after := ""; ; {
			var page usersAnswer
			p.own("GET", "/users?limit=1&"+query+"&after="+url.QueryEscape(after), nil).plain(t, &page)
			if page.Found != len(want) {
				t.Errorf("%s: %d are found", query, page.Found)
			}
			for _, u := range page.Users {
				got = append(got, u.Name)
			}
			if after = page.Next; after == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, not %q", query, got, want)
		}
	}
	for _, query := range []string{"state=over", "sort=height", "limit=0", "limit=1001", "limit=x", "after=nowhere"} {
		if a := p.own("GET", "/users?"+query, nil); a.status != 400 {
			t.Errorf("%s: %d", query, a.status)
		}
	}
	if a := w.program(desk.ScopeRead).own("GET", "/users", nil); a.status != 403 {
		t.Error(a.status)
	}
}
