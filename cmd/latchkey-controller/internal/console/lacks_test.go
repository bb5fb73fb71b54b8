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
	const todo = "To have it read there, write it in Latin, Greek or Cyrillic letters."
	for _, test := range []struct {
		path   string
		fields []string
		status int
		says   string
	}{
		{"/users", []string{"first", "明", "last", "李", "pin", "none"}, http.StatusOK, "no 明, 李: they show no name."},
		{"/users", []string{"first", "明", "last", "李", "pin", "auto"}, http.StatusOK, "no 明, 李: they show no name."},
		{"/users", []string{"first", "明", "last", "Li", "pin", "typed", "digits", "1"}, http.StatusUnprocessableEntity, "no 明: they show “… Li”."},
		{"/users/1", []string{"first", "Nguyễn", "last", "Văn"}, http.StatusOK, "no ễ: they show “Nguyên Văn”."},
		{"/users/1", []string{"first", "Ada", "last", "Lovelace"}, http.StatusOK, ""},
		{"/doors/1", []string{"name", "正门", "hub", "1"}, http.StatusOK, "no 正, 门: they show the reader's id."},
		{"/doors/1", []string{"name", "Front door", "hub", "1"}, http.StatusOK, ""},
		{"/places/new/door", []string{"name", "דלת", "in", "1"}, http.StatusOK, "no ד, ל, ת: they show the reader's id."},
		{"/places/new/location", []string{"name", "مبنى A"}, http.StatusOK, "no م, ب, ن: they show “… A”."},
		{"/locations/1", []string{"name", "อาคาร"}, http.StatusOK, "they show nothing."},
		{"/readers/front-door/door", []string{"unlock", "5", "extended", "20", "held-after", "0", "greeting", "어서 오세요"}, http.StatusOK, "no 어, 서, 오: they show nothing."},
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
