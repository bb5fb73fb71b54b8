package desk

import "testing"

func TestItIsSaidWhatScreensLackOfAName(t *testing.T) {
	t.Parallel()
	const todo = " Use Latin, Greek or Cyrillic letters."
	for name, want := range map[string]string{
		"Ada Lovelace": "", "Łukasz Wójcik": "", "Ελένη": "", "Иван": "", "Zoe\u0308": "", "": "", "A\u200bB": "",
		"李明":         "Readers' screens cannot show 李, 明: they show no name instead." + todo,
		"Ada 李明":     "Readers' screens cannot show 李, 明: they show “Ada …” instead." + todo,
		"ابجد":       "Readers' screens cannot show ا, ب, ج: they show no name instead." + todo,
		"דנה":        "Readers' screens cannot show ד, נ, ה: they show no name instead." + todo,
		"สมชาย":      "Readers' screens cannot show ส, ม, ช: they show no name instead." + todo,
		"김민준 (Kim)":  "Readers' screens cannot show 김, 민, 준: they show “… (Kim)” instead." + todo,
		"Nguyễn Văn": "Readers' screens cannot show ễ: they show “Nguyên Văn” instead." + todo,
		"Ama\u0331":  "Readers' screens cannot show ◌\u0331: they show “Ama” instead." + todo,
	} {
		if got := OnScreens(name, NoUserName).String(); got != want {
			t.Errorf("%q: %q, not %q", name, got, want)
		}
	}
}
