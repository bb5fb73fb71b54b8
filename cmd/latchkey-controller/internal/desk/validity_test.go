package desk

import (
	"testing"
	"time"
)

func TestPeopleWhoseTimeIsOverOrToComeAreMarked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := func(d time.Duration) string { return w.time.Add(d).Format("2006-01-02T15:04") }
	for _, c := range []struct {
		from, until string
		want        Validity
	}{
		{"", "", Valid}, {at(0), at(time.Minute), Valid}, {at(-time.Hour), at(0), Expired}, {at(time.Minute), "", NotYetValid},
	} {
		id, _, err := w.AddUser(t.Context(), as(Owner), UserForm{First: "Ada", From: c.from, Until: c.until, Zone: time.UTC}, PIN{}, nil)
		w.must(err)
		if got := w.person(id).Validity; got != c.want {
			t.Errorf("from %q until %q: %q, not %q", c.from, c.until, got, c.want)
		}
	}
}
