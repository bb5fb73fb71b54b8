package console

import (
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// row returns what the page of administrators says of one.
func (w *world) row(b *browser, name string) string {
	w.t.Helper()
	for _, at := range elements(w.t, b.get("/settings/administrators").body, "li") {
		var all strings.Builder
		for n := range at.Descendants() {
			all.WriteString(n.Data + " ")
		}
		if strings.Contains(all.String(), name) {
			return strings.Join(strings.Fields(all.String()), " ")
		}
	}
	w.t.Fatalf("there is no %s", name)
	return ""
}

func TestAnOwnerLimitsAdministratorsToLocations(t *testing.T) {
	w := twoLocations(t)
	b := w.visitor(desk.Owner)
	const page = "/settings/administrators"
	b.get(page+"?ask=add").shows(t, http.StatusOK, "All locations", "An Owner acts at all of them, whatever is chosen here.", "Home", "Annex", "import no users")
	for _, test := range []struct {
		fields []string
		says   string
	}{
		{[]string{"name", "Eve", "role", "limited-edit"}, "Choose all locations, or only some of them."},
		{[]string{"name", "Eve", "role", "limited-edit", "at", "some"}, "Choose at least one location, or all of them."},
		{[]string{"name", "Eve", "role", "limited-edit", "at", "some", "location", "9999"}, "There is no location 9999 any more: choose others."},
	} {
		got := b.post(page, test.fields...)
		if got.shows(t, http.StatusUnprocessableEntity, test.says); !strings.Contains(got.body, `aria-describedby="w-locations h-limit"`) || !strings.Contains(got.body, `id="w-locations"`) || !strings.Contains(got.body, `value="Eve"`) {
			t.Errorf("%q: the error is not at its field, or what was entered is lost", test.fields)
		}
	}
	b.post(page, "name", "Eve", "role", "limited-edit", "at", "some", "location", "2", "location", "1").shows(t, http.StatusOK, "A link for Eve")
	b.post(page, "name", "Olga", "role", "owner", "at", "some", "location", "2").shows(t, http.StatusOK, "A link for Olga")
	if got := w.row(b, "Eve"); !strings.Contains(got, "only Annex, Home") || !strings.Contains(got, "Locations") {
		t.Error(got)
	}
	if got := w.row(b, "Olga"); !strings.Contains(got, "All locations") || strings.Contains(got, "Locations") {
		t.Error(got)
	}

	eve, err := w.desk.FindAdmin(t.Context(), owner, "Eve")
	w.must(err)
	ask := fmt.Sprintf("%s?ask=locations&about=%d", page, eve)
	got := b.get(ask)
	got.shows(t, http.StatusOK, "Where Eve acts")
	forms := formsOf(t, got.body)
	w.must(w.desk.SetLimit(t.Context(), owner, eve, "", []int64{2}))
	late := b.post(forms[0].path, forms[0].fields...)
	late.shows(t, http.StatusUnprocessableEntity, "Somebody else has changed this administrator; check it again. Saving again overwrites that change.")
	again := formsOf(t, late.body)
	b.post(again[0].path, again[0].fields...).shows(t, http.StatusOK, "The locations were changed.")
	if got := w.row(b, "Eve"); !strings.Contains(got, "only Annex, Home") {
		t.Error(got)
	}
	b.post(again[0].path, "at", "all").shows(t, http.StatusOK, "The locations were changed.")
	if got := w.row(b, "Eve"); !strings.Contains(got, "All locations") {
		t.Error(got)
	}
	if olga, err := w.desk.FindAdmin(t.Context(), owner, "Olga"); err != nil || strings.Contains(b.get(fmt.Sprintf("%s?ask=locations&about=%d", page, olga)).body, "Where Olga acts") {
		t.Error("an Owner can be limited", err)
	}
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) error {
		return tx.AddAdmin(&store.Admin{Name: "Petra", Role: string(desk.Editor), Issuer: "https://login.example.com", Created: 1})
	}))
	if got := w.row(b, "Petra"); !strings.Contains(got, "All locations") || !strings.Contains(got, "Locations") {
		t.Error(got)
	}
}

func TestWhoseLocationsAreAllRemovedIsSaidToActNowhere(t *testing.T) {
	w := twoLocations(t)
	yard, err := w.desk.AddPlace(t.Context(), owner, desk.Locations, 0, "Yard")
	w.must(err)
	_, _, err = w.desk.AddAdmin(t.Context(), owner, "Eve", desk.Super, []int64{yard})
	w.must(err)
	b := w.visitor(desk.Owner)
	if got := w.row(b, "Eve"); !strings.Contains(got, "only Yard") {
		t.Error(got)
	}
	w.must(w.desk.RemovePlace(t.Context(), owner, desk.Locations, yard))
	if got := w.row(b, "Eve"); !strings.Contains(got, "no location any more: choose others") {
		t.Error(got)
	}
}

func TestTheChoiceOfLocationsSaysWhatEveryoneMayOpenElsewhere(t *testing.T) {
	w := twoLocations(t)
	b := w.visitor(desk.Owner)
	says := func(path string) string {
		t.Helper()
		return regexp.MustCompile(`Everyone may open [^.<]*\.`).FindString(html.UnescapeString(b.get(path).body))
	}
	const add = "/settings/administrators?ask=add"
	if got := says(add); got != "" {
		t.Errorf("no door is open to everyone: %q", got)
	}
	for _, reader := range []string{"front-door", "hidden-reader"} {
		_, err := w.desk.SetPolicy(t.Context(), owner, reader, 0, func(p *wire.Policy) { p.Access = append(p.Access, wire.Access{Group: wire.Everyone}) })
		w.must(err)
	}
	if got, want := says(add), "Everyone may open Hidden gate (Annex), Front door (Home): until the lists of those doors name groups instead, they can add and change no users."; got != want {
		t.Errorf("%q, not %q", got, want)
	}
	eve, _, err := w.desk.AddAdmin(t.Context(), owner, "Eve", desk.Super, []int64{1})
	w.must(err)
	if got, want := says(fmt.Sprintf("/settings/administrators?ask=locations&about=%d", eve)), "Everyone may open Hidden gate (Annex): until that door's list names groups instead, they can add and change no users."; got != want {
		t.Errorf("%q, not %q", got, want)
	}
}
