package console

import (
	"net/http"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func TestAPageSaysWhatScreensLackOfTheNameThatIsTypedOrKept(t *testing.T) {
	w := small(t)
	b := w.visitor(desk.Owner)
	const todo = "Use Latin, Greek or Cyrillic letters."
	for _, test := range []struct {
		path   string
		fields []string
		status int
		says   string
	}{
		{"/users", []string{"first", "明", "last", "李", "pin", "none"}, http.StatusOK, "show 明, 李: they show no name instead."},
		{"/users", []string{"first", "明", "last", "李", "pin", "auto"}, http.StatusOK, "show 明, 李: they show no name instead."},
		{"/users", []string{"first", "明", "last", "Li", "pin", "typed", "digits", "1"}, http.StatusUnprocessableEntity, "show 明: they show “… Li” instead."},
		{"/users/1", []string{"first", "Nguyễn", "last", "Văn"}, http.StatusOK, "show ễ: they show “Nguyên Văn” instead."},
		{"/users/1", []string{"first", "Ada", "last", "Lovelace"}, http.StatusOK, ""},
		{"/doors/1", []string{"name", "正门", "hub", "1"}, http.StatusOK, "show 正, 门: they show the reader's id instead."},
		{"/doors/1", []string{"name", "Front door", "hub", "1"}, http.StatusOK, ""},
		{"/places/new/door", []string{"name", "דלת", "in", "1"}, http.StatusOK, "show ד, ל, ת: they show the reader's id instead."},
		{"/places/new/location", []string{"name", "مبنى A"}, http.StatusOK, "show م, ب, ن: they show “… A” instead."},
		{"/locations/1", []string{"name", "อาคาร"}, http.StatusOK, "they show nothing instead."},
		{"/readers/front-door/screen", []string{"greeting", "어서 오세요"}, http.StatusOK, "show 어, 서, 오: they show nothing instead."},
	} {
		got := b.post(test.path, test.fields...)
		says := []string{test.says, todo}
		if test.says == "" {
			says = nil
			if strings.Contains(got.body, "lacks") {
				t.Errorf("%s %q: something is lacking", test.path, test.fields)
			}
		}
		got.body = strings.ReplaceAll(got.body, "&#39;", "'")
		got.shows(t, test.status, says...)
	}
}
